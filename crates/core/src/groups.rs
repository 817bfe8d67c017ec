//! Groups: joined by one connection, or by a user with all of hers, those now and those later.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::task::Waker;

use crate::backplane::Record;
use crate::cell::{Cell, CellState, JoinSnapshot, Origin};
use crate::entry::Offset;
use crate::id::Position;
use crate::inner::Inner;
use crate::log::Log;
use crate::nodes::announce::Note;
use crate::nodes::ask::ANSWER_TIMEOUT;
use crate::nodes::signal::{Answer, GroupChange, Joins};
use crate::record::UserGroup;
use crate::registry::subscribe;
use crate::topic::{MAX_NAME, Topic};

/// How many memberships of users in groups a hub holds, for users who are online and for those who are not.
pub const MAX_USER_GROUPS: usize = 1_000_000;

/// The groups that users are in, whoever of them is connected, and since when.
#[derive(Debug, Default)]
pub(crate) struct UserGroups {
    groups: HashMap<Arc<str>, BTreeMap<Arc<str>, Offset>>,
    memberships: usize,
}

/// What to do with a connection and a group.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Join { snapshot: bool },
    Leave,
}

impl Inner {
    /// Puts a connection into a group, or takes it out, on whichever node it is. Where there are several it is done at a place
    /// of the log: what any of them has sent before or will send after is on the right side of that.
    pub(crate) async fn change_group(&self, connection: &str, group: &str, change: Change) -> Result<(), GroupError> {
        let Some(nodes) = &self.nodes else { return self.change_group_here(connection, group, change, None) };
        let is_here = self.cell(connection).is_some();
        // A stream that waits for its log gets nothing yet that a place in that log could stand before.
        if is_here && !self.log.read().has_begun() {
            return self.change_group_here(connection, group, change, None);
        }
        let at = if is_here { Some(nodes.id) } else { nodes.directory.lock().node_of(connection) };
        group_topic(group)?;
        let joins = match change {
            Change::Join { snapshot } => Some(Joins { snapshot }),
            Change::Leave => None,
        };
        let change = GroupChange { ask: 0, at, connection: connection.into(), group: group.into(), joins };
        match self.ask_to_change_group(nodes, change).await {
            Some(Answer::Done) => Ok(()),
            Some(Answer::UnknownConnection) => Err(GroupError(GroupErrorKind::UnknownConnection)),
            Some(Answer::TooManyGroups) => Err(GroupError(GroupErrorKind::TooManyGroups)),
            Some(Answer::Ended(_)) | None => Err(UNAVAILABLE),
        }
    }

    /// Puts a connection of this node into a group, or takes it out; at a place of the log, if that is known.
    pub(crate) fn change_group_here(
        &self,
        connection: &str,
        group: &str,
        change: Change,
        at: Option<Position>,
    ) -> Result<(), GroupError> {
        let topic = group_topic(group)?;
        // Who joins before this node knows its log joins before all that is in it, for the other nodes too.
        let at = at.or_else(|| self.nodes.is_some().then(Position::default));
        let waker = {
            let mut log = self.log.write();
            // With the log locked no transport can take it over.
            let cell = self.cell(connection).ok_or(GroupError(GroupErrorKind::UnknownConnection))?;
            let mut state = cell.inner.lock();
            let is_in = log.index.key(&topic).and_then(|key| state.subscriptions.open(key));
            let is_in_by_itself = is_in.is_some_and(|subscription| subscription.origin.has(Origin::ITSELF));
            self.note(&cell.id, Note::Changed);
            match change {
                Change::Leave if is_in_by_itself => {
                    state.joined -= 1;
                    state.note_joined(group, None);
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
                    if let Some(at) = at {
                        state.note_joined(group, Some((at, snapshot)));
                    }
                    snapshot.then(|| self.queue_snapshot(&log, &mut state, &topic)).flatten()
                }
            }
        };
        waker.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Puts all connections of a user into a group, those now and those later, or takes them out: here, or on all nodes
    /// at the same place of the log.
    pub(crate) async fn change_user_group(&self, user: &str, group: &str, join: bool) -> Result<(), GroupError> {
        if group.len().max(user.len()) > MAX_NAME {
            return Err(GroupError(GroupErrorKind::NameTooLong));
        }
        let change = UserGroup { user: user.into(), group: group.into(), joined: join };
        let (has_begun, since) = {
            let log = self.log.read();
            (log.has_begun(), log.since())
        };
        // A node that does not know its log yet, or shares it, does not know what would change.
        if !self.user_groups.lock().admit(&change, self.config.max_groups)? && has_begun && self.nodes.is_none() {
            return Ok(());
        }
        let Some(backplane) = &self.backplane else {
            self.take_in_user_group(&change, since);
            return Ok(());
        };
        let id = backplane.append(Record::of_user_group(&change)).await.map_err(|_| UNAVAILABLE)?;
        let is_done = self.in_time(ANSWER_TIMEOUT, self.progress.reach(id)).await;
        if is_done == Some(true) { Ok(()) } else { Err(UNAVAILABLE) }
    }

    /// Makes these memberships those of the hub: what else this node knew of ended while it did not hear.
    pub(crate) fn take_in_user_groups(&self, groups: &[UserGroup]) {
        let ended = self.user_groups.lock().all_but(groups);
        ended.iter().chain(groups).for_each(|change| self.take_in_user_group(change, 0));
    }

    /// Puts all connections of a user into a group, or takes them out.
    pub(crate) fn take_in_user_group(&self, change: &UserGroup, since: Offset) {
        let UserGroup { user, group, joined } = change;
        let topic = Topic::Group(Arc::clone(group));
        let mut wakers: Vec<Waker> = Vec::new();
        {
            let mut log = self.log.write();
            if !self.user_groups.lock().change(change, since) {
                return;
            }
            let record = log.index.find(&Topic::User(Arc::clone(user)));
            let cells: Vec<Arc<Cell>> = record.into_iter().flat_map(|record| record.members.iter()).cloned().collect();
            for cell in &cells {
                self.note(&cell.id, Note::Changed);
                let mut state = cell.inner.lock();
                if *joined {
                    subscribe(&mut log, cell, &mut state, &topic, since, Origin::USER);
                } else {
                    wakers.extend(self.unsubscribe(&mut log, cell, &mut state, &topic, Origin::USER));
                }
            }
        }
        wakers.into_iter().for_each(Waker::wake);
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

    /// Has the reader of a connection read the state of a group, as it is now.
    fn queue_snapshot(&self, log: &Log, state: &mut CellState, topic: &Topic) -> Option<Waker> {
        let topic = log.index.key(topic)?;
        state.snapshots.push(JoinSnapshot { topic, at: log.head().offset });
        state.take_waker(&self.pace, self.clock.coarse_ms())
    }
}

impl UserGroups {
    /// The groups of a user, and since when.
    pub(crate) fn of(&self, user: &str) -> impl Iterator<Item = (&Arc<str>, &Offset)> {
        self.groups.get(user).into_iter().flatten()
    }

    /// What ends all memberships but these.
    fn all_but(&self, kept: &[UserGroup]) -> Vec<UserGroup> {
        let kept: HashSet<(&str, &str)> = kept.iter().map(|kept| (&*kept.user, &*kept.group)).collect();
        let memberships = self.groups.iter().flat_map(|(user, groups)| groups.keys().map(move |group| (user, group)));
        let ended = memberships.filter(|(user, group)| !kept.contains(&(&***user, &***group)));
        ended
            .map(|(user, group)| UserGroup { user: Arc::clone(user), group: Arc::clone(group), joined: false })
            .collect()
    }

    /// Whether a change would change anything, if there is room for it.
    fn admit(&self, change: &UserGroup, max_groups: usize) -> Result<bool, GroupError> {
        let groups = self.groups.get(&change.user);
        let is_in = groups.is_some_and(|groups| groups.contains_key(&change.group));
        let is_full = groups.map_or(0, BTreeMap::len) >= max_groups || self.memberships >= MAX_USER_GROUPS;
        if change.joined && !is_in && is_full {
            return Err(GroupError(GroupErrorKind::TooManyGroups));
        }
        Ok(change.joined != is_in)
    }

    /// Makes a change that was admitted, here or where it was asked for. Whether it changes anything.
    fn change(&mut self, change: &UserGroup, since: Offset) -> bool {
        let UserGroup { user, group, joined } = change;
        if *joined {
            let groups = self.groups.entry(Arc::clone(user)).or_default();
            if groups.contains_key(group) {
                return false;
            }
            groups.insert(Arc::clone(group), since);
            self.memberships += 1;
            return true;
        }
        let Some(groups) = self.groups.get_mut(user) else { return false };
        let was_in = groups.remove(group).is_some();
        self.memberships -= usize::from(was_in);
        if groups.is_empty() {
            self.groups.remove(user);
        }
        was_in
    }
}

fn group_topic(name: &str) -> Result<Topic, GroupError> {
    if name.len() > MAX_NAME {
        return Err(GroupError(GroupErrorKind::NameTooLong));
    }
    Ok(Topic::group(name))
}

const UNAVAILABLE: GroupError = GroupError(GroupErrorKind::Unavailable);

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
    /// The backplane is away, or no answer came in time. The change may have been made, or be made yet; making it again does no
    /// harm.
    Unavailable,
}

impl GroupErrorKind {
    fn message(self) -> &'static str {
        match self {
            Self::UnknownConnection => "no open connection has this id",
            Self::TooManyGroups => "as many groups joined as may be (HubBuilder::max_groups_per_connection); leave one",
            Self::NameTooLong => "names of users and groups have at most 512 bytes",
            Self::Unavailable => "the backplane did not answer in time; try again",
        }
    }
}
