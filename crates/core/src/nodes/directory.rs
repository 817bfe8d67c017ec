//! Who is connected elsewhere, as this node has heard.
//!
//! Each connection of another node takes 440 to 520 bytes here, which is what queries without a round trip cost. Who is
//! connected to this node is not in here: the registry knows that.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::millis;
use crate::id::Position;
use crate::nodes::ask::ANSWER_TIMEOUT;
use crate::nodes::by_name::ByName;
use crate::nodes::early::{Early, Joining};
use crate::nodes::orphans::{Orphan, Orphans};
use crate::nodes::signal::{Gone, Here, JoinedForm, Joins, NodeId, OrphanForm, Presence, SessionForm, Standing};
use crate::registry::ConnectionInfo;
use crate::session::{Joined, SessionKey};
use crate::topic::Topic;

/// How long a node that has started waits for what the others have: they tell all once a second.
const MAX_UNTOLD: Duration = Duration::from_millis(1_500);

#[derive(Debug, Default)]
pub(crate) struct Directory {
    nodes: HashMap<NodeId, Node>,
    /// When this node heard what it has said itself: first, and last.
    heard_itself_ms: Option<(u64, u64)>,
    /// Nodes that have shut down, and when: what they have said just before may come after.
    left: HashMap<NodeId, u64>,
    /// When all nodes were asked for everything they have.
    all_asked_ms: Option<u64>,
    connections: HashMap<Arc<str>, Elsewhere>,
    users: ByName,
    groups: ByName,
    sessions: HashMap<SessionKey, Arc<str>>,
    early: Early,
    /// Sessions whose node is gone, by key, and until when they may be taken up.
    orphans: Orphans,
}

#[derive(Debug)]
struct Node {
    heard_ms: u64,
    /// When everything it has was asked for.
    asked_ms: Option<u64>,
    /// Everything it has was told.
    is_known: bool,
    /// How often it has told everything, or begun to.
    round: u64,
    /// The number of its last claim.
    claims: u64,
}

/// A connection of another node.
#[derive(Debug)]
struct Elsewhere {
    node: NodeId,
    round: u64,
    /// Where in the log its node has said that it is its own, or a place before that.
    heard: Position,
    user: Option<Arc<str>>,
    groups: Box<[Arc<str>]>,
    session: Option<Box<RemoteSession>>,
}

#[derive(Clone, Debug)]
struct RemoteSession {
    name: Arc<str>,
    joined: Vec<Joined>,
    /// Up to which place of the log that is.
    changed: Position,
}

impl RemoteSession {
    fn change(&mut self, change: &Joining) {
        let Joining { group, at, joins } = change;
        self.changed = *at;
        self.joined.retain(|joined| joined.group != *group);
        if let Some(Joins { snapshot }) = *joins {
            self.joined.push(Joined { group: Arc::clone(group), since: *at, snapshot });
        }
    }
}

/// What a session that is taken up from another node brings.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) id: Arc<str>,
    pub(crate) joined: Vec<Joined>,
    /// The hooks of the other node were told that it is gone.
    pub(crate) is_told: bool,
}

impl Directory {
    /// Hears of a node; false if it has left, or is not known and need not be alive.
    pub(crate) fn hear(&mut self, node: NodeId, is_alive: bool, now_ms: u64) -> bool {
        if self.left.contains_key(&node) || !is_alive && !self.nodes.contains_key(&node) {
            return false;
        }
        let asked_ms = self.all_asked_ms;
        let new = Node { heard_ms: now_ms, asked_ms, is_known: false, round: 0, claims: 0 };
        let node = self.nodes.entry(node).or_insert(new);
        node.heard_ms = now_ms;
        true
    }

    /// This node hears itself.
    pub(crate) fn hear_itself(&mut self, now_ms: u64) {
        let first_ms = self.heard_itself_ms.map_or(now_ms, |(first_ms, _)| first_ms);
        self.heard_itself_ms = Some((first_ms, now_ms));
    }

    /// Whether the log took what this node said lately, and brought it back. If not, the silence of others means nothing.
    pub(crate) fn has_heard_itself_since(&self, ms: u64) -> bool {
        self.heard_itself_ms.is_some_and(|(_, last_ms)| last_ms >= ms)
    }

    /// Whether this node has heard itself, and all others that are there have told what they have, or had time to.
    pub(crate) fn is_one_of_them(&self, now_ms: u64) -> bool {
        let had_time = |first_ms| now_ms >= first_ms + millis(MAX_UNTOLD);
        self.heard_itself_ms
            .is_some_and(|(first_ms, _)| had_time(first_ms) || self.nodes.values().all(|node| node.is_known))
    }

    /// All nodes are asked for everything they have, by what this one says next.
    pub(crate) fn ask_all(&mut self, now_ms: u64) {
        (self.all_asked_ms, self.heard_itself_ms) = (Some(now_ms), None);
        for node in self.nodes.values_mut() {
            (node.asked_ms, node.is_known) = (Some(now_ms), false);
        }
    }

    /// Whether a node is to be asked for everything it has: because it is new, or was asked and has not told.
    pub(crate) fn asks(&mut self, node: NodeId, now_ms: u64) -> bool {
        let Some(node) = self.nodes.get_mut(&node) else { return false };
        let asks = !node.is_known && node.asked_ms.is_none_or(|asked_ms| now_ms >= asked_ms + millis(ANSWER_TIMEOUT));
        if asks {
            node.asked_ms = Some(now_ms);
        }
        asks
    }

    pub(crate) fn hear_all(&mut self, now_ms: u64) {
        self.nodes.values_mut().for_each(|node| node.heard_ms = now_ms);
    }

    /// The nodes that were not heard of since. What has left before that is forgotten.
    pub(crate) fn silent_since(&mut self, ms: u64) -> Vec<NodeId> {
        self.left.retain(|_, left_ms| *left_ms >= ms);
        self.nodes.iter().filter(|(_, node)| node.heard_ms < ms).map(|(id, _)| *id).collect()
    }

    /// How many other nodes there are.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// How many connections they have.
    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Takes in what a node says of its connections.
    pub(crate) fn update(&mut self, node: NodeId, presence: Presence, until_ms: u64, max_orphans: usize) {
        let Presence { round, as_of: (ms, seq), here, gone, orphans: _, is_all } = presence;
        if self.left.contains_key(&node) {
            return;
        }
        self.nodes.get_mut(&node).into_iter().for_each(|node| node.round = round);
        for here in here {
            self.put(node, round, Position { ms, seq }, here);
        }
        for Gone { connection, resumable } in gone {
            if self.connections.get(&*connection).is_some_and(|elsewhere| elsewhere.node == node) {
                let orphaned = self.take(&connection).filter(|_| resumable);
                self.keep_orphan(&connection.into(), orphaned, until_ms, max_orphans, true);
            }
        }
        if is_all {
            if let Some(node) = self.nodes.get_mut(&node) {
                node.is_known = true;
            }
            self.remove_where(|elsewhere| elsewhere.node == node && elsewhere.round < round);
        }
    }

    fn put(&mut self, node: NodeId, round: u64, as_of: Position, here: Here) {
        let before = self.connections.get(&*here.connection);
        let heard = match here.standing {
            Standing::Heard { ms, seq } => Some(Position { ms, seq }),
            Standing::New | Standing::Claimed => None,
        };
        let heard = match before {
            Some(before) if before.node == node => before.heard.max(heard.unwrap_or_default()),
            // Two nodes have it, or had. Who has not heard itself yet has said so already, or says what is out of date.
            Some(before) => match heard {
                Some(heard) if (heard, node) > (before.heard, before.node) => heard,
                Some(_) | None => return,
            },
            None => heard.unwrap_or(as_of),
        };
        // What it has joined since it was looked at is known from the log.
        let joined_since = self.take(&here.connection).and_then(|before| before.session);
        let joined_since = joined_since.filter(|session| session.changed > as_of);
        let id: Arc<str> = here.connection.into();
        let user: Option<Arc<str>> = here.user.map(|user| self.users.share(user));
        let groups: Box<[Arc<str>]> = here.groups.into_iter().map(|group| self.groups.share(group)).collect();
        user.iter().for_each(|user| self.users.insert(user, &id));
        groups.iter().for_each(|group| self.groups.insert(group, &id));
        let session = here.session.map(|SessionForm { name, joined }| {
            joined_since.unwrap_or_else(|| {
                let joined = joined.into_iter().map(Joined::from).collect();
                let mut session = RemoteSession { name: name.into(), joined, changed: as_of };
                let since = self.early.take(&id).into_iter().filter(|change| change.at > as_of);
                since.for_each(|change| session.change(&change));
                Box::new(session)
            })
        });
        if let Some(session) = &session {
            let key = (user.clone(), Arc::clone(&session.name));
            self.orphans.take(&key);
            self.sessions.insert(key, Arc::clone(&id));
        }
        self.connections.insert(id, Elsewhere { node, round, heard, user, groups, session });
    }

    fn take(&mut self, id: &str) -> Option<Elsewhere> {
        let elsewhere = self.connections.remove(id)?;
        elsewhere.user.iter().for_each(|user| self.users.remove(user, id));
        elsewhere.groups.iter().for_each(|group| self.groups.remove(group, id));
        if let Some(session) = &elsewhere.session {
            let key = (elsewhere.user.clone(), Arc::clone(&session.name));
            if self.sessions.get(&key).is_some_and(|current| **current == *id) {
                self.sessions.remove(&key);
            }
        }
        Some(elsewhere)
    }

    fn remove_where(&mut self, is_gone: impl Fn(&Elsewhere) -> bool) -> Vec<(Arc<str>, Elsewhere)> {
        let gone = self.connections.iter().filter(|(_, elsewhere)| is_gone(elsewhere));
        let gone: Vec<Arc<str>> = gone.map(|(id, _)| Arc::clone(id)).collect();
        gone.into_iter().filter_map(|id| Some((Arc::clone(&id), self.take(&id)?))).collect()
    }

    /// A node has shut down.
    pub(crate) fn leave(&mut self, node: NodeId, now_ms: u64, until_ms: u64, max_orphans: usize) {
        self.left.insert(node, now_ms);
        self.drop_node(node, until_ms, max_orphans, true);
    }

    /// A node is gone: its connections with it, but not what can be come back to. Its hooks were told so, or not.
    pub(crate) fn drop_node(&mut self, node: NodeId, until_ms: u64, max_orphans: usize, is_told: bool) {
        self.nodes.remove(&node);
        for (id, elsewhere) in self.remove_where(|elsewhere| elsewhere.node == node) {
            self.keep_orphan(&id, Some(elsewhere), until_ms, max_orphans, is_told);
        }
    }

    fn keep_orphan(&mut self, id: &Arc<str>, of: Option<Elsewhere>, until_ms: u64, max_orphans: usize, is_told: bool) {
        if let Some(Elsewhere { user, session: Some(session), .. }) = of {
            let RemoteSession { name, joined, .. } = *session;
            self.orphans.keep((user, name), Orphan { id: Arc::clone(id), joined, until_ms, is_told }, max_orphans);
        }
    }

    /// The sessions of a topic are over: nobody comes back to what the application has ended.
    pub(crate) fn end_sessions(&mut self, topic: &Topic) {
        self.orphans.end(topic);
        let ids: Vec<Arc<str>> = match topic {
            Topic::All => self.sessions.values().cloned().collect(),
            Topic::User(user) => self.users.of(user).cloned().collect(),
            Topic::Group(group) => self.groups.of(group).cloned().collect(),
            Topic::Connection(id) => vec![Arc::clone(id)],
        };
        for id in ids {
            let Some(elsewhere) = self.connections.get_mut(&id) else { continue };
            let Some(session) = elsewhere.session.take() else { continue };
            self.sessions.remove(&(elsewhere.user.clone(), session.name));
        }
    }

    /// Whether no other node has started before this one.
    pub(crate) fn is_oldest(&self, node: NodeId) -> bool {
        self.nodes.keys().all(|other| node < *other)
    }

    /// The sessions that no node has, if this node is the one to tell of them: the oldest, which has heard most.
    pub(crate) fn orphans_to_tell(&self, teller: NodeId, now_ms: u64) -> Vec<OrphanForm> {
        if !self.is_oldest(teller) {
            return Vec::new();
        }
        self.orphans.to_tell(now_ms)
    }

    /// Hears of a session that no node has; this one neither, which who asks knows.
    pub(crate) fn hear_of_orphan(&mut self, form: OrphanForm, now_ms: u64, max_orphans: usize) {
        if !self.sessions.contains_key(&form.session_key()) {
            self.orphans.hear(form, now_ms, max_orphans);
        }
    }

    pub(crate) fn let_go_of_orphans(&mut self, now_ms: u64) {
        self.orphans.let_go(now_ms);
    }

    /// What a session has on another node, which this one takes it from.
    pub(crate) fn claim(&mut self, key: &SessionKey) -> Option<Claimed> {
        if let Some(Orphan { id, joined, is_told, .. }) = self.orphans.take(key) {
            return Some(Claimed { id, joined, is_told });
        }
        let id = self.sessions.get(key).cloned()?;
        let session = self.take(&id)?.session?;
        Some(Claimed { id, joined: session.joined, is_told: false })
    }

    /// Whether a session is that of a stream.
    pub(crate) fn has(&self, key: &SessionKey) -> bool {
        self.sessions.contains_key(key)
    }

    /// The groups that a session would bring.
    pub(crate) fn joined(&self, key: &SessionKey) -> Option<&[Joined]> {
        if let Some(joined) = self.orphans.joined(key) {
            return Some(joined);
        }
        let elsewhere = self.connections.get(self.sessions.get(key)?)?;
        elsewhere.session.as_ref().map(|session| &session.joined[..])
    }

    /// Whether a claim of a node was not heard before: one that was not answered is said again.
    pub(crate) fn is_new_claim(&mut self, node: NodeId, number: u64) -> bool {
        let Some(node) = self.nodes.get_mut(&node) else { return false };
        let is_new = number > node.claims;
        node.claims = node.claims.max(number);
        is_new
    }

    /// A node has taken a connection from another one, or from this one, which had it `here`: its session moves. What the
    /// former node still says of it is out of date.
    pub(crate) fn claimed_by(
        &mut self,
        node: NodeId,
        as_of: Position,
        key: &SessionKey,
        connection: &str,
        here: Option<Here>,
    ) {
        self.orphans.take(key);
        let round = self.nodes.get(&node).map_or(0, |node| node.round);
        if let Some(here) = here {
            self.put(node, round, as_of, here);
        }
        if let Some((id, elsewhere)) = self.connections.get_key_value(connection)
            && elsewhere.session.is_some()
        {
            self.sessions.insert(key.clone(), Arc::clone(id));
        }
        if let Some(elsewhere) = self.connections.get_mut(connection) {
            (elsewhere.node, elsewhere.round, elsewhere.heard) = (node, round, as_of);
        }
    }

    /// The log is another one: what was before that has no place in it.
    pub(crate) fn forget_places(&mut self) {
        self.early = Early::default();
        self.orphans.forget_places();
        self.connections.values_mut().for_each(|elsewhere| elsewhere.heard = Position::default());
        for session in self.connections.values_mut().filter_map(|elsewhere| elsewhere.session.as_mut()) {
            session.changed = Position::default();
            session.joined.iter_mut().for_each(|joined| joined.since = Position::default());
        }
    }

    /// A connection that is not here has joined a group, or left it.
    pub(crate) fn change_group(&mut self, connection: &str, change: Joining) {
        let Some(elsewhere) = self.connections.get_mut(connection) else {
            return self.early.push(connection, change);
        };
        if let Some(session) = &mut elsewhere.session {
            session.change(&change);
        }
    }

    /// Who has a connection.
    pub(crate) fn node_of(&self, connection: &str) -> Option<NodeId> {
        self.connections.get(connection).map(|elsewhere| elsewhere.node)
    }

    /// The nodes that have streams of a topic.
    pub(crate) fn nodes_with(&self, topic: &Topic) -> HashSet<NodeId> {
        let node_of = |id: &Arc<str>| self.node_of(id);
        match topic {
            Topic::All => self.nodes.keys().copied().collect(),
            Topic::User(user) => self.users.of(user).filter_map(node_of).collect(),
            Topic::Group(group) => self.groups.of(group).filter_map(node_of).collect(),
            Topic::Connection(id) => node_of(id).into_iter().collect(),
        }
    }

    pub(crate) fn connections_of(&self, user: &str) -> usize {
        self.users.count(user)
    }

    pub(crate) fn member_count(&self, group: &str) -> usize {
        self.groups.count(group)
    }

    pub(crate) fn connection(&self, id: &str) -> Option<ConnectionInfo> {
        self.connections.get_key_value(id).map(|(id, elsewhere)| info(id, elsewhere))
    }

    pub(crate) fn connections(&self) -> impl Iterator<Item = ConnectionInfo> {
        self.connections.iter().map(|(id, elsewhere)| info(id, elsewhere))
    }

    pub(crate) fn members(&self, group: &str) -> impl Iterator<Item = ConnectionInfo> {
        self.groups.of(group).filter_map(|id| self.connection(id))
    }
}

fn info(id: &Arc<str>, elsewhere: &Elsewhere) -> ConnectionInfo {
    let mut groups: Vec<String> = elsewhere.groups.iter().map(|group| group.to_string()).collect();
    groups.sort_unstable();
    ConnectionInfo { id: id.to_string(), user: elsewhere.user.as_deref().map(str::to_owned), groups }
}

impl From<JoinedForm> for Joined {
    fn from(form: JoinedForm) -> Self {
        let JoinedForm { group, ms, seq, snapshot } = form;
        Self { group: group.into(), since: Position { ms, seq }, snapshot }
    }
}

impl From<&Joined> for JoinedForm {
    fn from(joined: &Joined) -> Self {
        let Joined { group, since, snapshot } = joined;
        Self { group: group.to_string(), ms: since.ms, seq: since.seq, snapshot: *snapshot }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(connection: &str, user: &str, group: &str, session: Option<&str>) -> Here {
        let session = session.map(|name| SessionForm { name: name.into(), joined: Vec::new() });
        let (connection, user, groups) = (connection.into(), Some(user.into()), vec![group.into()]);
        Here { connection, user, groups, session, standing: Standing::New }
    }

    fn says(round: u64, here: Vec<Here>, is_all: bool) -> Presence {
        Presence { round, here, is_all, ..Presence::default() }
    }

    fn gone(connection: &str, resumable: bool) -> Presence {
        let gone = vec![Gone { connection: connection.into(), resumable }];
        Presence { round: 1, gone, ..Presence::default() }
    }

    #[test]
    fn what_comes_is_found_by_all_its_names_and_what_goes_leaves_nothing() {
        let (node, mut directory) = (NodeId::draw(), Directory::default());
        directory.hear(node, true, 1);
        directory.update(node, says(1, vec![here("c", "alice", "g", Some("s"))], false), 9, 9);
        assert_eq!((directory.connections_of("alice"), directory.member_count("g"), directory.len()), (1, 1, 1));
        assert_eq!(
            directory.members("g").collect::<Vec<_>>(),
            directory.connection("c").into_iter().collect::<Vec<_>>()
        );
        for topic in [Topic::All, Topic::user("alice"), Topic::group("g"), Topic::connection("c")] {
            assert_eq!(directory.nodes_with(&topic), HashSet::from([node]), "{topic}");
        }
        directory.update(node, gone("c", false), 9, 9);
        let Directory { connections, users, groups, sessions, orphans, .. } = &directory;
        assert!(connections.is_empty() && users.is_empty() && groups.is_empty() && sessions.is_empty());
        assert!(orphans.is_empty());
    }

    #[test]
    fn a_round_that_is_told_to_its_end_takes_what_was_not_in_it() {
        let ([one, other], mut directory) = ([NodeId::draw(), NodeId::draw()], Directory::default());
        directory.update(one, says(1, vec![here("a", "u", "g", None), here("b", "u", "g", None)], false), 9, 9);
        directory.update(other, says(1, vec![here("c", "u", "g", None)], false), 9, 9);
        directory.update(one, says(2, vec![here("b", "u", "g", None)], false), 9, 9);
        assert_eq!(directory.connections_of("u"), 3, "nothing goes before all is told");
        directory.update(one, says(2, vec![], true), 9, 9);
        assert!(directory.connection("a").is_none());
        assert_eq!(directory.connections_of("u"), 2);
    }

    #[test]
    fn sessions_outlive_their_node_for_a_window_and_others_do_not() {
        let (node, mut directory) = (NodeId::draw(), Directory::default());
        let session = |name: &str| (Some(Arc::from("alice")), Arc::from(name));
        let both = vec![here("a", "alice", "g", Some("s")), here("b", "alice", "g", None)];
        directory.update(node, says(1, both, true), 9, 9);
        directory.drop_node(node, 20, 9, false);
        assert_eq!(directory.connections_of("alice"), 0);
        directory.let_go_of_orphans(19);
        let claimed = directory.claim(&session("s")).expect("it may be come back to");
        assert_eq!((&*claimed.id, claimed.is_told), ("a", false));
        assert!(directory.claim(&session("s")).is_none(), "once");
        directory.update(node, says(1, vec![here("c", "alice", "g", Some("t"))], true), 9, 9);
        directory.update(node, gone("c", true), 20, 9);
        directory.let_go_of_orphans(20);
        assert!(directory.claim(&session("t")).is_none(), "its window is over");
        directory.update(node, says(2, vec![here("d", "alice", "g", Some("u"))], true), 9, 9);
        directory.update(node, gone("d", true), 20, 0);
        assert!(directory.claim(&session("u")).is_none(), "there is no room for it");
    }

    #[test]
    fn what_was_joined_since_a_node_has_looked_is_not_forgotten() {
        let (node, mut directory) = (NodeId::draw(), Directory::default());
        let told = |ms| Presence { as_of: (ms, 0), ..says(1, vec![here("a", "alice", "g", Some("s"))], false) };
        directory.update(node, told(1), 9, 9);
        let joins = |group: &str, ms| Joining {
            group: group.into(),
            at: Position { ms, seq: 0 },
            joins: Some(Joins { snapshot: false }),
        };
        directory.change_group("a", joins("h", 2));
        let joined = |directory: &Directory| directory.joined(&(Some("alice".into()), "s".into())).map(<[_]>::len);
        directory.update(node, told(1), 9, 9);
        assert_eq!(joined(&directory), Some(1), "it looked before");
        directory.update(node, told(2), 9, 9);
        assert_eq!(joined(&directory), Some(0), "it looked after, and knows better");
        directory.update(node, gone("a", false), 9, 9);
        directory.change_group("a", joins("h", 3));
        directory.change_group("a", joins("i", 4));
        directory.update(node, told(3), 9, 9);
        assert_eq!(joined(&directory), Some(1), "one join was heard of before the connection was");
    }

    #[test]
    fn the_oldest_node_tells_new_ones_which_sessions_nobody_has() {
        let ([node, newer], mut directory) = ([NodeId::draw(), NodeId::draw()], Directory::default());
        let (oldest, newer) = (node.min(newer), node.max(newer));
        directory.update(newer, says(1, vec![here("a", "alice", "g", Some("s"))], true), 9, 9);
        directory.drop_node(newer, 20, 9, true);
        directory.hear(newer, true, 1);
        let told = directory.orphans_to_tell(oldest, 5);
        assert_eq!((told.len(), told[0].left_ms), (1, 15));
        directory.hear(oldest, true, 1);
        assert!(directory.orphans_to_tell(newer, 5).is_empty());
        let mut late = Directory::default();
        told.iter().for_each(|orphan| late.hear_of_orphan(orphan.clone(), 100, 1));
        late.let_go_of_orphans(114);
        let claimed = late.claim(&(Some("alice".into()), "s".into())).expect("it may be come back to");
        assert_eq!((&*claimed.id, claimed.is_told), ("a", true));
        told.iter().for_each(|orphan| late.hear_of_orphan(orphan.clone(), 100, 0));
        assert!(late.orphans.is_empty(), "there is no room for it");
    }

    #[test]
    fn a_connection_that_has_moved_is_not_its_former_nodes_to_take_away() {
        let ([one, other], mut directory) = ([NodeId::draw(), NodeId::draw()], Directory::default());
        directory.update(one, says(1, vec![here("a", "alice", "g", Some("s"))], true), 9, 9);
        directory.claimed_by(other, Position::default(), &(Some("alice".into()), "s".into()), "a", None);
        directory.update(one, says(1, vec![here("a", "alice", "g", Some("s"))], true), 9, 9);
        directory.update(one, gone("a", false), 9, 9);
        assert_eq!(directory.node_of("a"), Some(other));
        directory.drop_node(one, 9, 9, false);
        assert_eq!(directory.connections_of("alice"), 1);
    }
}
