//! The query of `GET /events`: who the playground takes a client for, and which `Last-Event-ID` the adapters find, are
//! what a second and simpler reading of the same text says; and what was encoded comes back.
//!
//! The first byte chooses whether the rest is a query, or values of which one is made.

use arbitrary::{Arbitrary, Unstructured};
use ssehub::{ConnectRequest, Hub, MAX_NAME};
use ssehub_playground::{Offline, Reply};

use crate::encoding::{encode_query, pairs, text};
use crate::reply::check_refusal;
use crate::script::to_the_end;

thread_local! {
    static PLAYGROUND: Offline = Offline::new(Hub::new(), 1024);
}

/// See the [crate].
pub fn query(data: &[u8]) {
    match data {
        [first, rest @ ..] if first % 2 == 0 => check(&text(rest)),
        [_, rest @ ..] => {
            if let Ok(values) = Values::arbitrary_take_rest(Unstructured::new(rest)) {
                values.check();
            }
        }
        [] => check(""),
    }
}

/// Reads a query in both ways.
fn check(query: &str) {
    check_id(query);
    let expected = Identity::of(query);
    match (open(query), expected) {
        (Ok(identity), Some(expected)) => assert_eq!(identity, expected, "{query:?}"),
        (Err(refusal), None) => assert!(refusal.status == 400, "{query:?} is refused with {refusal:?}"),
        (opened, expected) => panic!("{query:?} is taken for {opened:?} and is {expected:?}"),
    }
}

/// Who a stream is for.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    user: Option<String>,
    groups: Vec<String>,
}

/// Opens a stream in the playground, and closes it again.
fn open(query: &str) -> Result<Identity, Reply> {
    let request = ConnectRequest::from_http("GET", [], None, Some(query));
    let opened = PLAYGROUND.with(|playground| playground.open(request, Some(query)));
    let connection = opened.inspect_err(check_refusal)?;
    let info = connection.info().expect("the stream is open");
    Ok(Identity { user: info.user, groups: info.groups })
}

impl Identity {
    /// None if the query has to be refused.
    fn of(query: &str) -> Option<Self> {
        let mut pairs: Vec<(String, String)> = pairs(query)
            .map(|(name, value)| Some((String::from_utf8(name).ok()?, String::from_utf8(value).ok()?)))
            .collect::<Option<_>>()?;
        let mut take = |wanted: &str| -> Vec<String> {
            pairs.extract_if(.., |(name, _)| name == wanted).map(|(_, value)| value).collect()
        };
        let (mut users, mut groups) = (take("user"), take("group"));
        let snapshots = take("snapshot");
        // Without a resume window sessions are ignored.
        let once = [users.len(), snapshots.len(), take("session").len(), take("lastEventId").len()];
        if once.into_iter().any(|count| count > 1)
            || snapshots.iter().any(|snapshot| snapshot != "true" && snapshot != "false")
            || users.iter().chain(&groups).any(|name| name.len() > MAX_NAME)
            || !pairs.is_empty()
        {
            return None;
        }
        groups.sort_unstable();
        groups.dedup();
        (groups.len() <= ssehub::DEFAULT_MAX_GROUPS).then(|| Self { user: users.pop(), groups })
    }
}

/// The adapters read `lastEventId` in any query, also in one that the application knows nothing of.
fn check_id(query: &str) {
    let id = pairs(query).find(|(name, value)| text(name) == "lastEventId" && !value.is_empty());
    let id = id.map(|(_, value)| text(&value).into_owned()).unwrap_or_default();
    let expected = ConnectRequest::new().last_event_id(&id);
    assert_eq!(ConnectRequest::from_http("GET", [], None, Some(query)), expected, "{query:?}");
    // Whatever the query has, the header wins.
    let header = ConnectRequest::from_http("GET", [], Some(b"1-0-a"), Some(query));
    assert_eq!(header, ConnectRequest::new().last_event_id("1-0-a"), "{query:?}");
}

/// What a client may want to say.
#[derive(Arbitrary, Debug)]
struct Values<'a> {
    style: u8,
    user: Option<&'a str>,
    snapshot: Option<bool>,
    id: Option<&'a str>,
    #[arbitrary(with = to_the_end)]
    groups: Vec<&'a str>,
}

impl Values<'_> {
    fn check(&self) {
        let mut query = String::new();
        let mut put = |name: &str, value: &str| {
            let separator = if query.is_empty() { "" } else { "&" };
            let (name, value) = (encode_query(name, self.style.wrapping_add(1)), encode_query(value, self.style));
            query += &format!("{separator}{name}={value}");
        };
        for group in &self.groups {
            put("group", group);
        }
        if let Some(user) = self.user {
            put("user", user);
        }
        if let Some(snapshot) = self.snapshot {
            put("snapshot", if snapshot { "true" } else { "false" });
        }
        if let Some(id) = self.id {
            put("lastEventId", id);
        }
        check(&query);

        let mut groups: Vec<String> = self.groups.iter().map(|group| (*group).to_owned()).collect();
        groups.sort_unstable();
        groups.dedup();
        let is_allowed = self.user.iter().chain(&self.groups).all(|name| name.len() <= MAX_NAME);
        let identity = Identity { user: self.user.map(str::to_owned), groups };
        assert_eq!(open(&query).ok(), is_allowed.then_some(identity), "{query:?}");
        let read = ConnectRequest::from_http("GET", [], None, Some(&query));
        assert_eq!(read, ConnectRequest::new().last_event_id(self.id.unwrap_or_default()), "{query:?}");
    }
}
