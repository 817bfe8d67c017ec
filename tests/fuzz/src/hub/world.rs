//! A hub, the tabs that are open on it, and what is known of both.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ssehub::{Audience, ConnectErrorKind, ConnectRequest, Event, GroupErrorKind, Hub, Identity, SendErrorKind, Topic};

use super::life::{Life, Owed, Sent, Stream};
use super::{Act, Group, Kind, LastId, Name, Session, TABS, Tab, User, Who};
use crate::reader::{Reader, now};

/// Nothing ends by itself while a test runs.
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// With limits: this many connections in all, of a user, and without a transport.
pub(super) const MAX_CONNECTIONS: usize = 3;
pub(super) const MAX_CONNECTIONS_PER_USER: usize = 2;
const MAX_PARKED: usize = 1;

/// More tickets than a user may have are somebody else's test.
const MAX_TICKETS: usize = 50;

pub(super) struct World {
    pub(super) hub: Hub,
    pub(super) has_limits: bool,
    pub(super) sent: Vec<Sent>,
    /// The connections there are, by id.
    pub(super) lives: BTreeMap<String, Life>,
    /// Whose sessions they are.
    sessions: BTreeMap<(Option<User>, Session), String>,
    pub(super) streams: [Option<Stream>; TABS as usize],
    user_groups: BTreeMap<User, BTreeSet<Group>>,
    /// The tickets that can be redeemed.
    pub(super) tickets: Vec<(String, Claim)>,
    redeemed: Vec<Redeemed>,
}

/// Whom a ticket is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    user: Option<User>,
    groups: BTreeSet<Group>,
}

struct Redeemed {
    identity: Identity,
    claim: Claim,
    /// The user was revoked since.
    revoked: bool,
}

impl World {
    pub(super) fn new(has_limits: bool) -> Self {
        let mut hub = Hub::builder().resume_window(YEAR).keep_alive(YEAR).stall_timeout(YEAR).ticket_lifetime(YEAR);
        if has_limits {
            hub = hub
                .max_connections(MAX_CONNECTIONS)
                .max_connections_per_user(MAX_CONNECTIONS_PER_USER)
                .max_parked(MAX_PARKED);
        }
        Self {
            hub: hub.build().expect("the options are in range"),
            has_limits,
            sent: Vec::new(),
            lives: BTreeMap::new(),
            sessions: BTreeMap::new(),
            streams: [const { None }; TABS as usize],
            user_groups: BTreeMap::new(),
            tickets: Vec::new(),
            redeemed: Vec::new(),
        }
    }

    pub(super) fn run(mut self, acts: &[Act<'_>]) {
        for act in acts {
            self.act(act);
            self.check();
        }
        (0..TABS).for_each(|tab| self.read(Tab(tab)));
        self.check();
        (0..TABS).for_each(|tab| self.cut(Tab(tab)));
        self.check();
        self.disconnect(&Topic::All);
        self.check();
        let stats = self.hub.stats();
        assert_eq!((stats.connections, stats.users, stats.groups, stats.parked), (0, 0, 0, 0));
    }

    fn act(&mut self, act: &Act<'_>) {
        match act {
            Act::Open { tab, who, session, groups, snapshot, last_id } => {
                let groups = groups.iter().flatten().copied().collect();
                self.open(*tab, *who, *session, groups, *snapshot, *last_id);
            }
            Act::Cut(tab) => self.cut(*tab),
            Act::Read(tab) => self.read(*tab),
            Act::Join { tab, group, snapshot } => self.join(*tab, *group, *snapshot),
            Act::Leave { tab, group } => self.leave(*tab, *group),
            Act::JoinUser { user, group } => self.join_user(*user, *group),
            Act::LeaveUser { user, group } => self.leave_user(*user, *group),
            Act::Send { to, except, kind } => self.send(to, *except, *kind),
            Act::Disconnect(name) => {
                let topic = self.topic(*name);
                self.disconnect(&topic);
            }
            Act::Issue { user, group } => self.issue(*user, *group),
            Act::Redeem { ticket } => self.redeem(*ticket),
            Act::Forge { ticket } => {
                let is_one = self.tickets.iter().any(|(secret, _)| secret == ticket);
                assert_eq!(now(self.hub.redeem_ticket(ticket)).is_ok(), is_one, "{ticket:?}");
                self.tickets.retain(|(secret, _)| secret != ticket);
            }
            Act::Revoke(user) => self.revoke(*user),
        }
    }

    fn topic(&self, name: Name) -> Topic {
        match name {
            Name::All => Topic::All,
            Name::User(user) => user.topic(),
            Name::Group(group) => group.topic(),
            Name::Tab(tab) => Topic::connection(self.connection(tab)),
        }
    }

    fn connection(&self, tab: Tab) -> &str {
        self.streams[usize::from(tab.0)].as_ref().map_or("nobody", |stream| &stream.connection)
    }

    pub(super) fn groups_of(&self, user: Option<User>) -> BTreeSet<Group> {
        user.and_then(|user| self.user_groups.get(&user)).cloned().unwrap_or_default()
    }

    pub(super) fn topics_of(&self, connection: &str, life: &Life) -> BTreeSet<Topic> {
        life.topics(connection, &self.groups_of(life.user))
    }

    // --- clients

    fn open(
        &mut self,
        tab: Tab,
        who: Who,
        session: Option<Session>,
        mut asked: BTreeSet<Group>,
        snapshot: bool,
        last_id: LastId<'_>,
    ) {
        self.cut(tab);
        let mut request = ConnectRequest::new().snapshot(snapshot).groups(asked.iter().map(|group| group.name()));
        let mut is_revoked = false;
        let user = match who {
            Who::Nobody => None,
            Who::User(user) => {
                request = request.user(user.id());
                Some(user)
            }
            Who::Redeemed(number) => {
                let Some(place) = usize::from(number).checked_rem(self.redeemed.len()) else { return };
                let redeemed = &self.redeemed[place];
                request = request.identity(redeemed.identity.clone());
                asked.extend(&redeemed.claim.groups);
                is_revoked = redeemed.revoked;
                redeemed.claim.user
            }
        };
        if let Some(session) = session {
            request = request.session(session.name());
        }
        let known = session.and_then(|session| self.sessions.get(&(user, session))).cloned();
        let resumed = known.filter(|connection| !self.lives[connection].ending);
        let id = match last_id {
            LastId::Fresh => String::new(),
            LastId::Held => resumed.as_ref().map(|connection| self.lives[connection].held.clone()).unwrap_or_default(),
            LastId::Sent(number) => {
                let place = usize::from(number).checked_rem(self.sent.len());
                place.map(|place| self.sent[place].id.to_string()).unwrap_or_default()
            }
            LastId::Odd(text) => text.to_owned(),
        };
        let connection = match self.hub.connect(request.last_event_id(&id)) {
            Ok(connection) => connection,
            Err(error) => {
                match error.kind() {
                    ConnectErrorKind::Expired => assert!(is_revoked, "{error}"),
                    kind => self.check_refusal(kind, user),
                }
                return self.reconcile(resumed.as_deref());
            }
        };
        assert!(!is_revoked, "an identity that was revoked opens nothing");
        let opened = connection.id().to_owned();
        if let Some(resumed) = resumed {
            assert_eq!(opened, resumed, "a session keeps its connection");
            let resumes = matches!(last_id, LastId::Held) && !id.is_empty();
            self.take_over(&opened, asked, resumes);
        } else {
            let life = Life {
                user,
                session,
                asked,
                joined: BTreeSet::new(),
                parked: false,
                ending: false,
                ever: BTreeSet::new(),
                owed: Vec::new(),
                held: String::new(),
            };
            assert!(self.lives.insert(opened.clone(), life).is_none(), "a new connection has a new id");
            if let Some(session) = session {
                self.sessions.insert((user, session), opened.clone());
            }
        }
        self.streams[usize::from(tab.0)] = Some(Stream {
            reader: Reader::new(connection),
            connection: opened.clone(),
            superseded: false,
            expects_gap: matches!(last_id, LastId::Odd(_)),
            ephemeral: Vec::new(),
            banned: BTreeSet::new(),
            newest: None,
        });
        self.reconcile(Some(&opened));
    }

    /// A session's next transport has come.
    fn take_over(&mut self, connection: &str, asked: BTreeSet<Group>, resumes: bool) {
        for stream in self.streams.iter_mut().flatten().filter(|stream| stream.connection == connection) {
            stream.superseded = true;
        }
        let sent = &self.sent;
        let life = self.lives.get_mut(connection).expect("the session has a connection");
        // An exception of a group that is asked for holds for what is replayed too.
        let is_excepted = |owed: &Owed| asked.iter().any(|group| sent[owed.number].except.contains(&group.topic()));
        life.owed.retain(|owed| resumes && !owed.via.is_empty() && !is_excepted(owed));
        life.asked = asked;
        life.parked = false;
    }

    fn cut(&mut self, tab: Tab) {
        let Some(stream) = self.streams[usize::from(tab.0)].take() else { return };
        drop(stream.reader);
        if stream.superseded {
            return;
        }
        let life = self.lives.get_mut(&stream.connection).expect("a stream has its connection");
        if life.session.is_some() && !life.ending {
            life.parked = true;
        } else {
            self.bury(&stream.connection);
        }
        self.reconcile(None);
    }

    /// A connection is out of everything.
    pub(super) fn bury(&mut self, connection: &str) {
        self.lives.remove(connection);
        self.sessions.retain(|_, current| current != connection);
    }

    fn read(&mut self, tab: Tab) {
        let Some(mut stream) = self.streams[usize::from(tab.0)].take() else { return };
        let blocks = stream.reader.read();
        let received = self.check_blocks(&mut stream, &blocks);
        if stream.superseded {
            assert!(stream.reader.is_over(), "a transport that another has followed ends");
            return;
        }
        let life = self.lives.get_mut(&stream.connection).expect("a stream has its connection");
        let due = life.owed.drain(..).map(|owed| owed.number).chain(stream.ephemeral.drain(..));
        let missing: Vec<usize> = due.filter(|number| !received.contains(number)).collect();
        assert!(missing.is_empty(), "{missing:?} are missing in {received:?}");
        life.held.clone_from(&stream.reader.last_event_id);
        assert_eq!(stream.reader.is_over(), life.ending, "a stream ends if and only if it is ended");
        if life.ending {
            self.bury(&stream.connection);
        } else {
            self.streams[usize::from(tab.0)] = Some(stream);
        }
    }

    // --- the application

    fn join(&mut self, tab: Tab, group: Group, snapshot: bool) {
        let connection = self.connection(tab).to_owned();
        let joined = if snapshot {
            now(self.hub.join_with_snapshot(&connection, &group.name()))
        } else {
            now(self.hub.join(&connection, &group.name()))
        };
        match self.lives.get_mut(&connection) {
            Some(life) => {
                assert_eq!(joined, Ok(()));
                life.joined.insert(group);
            }
            None => assert_eq!(joined.map_err(|error| error.kind()), Err(GroupErrorKind::UnknownConnection)),
        }
    }

    fn leave(&mut self, tab: Tab, group: Group) {
        let connection = self.connection(tab).to_owned();
        let left = now(self.hub.leave(&connection, &group.name()));
        let stays = self.lives.get(&connection).is_some_and(|life| self.groups_of(life.user).contains(&group));
        match self.lives.get_mut(&connection) {
            Some(life) => {
                assert_eq!(left, Ok(()));
                life.joined.remove(&group);
                life.asked.remove(&group);
                if !stays {
                    life.left(group);
                }
            }
            None => assert_eq!(left.map_err(|error| error.kind()), Err(GroupErrorKind::UnknownConnection)),
        }
    }

    fn join_user(&mut self, user: User, group: Group) {
        assert_eq!(now(self.hub.join_user(&user.id(), &group.name())), Ok(()));
        self.user_groups.entry(user).or_default().insert(group);
    }

    fn leave_user(&mut self, user: User, group: Group) {
        assert_eq!(now(self.hub.leave_user(&user.id(), &group.name())), Ok(()));
        self.user_groups.entry(user).or_default().remove(&group);
        for life in self.lives.values_mut().filter(|life| life.user == Some(user)) {
            if !life.joined.contains(&group) {
                life.left(group);
            }
        }
    }

    fn send(&mut self, to: &[Option<Name>], except: Option<Name>, kind: Kind) {
        let to: BTreeSet<Topic> = to.iter().flatten().map(|name| self.topic(*name)).collect();
        let except: BTreeSet<Topic> = except.map(|name| self.topic(name)).into_iter().collect();
        let audience = except.iter().cloned().fold(to.iter().cloned().collect(), Audience::except);
        let number = self.sent.len();
        let event = Event::message(number.to_string());
        let event = match kind {
            Kind::Plain => event,
            Kind::Ephemeral => event.ephemeral(),
            Kind::Keyed(key) => event.key(key.0.to_string()),
            Kind::Retract(key) => event.retract(key.0.to_string()),
        };
        let id = now(self.hub.send_unpaced(audience, event)).map_err(|error| error.kind());
        let id = id.unwrap_or_else(|kind: SendErrorKind| panic!("{number} is refused: {kind:?}"));
        for (connection, life) in &mut self.lives {
            let user_groups = life.user.and_then(|user| self.user_groups.get(&user)).cloned().unwrap_or_default();
            let topics = life.topics(connection, &user_groups);
            let stream =
                self.streams.iter_mut().flatten().find(|stream| !stream.superseded && stream.connection == *connection);
            if life.ending || to.is_disjoint(&topics) || !except.is_disjoint(&topics) {
                if let Some(stream) = stream {
                    stream.banned.insert(number);
                }
                continue;
            }
            let via: BTreeSet<Topic> = life.kept_topics(connection, &user_groups).intersection(&to).cloned().collect();
            match (kind, stream) {
                (Kind::Plain, Some(_)) => life.owed.push(Owed { number, via }),
                (Kind::Plain, None) if !via.is_empty() => life.owed.push(Owed { number, via }),
                (Kind::Ephemeral, Some(stream)) => stream.ephemeral.push(number),
                _ => {}
            }
        }
        let is_keyed = matches!(kind, Kind::Keyed(_) | Kind::Retract(_));
        self.sent.push(Sent { id, to, except, is_keyed });
    }

    fn disconnect(&mut self, topic: &Topic) {
        let count = now(self.hub.disconnect(topic.clone(), "bye")).expect("there is one node");
        self.end(topic, count);
    }

    /// Those in a topic are told to end, which were so many.
    fn end(&mut self, topic: &Topic, count: usize) {
        let is_meant =
            |(connection, life): &(&String, &Life)| !life.ending && self.topics_of(connection, life).contains(topic);
        let ended: Vec<String> = self.lives.iter().filter(is_meant).map(|(connection, _)| connection.clone()).collect();
        assert_eq!(count, ended.len(), "of {topic}");
        for connection in ended {
            let life = self.lives.get_mut(&connection).expect("it is there");
            life.ending = true;
            if life.parked {
                self.bury(&connection);
            }
        }
    }

    fn issue(&mut self, user: Option<User>, group: Option<Group>) {
        if self.tickets.len() == MAX_TICKETS {
            return;
        }
        let identity = user.map_or_else(Identity::anonymous, |user| Identity::user(user.id()));
        let identity = identity.groups(group.map(Group::name));
        let ticket = now(self.hub.issue_ticket(identity)).expect("a ticket is to be had").to_string();
        assert!(!self.tickets.iter().any(|(other, _)| *other == ticket), "no ticket is like another");
        self.tickets.push((ticket, Claim { user, groups: group.into_iter().collect() }));
    }

    fn redeem(&mut self, ticket: u8) {
        let Some(place) = usize::from(ticket).checked_rem(self.tickets.len()) else { return };
        let (ticket, claim) = self.tickets.swap_remove(place);
        let identity = now(self.hub.redeem_ticket(&ticket)).expect("a ticket can be redeemed");
        assert!(now(self.hub.redeem_ticket(&ticket)).is_err(), "a ticket is good for once");
        let groups: BTreeSet<String> = identity.group_names().map(str::to_owned).collect();
        assert_eq!(identity.user_id(), claim.user.map(User::id).as_deref());
        assert_eq!(groups, claim.groups.iter().map(|group| group.name()).collect::<BTreeSet<_>>());
        self.redeemed.push(Redeemed { identity, claim, revoked: false });
    }

    fn revoke(&mut self, user: User) {
        let count = now(self.hub.revoke_user(&user.id(), "revoked")).expect("there is one node");
        self.end(&user.topic(), count);
        self.tickets.retain(|(_, claim)| claim.user != Some(user));
        for redeemed in self.redeemed.iter_mut().filter(|redeemed| redeemed.claim.user == Some(user)) {
            redeemed.revoked = true;
        }
    }
}
