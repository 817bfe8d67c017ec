//! What the actors of a run share: the hub, what was done to it, and the streams that nobody reads any more.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use ssehub::{
    Audience, ConnectError, ConnectRequest, Event, GroupErrorKind, Hub, SendErrorKind, Shutdown, ShutdownReport, Topic,
};

use crate::act::{Act, Name};
use crate::diary::Diary;
use crate::journal::{Between, Ended, Journal, Place, To};
use crate::settings::Settings;
use crate::span::{Span, Stream};
use crate::support::{Tab, begin_shutdown, now};
use crate::tickets::Tickets;
use crate::{ACTORS, CLIENTS};

/// The reason that streams are given at a shutdown.
pub(crate) const SHUTDOWN: &str = "a shutdown";

/// And how long it may take: nobody comes near that.
pub(crate) const DEADLINE: Duration = Duration::from_secs(9);

pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) settings: Settings,
    pub(crate) diary: Diary,
    pub(crate) tickets: Tickets,
    pub(crate) journal: Mutex<Journal>,
    /// The connection each client has or had.
    connections: [Mutex<String>; ACTORS * CLIENTS],
    /// Every connection there was.
    pub(crate) opened: Mutex<BTreeSet<String>>,
    /// Streams that their clients have left behind.
    pub(crate) left_behind: Mutex<Vec<Stream>>,
    pub(crate) spans: Mutex<Vec<Span>>,
    pub(crate) shutdown: Mutex<Option<JoinHandle<ShutdownReport>>>,
    /// Numbers of events, streams and reasons.
    numbers: AtomicUsize,
    /// What was done by whom, for the report of a failure.
    trace: Mutex<Vec<(usize, Act)>>,
}

impl World {
    pub(crate) fn new(settings: Settings, trouble: u64) -> Self {
        let diary = Diary::new(trouble);
        let hub = settings.builder().hooks(diary.clone()).build().expect("the options are in range");
        Self {
            hub,
            settings,
            diary,
            tickets: Tickets::default(),
            journal: Mutex::default(),
            connections: Default::default(),
            opened: Mutex::default(),
            left_behind: Mutex::default(),
            spans: Mutex::default(),
            shutdown: Mutex::default(),
            numbers: AtomicUsize::new(0),
            trace: Mutex::default(),
        }
    }

    /// Notes what an actor is about to do.
    pub(crate) fn trace(&self, actor: usize, act: &Act) {
        self.trace.lock().push((actor, act.clone()));
    }

    pub(crate) fn next_number(&self) -> usize {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// A place in the log: what was done before is before it, and what is done later comes after it.
    pub(crate) fn mark(&self) -> Place {
        match now(self.hub.send_unpaced(Audience::nobody(), Event::message("mark"))) {
            Ok(id) => id.into(),
            Err(error) => {
                assert_eq!(error.kind(), SendErrorKind::ShuttingDown);
                Place::END
            }
        }
    }

    fn between<T>(&self, act: impl FnOnce() -> T) -> (T, Between) {
        let after = self.mark();
        let result = act();
        (result, Between { after, before: self.mark() })
    }

    /// What a name stands for now; none for a client that never had a connection.
    pub(crate) fn find(&self, name: Name) -> Option<To> {
        match name {
            Name::All => Some(To::All),
            Name::User(user) => Some(To::User(user)),
            Name::Group(group) => Some(To::Group(group)),
            Name::Client(client) => self.connection(client).map(To::Connection),
        }
    }

    pub(crate) fn connection(&self, client: usize) -> Option<String> {
        Some(self.connections[client].lock().clone()).filter(|id| !id.is_empty())
    }

    pub(crate) fn set_connection(&self, client: usize, id: &str) {
        id.clone_into(&mut self.connections[client].lock());
    }

    /// Opens a stream for a user whose request names these groups.
    pub(crate) fn open(
        &self,
        request: ConnectRequest,
        user: Option<u8>,
        groups: &[u8],
        has_session: bool,
    ) -> Result<Stream, ConnectError> {
        let request = request.groups(groups.iter().map(|group| group_name(*group)));
        let (tab, opened) = self.between(|| Tab::try_open(&self.hub, request));
        let stream = Stream::new(self.next_number(), tab?, Span::new(user, groups.to_vec(), has_session, opened));
        self.opened.lock().insert(stream.connection().to_owned());
        self.journal.lock().named(stream.connection(), groups);
        Ok(stream)
    }

    /// Sends an event; none if the hub is shutting down. Returns its number.
    pub(crate) fn send(&self, to: To) -> Option<usize> {
        let number = self.next_number();
        // Two of the large ones are more than one write: a stream can end in the middle of a replay.
        let rest = "x".repeat(if number.is_multiple_of(5) { 9_000 } else { 0 });
        match now(self.hub.send_unpaced(topic(&to), Event::message(format!("{number} {rest}")))) {
            Ok(id) => {
                self.journal.lock().sent(id.into(), number, to);
                Some(number)
            }
            Err(error) => {
                assert_eq!(error.kind(), SendErrorKind::ShuttingDown);
                None
            }
        }
    }

    /// Puts a user or a connection into a group, or takes it out. False if there is no such connection.
    pub(crate) fn change(&self, who: To, group: u8, joins: bool) -> bool {
        let name = group_name(group);
        let (changed, at) = self.between(|| match (&who, joins) {
            (To::Connection(id), true) => now(self.hub.join(id, &name)),
            (To::Connection(id), false) => now(self.hub.leave(id, &name)),
            (To::User(user), true) => now(self.hub.join_user(&user_name(*user), &name)),
            (To::User(user), false) => now(self.hub.leave_user(&user_name(*user), &name)),
            (To::All | To::Group(_), _) => panic!("{who:?} is in no group"),
        });
        if let Err(error) = changed {
            let is_known = !matches!(who, To::Connection(_));
            assert!(!is_known && error.kind() == GroupErrorKind::UnknownConnection, "{error}");
            return false;
        }
        self.journal.lock().changed(who, group, joins, at);
        true
    }

    /// Ends the streams of a topic. Returns how many that were.
    pub(crate) fn end(&self, whom: &To) -> usize {
        self.count_ended(whom.clone(), |reason| {
            now(self.hub.disconnect(topic(whom), reason)).expect("there is one node")
        })
    }

    /// Takes from a user all that it has. Returns how many streams that ended.
    pub(crate) fn revoke(&self, user: u8) -> usize {
        let name = user_name(user);
        let revoke = |reason: &str| {
            self.tickets.revoke(user, || now(self.hub.revoke_user(&name, reason)).expect("there is one node"))
        };
        self.count_ended(To::User(user), revoke)
    }

    fn count_ended(&self, whom: To, end: impl FnOnce(&str) -> usize) -> usize {
        let reason = format!("reason {}", self.next_number());
        let (count, at) = self.between(|| end(&reason));
        self.journal.lock().ended(reason, Ended { whom, at, count });
        count
    }

    /// Begins to shut down, if nobody has.
    pub(crate) fn shut_down(&self) -> bool {
        let mut shutdown = self.shutdown.lock();
        if shutdown.is_none() {
            let request = Shutdown::within(DEADLINE).reason(SHUTDOWN);
            let (waits, at) = self.between(|| begin_shutdown(&self.hub, request));
            *shutdown = Some(waits);
            self.journal.lock().ended(SHUTDOWN.to_owned(), Ended { whom: To::All, at, count: usize::MAX });
            return true;
        }
        false
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:#?}", self.settings);
            self.trace.lock().iter().for_each(|(actor, act)| eprintln!("{actor}: {act:?}"));
        }
    }
}

fn topic(to: &To) -> Topic {
    match to {
        To::All => Topic::All,
        To::User(user) => Topic::user(user_name(*user)),
        To::Group(group) => Topic::group(group_name(*group)),
        To::Connection(id) => Topic::connection(id),
    }
}

pub(crate) fn user_name(user: u8) -> String {
    format!("user {user}")
}

pub(crate) fn group_name(group: u8) -> String {
    format!("group {group}")
}
