//! Targets and audiences, asked for over HTTP: whatever users and groups are called, an event reaches those it is for
//! and nobody else, and joins, presence and disconnects mean the one they name.

use std::collections::BTreeSet;

use arbitrary::{Arbitrary, Unstructured};
use ssehub::{ConnectRequest, Hub, MAX_NAME};
use ssehub_playground::{Offline, Reply};

use crate::encoding::{encode_query, encode_segment};
use crate::reader::{Reader, as_read, now};
use crate::reply::{check_answer, check_refusal};

/// See the [crate].
pub fn audience(data: &[u8]) {
    if let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(data)) {
        World::new(&script).run();
    }
}

#[derive(Arbitrary, Debug)]
struct Script<'a> {
    style: u8,
    names: [&'a str; 3],
    tabs: [Option<Who>; 3],
    joins: [Option<(u8, u8)>; 2],
    to: [Option<Target<'a>>; 3],
    except: [Option<Target<'a>>; 2],
    disconnect: Target<'a>,
    data: &'a str,
}

/// A client: the user it is, if any, and the groups of its request, by the numbers of their names.
#[derive(Arbitrary, Debug)]
struct Who {
    user: Option<u8>,
    groups: [Option<u8>; 2],
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Target<'a> {
    All,
    User(u8),
    Group(u8),
    Tab(u8),
    Odd(&'a str),
}

/// Who is there.
struct World<'a> {
    script: &'a Script<'a>,
    playground: Offline,
    tabs: Vec<Tab<'a>>,
}

struct Tab<'a> {
    reader: Reader,
    connection: String,
    user: Option<&'a str>,
    groups: BTreeSet<&'a str>,
}

impl Tab<'_> {
    /// Whether a target means it; the naive reading of what the target's text says.
    fn is_meant(&self, target: &str) -> bool {
        target == "all"
            || target.strip_prefix("user:").is_some_and(|user| self.user == Some(user))
            || target.strip_prefix("group:").is_some_and(|group| self.groups.contains(group))
            || target.strip_prefix("connection:").is_some_and(|connection| self.connection == connection)
    }
}

fn is_target(text: &str) -> bool {
    text == "all" || ["user:", "group:", "connection:"].iter().any(|kind| text.starts_with(kind))
}

fn is_too_long(target: &str) -> bool {
    target.split_once(':').is_some_and(|(_, name)| name.len() > MAX_NAME)
}

impl<'a> World<'a> {
    fn new(script: &'a Script<'a>) -> Self {
        let playground = Offline::new(Hub::new(), 1 << 20);
        let mut world = Self { script, playground, tabs: Vec::new() };
        for who in script.tabs.iter().flatten() {
            let (user, groups) = (who.user.map(|name| world.name(name)), who.groups.iter().flatten());
            let groups: BTreeSet<&str> = groups.map(|name| world.name(*name)).collect();
            let user_pair = user.map(|user| format!("user={}&", encode_query(user, script.style)));
            let group_pairs = groups.iter().map(|group| format!("group={}&", encode_query(group, script.style)));
            let query: String = user_pair.into_iter().chain(group_pairs).collect();
            match world.playground.open(ConnectRequest::new(), Some(&query)) {
                Ok(connection) => {
                    let connection_id = connection.id().to_owned();
                    world.tabs.push(Tab { reader: Reader::new(connection), connection: connection_id, user, groups });
                }
                Err(reply) => {
                    check_refusal(&reply);
                    let too_long = user.iter().chain(&groups).any(|name| name.len() > MAX_NAME);
                    assert!(reply.status == 400 && too_long, "{who:?} is refused with {reply:?}");
                }
            }
        }
        world
    }

    fn name(&self, number: u8) -> &'a str {
        self.script.names[usize::from(number) % self.script.names.len()]
    }

    fn target(&self, target: Target<'_>) -> String {
        let tab = |number: u8| self.tabs.get(usize::from(number) % self.script.tabs.len());
        match target {
            Target::All => "all".to_owned(),
            Target::User(name) => format!("user:{}", self.name(name)),
            Target::Group(name) => format!("group:{}", self.name(name)),
            Target::Tab(number) => format!("connection:{}", tab(number).map_or("nobody", |tab| &tab.connection)),
            Target::Odd(text) => text.to_owned(),
        }
    }

    fn run(mut self) {
        let script = self.script;
        for (tab, name) in script.joins.iter().flatten() {
            self.join(usize::from(*tab), self.name(*name));
        }
        for name in script.names {
            self.check_presence(name);
        }
        self.send();
        self.disconnect();
    }

    fn post(&self, path: &str, query: &str, body: &str) -> Reply {
        let reply = now(self.playground.ask("POST", path, Some(query), body.as_bytes()));
        if reply.status >= 400 {
            check_refusal(&reply)
        } else {
            check_answer(&reply)
        }
        reply
    }

    fn join(&mut self, tab: usize, group: &'a str) {
        let Some(number) = tab.checked_rem(self.tabs.len()) else { return };
        let connection = &self.tabs[number].connection;
        let path = format!("/groups/{}/connections/{connection}", encode_segment(group, self.script.style));
        let status = self.post(&path, "", "").status;
        let expected = match group.len() {
            0 => 404,
            length if length > MAX_NAME => 400,
            _ => 204,
        };
        assert_eq!(status, expected, "{group:?}");
        if status == 204 {
            self.tabs[number].groups.insert(group);
        }
    }

    fn check_presence(&self, name: &str) {
        if name.is_empty() {
            return;
        }
        let path = format!("/users/{}", encode_segment(name, self.script.style));
        let reply = now(self.playground.ask("GET", &path, None, b""));
        let streams = self.tabs.iter().filter(|tab| tab.user == Some(name)).count();
        let body: serde_json::Value = serde_json::from_str(&reply.body).expect("the answer is JSON");
        assert_eq!(body["online"], serde_json::json!(streams > 0), "{name:?}");
        assert_eq!(body["connections"], serde_json::json!(streams), "{name:?}");
    }

    fn send(&mut self) {
        let targets = |targets: &[Option<Target<'_>>]| -> Vec<String> {
            targets.iter().flatten().map(|target| self.target(*target)).collect()
        };
        let (to, except) = (targets(&self.script.to), targets(&self.script.except));
        let pair = |name: &str, target: &String| format!("{name}={}&", encode_query(target, self.script.style));
        let to_pairs = to.iter().map(|target| pair("to", target));
        let query: String = to_pairs.chain(except.iter().map(|target| pair("except", target))).collect();
        let reply = self.post("/send", &query, self.script.data);

        let mut all = to.iter().chain(&except);
        let is_right = !to.is_empty() && all.clone().all(|target| is_target(target));
        let expected = if is_right && !all.any(|target| is_too_long(target)) { 200 } else { 400 };
        assert_eq!(reply.status, expected, "{query:?} is answered {reply:?}");
        for tab in &mut self.tabs {
            let is_meant = |targets: &[String]| targets.iter().any(|target| tab.is_meant(target));
            let is_due = expected == 200 && is_meant(&to) && !is_meant(&except);
            let blocks = tab.reader.read();
            let events: Vec<&str> = blocks.iter().skip(1).map(|block| block.text()).collect();
            let data = as_read(self.script.data);
            assert_eq!(events, if is_due { vec![&*data] } else { Vec::new() }, "{query:?} and {:?}", tab.groups);
        }
    }

    fn disconnect(&self) {
        let target = self.target(self.script.disconnect);
        let reply = self.post("/disconnect", &format!("to={}", encode_query(&target, self.script.style)), "");
        if !is_target(&target) {
            return assert_eq!(reply.status, 400, "{target:?}");
        }
        let body: serde_json::Value = serde_json::from_str(&reply.body).expect("the answer is JSON");
        let meant = self.tabs.iter().filter(|tab| tab.is_meant(&target)).count();
        assert_eq!(body["disconnected"], serde_json::json!(meant), "{target:?}");
    }
}
