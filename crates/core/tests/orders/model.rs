//! Who must be there, where one thing happens after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use ssehub::{ConnectErrorKind, Hub};

use crate::actor::News;
use crate::journal::To;
use crate::settings::{Settings, Window};
use crate::world::{World, group_name, user_name};
use crate::{GROUPS, USERS};

/// One connection.
#[derive(Debug)]
struct Seat {
    user: Option<u8>,
    session: Option<usize>,
    /// The groups its request named, and those it was put into.
    named: BTreeSet<u8>,
    joined: BTreeSet<u8>,
    /// It has been told to end.
    ending: bool,
    /// The number of the stream that has it; none while it is parked.
    stream: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct Model {
    settings: Settings,
    /// By id.
    seats: BTreeMap<String, Seat>,
    /// The ids of those without a transport, the one that waits longest first.
    parked: Vec<String>,
    user_groups: BTreeSet<(u8, u8)>,
    closing: bool,
}

impl Model {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            settings: world.settings.clone(),
            seats: BTreeMap::new(),
            parked: Vec::new(),
            user_groups: BTreeSet::new(),
            closing: false,
        }
    }

    /// Does what has come of an act, and checks that it could.
    pub(crate) fn follow(&mut self, news: Vec<News>) {
        for news in news {
            match news {
                News::Opened { stream, id, user, session, groups } => self.open(stream, id, user, session, &groups),
                News::Refused { kind, user, session } => {
                    assert_eq!(self.make_room(user, session), Err(kind), "it is refused: {self:#?}");
                }
                News::Read { stream, id, over } => self.read(stream, &id, over),
                News::Dropped { stream, id } => self.drop(stream, &id),
                News::Changed { who, group, joins, known } => self.change(&who, group, joins, known),
                News::Ended { whom, count } => {
                    let ended = self.end(&whom);
                    assert!(ended.contains(&count), "{count} of {whom:?}, not {ended:?}: {self:#?}");
                }
                News::ShutDown => {
                    self.closing = true;
                    self.end(&To::All);
                }
            }
        }
    }

    /// Whether a connection may be gone because its window is over.
    fn may_be_over(&self, id: &str) -> bool {
        matches!(self.settings.window, Window::Short(_)) && self.parked.iter().any(|parked| parked == id)
    }

    /// Lets go of those whose windows are over, as the hub says.
    fn let_go(&mut self, hub: &Hub) {
        let there: BTreeSet<_> = hub.connections().into_iter().map(|connection| connection.id).collect();
        let gone = self.parked.iter().filter(|id| !there.contains(*id) && self.may_be_over(id));
        let gone: Vec<_> = gone.cloned().collect();
        gone.iter().for_each(|id| self.remove(id));
    }

    /// The connection that a session's next transport takes over.
    fn inherited(&self, user: Option<u8>, session: Option<usize>) -> Option<String> {
        let is_it = |seat: &Seat| seat.user == user && seat.session == session && !seat.ending;
        let seat = session.and_then(|_| self.seats.iter().find(|(_, seat)| is_it(seat)));
        seat.map(|(id, _)| id.clone())
    }

    /// Who has to give way for one stream more, if somebody has; or why it is refused.
    fn make_room(&self, user: Option<u8>, session: Option<usize>) -> Result<Option<String>, ConnectErrorKind> {
        if self.closing {
            return Err(ConnectErrorKind::ShuttingDown);
        }
        if self.inherited(user, session).is_some() {
            return Ok(None);
        }
        let is_full = self.seats.len() >= self.settings.max_connections;
        if is_full && self.parked.is_empty() {
            return Err(ConnectErrorKind::Full);
        }
        let of_user = |seat: &Seat| user.is_some() && seat.user == user;
        if self.seats.values().filter(|seat| of_user(seat)).count() >= self.settings.max_connections_per_user {
            let oldest = self.parked.iter().find(|id| of_user(&self.seats[*id]));
            return oldest.cloned().map(Some).ok_or(ConnectErrorKind::TooManyConnections);
        }
        Ok(self.parked.first().filter(|_| is_full).cloned())
    }

    fn open(&mut self, stream: usize, id: String, user: Option<u8>, session: Option<usize>, groups: &[u8]) {
        match self.make_room(user, session) {
            Ok(gives_way) => gives_way.iter().for_each(|oldest| self.remove(oldest)),
            Err(kind) => panic!("{id} is let in, not refused as {kind:?}: {self:#?}"),
        }
        let named = groups.iter().copied().collect();
        if let Some(over) = self.inherited(user, session).filter(|inherited| *inherited != id) {
            assert!(self.may_be_over(&over), "{id} does not take over what its session had: {self:#?}");
            self.remove(&over);
        } else if self.inherited(user, session).is_some() {
            self.parked.retain(|parked| *parked != id);
            let seat = self.seats.get_mut(&id).expect("it is there");
            (seat.named, seat.stream) = (named, Some(stream));
            return;
        }
        let seat = Seat { user, session, named, joined: BTreeSet::new(), ending: false, stream: Some(stream) };
        let other = self.seats.insert(id, seat);
        assert!(other.is_none(), "a new connection has a new id");
    }

    /// The connection that a stream still has.
    fn of(&mut self, stream: usize, id: &str) -> Option<&mut Seat> {
        self.seats.get_mut(id).filter(|seat| seat.stream == Some(stream))
    }

    fn read(&mut self, stream: usize, id: &str, over: bool) {
        let ends = self.of(stream, id).is_none_or(|seat| seat.ending);
        assert_eq!(over, ends, "whether stream {stream} of {id} is over: {self:#?}");
        if over && self.of(stream, id).is_some() {
            self.remove(id);
        }
    }

    fn drop(&mut self, stream: usize, id: &str) {
        let Some(seat) = self.of(stream, id) else { return };
        if seat.ending || seat.session.is_none() {
            return self.remove(id);
        }
        seat.stream = None;
        self.parked.push(id.to_owned());
        if self.parked.len() > self.settings.max_parked {
            let oldest = self.parked[0].clone();
            self.remove(&oldest);
        }
    }

    fn change(&mut self, who: &To, group: u8, joins: bool, known: bool) {
        match who {
            To::User(user) => {
                if joins {
                    self.user_groups.insert((*user, group));
                } else {
                    self.user_groups.remove(&(*user, group));
                }
            }
            To::Connection(id) => {
                if !known && self.may_be_over(id) {
                    self.remove(id);
                }
                assert_eq!(self.seats.contains_key(id), known, "whether {id} is there: {self:#?}");
                let Some(seat) = self.seats.get_mut(id) else { return };
                if joins {
                    seat.joined.insert(group);
                } else {
                    seat.joined.remove(&group);
                    seat.named.remove(&group);
                }
            }
            To::All | To::Group(_) => panic!("{who:?} is in no group"),
        }
    }

    /// How many streams are told to end.
    fn end(&mut self, whom: &To) -> RangeInclusive<usize> {
        let is_in = |model: &Self, id: &str| match whom {
            To::All => true,
            To::User(user) => model.seats[id].user == Some(*user),
            To::Group(group) => model.groups(&model.seats[id]).contains(group),
            To::Connection(other) => id == other,
        };
        let ids: Vec<_> = self.seats.keys().filter(|id| is_in(self, id) && !self.seats[*id].ending).cloned().collect();
        let surely = ids.iter().filter(|id| !self.may_be_over(id)).count();
        for id in &ids {
            if self.parked.contains(id) {
                self.remove(id);
            } else {
                self.seats.get_mut(id).expect("it is there").ending = true;
            }
        }
        surely..=ids.len()
    }

    fn remove(&mut self, id: &str) {
        self.seats.remove(id);
        self.parked.retain(|parked| parked != id);
    }

    fn groups(&self, seat: &Seat) -> BTreeSet<u8> {
        let of_user = self.user_groups.iter().filter(|(user, _)| Some(*user) == seat.user).map(|(_, group)| *group);
        seat.named.iter().chain(&seat.joined).copied().chain(of_user).collect()
    }

    /// Who is there is who must be.
    pub(crate) fn check(&mut self, world: &World) {
        let hub = &world.hub;
        self.let_go(hub);
        if self.parked.iter().any(|id| self.may_be_over(id)) {
            return;
        }
        let mut there: Vec<_> = hub.connections().into_iter().map(|it| (it.id, it.user, it.groups)).collect();
        there.sort_unstable();
        let expected: Vec<_> = self
            .seats
            .iter()
            .map(|(id, seat)| {
                let groups: Vec<_> = self.groups(seat).into_iter().map(group_name).collect();
                (id.clone(), seat.user.map(user_name), groups)
            })
            .collect();
        assert_eq!(there, expected, "{self:#?}");
        let mut gauges = (0, 0);
        for user in 0..USERS {
            let streams = self.seats.values().filter(|seat| seat.user == Some(user)).count();
            assert_eq!(hub.connections_of(&user_name(user)), streams, "user {user}: {self:#?}");
            gauges.0 += usize::from(streams > 0);
        }
        for group in 0..GROUPS {
            let members = self.seats.values().filter(|seat| self.groups(seat).contains(&group)).count();
            assert_eq!(hub.member_count(&group_name(group)), members, "group {group}: {self:#?}");
            gauges.1 += usize::from(members > 0);
        }
        let stats = hub.stats();
        assert_eq!((stats.users, stats.groups), gauges, "{self:#?}");
        assert_eq!((stats.connections, stats.parked), (self.seats.len(), self.parked.len()), "{self:#?}");
    }
}
