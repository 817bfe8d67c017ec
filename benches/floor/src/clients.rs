//! Who is connected, and who receives what.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use crate::client::{Client, Stream};

/// A place in the table of connections, used again when its connection has ended.
pub(crate) type Slot = usize;

/// All connections, and an index of the streams by user and by group.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    slots: Vec<Option<Client>>,
    free: Vec<Slot>,
    users: HashMap<String, Vec<Slot>>,
    groups: HashMap<String, Vec<Slot>>,
}

impl Clients {
    /// Takes up a new connection.
    pub(crate) fn insert(&mut self, socket: OwnedFd) -> Slot {
        let client = Some(Client { socket, head: Vec::new(), stream: None });
        if let Some(slot) = self.free.pop()
            && let Some(place) = self.slots.get_mut(slot)
        {
            *place = client;
            return slot;
        }
        self.slots.push(client);
        self.slots.len() - 1
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&Client> {
        self.slots.get(slot)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut Client> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// From now on the connection receives events.
    pub(crate) fn open(&mut self, slot: Slot, stream: Stream) {
        let Some(client) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return };
        if let Some(user) = &stream.user {
            self.users.entry(user.clone()).or_default().push(slot);
        }
        for group in &stream.groups {
            self.groups.entry(group.clone()).or_default().push(slot);
        }
        client.head = Vec::new();
        client.stream = Some(stream);
    }

    /// Ends a connection: its socket is closed.
    pub(crate) fn remove(&mut self, slot: Slot) {
        let Some(client) = self.slots.get_mut(slot).and_then(Option::take) else { return };
        self.free.push(slot);
        let Some(stream) = client.stream else { return };
        if let Some(user) = &stream.user {
            forget(&mut self.users, user, slot);
        }
        for group in &stream.groups {
            forget(&mut self.groups, group, slot);
        }
    }

    /// Every stream.
    pub(crate) fn all(&self) -> Vec<Slot> {
        let streams = self.slots.iter().enumerate();
        streams
            .filter(|(_, client)| client.as_ref().is_some_and(|c| c.stream.is_some()))
            .map(|(slot, _)| slot)
            .collect()
    }

    pub(crate) fn user(&self, user: &str) -> Vec<Slot> {
        self.users.get(user).cloned().unwrap_or_default()
    }

    pub(crate) fn group(&self, group: &str) -> Vec<Slot> {
        self.groups.get(group).cloned().unwrap_or_default()
    }
}

fn forget(index: &mut HashMap<String, Vec<Slot>>, name: &str, slot: Slot) {
    let Some(slots) = index.get_mut(name) else { return };
    slots.retain(|&other| other != slot);
    if slots.is_empty() {
        index.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn socket() -> OwnedFd {
        UnixStream::pair().unwrap().0.into()
    }

    fn stream(user: &str, groups: &[&str]) -> Stream {
        Stream { user: Some(user.to_owned()), groups: groups.iter().map(|&group| group.to_owned()).collect() }
    }

    #[test]
    fn an_open_stream_is_found_by_user_and_group_until_it_is_removed() {
        let mut clients = Clients::default();
        let (a, b) = (clients.insert(socket()), clients.insert(socket()));
        assert_eq!(clients.all(), []);
        clients.open(a, stream("1", &["g", "h"]));
        clients.open(b, stream("2", &["g"]));
        assert_eq!((clients.all(), clients.user("2"), clients.group("g")), (vec![a, b], vec![b], vec![a, b]));
        clients.remove(a);
        assert_eq!((clients.all(), clients.user("1"), clients.group("g")), (vec![b], vec![], vec![b]));
        assert_eq!(clients.group("h"), []);
        assert_eq!(clients.insert(socket()), a, "a free place is used again");
    }
}
