//! What has to hold: after each act, of whatever a stream has brought, and where a stream was refused.

use std::collections::BTreeSet;

use ssehub::ConnectErrorKind;
use ssehub_conformance::sse::Block;

use super::life::{Life, Stream};
use super::world::{MAX_CONNECTIONS, MAX_CONNECTIONS_PER_USER, World};
use super::{GROUPS, Group, USERS, User};

impl World {
    pub(super) fn check(&mut self) {
        let mut there: Vec<_> = self.hub.connections().into_iter().map(|it| (it.id, it.user, it.groups)).collect();
        there.sort_unstable();
        let expected: Vec<_> = self.lives.iter().map(|(connection, life)| self.info(connection, life)).collect();
        assert_eq!(there, expected);
        let stats = self.hub.stats();
        let parked = self.lives.values().filter(|life| life.parked).count();
        assert_eq!((stats.connections, stats.parked), (self.lives.len(), parked));
        assert_eq!((stats.published, stats.tickets), (self.sent.len() as u64, self.tickets.len()));
        let (mut users, mut groups) = (0, 0);
        for user in (0..USERS).map(User) {
            let count = self.lives.values().filter(|life| life.user == Some(user)).count();
            assert_eq!((self.hub.connections_of(&user.id()), self.hub.is_online(&user.id())), (count, count > 0));
            users += usize::from(count > 0);
        }
        for group in (0..GROUPS).map(Group) {
            let is_in =
                |(connection, life): &(&String, &Life)| self.topics_of(connection, life).contains(&group.topic());
            let count = self.lives.iter().filter(is_in).count();
            assert_eq!(self.hub.member_count(&group.name()), count, "{group:?}");
            groups += usize::from(count > 0);
        }
        assert_eq!((stats.users, stats.groups), (users, groups));
        let ever: Vec<_> = self.lives.iter().map(|(connection, life)| self.topics_of(connection, life)).collect();
        for (life, topics) in self.lives.values_mut().zip(ever) {
            life.ever.extend(topics);
        }
    }

    fn info(&self, connection: &str, life: &Life) -> (String, Option<String>, Vec<String>) {
        let user_groups = self.groups_of(life.user);
        let groups: BTreeSet<String> =
            life.asked.iter().chain(&life.joined).chain(&user_groups).map(|group| group.name()).collect();
        (connection.to_owned(), life.user.map(User::id), groups.into_iter().collect())
    }

    /// Connections without a transport give way to others where there is a limit; nobody else is gone.
    pub(super) fn reconcile(&mut self, opened: Option<&str>) {
        let gone: Vec<String> =
            self.lives.keys().filter(|connection| self.hub.connection(connection).is_none()).cloned().collect();
        for connection in gone {
            let life = &self.lives[&connection];
            assert!(
                self.has_limits && life.parked && opened != Some(&*connection),
                "{connection} is gone for no reason: {life:?}"
            );
            self.bury(&connection);
        }
    }

    /// A refusal for a limit is right where those with a transport alone reach it.
    pub(super) fn check_refusal(&self, kind: ConnectErrorKind, user: Option<User>) {
        let open = || self.lives.values().filter(|life| !life.parked);
        let is_right = match kind {
            ConnectErrorKind::Full => open().count() >= MAX_CONNECTIONS,
            ConnectErrorKind::TooManyConnections => {
                user.is_some() && open().filter(|life| life.user == user).count() >= MAX_CONNECTIONS_PER_USER
            }
            _ => false,
        };
        assert!(self.has_limits && is_right, "refused as {kind:?} with {:?}", self.lives);
    }

    /// Looks at what a stream has brought, and returns the numbers of its events.
    pub(super) fn check_blocks(&self, stream: &mut Stream, blocks: &[Block]) -> BTreeSet<usize> {
        let life = self.lives.get(&stream.connection).filter(|_| !stream.superseded);
        let mut received = BTreeSet::new();
        for block in blocks.iter().filter(|block| block.is_event()) {
            match block.name() {
                "hub:connected" => {
                    let data = serde_json::json!({ "connection": stream.connection });
                    assert_eq!(serde_json::from_str::<serde_json::Value>(block.text()).ok(), Some(data));
                }
                "hub:gap" => assert!(stream.expects_gap, "nothing was forgotten: {block:?}"),
                "hub:closing" => assert!(life.is_none_or(|life| life.ending), "nobody has ended it: {block:?}"),
                _ => {
                    let number: usize = block.text().parse().expect("an event is its number");
                    let life = life.expect("a stream that another has followed brings no events");
                    self.check_event(stream, life, block, number);
                    received.insert(number);
                }
            }
        }
        received
    }

    fn check_event(&self, stream: &mut Stream, life: &Life, block: &Block, number: usize) {
        let sent = &self.sent[number];
        assert!(!sent.to.is_disjoint(&life.ever), "{number} is for {:?}, and never was for {life:?}", sent.to);
        let Some(id) = &block.id else {
            return assert!(sent.is_keyed, "{number} is no state, and comes without its id");
        };
        assert_eq!(*id, sent.id.to_string());
        assert!(stream.newest.is_none_or(|newest| newest < number), "{number} comes after {:?}", stream.newest);
        stream.newest = Some(number);
        assert!(!stream.banned.contains(&number), "{number} is not for this stream");
    }
}
