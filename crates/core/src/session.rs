//! Sessions: a connection outlives its transport.
//!
//! An `EventSource` gives back its URL, cookies and `Last-Event-ID`, and nothing else. A page that names a session in its
//! URL gets, when it comes back within the resume window, the connection id and the groups that it had joined. Until then
//! the connection is *parked*: it stays in its topics, in every count and before every hook as it was, like a reader that
//! is behind; only its transport is gone.
//!
//! A session belongs to its user: the same name with another user is another session. Whoever comes back with it
//! wins over a transport that the server still believes in. That one's connection is taken out of everything there and then,
//! so that whatever it does later touches nothing.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::task::Waker;

use crate::cell::{Cell, CellState, Closing, JoinSnapshot, JoinSnapshots, Origin, Subscription};
use crate::clock::millis;
use crate::connect::{ConnectErrorKind, ConnectRequest};
use crate::hooks::DisconnectReason;
use crate::id::{EventId, Position};
use crate::inner::Inner;
use crate::log::Log;
use crate::nodes::announce::Note;
use crate::nodes::directory::Claimed;
use crate::nodes::signal::{Here, JoinedForm, Say, SessionForm, Standing};
use crate::registry::{Left, here, subscribe};
use crate::sync::Ordering;
use crate::timer::Task;
use crate::topic::Topic;

/// How long the name of a session may be, in bytes. 22 letters and digits, or base64 characters, are 128 bits, if they are
/// drawn at random; a shorter one can be guessed.
pub const SESSION_NAME_BYTES: RangeInclusive<usize> = 22..=128;

/// Whose session it is, and its name.
pub(crate) type SessionKey = (Option<Arc<str>>, Arc<str>);

/// A group that a connection has joined through the log, so that any node can go on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) group: Arc<str>,
    /// The place of the log where it joined.
    pub(crate) since: Position,
    pub(crate) snapshot: bool,
}

/// What a connection with a session has beside others.
#[derive(Debug)]
pub(crate) struct Session {
    name: Arc<str>,
    /// Until when its identity is vouched for.
    expires_ms: u64,
    /// There once its transport is gone.
    parked: Option<Parked>,
    /// Snapshots of joined groups that were read, of which nobody knows whether the client has got them.
    pub(crate) unproven: JoinSnapshots,
    /// Where several nodes share a log: what any of them would need.
    joined: Vec<Joined>,
    /// With which claim of this node its transport came back to it; zero if it is the first one.
    claim: u64,
    /// Where in the log it was said that it is this node's, once that has come back. What another one has said of it before
    /// is out of date.
    heard: Option<Position>,
}

/// How long a connection without a transport waits.
#[derive(Clone, Copy, Debug)]
struct Parked {
    /// Its place among the parked ones.
    place: u64,
    until_ms: u64,
}

/// The sessions of a hub. Locked after a cell.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    cells: HashMap<SessionKey, Arc<Cell>>,
    /// In the order in which they were parked, which is that in which their windows end.
    parked: BTreeMap<u64, Arc<Cell>>,
    last: u64,
}

impl Sessions {
    /// How many connections are without a transport.
    pub(crate) fn parked(&self) -> usize {
        self.parked.len()
    }

    fn forget(&mut self, key: &SessionKey, cell: &Arc<Cell>) {
        if self.cells.get(key).is_some_and(|current| Arc::ptr_eq(current, cell)) {
            self.cells.remove(key);
        }
    }
}

/// What the next transport of a session takes over.
pub(crate) struct Inherited {
    pub(crate) id: Arc<str>,
    /// Open ones, without a seat of their own yet.
    pub(crate) subscriptions: Vec<Subscription>,
    /// The offsets to which snapshots of joined groups were owed, or may have been lost on the way.
    pub(crate) snapshots: JoinSnapshots,
    joined: Vec<Joined>,
    /// What would have read on.
    pub(crate) waker: Option<Waker>,
}

impl Inherited {
    /// Gives it to the session's next connection. Returns what the earlier transport is to be woken by.
    pub(crate) fn give_to(self, log: &mut Log, cell: &Arc<Cell>, state: &mut CellState) -> Option<Waker> {
        for subscription in self.subscriptions {
            let seat = log.index.seat(subscription.topic, cell);
            state.subscriptions.insert(Subscription { seat, ..subscription });
        }
        state.snapshots = self.snapshots;
        if let Some(session) = &mut state.session {
            session.joined = self.joined;
        }
        self.waker
    }
}

impl Claimed {
    /// Gives it to the session's next connection: all that another node knows of it.
    pub(crate) fn give_to(self, log: &mut Log, cell: &Arc<Cell>, state: &mut CellState, seen: Option<EventId>) {
        // What was sent to it while it was elsewhere.
        subscribe(log, cell, state, &Topic::Connection(Arc::clone(&self.id)), 0, Origin::NATURE);
        for joined in &self.joined {
            let topic = Topic::Group(Arc::clone(&joined.group));
            let since = log.at_or_before(joined.since);
            subscribe(log, cell, state, &topic, since, Origin::JOINED);
            // Who has an id from behind it has got the snapshot.
            let is_proven = seen.is_some_and(|seen| seen.log == log.name() && seen.position > joined.since);
            if joined.snapshot
                && !is_proven
                && let Some(topic) = log.index.key(&topic)
            {
                state.snapshots.push(JoinSnapshot { topic, at: log.head().offset });
            }
        }
        if let Some(session) = &mut state.session {
            session.joined = self.joined;
        }
    }
}

impl CellState {
    /// Whether the connection is no longer its stream's: taken out of everything, or without a transport.
    pub(crate) fn is_over(&self) -> bool {
        self.gone || self.is_parked()
    }

    pub(crate) fn is_parked(&self) -> bool {
        self.parked().is_some()
    }

    /// Whether nobody has come back to it in time.
    pub(crate) fn window_is_over(&self, now_ms: u64) -> bool {
        self.parked().is_some_and(|parked| parked.until_ms <= now_ms)
    }

    fn parked(&self) -> Option<Parked> {
        self.session.as_ref()?.parked
    }

    /// The session as other nodes are to know it.
    pub(crate) fn session_form(&self) -> Option<SessionForm> {
        let session = self.session.as_ref().filter(|_| self.may_come_back_elsewhere())?;
        let joined = session.joined.iter().map(JoinedForm::from).collect();
        Some(SessionForm { name: session.name.to_string(), joined })
    }

    /// What this node has said of the session.
    pub(crate) fn standing(&self) -> Standing {
        match self.session.as_deref() {
            Some(Session { heard: Some(Position { ms, seq }), .. }) => Standing::Heard { ms: *ms, seq: *seq },
            Some(Session { claim: 1.., .. }) => Standing::Claimed,
            Some(_) | None => Standing::New,
        }
    }

    /// Where in the log it was said that the session is this node's.
    pub(crate) fn heard(&self) -> Option<Position> {
        self.session.as_ref()?.heard
    }

    /// The log is another one: what was before that has no place in it.
    pub(crate) fn forget_places(&mut self) {
        let Some(session) = &mut self.session else { return };
        session.heard = session.heard.map(|_| Position::default());
        session.joined.iter_mut().for_each(|joined| joined.since = Position::default());
    }

    /// Notes where in the log a group was joined, or that it was left.
    pub(crate) fn note_joined(&mut self, group: &str, joins: Option<(Position, bool)>) {
        let Some(session) = &mut self.session else { return };
        session.joined.retain(|joined| *joined.group != *group);
        if let Some((since, snapshot)) = joins {
            session.joined.push(Joined { group: group.into(), since, snapshot });
        }
    }

    /// Whether somebody may come back to it on another node: also when this one shuts down.
    pub(crate) fn may_come_back_elsewhere(&self) -> bool {
        let leaves = self.closing.as_ref().is_some_and(|it| matches!(it.reason, DisconnectReason::Shutdown(_)));
        self.session.is_some() && (leaves || self.may_come_back())
    }

    /// Whether somebody may come back to it: not if the application has ended it, or its identity has.
    fn may_come_back(&self) -> bool {
        self.session.is_some() && self.closing.as_ref().is_none_or(|closing| !closing.reason.is_final())
    }
}

impl Inner {
    /// Lets no session be named where there are none, and no name be guessed.
    pub(crate) fn check_session(&self, request: &mut ConnectRequest) -> Result<(), ConnectErrorKind> {
        if self.config.resume_window.is_zero() {
            request.session = None;
        }
        let is_name =
            |name: &str| SESSION_NAME_BYTES.contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
        match &request.session {
            Some(name) if !is_name(name) => Err(ConnectErrorKind::InvalidSession),
            _ => Ok(()),
        }
    }

    /// Makes a new connection that of its session.
    pub(crate) fn begin_session(
        &self,
        cell: &Arc<Cell>,
        state: &mut CellState,
        request: &ConnectRequest,
        expires_ms: u64,
    ) {
        let Some(name) = &request.session else { return };
        state.session = Some(Box::new(Session {
            name: Arc::clone(name),
            expires_ms,
            parked: None,
            unproven: JoinSnapshots::default(),
            joined: Vec::new(),
            claim: 0,
            heard: None,
        }));
        if let Some(key) = key(cell.user.as_ref(), Some(name)) {
            self.sessions.lock().cells.insert(key, Arc::clone(cell));
        }
    }

    /// Takes the session's connection from whoever had it. Its place among the open streams, and its place in the eyes
    /// of the hooks, are the next one's.
    pub(crate) fn take_over(
        &self,
        log: &mut Log,
        request: &ConnectRequest,
    ) -> Result<Option<Inherited>, ConnectErrorKind> {
        let Some(key) = key(request.user.as_ref(), request.session.as_ref()) else { return Ok(None) };
        let Some(cell) = self.sessions.lock().cells.get(&key).cloned() else { return Ok(None) };
        let mut state = cell.inner.lock();
        if state.gone || !state.may_come_back() {
            return Ok(None);
        }
        let joined = state.subscriptions.iter().filter(|subscription| {
            let group = log.index.get(subscription.topic).map(|record| &record.topic);
            let named = matches!(group, Some(Topic::Group(name)) if request.groups.binary_search(name).is_ok());
            subscription.is_open() && subscription.origin.has(Origin::JOINED) && !named
        });
        if joined.count() + request.groups.len() > self.config.max_groups {
            return Err(ConnectErrorKind::TooManyGroups);
        }
        let mut subscriptions = Vec::with_capacity(state.subscriptions.len());
        for mut subscription in state.subscriptions.take_all() {
            if subscription.is_open() {
                log.index.unsubscribe(subscription.topic, &cell, subscription.seat);
            }
            // The groups of a request are that request's, those of the user are known for the user, and what was left is
            // not come back to.
            let others = Origin::REQUEST.with(Origin::USER);
            match subscription.origin.without(others).filter(|_| subscription.is_open()) {
                Some(origin) => {
                    subscription.origin = origin;
                    subscription.snapshot = 0;
                    subscriptions.push(subscription);
                }
                None => log.index.release(subscription.topic),
            }
        }
        let mut snapshots = std::mem::take(&mut state.snapshots);
        let mut places = Vec::new();
        if let Some(session) = &mut state.session {
            places = std::mem::take(&mut session.joined);
            snapshots.append(std::mem::take(&mut session.unproven));
            if let Some(parked) = session.parked.take() {
                self.sessions.lock().parked.remove(&parked.place);
            }
        }
        state.gone = true;
        state.closing = Some(Box::new(superseded()));
        let waker = self.quiet(&mut state);
        Ok(Some(Inherited { id: Arc::clone(&cell.id), subscriptions, snapshots, joined: places, waker }))
    }

    /// Whether a session is a stream of another node's, and may be taken from it. One whose node is gone is no stream.
    pub(crate) fn may_claim(&self, request: &ConnectRequest) -> Result<bool, ConnectErrorKind> {
        let key = key(request.user.as_ref(), request.session.as_ref());
        let Some((nodes, key)) = self.nodes.as_ref().zip(key) else { return Ok(false) };
        let directory = nodes.directory.lock();
        let Some(joined) = directory.joined(&key) else { return Ok(false) };
        let is_stream = directory.has(&key);
        let unnamed = joined.iter().filter(|joined| request.groups.binary_search(&joined.group).is_err());
        if unnamed.count() + request.groups.len() > self.config.max_groups {
            return Err(ConnectErrorKind::TooManyGroups);
        }
        Ok(is_stream)
    }

    /// Takes a session from another node.
    pub(crate) fn claim(&self, request: &ConnectRequest) -> Option<Claimed> {
        let key = key(request.user.as_ref(), request.session.as_ref())?;
        self.nodes.as_ref()?.directory.lock().claim(&key)
    }

    /// Tells other nodes that somebody has come back to a session here. Also where this node had it: of two who come back
    /// on two nodes the last one to say so has it, and that is who came last.
    pub(crate) fn say_claim(&self, cell: &Cell, state: &mut CellState) {
        let (Some(nodes), Some(session)) = (&self.nodes, &mut state.session) else { return };
        session.claim = 1 + nodes.claims.fetch_add(1, Ordering::Relaxed);
        nodes.outbox.say(Say::Claim {
            user: cell.user.as_deref().map(str::to_owned),
            session: session.name.to_string(),
            connection: cell.id.to_string(),
            number: session.claim,
        });
    }

    /// The log may have lost what this node has said of its sessions.
    pub(crate) fn say_claims_again(&self) {
        let _log = self.log.read();
        for cell in self.cells() {
            let mut state = cell.inner.lock();
            if state.standing() == Standing::Claimed {
                self.say_claim(&cell, &mut state);
            }
        }
    }

    /// What this node has said of a session has come back: all others have heard it, or will before anything that comes later.
    /// Of several that came back here, that is true of the one who said it.
    pub(crate) fn has_heard_itself(&self, key: &SessionKey, connection: &str, claim: u64, at: Position) {
        // Who says it has the log locked until its connection is there.
        let _log = self.log.read();
        if let Some(cell) = self.session_cell(key, connection)
            && let Some(session) = &mut cell.inner.lock().session
            && session.claim == claim
        {
            session.heard.get_or_insert(at);
        }
    }

    /// Another node has a session that this one has, too: it has claimed the connection, or has opened one before it
    /// heard of this one's. The transport here, if there is one still, is superseded; unless this node says so later.
    /// `then` is done with the connection as it was, before anybody can come back.
    pub(crate) fn hand_over(&self, key: &SessionKey, to: &str, then: impl FnOnce(Option<Here>)) {
        let mut left = {
            let mut log = self.log.write();
            let cell = self.sessions.lock().cells.get(key).cloned();
            let mut state = cell.as_ref().map(|cell| (cell, cell.inner.lock()));
            let is_heard = |state: &CellState| !state.gone && state.heard().is_some();
            let Some((cell, state)) = state.as_mut().filter(|(_, state)| is_heard(state)) else {
                return then(None);
            };
            let here = here(&log, cell, state);
            state.closing = Some(Box::new(superseded()));
            if *cell.id == *to {
                let left = self.take_out(&mut log, cell, state);
                // Somebody may hear only now that it was here.
                self.note(&cell.id, Note::Gone { resumable: false });
                then(Some(here));
                left
            } else {
                // It is another connection, and this one is over.
                then(None);
                self.remove(&mut log, cell, state)
            }
        };
        left.waker.take().into_iter().for_each(Waker::wake);
    }

    /// Where in the log it was said that a session is this node's; none if it is not, or that has not come back.
    pub(crate) fn heard(&self, key: &SessionKey) -> Option<Position> {
        let cell = self.sessions.lock().cells.get(key).cloned()?;
        cell.inner.lock().heard()
    }

    fn session_cell(&self, key: &SessionKey, connection: &str) -> Option<Arc<Cell>> {
        self.sessions.lock().cells.get(key).filter(|cell| *cell.id == *connection).cloned()
    }

    /// Whether a connection whose transport is gone waits for another.
    pub(crate) fn may_park(&self, state: &CellState) -> bool {
        state.may_come_back() && !self.is_closing()
    }

    /// Parks a connection until its window ends. Returns what it would have read on with, and whom it drives out.
    pub(crate) fn park(&self, cell: &Arc<Cell>, state: &mut CellState) -> (Option<Waker>, Option<Arc<Cell>>) {
        let waker = self.quiet(state);
        let until_ms = self.clock.now_ms() + millis(self.config.resume_window);
        let until_ms = state.session.as_ref().map_or(until_ms, |session| until_ms.min(session.expires_ms));
        state.timer = Some(self.timer.set(until_ms, Task::Connection(Arc::clone(cell))));
        let mut sessions = self.sessions.lock();
        sessions.last += 1;
        let place = sessions.last;
        if let Some(session) = &mut state.session {
            session.parked = Some(Parked { place, until_ms });
        }
        sessions.parked.insert(place, Arc::clone(cell));
        let is_crowded = sessions.parked.len() > self.config.max_parked;
        drop(sessions);
        (waker, is_crowded.then(|| self.oldest_parked()).flatten())
    }

    /// The session of a connection that is taken out of everything is over.
    pub(crate) fn end_session(&self, cell: &Arc<Cell>, state: &mut CellState) {
        let Some(session) = state.session.take() else { return };
        let mut sessions = self.sessions.lock();
        if let Some(parked) = session.parked {
            sessions.parked.remove(&parked.place);
        }
        if let Some(key) = key(cell.user.as_ref(), Some(&session.name)) {
            sessions.forget(&key, cell);
        }
    }

    /// Ends a parked connection: nobody came back to it in time, or it makes room.
    pub(crate) fn end_parked(&self, cell: &Arc<Cell>) {
        // Dropped when nothing is locked.
        let _left: Left<'_>;
        let mut log = self.log.write();
        let mut state = cell.inner.lock();
        if !state.gone && state.is_parked() {
            _left = self.remove(&mut log, cell, &mut state);
        }
    }

    /// The connection that was parked first.
    pub(crate) fn oldest_parked(&self) -> Option<Arc<Cell>> {
        self.sessions.lock().parked.first_key_value().map(|(_, oldest)| Arc::clone(oldest))
    }
}

/// The connection of a user that was parked first.
pub(crate) fn oldest_parked_of(log: &Log, user: &Arc<str>) -> Option<Arc<Cell>> {
    let record = log.index.find(&Topic::User(Arc::clone(user)))?;
    let parked = record.members.iter().filter_map(|cell| {
        let parked = cell.inner.lock().parked()?;
        Some((parked.place, cell))
    });
    parked.min_by_key(|(place, _)| *place).map(|(_, cell)| Arc::clone(cell))
}

/// How a transport ends whose session another one has taken over.
fn superseded() -> Closing {
    Closing { at: 0, reason: DisconnectReason::Ended("superseded".into()), retry: None, now: false }
}

fn key(user: Option<&Arc<str>>, name: Option<&Arc<str>>) -> Option<SessionKey> {
    name.map(|name| (user.cloned(), Arc::clone(name)))
}
