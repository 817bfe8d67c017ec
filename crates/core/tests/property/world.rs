//! A hub, the tabs on it, and what the model expects of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

use ssehub::{Audience, ConnectRequest, Event, EventId, GroupErrorKind, History, Hub, LogName, SendErrorKind, Topic};

use crate::expected::{Expected, Opening};
use crate::journal::{Journal, Offset, Sent};
use crate::memberships::Origin;
use crate::program::{Act, From, GROUPS, Kind, Name, Program, Retention, SLOTS, USERS};
use crate::support::{Tab, anyone, hub, now};

pub(crate) struct World {
    hub: Hub,
    retention: Retention,
    max_keys: usize,
    journal: Journal,
    slots: [Slot; SLOTS],
    /// Which user is in which group, and since when.
    user_groups: BTreeMap<(u8, u8), Offset>,
    /// What streams that are gone were given, and how many gaps they were told.
    delivered: u64,
    lagged: u64,
}

/// One browser tab.
#[derive(Default)]
struct Slot {
    open: Option<(Tab, Expected)>,
    /// The connection that is or was in it.
    connection: String,
    /// What it would send as `Last-Event-ID`.
    held: String,
    /// Whether its reader waits.
    waits: bool,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl World {
    pub(crate) fn new(program: &Program) -> Self {
        let history = match program.retention {
            Retention::Everything => History::default(),
            Retention::Events(events) => History::default().events(events),
            Retention::Bytes(bytes) => History::default().bytes(bytes),
            Retention::Nothing => History::none(),
        };
        let hub =
            hub(|hub| hub.history(history).max_keys_per_topic(program.max_keys).keep_alive(Duration::from_secs(3600)));
        let mut first = Tab::open(&hub, anyone());
        first.read_all();
        let start = first.last_event_id.parse().expect("a fresh stream tells where the log begins");
        Self {
            hub,
            retention: program.retention,
            max_keys: program.max_keys,
            journal: Journal::new(start),
            slots: Default::default(),
            user_groups: BTreeMap::new(),
            delivered: 0,
            lagged: 0,
        }
    }

    pub(crate) fn run(mut self, acts: &[Act]) {
        for act in acts {
            self.act(act);
            self.check_who_is_there();
            self.check_wakes();
        }
        for slot in 0..SLOTS {
            self.read_all(slot);
        }
        self.check_who_is_there();
        for slot in 0..SLOTS {
            self.cut(slot);
        }
        self.check_who_is_there();
        let stats = self.hub.stats();
        assert_eq!((stats.connections, stats.users, stats.groups), (0, 0, 0));
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Send { topics, except, kind, large } => self.send(topics, except, *kind, *large),
            Act::Open { slot, user, groups, snapshot, from } => self.open(*slot, *user, groups, *snapshot, *from),
            Act::Cut { slot } => self.cut(*slot),
            Act::Read { slot } => drop(self.read(*slot)),
            Act::ReadAll { slot } => self.read_all(*slot),
            Act::Join { slot, group, snapshot } => self.join(*slot, *group, *snapshot),
            Act::Leave { slot, group } => self.leave(*slot, *group),
            Act::JoinUser { user, group } => self.join_user(*user, *group),
            Act::LeaveUser { user, group } => self.leave_user(*user, *group),
            Act::Disconnect { name } => self.disconnect(*name),
        }
    }

    fn topic(&self, name: Name) -> Topic {
        match name {
            Name::All => Topic::All,
            Name::User(user) => Topic::user(user_id(user)),
            Name::Group(group) => Topic::group(group_name(group)),
            Name::Slot(slot) => Topic::connection(&self.slots[slot].connection),
        }
    }

    fn send(&mut self, topics: &[Name], except: &[Name], kind: Kind, large: bool) {
        let topics: BTreeSet<Topic> = topics.iter().map(|name| self.topic(*name)).collect();
        let except: BTreeSet<Topic> = except.iter().map(|name| self.topic(*name)).collect();
        let audience = topics.iter().cloned().collect();
        let audience = except.iter().cloned().fold(audience, Audience::except);
        let data = format!("{}:{}", self.journal.head() + 1, "x".repeat(if large { 6000 } else { 0 }));
        let event = Event::message(&data);
        let (event, key) = match kind {
            Kind::Plain => (event, None),
            Kind::Ephemeral => (event.ephemeral(), None),
            Kind::Keyed(key) => (event.key(key.to_string()), Some(key.to_string())),
            Kind::Retract(key) => (event.retract(key.to_string()), Some(key.to_string())),
        };
        let (retract, ephemeral) = (matches!(kind, Kind::Retract(_)), matches!(kind, Kind::Ephemeral));
        let has_room = topics.iter().all(|topic| {
            let (keys, is_there) = key.as_ref().map_or((0, true), |key| self.journal.keys(topic, key));
            is_there || retract || keys < self.max_keys
        });
        match now(self.hub.send_unpaced(audience, event)) {
            Err(error) => {
                assert!(!has_room, "refused though there is room: {error}");
                assert_eq!(error.kind(), SendErrorKind::TooManyKeys);
            }
            Ok(id) => {
                assert!(has_room, "{id} is one key too many");
                let frame_bytes = format!("id: {id}\ndata: {data}\n\n").len();
                self.journal.commit(Sent { id, topics, except, key, retract, ephemeral, frame_bytes });
                self.retain();
            }
        }
    }

    /// How many events are left is the hub's to say where it counts bytes; it must be as many as may be.
    fn retain(&mut self) {
        let stats = self.hub.stats();
        match self.retention {
            Retention::Everything => {}
            Retention::Nothing => return assert_eq!((stats.history_events, stats.history_bytes), (0, 0)),
            Retention::Events(events) => self.journal.trim_to(events),
            Retention::Bytes(bytes) => {
                assert!(stats.history_bytes <= bytes || stats.history_events == 1, "too much: {stats:?}");
                assert!(stats.history_events > 0 || self.journal.retained() == 0, "the newest stays");
                self.journal.trim_to(stats.history_events);
            }
        }
        assert_eq!(stats.history_events, self.journal.retained());
    }

    fn id(&self, slot: usize, from: From) -> String {
        let journal = &self.journal;
        let sent = |number: u16| match journal.head() {
            0 => journal.start(),
            head => journal.at(usize::from(number) % head + 1).id,
        };
        match from {
            From::Fresh => String::new(),
            From::Held => self.slots[slot].held.clone(),
            From::HeldBy(other) => self.slots[other].held.clone(),
            From::Sent(number) => sent(number).to_string(),
            From::Behind(number) => {
                let id = sent(number);
                EventId::new(id.ms(), id.seq() + 1000, id.log()).to_string()
            }
            From::BeforeTheFirst => journal.start().to_string(),
            From::BeforeTheLog => EventId::new(1, 0, journal.log()).to_string(),
            From::Future => EventId::new(u64::MAX, 0, journal.log()).to_string(),
            From::AnotherLog => {
                let another: LogName = "another".parse().expect("a name");
                EventId::new(journal.start().ms(), 0, another).to_string()
            }
            From::Garbage => "garbage".to_owned(),
        }
    }

    fn open(&mut self, slot: usize, user: Option<u8>, groups: &BTreeSet<u8>, snapshot: bool, from: From) {
        self.cut(slot);
        let id = self.id(slot, from);
        let groups: Vec<String> = groups.iter().map(|group| group_name(*group)).collect();
        let request = ConnectRequest::new().groups(&groups).snapshot(snapshot).last_event_id(&id);
        let request = match user {
            Some(user) => request.user(user_id(user)),
            None => request,
        };
        let mut tab = Tab::open(&self.hub, request);
        assert!(tab.read_one(), "a stream opens with a block");
        let of_user = self.user_groups.iter().filter(|((member, _), _)| Some(*member) == user);
        let opening = Opening {
            user: user.map(user_id),
            groups,
            user_groups: of_user.map(|((_, group), since)| (group_name(*group), *since)).collect(),
            snapshot,
            id: id.clone(),
            replays: !matches!(self.retention, Retention::Nothing),
        };
        let connection = tab.id.clone();
        self.journal.open(&connection);
        let expected = Expected::open(&self.journal, &connection, opening, &tab.take());
        let held = if tab.last_event_id.is_empty() { id } else { tab.last_event_id.clone() };
        self.slots[slot] = Slot { open: Some((tab, expected)), connection, held, waits: false, woken: Arc::default() };
    }

    fn cut(&mut self, slot: usize) {
        if let Some((_, expected)) = self.slots[slot].open.take() {
            self.journal.close(&self.slots[slot].connection);
            self.delivered += expected.delivered;
            self.lagged += expected.lagged;
        }
    }

    /// Polls a stream once and checks what comes. False if there is nothing now.
    fn read(&mut self, number: usize) -> bool {
        let slot = &mut self.slots[number];
        let Some((tab, expected)) = &mut slot.open else { return false };
        slot.woken.0.store(false, Ordering::Relaxed);
        slot.waits = false;
        let (held, cursors) = (slot.held.clone(), tab.cursors);
        let came = tab.read_one_with(&Waker::from(Arc::clone(&slot.woken)));
        for event in tab.take() {
            expected.take(&self.journal, &event, &held);
        }
        if tab.cursors > cursors {
            expected.take_cursor(&self.journal, &tab.last_event_id);
        }
        if !tab.last_event_id.is_empty() {
            slot.held.clone_from(&tab.last_event_id);
        }
        if came {
            return true;
        }
        if tab.over {
            assert!(expected.closed, "a stream ends with hub:closing");
            self.cut(number);
        } else {
            expected.idle(&self.journal);
            slot.waits = true;
        }
        false
    }

    fn read_all(&mut self, slot: usize) {
        while self.read(slot) {}
    }

    fn join(&mut self, slot: usize, group: u8, snapshot: bool) {
        let slot = &mut self.slots[slot];
        let name = group_name(group);
        let joined = if snapshot {
            now(self.hub.join_with_snapshot(&slot.connection, &name))
        } else {
            now(self.hub.join(&slot.connection, &name))
        };
        let Some((_, expected)) = &mut slot.open else {
            return assert_eq!(joined.map_err(|error| error.kind()), Err(GroupErrorKind::UnknownConnection));
        };
        assert_eq!(joined, Ok(()));
        let topic = Topic::group(name);
        expected.join(topic.clone(), Origin::Connection, self.journal.head());
        if snapshot {
            expected.queue_snapshot(&self.journal, topic);
        }
    }

    fn leave(&mut self, slot: usize, group: u8) {
        let slot = &mut self.slots[slot];
        let left = now(self.hub.leave(&slot.connection, &group_name(group)));
        match &mut slot.open {
            None => assert_eq!(left.map_err(|error| error.kind()), Err(GroupErrorKind::UnknownConnection)),
            Some((_, expected)) => {
                assert_eq!(left, Ok(()));
                expected.leave(&Topic::group(group_name(group)), Origin::Connection, self.journal.head());
            }
        }
    }

    fn join_user(&mut self, user: u8, group: u8) {
        now(self.hub.join_user(&user_id(user), &group_name(group))).expect("a user may join");
        let head = self.journal.head();
        if self.user_groups.contains_key(&(user, group)) {
            return;
        }
        self.user_groups.insert((user, group), head);
        for expected in self.streams_of(user) {
            expected.join(Topic::group(group_name(group)), Origin::User, head);
        }
    }

    fn leave_user(&mut self, user: u8, group: u8) {
        now(self.hub.leave_user(&user_id(user), &group_name(group))).expect("a user may leave");
        let head = self.journal.head();
        self.user_groups.remove(&(user, group));
        for expected in self.streams_of(user) {
            expected.leave(&Topic::group(group_name(group)), Origin::User, head);
        }
    }

    fn streams(&self) -> impl Iterator<Item = (&Slot, &Expected)> {
        self.slots.iter().filter_map(|slot| slot.open.as_ref().map(|(_, expected)| (slot, expected)))
    }

    fn streams_of(&mut self, user: u8) -> impl Iterator<Item = &mut Expected> {
        let open = self.slots.iter_mut().filter_map(|slot| slot.open.as_mut().map(|(_, expected)| expected));
        open.filter(move |expected| expected.user() == Some(&user_id(user)))
    }

    fn disconnect(&mut self, name: Name) {
        let topic = self.topic(name);
        let count = now(self.hub.disconnect(topic.clone(), "bye")).expect("there is one node");
        let open = self.slots.iter_mut().filter_map(|slot| slot.open.as_mut());
        let of_topic = open.map(|(_, expected)| expected).filter(|expected| expected.memberships.has(&topic));
        assert_eq!(count, of_topic.filter_map(|expected| expected.close(&self.journal).then_some(())).count());
    }

    fn check_who_is_there(&self) {
        let mut there: Vec<_> = self.hub.connections().into_iter().map(|it| (it.id, it.user, it.groups)).collect();
        there.sort_unstable();
        let mut expected: Vec<_> = self
            .streams()
            .map(|(slot, stream)| {
                (slot.connection.clone(), stream.user().map(str::to_owned), stream.memberships.groups())
            })
            .collect();
        expected.sort_unstable();
        assert_eq!(there, expected);
        let mut gauges = (0, 0);
        for user in (0..USERS).map(user_id) {
            let streams = self.streams().filter(|(_, stream)| stream.user() == Some(&user)).count();
            assert_eq!((self.hub.connections_of(&user), self.hub.is_online(&user)), (streams, streams > 0), "{user}");
            gauges.0 += usize::from(streams > 0);
        }
        for group in (0..GROUPS).map(group_name) {
            let members = self.streams().filter(|(_, stream)| stream.memberships.has(&Topic::group(&group))).count();
            assert_eq!((self.hub.member_count(&group), self.hub.members(&group).len()), (members, members), "{group}");
            gauges.1 += usize::from(members > 0);
        }
        let stats = self.hub.stats();
        assert_eq!((stats.users, stats.groups), gauges);
        assert_eq!(stats.connections, expected.len());
        assert_eq!(stats.published, self.journal.head() as u64);
        assert_eq!((stats.state_keys, stats.state_bytes), self.journal.state_size());
        let open = self.streams().map(|(_, stream)| (stream.delivered, stream.lagged));
        let all = open.fold((self.delivered, self.lagged), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        assert_eq!((stats.delivered, stats.lagged), all);
    }

    /// Who waits and has something to read has been woken.
    fn check_wakes(&self) {
        for (slot, stream) in self.streams() {
            let sleeps = slot.waits && !slot.woken.0.load(Ordering::Relaxed);
            assert!(!sleeps || !stream.has_news(&self.journal), "{} sleeps through its news", slot.connection);
        }
    }
}

fn user_id(user: u8) -> String {
    format!("user {user}")
}

fn group_name(group: u8) -> String {
    format!("group {group}")
}
