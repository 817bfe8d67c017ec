//! What may happen to a small hub, drawn at random.

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use std::collections::BTreeSet;

pub(crate) const USERS: u8 = 3;
pub(crate) const GROUPS: u8 = 3;
pub(crate) const SLOTS: usize = 4;
const KEYS: u8 = 3;

/// A hub and what happens to it.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) retention: Retention,
    pub(crate) max_keys: usize,
    pub(crate) acts: Vec<Act>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Retention {
    Everything,
    Events(usize),
    Bytes(usize),
    Nothing,
}

/// One thing that happens. A slot is a browser tab: it has one stream at a time, and keeps its last event id.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Send { topics: Vec<Name>, except: Vec<Name>, kind: Kind, large: bool },
    Open { slot: usize, user: Option<u8>, groups: BTreeSet<u8>, snapshot: bool, from: From },
    Cut { slot: usize },
    Read { slot: usize },
    ReadAll { slot: usize },
    Join { slot: usize, group: u8, snapshot: bool },
    Leave { slot: usize, group: u8 },
    JoinUser { user: u8, group: u8 },
    LeaveUser { user: u8, group: u8 },
    Disconnect { name: Name },
}

/// A topic, before it is known which connection is in which slot.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name {
    All,
    User(u8),
    Group(u8),
    Slot(usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Plain,
    Keyed(u8),
    Retract(u8),
    Ephemeral,
}

/// The id a stream is opened with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum From {
    Fresh,
    /// What the slot's last stream was told.
    Held,
    /// What another slot's was.
    HeldBy(usize),
    /// The id of an event that was sent, whoever it was for.
    Sent(u16),
    /// An id that no event has, behind one that was sent.
    Behind(u16),
    BeforeTheFirst,
    BeforeTheLog,
    Future,
    AnotherLog,
    Garbage,
}

pub(crate) fn programs() -> impl Strategy<Value = Program> {
    let retention = prop_oneof![
        2 => Just(Retention::Everything),
        6 => (1..8usize).prop_map(Retention::Events),
        2 => (300..4000usize).prop_map(Retention::Bytes),
        1 => Just(Retention::Nothing),
    ];
    let max_keys = prop_oneof![3 => Just(10_000usize), 1 => 1..=2usize];
    let acts = prop_oneof![2 => vec(acts(names()), 1..80), 1 => crowd()];
    (retention, max_keys, acts).prop_map(|(retention, max_keys, acts)| Program { retention, max_keys, acts })
}

/// Nearly everything is for everybody: what many read at the same place is shared.
fn crowd() -> impl Strategy<Value = Vec<Act>> {
    let names = prop_oneof![30 => Just(Name::All), 1 => names()];
    vec(acts(names), 1..80).prop_map(|acts| {
        let open = |slot| Act::Open { slot, user: None, groups: BTreeSet::new(), snapshot: false, from: From::Fresh };
        (0..SLOTS).map(open).chain(acts).collect()
    })
}

fn acts(names: impl Strategy<Value = Name> + Clone + 'static) -> impl Strategy<Value = Act> {
    let slot = || 0..SLOTS;
    let except = prop_oneof![5 => vec(names.clone(), 0), 1 => vec(self::names(), 1..=2)];
    let topics = prop_oneof![6 => vec(names.clone(), 1), 3 => vec(names, 2..=3), 1 => vec(self::names(), 0)];
    let send = (topics, except, kinds(), prop::bool::weighted(0.15));
    let user = prop::option::weighted(0.7, 0..USERS);
    let open = (slot(), user, btree_set(0..GROUPS, 0..3), prop::bool::weighted(0.35), froms());
    prop_oneof![
        14 => send.prop_map(|(topics, except, kind, large)| Act::Send { topics, except, kind, large }),
        6 => open.prop_map(|(slot, user, groups, snapshot, from)| Act::Open { slot, user, groups, snapshot, from }),
        1 => slot().prop_map(|slot| Act::Cut { slot }),
        5 => slot().prop_map(|slot| Act::Read { slot }),
        4 => slot().prop_map(|slot| Act::ReadAll { slot }),
        3 => (slot(), 0..GROUPS, any::<bool>()).prop_map(|(slot, group, snapshot)| Act::Join { slot, group, snapshot }),
        2 => (slot(), 0..GROUPS).prop_map(|(slot, group)| Act::Leave { slot, group }),
        1 => (0..USERS, 0..GROUPS).prop_map(|(user, group)| Act::JoinUser { user, group }),
        1 => (0..USERS, 0..GROUPS).prop_map(|(user, group)| Act::LeaveUser { user, group }),
        1 => self::names().prop_map(|name| Act::Disconnect { name }),
    ]
}

fn names() -> impl Strategy<Value = Name> + Clone {
    prop_oneof![
        2 => Just(Name::All),
        3 => (0..USERS).prop_map(Name::User),
        4 => (0..GROUPS).prop_map(Name::Group),
        2 => (0..SLOTS).prop_map(Name::Slot),
    ]
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        4 => Just(Kind::Plain),
        5 => (0..KEYS).prop_map(Kind::Keyed),
        1 => (0..KEYS).prop_map(Kind::Retract),
        1 => Just(Kind::Ephemeral),
    ]
}

fn froms() -> impl Strategy<Value = From> {
    prop_oneof![
        8 => Just(From::Fresh),
        10 => Just(From::Held),
        2 => (0..SLOTS).prop_map(From::HeldBy),
        6 => any::<u16>().prop_map(From::Sent),
        1 => any::<u16>().prop_map(From::Behind),
        2 => Just(From::BeforeTheFirst),
        1 => Just(From::BeforeTheLog),
        1 => Just(From::Future),
        1 => Just(From::AnotherLog),
        1 => Just(From::Garbage),
    ]
}
