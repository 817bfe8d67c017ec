//! `Last-Event-ID`: a client may give anything as its last id. The hub answers with a well-formed opening, then with
//! exactly what was sent to this client since, or with a gap and what it still has; never with what was sent to others.
//!
//! The input's first byte chooses the hub and who asks; the rest is the id. In it `@l` stands for the name of the log, `@s`
//! for the place where it begins, `@0` to `@f` for the ids of events that were sent, and `@m` for the millisecond of
//! the newest: the name is drawn at random, so no input can know it.

use std::time::Duration;

use ssehub::{Audience, ConnectRequest, Event, EventId, History, Hub};
use ssehub_conformance::sse::Block;

use crate::encoding::{encode_query, text};
use crate::reader::{Reader, now};

/// How much of an id the hub looks at, in characters.
const LOOKED_AT: usize = 128;

/// How many events the second hub keeps.
const FEW: usize = 4;

thread_local! {
    static WORLDS: [World; 3] = [
        World::new(History::default(), usize::MAX),
        World::new(History::default().events(FEW), FEW),
        World::new(History::none(), 0),
    ];
}

/// See the [crate].
pub fn last_event_id(data: &[u8]) {
    let (first, id) = data.split_first().unwrap_or((&0, &[]));
    let client = Client { is_alice: first & 4 != 0, is_in_group: first & 8 != 0 };
    WORLDS.with(|worlds| worlds[usize::from(first & 3) % worlds.len()].check(client, id));
}

/// A hub with events that were sent to some and to others.
struct World {
    hub: Hub,
    start: EventId,
    sent: Vec<Sent>,
    /// How many of those that can be replayed are kept.
    keeps: usize,
}

struct Sent {
    id: EventId,
    to: To,
    data: String,
}

#[derive(Clone, Copy, Debug)]
enum To {
    All,
    Alice,
    Bob,
    Group,
    AllButAlice,
    /// Never replayed.
    WhoIsThere,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
struct Client {
    is_alice: bool,
    is_in_group: bool,
}

impl Client {
    fn request(self, request: ConnectRequest) -> ConnectRequest {
        let request = if self.is_alice { request.user("alice") } else { request };
        if self.is_in_group { request.group("group") } else { request }
    }

    fn gets(self, to: To) -> bool {
        match to {
            To::All => true,
            To::Alice => self.is_alice,
            To::Group => self.is_in_group,
            To::AllButAlice => !self.is_alice,
            To::Bob | To::WhoIsThere => false,
        }
    }
}

impl World {
    fn new(history: History, keeps: usize) -> Self {
        let year = Duration::from_secs(365 * 86_400);
        let hub = Hub::builder().history(history.age(year)).keep_alive(year).build().expect("the options are in range");
        let mut first = Reader::new(hub.connect(ConnectRequest::new()).expect("the stream is let in"));
        first.read();
        let start = first.last_event_id.parse().expect("a stream tells where it begins");
        let mut world = Self { hub, start, sent: Vec::new(), keeps };
        let kinds = [To::All, To::Alice, To::Bob, To::Group, To::AllButAlice, To::WhoIsThere];
        // The last is for somebody else: nobody's own newest is the newest of all.
        for (number, to) in kinds.into_iter().cycle().take(15).enumerate() {
            world.send(to, format!("{number} {to:?}"));
        }
        world
    }

    fn send(&mut self, to: To, data: String) {
        let audience = match to {
            To::All | To::WhoIsThere => Audience::all(),
            To::Alice => Audience::user("alice"),
            To::Bob => Audience::user("bob"),
            To::Group => Audience::group("group"),
            To::AllButAlice => Audience::all().except_user("alice"),
        };
        let event = Event::message(&data);
        let event = if matches!(to, To::WhoIsThere) { event.ephemeral() } else { event };
        let id = now(self.hub.send_unpaced(audience, event)).expect("the event is taken");
        self.sent.push(Sent { id, to, data });
    }

    fn check(&self, client: Client, input: &[u8]) {
        let header = self.expand(input);
        let given = text(&header);
        let request = ConnectRequest::from_http("GET", [], Some(&header), None);
        let query = format!("lastEventId={}", encode_query(&given, header.len() as u8));
        assert_eq!(request, ConnectRequest::from_http("GET", [], None, Some(&query)), "by header and by query");

        let (held, blocks) = self.open(client.request(request));
        let requested: String = given.chars().take(LOOKED_AT).collect();
        check_parsing(&requested);
        let expected = self.expected(client, &requested);
        let [opening, rest @ ..] = blocks.as_slice() else { panic!("a stream opens with a block") };
        assert_eq!((opening.name(), opening.retry.is_some(), opening.id.is_some()), ("hub:connected", true, true));
        let events = match (expected.gap, rest) {
            (None, events) => events,
            (Some(reason), [gap, events @ ..]) if gap.name() == "hub:gap" => {
                let data: serde_json::Value = serde_json::from_str(gap.text()).expect("a gap is JSON");
                assert_eq!(data, serde_json::json!({ "requested": requested, "reason": reason }));
                assert!(gap.id.is_some(), "a gap tells where the stream goes on");
                events
            }
            (Some(reason), _) => panic!("{requested:?} needs a gap ({reason}): {blocks:?}"),
        };
        let received: Vec<_> = events.iter().map(|block| (block.id.clone(), block.text())).collect();
        let wanted: Vec<_> = expected.events.iter().map(|sent| (Some(sent.id.to_string()), &*sent.data)).collect();
        assert_eq!(received, wanted, "{requested:?} for {client:?}");

        // Whatever was asked for, the client has a good id now.
        let (_, again) = self.open(client.request(ConnectRequest::new().last_event_id(&held)));
        assert_eq!(again.len(), 1, "{held:?} is held after {requested:?}, and brings {again:?}");
    }

    /// Opens a stream and reads it; with the id that its client holds then.
    fn open(&self, request: ConnectRequest) -> (String, Vec<Block>) {
        let mut reader = Reader::new(self.hub.connect(request).expect("the stream is let in"));
        let blocks = reader.read();
        (reader.last_event_id, blocks)
    }

    /// Puts what only this hub knows into an id.
    fn expand(&self, input: &[u8]) -> Vec<u8> {
        let mut id = Vec::new();
        let mut bytes = input.iter().copied();
        while let Some(byte) = bytes.next() {
            let place = if byte == b'@' { bytes.next() } else { None };
            let known = match place {
                Some(b'l') => self.start.log().to_string(),
                Some(b's') => self.start.to_string(),
                Some(b'm') => self.newest().ms().to_string(),
                Some(digit @ (b'0'..=b'9' | b'a'..=b'f')) => {
                    let number = char::from(digit).to_digit(16).map_or(0, |number| number as usize);
                    self.sent[number % self.sent.len()].id.to_string()
                }
                _ => {
                    id.push(byte);
                    id.extend(place);
                    continue;
                }
            };
            id.extend_from_slice(known.as_bytes());
        }
        id
    }

    fn newest(&self) -> EventId {
        self.sent[self.sent.len() - 1].id
    }

    /// What a client gets that gives this id, by looking at everything that was ever sent.
    fn expected(&self, client: Client, requested: &str) -> Expected<'_> {
        let replayed: Vec<&Sent> = self.sent.iter().filter(|sent| !matches!(sent.to, To::WhoIsThere)).collect();
        let (gone, kept) = replayed.split_at(replayed.len().saturating_sub(self.keeps));
        let own = |sent: &&&Sent| client.gets(sent.to);
        let all: Vec<&Sent> = kept.iter().filter(own).copied().collect();
        if requested.is_empty() {
            return Expected { gap: None, events: Vec::new() };
        }
        let Some(id) = parse(requested) else { return Expected { gap: Some("malformed"), events: all } };
        let (place, log) = ((id.0, id.1), id.2);
        if log != self.start.log().as_str() {
            return Expected { gap: Some("unknown-log"), events: all };
        }
        if place > place_of(self.newest()) {
            return Expected { gap: Some("future"), events: all };
        }
        let misses = place < place_of(self.start) || gone.iter().filter(own).any(|sent| place_of(sent.id) > place);
        let reason = if self.keeps == 0 { "no-history" } else { "trimmed" };
        let events = all.into_iter().filter(|sent| place_of(sent.id) > place).collect();
        Expected { gap: misses.then_some(reason), events }
    }
}

struct Expected<'a> {
    gap: Option<&'static str>,
    events: Vec<&'a Sent>,
}

fn place_of(id: EventId) -> (u64, u64) {
    (id.ms(), id.seq())
}

/// An id's numbers and its log, read in the obvious way.
fn parse(text: &str) -> Option<(u64, u64, &str)> {
    let parts: Vec<&str> = text.split('-').collect();
    let [ms, seq, log] = parts.as_slice() else { return None };
    let number = |digits: &str| -> Option<u64> {
        let is_number = !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit());
        is_number.then(|| digits.parse().ok()).flatten()
    };
    let is_name = (1..=15).contains(&log.len()) && log.chars().all(|letter| letter.is_ascii_alphanumeric());
    Some((number(ms)?, number(seq)?, is_name.then_some(*log)?))
}

/// What is an id says so, and is the same again when it was written.
fn check_parsing(text: &str) {
    match (text.parse::<EventId>(), parse(text)) {
        (Ok(id), Some((ms, seq, log))) => {
            assert_eq!((id.ms(), id.seq(), id.log().as_str()), (ms, seq, log), "{text:?}");
            assert_eq!(id.to_string(), format!("{ms}-{seq}-{log}"));
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        (Err(_), None) => {}
        (read, expected) => panic!("{text:?} is read as {read:?} and is {expected:?}"),
    }
}
