//! Whatever is done by whichever node in whichever order: every client has in the end what was sent to it, once and in
//! order, and what its groups were is what was acknowledged.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use ssehub::{ConnectRequest, Event, Hub, SendErrorKind, Topic};

use super::{LONG, nodes};
use crate::shared_log::{Line, SharedLog};
use crate::support::{Tab, eventually, within};

const RUNS: u64 = 40;
const ACTS: usize = 80;
const GROUPS: [&str; 2] = ["a", "b"];

/// A client with a session, and what it is owed.
struct Client {
    user: String,
    session: String,
    id: String,
    last_event_id: String,
    /// Its stream, and on which node it is.
    tab: Option<Tab>,
    at: usize,
    groups: BTreeSet<&'static str>,
    received: Vec<String>,
    sent: Vec<String>,
}

impl Client {
    fn open(number: usize, hub: &Hub, at: usize) -> Self {
        let (user, session) = (format!("user {}", number % 2), format!("a-session-of-{number:09}"));
        let mut tab = Tab::open(hub, ConnectRequest::new().user(&user).session(&session));
        tab.wait_for("hub:connected");
        Self {
            user,
            session,
            id: tab.id.clone(),
            last_event_id: tab.last_event_id.clone(),
            tab: Some(tab),
            at,
            groups: BTreeSet::new(),
            received: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn is_in(&self, topic: &Topic) -> bool {
        match topic {
            Topic::All => true,
            Topic::User(user) => **user == *self.user,
            Topic::Group(group) => self.groups.contains(&**group),
            Topic::Connection(id) => **id == *self.id,
        }
    }

    /// Reads what there is, and comes back as a browser does if its stream has ended: of two transports that were opened
    /// at the same moment either may be superseded. Whether it came back.
    fn read(&mut self, nodes: &[(Line, Hub)]) -> bool {
        let Some(tab) = &mut self.tab else { return false };
        for event in tab.read_all() {
            match event.name.as_str() {
                "message" => self.received.push(event.data),
                "hub:connected" => {}
                "hub:closing" if event.data.contains("superseded") => {}
                _ => panic!("{} got {event:?}", self.user),
            }
        }
        self.last_event_id.clone_from(&tab.last_event_id);
        let is_over = tab.over;
        if is_over {
            self.come_back(&nodes[self.at].1, self.at);
        }
        is_over
    }

    /// Reads all that was sent to it.
    fn catch_up(&mut self, nodes: &[(Line, Hub)]) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.received.len() < self.sent.len() && Instant::now() < deadline {
            self.read(nodes);
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(self.received, self.sent, "{} in {:?}", self.session, self.groups);
    }

    /// Comes back on a node, whether or not that believes that it is gone.
    fn come_back(&mut self, hub: &Hub, at: usize) {
        let request = ConnectRequest::new().user(&self.user).session(&self.session);
        let before = self.tab.take();
        let tab = Tab::open(hub, request.last_event_id(&self.last_event_id));
        assert_eq!(tab.id, self.id, "it is the same connection");
        drop(before);
        (self.tab, self.at) = (Some(tab), at);
    }
}

struct World {
    log: SharedLog,
    nodes: [(Line, Hub); 3],
    cut: Option<usize>,
    clients: Vec<Client>,
    sent: usize,
}

impl World {
    fn new() -> Self {
        let (log, nodes) = nodes::<3>(|hub| hub.resume_window(LONG).node_timeout(LONG));
        let clients: Vec<Client> = (0..4).map(|n| Client::open(n, &nodes[n % 3].1, n % 3)).collect();
        for (_, hub) in &nodes {
            eventually("all nodes to hear of all clients", || hub.connections().len() == clients.len());
        }
        Self { log, nodes, cut: None, clients, sent: 0 }
    }

    /// A node whose line is whole.
    fn whole(&self, random: &mut StdRng) -> usize {
        let whole: Vec<usize> = (0..3).filter(|at| self.cut != Some(*at)).collect();
        *whole.choose(random).expect("one is cut at most")
    }

    fn act(&mut self, random: &mut StdRng) {
        let client = random.random_range(0..self.clients.len());
        match random.random_range(0..10) {
            0..4 => self.send(random),
            4 => {
                self.clients[client].read(&self.nodes);
            }
            5 | 6 => {
                let at = self.whole(random);
                self.clients[client].come_back(&self.nodes[at].1, at);
            }
            7 | 8 if self.cut != Some(self.clients[client].at) => self.change_group(client, random),
            7 | 8 => {}
            _ => self.cut_or_heal(random),
        }
    }

    fn send(&mut self, random: &mut StdRng) {
        let by = random.random_range(0..3);
        let client = self.clients.choose(random).expect("there are some");
        let topic = match random.random_range(0..5) {
            0 => Topic::All,
            1 => Topic::user(&client.user),
            2 => Topic::connection(&client.id),
            _ => Topic::group(GROUPS[random.random_range(0..2)]),
        };
        self.sent += 1;
        let data = self.sent.to_string();
        match within("a send", self.nodes[by].1.send(topic.clone(), Event::message(&data))) {
            Ok(_) => {
                let members = self.clients.iter_mut().filter(|client| client.is_in(&topic));
                members.for_each(|client| client.sent.push(data.clone()));
            }
            Err(error) => assert_eq!((self.cut, error.kind()), (Some(by), SendErrorKind::Unavailable)),
        }
    }

    fn change_group(&mut self, client: usize, random: &mut StdRng) {
        let by = &self.nodes[self.whole(random)].1;
        let group = GROUPS[random.random_range(0..2)];
        let client = &mut self.clients[client];
        eventually("the node to have heard of it", || by.connection(&client.id).is_some());
        if client.groups.remove(group) {
            // Who comes back comes back to the groups it is in then, and to no other.
            client.catch_up(&self.nodes);
            within("leaving", by.leave(&client.id, group)).expect("it is there");
        } else {
            within("joining", by.join(&client.id, group)).expect("it is there");
            client.groups.insert(group);
        }
    }

    /// Sees to it that each client is where its node thinks it is, and that all nodes think so: of two transports that were
    /// opened at the same moment the first may have won, and a claim that is said only after an outage wins late.
    fn settle(&mut self) {
        loop {
            // What a node has to say of who came back to it is said before its answer to this.
            let none = within("all to answer", self.nodes[0].1.disconnect(Topic::connection("nobody"), "no reason"));
            assert_eq!(none, Ok(0));
            let comes_back: Vec<bool> = self.clients.iter_mut().map(|client| client.read(&self.nodes)).collect();
            if !comes_back.contains(&true) {
                return;
            }
        }
    }

    fn cut_or_heal(&mut self, random: &mut StdRng) {
        match self.cut.take() {
            Some(cut) => {
                if random.random_ratio(1, 4) {
                    // It was away for longer than what passes is kept; the others have heard all of that.
                    for (_, hub) in self.nodes.iter().enumerate().filter(|(at, _)| *at != cut).map(|(_, node)| node) {
                        within("a send", hub.send(Topic::connection("nobody"), Event::message("")))
                            .expect("its line is whole");
                    }
                    self.log.forget_passing();
                }
                self.heal(cut);
            }
            None => {
                self.settle();
                let cut = random.random_range(0..3);
                let (line, hub) = &self.nodes[cut];
                line.cut(true);
                eventually("the node to notice", || !hub.is_ready());
                self.cut = Some(cut);
            }
        }
    }

    fn heal(&self, cut: usize) {
        let (line, hub) = &self.nodes[cut];
        line.cut(false);
        eventually("the node to be back", || hub.is_ready());
    }

    fn end(mut self) {
        if let Some(cut) = self.cut.take() {
            self.heal(cut);
        }
        for client in &mut self.clients {
            client.catch_up(&self.nodes);
        }
        for (_, hub) in &self.nodes {
            for client in &self.clients {
                eventually("all to agree on who is where", || {
                    let info = hub.connection(&client.id);
                    info.is_some_and(|info| info.groups.iter().eq(client.groups.iter()))
                });
            }
            assert_eq!(hub.connections().len(), self.clients.len());
        }
    }
}

#[test]
fn whatever_is_done_by_whichever_node_each_client_gets_what_was_sent_to_it() {
    let seed = std::env::var("SSEHUB_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in seed.map_or(0..RUNS, |seed: u64| seed..seed + 1) {
        let mut random = StdRng::seed_from_u64(seed);
        let run = std::panic::AssertUnwindSafe(|| {
            let mut world = World::new();
            (0..ACTS).for_each(|_| world.act(&mut random));
            world.end();
        });
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("SSEHUB_SEED={seed} does it again");
            std::panic::resume_unwind(panic);
        }
    }
}
