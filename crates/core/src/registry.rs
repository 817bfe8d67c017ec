//! Who is connected, and in which groups. The registry *is* the set of topics: a user is online if and only if its
//! topic has subscribers.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::cell::{Cell, CellState, Closing, JoinSnapshot, OPEN, Origin, Subscription};
use crate::connect::{ConnectError, ConnectErrorKind, ConnectRequest};
use crate::connection::{Connection, Stream};
use crate::entry::Offset;
use crate::hooks::{Call, DisconnectReason};
use crate::index::TopicKey;
use crate::inner::Inner;
use crate::log::Log;
use crate::resume::Resume;
use crate::session::oldest_parked_of;
use crate::sync::Ordering;
use crate::timer::Task;
use crate::topic::{Audience, MAX_NAME, Topic};

/// How many memberships of users in groups a hub holds, for users who are online and for those who are not.
pub const MAX_USER_GROUPS: usize = 1_000_000;

/// One connection, as the application sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// The id the hub gave it: 128 random bits, in letters and digits.
    #[serde(rename = "connection")]
    pub id: String,
    /// The user the application vouched for.
    pub user: Option<String>,
    /// The groups it is in, itself or through its user, by name.
    pub groups: Vec<String>,
}

/// The groups that users are in, whoever of them is connected, and since when.
#[derive(Debug, Default)]
pub(crate) struct UserGroups {
    groups: HashMap<Arc<str>, BTreeMap<Arc<str>, Offset>>,
    memberships: usize,
}

impl Inner {
    /// Opens a stream.
    pub(crate) fn connect(self: &Arc<Self>, mut request: ConnectRequest) -> Result<Connection, ConnectError> {
        let refuse = |kind| ConnectError::new(kind, self.config.retry_after);
        request.check(self.config.max_groups).map_err(refuse)?;
        self.check_session(&mut request).map_err(refuse)?;
        if self.is_closing() {
            return Err(refuse(ConnectErrorKind::ShuttingDown));
        }
        if request.head_only {
            return Ok(Connection::inert());
        }
        if self.hooks.as_ref().is_some_and(|hooks| hooks.is_overloaded()) {
            return Err(refuse(ConnectErrorKind::Overloaded));
        }
        self.admit(&request)?;
        let now_ms = self.clock.now_ms();
        let lifetime = self.lifetime(&request).map_err(refuse)?;
        let mut place = Place::take(self);
        let mut cell = Arc::new(Cell::new(connection_id(), request.user.clone(), self.shards.current()));
        // Dropped when nothing is locked.
        let (mut driven_out, mut superseded) = (None, None);
        let resume = {
            let mut log = self.log.write();
            if self.is_closing() {
                return Err(refuse(ConnectErrorKind::ShuttingDown));
            }
            // A revocation that is not seen yet will see the connection.
            if self.is_revoked(&request) {
                return Err(refuse(ConnectErrorKind::Expired));
            }
            let inherited = self.take_over(&mut log, &request).map_err(refuse)?;
            match &inherited {
                Some(inherited) => {
                    cell = Arc::new(Cell::new(Arc::clone(&inherited.id), request.user.clone(), self.shards.current()));
                }
                None => driven_out = self.make_room(&mut log, &request, &mut place).map_err(refuse)?,
            }
            let mut state = cell.inner.lock();
            let is_known = inherited.is_some();
            if let Some(inherited) = inherited {
                superseded = inherited.give_to(&mut log, &cell, &mut state);
            }
            self.enter(&mut log, &cell, &mut state, &request, is_known);
            self.begin_session(&cell, &mut state, &request, now_ms);
            self.start_clocks(&cell, &mut state, now_ms, lifetime);
            // The place of whom it follows is its own now.
            if let Some(place) = place.filter(|_| !is_known) {
                place.keep();
            }
            if log.has_begun() {
                state.begin_turn(&self.pace, now_ms);
                let resume = Resume::new(self, &log, &cell, &mut state, &request, log.head());
                state.snapshots.prove(resume.cursor.offset);
                resume
            } else {
                Resume::later(&log, request)
            }
        };
        drop(driven_out);
        superseded.into_iter().for_each(Waker::wake);
        Ok(Connection::open(Stream::new(Arc::clone(self), cell, resume)))
    }

    /// Sees to it that there may be one connection more, of this user too: one without a transport gives way, if it has to.
    fn make_room<'h>(
        &'h self,
        log: &mut Log,
        request: &ConnectRequest,
        place: &mut Option<Place<'h>>,
    ) -> Result<Option<Left<'h>>, ConnectErrorKind> {
        if place.is_none() && self.oldest_parked().is_none() {
            return Err(ConnectErrorKind::Full);
        }
        let user = request.user.as_ref().filter(|user| {
            let record = log.index.find(&Topic::User(Arc::clone(user)));
            record.map_or(0, |record| record.subscribers()) >= self.config.max_connections_per_user
        });
        let gives_way = match user {
            Some(user) => Some(oldest_parked_of(log, user).ok_or(ConnectErrorKind::TooManyConnections)?),
            None if place.is_none() => self.oldest_parked(),
            None => None,
        };
        let mut left = gives_way.map(|cell| self.remove(log, &cell, &mut cell.inner.lock()));
        if place.is_none() {
            *place = left.as_mut().and_then(|left| left.place.take());
        }
        Ok(left)
    }

    /// Puts a connection into all its topics, and tells the hooks of one that they do not know.
    fn enter(&self, log: &mut Log, cell: &Arc<Cell>, state: &mut CellState, request: &ConnectRequest, is_known: bool) {
        subscribe(log, cell, state, &Topic::All, 0, Origin::NATURE);
        for group in &request.groups {
            subscribe(log, cell, state, &Topic::Group(Arc::clone(group)), 0, Origin::REQUEST);
        }
        let by_itself = state.subscriptions.iter().filter(|subscription| subscription.origin.has(Origin::ITSELF));
        state.joined = by_itself.count() as u32;
        let mut came_online = None;
        if let Some(user) = &cell.user {
            let topic = Topic::User(Arc::clone(user));
            subscribe(log, cell, state, &topic, 0, Origin::NATURE);
            came_online = log.index.find(&topic).filter(|record| record.subscribers() == 1).map(|_| user);
            if let Some(groups) = self.user_groups.lock().groups.get(user) {
                for (group, since) in groups {
                    subscribe(log, cell, state, &Topic::Group(Arc::clone(group)), *since, Origin::USER);
                }
            }
        }
        self.connections.insert(Arc::clone(&cell.id), Arc::clone(cell));
        if let Some(hooks) = self.hooks.as_ref().filter(|_| !is_known) {
            if let Some(user) = came_online {
                hooks.call(Call::UserOnline(Arc::clone(user)));
            }
            hooks.call(Call::Connected(info(log, cell, state)));
        }
    }

    /// Puts connections into their own topics, before the first event to them is committed. Nothing was ever sent to a
    /// connection that is new, and most are never sent anything.
    pub(crate) fn address(&self, log: &mut Log, audience: &Audience) {
        for topic in &audience.topics {
            let Topic::Connection(id) = topic else { continue };
            let Some(cell) = self.cell(id) else { continue };
            let mut state = cell.inner.lock();
            let since = log.head().offset;
            subscribe(log, &cell, &mut state, topic, since, Origin::NATURE);
        }
    }

    /// How long a stream may live, and whether that is how long its identity is vouched for.
    fn lifetime(&self, request: &ConnectRequest) -> Result<Option<(Duration, bool)>, ConnectErrorKind> {
        let drawn = self.config.max_lifetime.map(|lifetime| {
            let part = rand::RngExt::random_range(&mut rand::rng(), 0.8..=1.0);
            (lifetime.mul_f64(part), false)
        });
        let left = match request.expires.map(|expires| expires.duration_since(SystemTime::now())) {
            Some(Err(_)) => return Err(ConnectErrorKind::Expired),
            Some(Ok(left)) => Some((left, true)),
            None => None,
        };
        Ok(drawn.into_iter().chain(left).min())
    }

    fn start_clocks(&self, cell: &Arc<Cell>, state: &mut CellState, now_ms: u64, lifetime: Option<(Duration, bool)>) {
        state.written_ms = now_ms;
        state.expires_ms =
            lifetime.map(|(time, _)| NonZeroU64::MIN.saturating_add(now_ms.saturating_add(crate::clock::millis(time))));
        state.identity_expires = lifetime.is_some_and(|(_, identity)| identity);
        let at_ms = (now_ms + crate::clock::millis(self.config.keep_alive)).min(state.expires_ms());
        state.timer = Some(self.timer.set(at_ms, Task::Connection(Arc::clone(cell))));
    }

    /// The transport of a connection is gone. From any thread, with or without a runtime.
    pub(crate) fn leave(&self, cell: &Arc<Cell>) {
        self.let_go(cell, |_| true);
    }

    /// Parks a connection if somebody may come back to it, else takes it out of everything; unless its stream has lost it
    /// already, or what was the reason is one no longer.
    fn let_go(&self, cell: &Arc<Cell>, still: impl FnOnce(&mut CellState) -> bool) {
        // Dropped when nothing is locked.
        let (mut _left, mut _driven_out, mut _waker) = (None, None, None);
        let mut log = self.log.write();
        let mut state = cell.inner.lock();
        if state.is_over() || !still(&mut state) {
            return;
        }
        if !self.may_park(&state) {
            _left = Some(self.remove(&mut log, cell, &mut state));
            return;
        }
        let crowded;
        (_waker, crowded) = self.park(cell, &mut state);
        drop(state);
        // There and then: the next one that is parked would find the same.
        if let Some(crowded) = crowded {
            let mut state = crowded.inner.lock();
            _driven_out = Some(self.remove(&mut log, &crowded, &mut state));
        }
    }

    /// Takes a connection that is there out of everything: the one way out.
    pub(crate) fn remove<'h>(&'h self, log: &mut Log, cell: &Arc<Cell>, state: &mut CellState) -> Left<'h> {
        let info = self.hooks.as_ref().map(|_| info(log, cell, state));
        state.gone = true;
        for subscription in state.subscriptions.take_all() {
            if subscription.is_open() {
                log.index.unsubscribe(subscription.topic, cell, subscription.seat);
            }
            log.index.release(subscription.topic);
        }
        state.snapshots.clear();
        self.connections.remove(&cell.id);
        self.end_session(cell, state);
        let waker = self.quiet(state);
        if let (Some(hooks), Some(info)) = (&self.hooks, info) {
            let reason = state.closing.as_ref().map_or(DisconnectReason::Gone, |closing| closing.reason.clone());
            hooks.call(Call::Disconnected(info, reason));
            if let Some(user) = &cell.user
                && log.index.find(&Topic::User(Arc::clone(user))).is_none_or(|record| record.subscribers() == 0)
            {
                hooks.call(Call::UserOffline(Arc::clone(user)));
            }
        }
        Left { _waker: waker, place: Some(Place(self)) }
    }

    /// The connection has no reader any more. Returns what that would have been woken by.
    pub(crate) fn quiet(&self, state: &mut CellState) -> Option<Waker> {
        if let Some(timer) = state.timer.take() {
            self.timer.unset(timer);
        }
        state.end_turn(&self.pace, self.clock.coarse_ms());
        state.keep_alive_due = false;
        self.delivered.fetch_add(std::mem::take(&mut state.delivered), Ordering::Relaxed);
        state.waker.take()
    }

    /// A subscription was read to its end.
    pub(crate) fn release(&self, topics: &[TopicKey]) {
        let mut log = self.log.write();
        for topic in topics {
            log.index.release(*topic);
        }
    }

    /// Puts a connection into a group, or takes it out.
    pub(crate) fn change_group(&self, connection: &str, group: &str, change: Change) -> Result<(), GroupError> {
        let topic = group_topic(group)?;
        let waker = {
            let mut log = self.log.write();
            // With the log locked no transport can take it over.
            let cell = self.cell(connection).ok_or(GroupError(GroupErrorKind::UnknownConnection))?;
            let mut state = cell.inner.lock();
            let is_in = log.index.key(&topic).and_then(|key| state.subscriptions.open(key));
            let is_in_by_itself = is_in.is_some_and(|subscription| subscription.origin.has(Origin::ITSELF));
            match change {
                Change::Leave if is_in_by_itself => {
                    state.joined -= 1;
                    self.unsubscribe(&mut log, &cell, &mut state, &topic, Origin::ITSELF)
                }
                Change::Leave => None,
                Change::Join { snapshot } => {
                    if !is_in_by_itself {
                        if state.joined as usize >= self.config.max_groups {
                            return Err(GroupError(GroupErrorKind::TooManyGroups));
                        }
                        state.joined += 1;
                    }
                    let since = log.since();
                    subscribe(&mut log, &cell, &mut state, &topic, since, Origin::JOINED);
                    snapshot.then(|| self.queue_snapshot(&log, &mut state, &topic)).flatten()
                }
            }
        };
        waker.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Puts all connections of a user into a group, those now and those later, or takes them out.
    pub(crate) fn change_user_group(&self, user: &str, group: &str, join: bool) -> Result<(), GroupError> {
        let topic = group_topic(group)?;
        if user.len() > MAX_NAME {
            return Err(GroupError(GroupErrorKind::NameTooLong));
        }
        let mut wakers: Vec<Waker> = Vec::new();
        {
            let mut log = self.log.write();
            let since = log.since();
            let mut user_groups = self.user_groups.lock();
            let changed = if join {
                user_groups.join(user, group, since, self.config.max_groups)?
            } else {
                user_groups.leave(user, group)
            };
            drop(user_groups);
            if !changed {
                return Ok(());
            }
            let record = log.index.find(&Topic::user(user));
            let cells: Vec<Arc<Cell>> = record.into_iter().flat_map(|record| record.members.iter()).cloned().collect();
            for cell in &cells {
                let mut state = cell.inner.lock();
                if join {
                    subscribe(&mut log, cell, &mut state, &topic, since, Origin::USER);
                } else {
                    wakers.extend(self.unsubscribe(&mut log, cell, &mut state, &topic, Origin::USER));
                }
            }
        }
        wakers.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Ends what a connection gets of a topic, unless it is in it through something else too. What was committed before
    /// is still its own: the reader is woken to read it and to let go.
    fn unsubscribe(
        &self,
        log: &mut Log,
        cell: &Arc<Cell>,
        state: &mut CellState,
        topic: &Topic,
        origin: Origin,
    ) -> Option<Waker> {
        let key = log.index.key(topic)?;
        let subscription = state.subscriptions.open_mut(key)?;
        if let Some(rest) = subscription.origin.without(origin) {
            subscription.origin = rest;
            return None;
        }
        let seat = subscription.seat;
        state.subscriptions.close(key, log.head().offset);
        state.snapshots.remove(key);
        log.index.unsubscribe(key, cell, seat);
        if state.subscriptions.closed() > self.config.max_groups {
            // A reader that does not read while it is moved in and out of groups: what it loses, it is told.
            if let Some(oldest) = state.subscriptions.take_oldest_closed() {
                state.lost = true;
                log.index.release(oldest);
            }
        }
        state.take_waker(&self.pace, self.clock.coarse_ms())
    }

    /// Ends the streams of a topic and returns how many that were.
    pub(crate) fn disconnect(&self, topic: &Topic, closing: &Closing) -> usize {
        let mut closed = Vec::new();
        {
            // With the log locked no transport can take over from one that is closed here.
            let log = self.log.read();
            let cells: Vec<Arc<Cell>> = match topic {
                Topic::All => self.cells(),
                Topic::Connection(id) => self.cell(id).into_iter().collect(),
                Topic::User(_) | Topic::Group(_) => {
                    let record = log.index.find(topic);
                    record.into_iter().flat_map(|record| record.members.iter()).cloned().collect()
                }
            };
            closed.extend(cells.into_iter().filter_map(|cell| Some((self.begin_close(&cell, closing)?, cell))));
        }
        let begun = closed.iter().filter(|(close, _)| close.begun).count();
        closed.into_iter().for_each(|(close, cell)| self.go_on(close, &cell));
        begun
    }

    /// Has a stream end.
    pub(crate) fn close(&self, cell: &Arc<Cell>, closing: &Closing) {
        if let Some(close) = self.begin_close(cell, closing) {
            self.go_on(close, cell);
        }
    }

    /// Tells a connection to end; none if there is nothing to tell it.
    fn begin_close(&self, cell: &Cell, closing: &Closing) -> Option<Close> {
        let mut state = cell.inner.lock();
        // An end that one may come back from gives way to one that is final.
        let is_final = state.closing.as_ref().is_some_and(|earlier| earlier.reason.is_final());
        if state.gone || is_final && !closing.now {
            return None;
        }
        let parked = state.is_parked();
        let earlier = state.closing.take().filter(|_| is_final);
        let begun = earlier.is_none();
        let reason = earlier.map_or_else(|| closing.reason.clone(), |earlier| earlier.reason);
        state.closing = Some(Box::new(Closing { reason, ..closing.clone() }));
        let waker = state.take_waker(&self.pace, self.clock.coarse_ms());
        Some(Close { begun, parked, waker })
    }

    /// Has the reader of a connection read the state of a group, as it is now.
    fn queue_snapshot(&self, log: &Log, state: &mut CellState, topic: &Topic) -> Option<Waker> {
        let topic = log.index.key(topic)?;
        state.snapshots.push(JoinSnapshot { topic, at: log.head().offset });
        state.take_waker(&self.pace, self.clock.coarse_ms())
    }

    /// Wakes the reader to end its stream; a connection without one is over.
    fn go_on(&self, close: Close, cell: &Arc<Cell>) {
        close.waker.into_iter().for_each(Waker::wake);
        if close.parked {
            self.end_parked(cell);
        }
    }

    /// The timer's look at one connection.
    pub(crate) fn look_after(&self, cell: &Arc<Cell>, now_ms: u64) {
        let waker = {
            let mut state = cell.inner.lock();
            if state.window_is_over(now_ms) {
                drop(state);
                return self.end_parked(cell);
            }
            if state.is_over() {
                return;
            }
            if state.expires_ms() <= now_ms {
                state.expires_ms = None;
                let at = self.head.load(Ordering::SeqCst);
                let identity = std::mem::take(&mut state.identity_expires);
                let reason = if identity { DisconnectReason::Expired } else { DisconnectReason::MaxLifetime };
                state.closing.get_or_insert_with(|| Box::new(Closing { at, reason, retry: None, now: false }));
            }
            let stall_timeout = crate::clock::millis(self.config.stall_timeout);
            if state.is_stalled(now_ms, stall_timeout) {
                drop(state);
                return self.give_up(cell, now_ms, stall_timeout);
            }
            let keep_alive = crate::clock::millis(self.config.keep_alive);
            let silent_at = state.written_ms + keep_alive;
            let is_silent = silent_at <= now_ms;
            state.keep_alive_due |= is_silent;
            let next = if is_silent { now_ms + keep_alive } else { silent_at };
            let stalled_at = if state.seen_at_work { state.seen_ms + stall_timeout } else { u64::MAX };
            let next = next.min(state.expires_ms()).min(stalled_at);
            state.timer = Some(self.timer.set(next, Task::Connection(Arc::clone(cell))));
            let has_news = state.keep_alive_due || state.closing.is_some();
            has_news.then(|| state.take_waker(&self.pace, now_ms)).flatten()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Lets go of a connection whose transport takes nothing, if it still does not.
    fn give_up(&self, cell: &Arc<Cell>, now_ms: u64, timeout_ms: u64) {
        self.let_go(cell, |state| {
            let is_stalled = state.is_stalled(now_ms, timeout_ms);
            if is_stalled {
                let closing = Closing { at: 0, reason: DisconnectReason::Stalled, retry: None, now: false };
                state.closing.get_or_insert_with(|| Box::new(closing));
            } else {
                let next = state.written_ms + crate::clock::millis(self.config.keep_alive);
                state.timer = Some(self.timer.set(next.max(now_ms), Task::Connection(Arc::clone(cell))));
            }
            is_stalled
        });
    }

    pub(crate) fn info(&self, cell: &Cell) -> ConnectionInfo {
        let log = self.log.read();
        let state = cell.inner.lock();
        info(&log, cell, &state)
    }
}

/// What to do with a connection and a group.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Join { snapshot: bool },
    Leave,
}

impl UserGroups {
    /// Whether that is new.
    fn join(&mut self, user: &str, group: &str, since: Offset, max_groups: usize) -> Result<bool, GroupError> {
        let groups = self.groups.get(user);
        if groups.is_some_and(|groups| groups.contains_key(group)) {
            return Ok(false);
        }
        if groups.map_or(0, BTreeMap::len) >= max_groups || self.memberships >= MAX_USER_GROUPS {
            return Err(GroupError(GroupErrorKind::TooManyGroups));
        }
        self.memberships += 1;
        self.groups.entry(user.into()).or_default().insert(group.into(), since);
        Ok(true)
    }

    /// Whether it was in it.
    fn leave(&mut self, user: &str, group: &str) -> bool {
        let Some(groups) = self.groups.get_mut(user) else { return false };
        let was_in = groups.remove(group).is_some();
        self.memberships -= usize::from(was_in);
        if groups.is_empty() {
            self.groups.remove(user);
        }
        was_in
    }
}

/// A place among the open streams.
struct Place<'h>(&'h Inner);

impl<'h> Place<'h> {
    fn take(hub: &'h Inner) -> Option<Self> {
        let max = hub.config.max_connections;
        let taken = hub.open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |open| (open < max).then_some(open + 1));
        taken.ok().map(|_| Self(hub))
    }

    /// The stream is open: its end gives the place back.
    fn keep(self) {
        std::mem::forget(self);
    }
}

/// What is left of a connection that was taken out of everything. To be dropped when nothing is locked: a waker may own
/// what it wakes, and whoever waits for the last stream's place may run at once.
#[must_use]
pub(crate) struct Left<'h> {
    _waker: Option<Waker>,
    place: Option<Place<'h>>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.emptied.notify_waiters();
        }
    }
}

/// Adds a connection to a topic, or one more way to be in it.
fn subscribe(log: &mut Log, cell: &Arc<Cell>, state: &mut CellState, topic: &Topic, since: Offset, origin: Origin) {
    if let Some(key) = log.index.key(topic)
        && let Some(subscription) = state.subscriptions.open_mut(key)
    {
        subscription.origin = subscription.origin.with(origin);
        subscription.since = subscription.since.min(since);
        return;
    }
    let (topic, seat) = log.index.subscribe(topic, cell);
    state.subscriptions.insert(Subscription { topic, seat, since, until: OPEN, snapshot: 0, origin });
}

/// What is to be done when a connection has been told to end.
struct Close {
    /// It was not ending already.
    begun: bool,
    parked: bool,
    waker: Option<Waker>,
}

fn info(log: &Log, cell: &Cell, state: &CellState) -> ConnectionInfo {
    let open = state.subscriptions.iter().filter(|subscription| subscription.is_open());
    let topics = open.filter_map(|subscription| log.index.get(subscription.topic));
    let groups = topics.filter_map(|record| match &record.topic {
        Topic::Group(name) => Some(name.to_string()),
        _ => None,
    });
    let mut groups: Vec<String> = groups.collect();
    groups.sort_unstable();
    ConnectionInfo { id: cell.id.to_string(), user: cell.user.as_deref().map(str::to_owned), groups }
}

fn group_topic(name: &str) -> Result<Topic, GroupError> {
    if name.len() > MAX_NAME {
        return Err(GroupError(GroupErrorKind::NameTooLong));
    }
    Ok(Topic::group(name))
}

/// 128 random bits: whoever knows a connection's id may be let to act on it.
fn connection_id() -> Arc<str> {
    use rand::RngExt as _;
    use rand::distr::Alphanumeric;

    // 22 of 62 letters and digits: 131 bits.
    let id: String = rand::rng().sample_iter(Alphanumeric).take(22).map(char::from).collect();
    id.into()
}

/// Why a group was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.0.message())]
pub struct GroupError(GroupErrorKind);

impl GroupError {
    /// What was wrong, for matching.
    pub fn kind(&self) -> GroupErrorKind {
        self.0
    }
}

/// The kinds of [`GroupError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupErrorKind {
    /// No stream with this id is open.
    UnknownConnection,
    /// The connection or user is in as many groups as it may be, or the hub holds [`MAX_USER_GROUPS`] memberships.
    TooManyGroups,
    /// The name has more than [`MAX_NAME`] bytes.
    NameTooLong,
}

impl GroupErrorKind {
    fn message(self) -> &'static str {
        match self {
            Self::UnknownConnection => "no open connection has this id",
            Self::TooManyGroups => "as many groups joined as may be (HubBuilder::max_groups_per_connection); leave one",
            Self::NameTooLong => "names of users and groups have at most 512 bytes",
        }
    }
}
