//! A hub as a state machine: clients come, drop, come back with their session or another, read or don't; the application
//! sends, groups, disconnects, issues tickets and revokes, in any order. After each act everybody who should be there is
//! there, and nobody else; every stream gets what is due to it, once and in order, and nothing that is not.
//!
//! No time passes here: windows, lifetimes and stalls are for tests that have a clock.

mod checks;
mod life;
mod world;

use arbitrary::{Arbitrary, Unstructured};

use crate::script::to_the_end;
use world::World;

/// How many there are of each, few enough that they meet.
const TABS: u8 = 4;
const USERS: u8 = 2;
const GROUPS: u8 = 3;
const SESSIONS: u8 = 2;
const KEYS: u8 = 2;

/// See the [crate].
pub fn hub(data: &[u8]) {
    if let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(data)) {
        World::new(script.has_limits).run(&script.acts);
    }
}

#[derive(Arbitrary, Debug)]
struct Script<'a> {
    /// Whether few connections are allowed.
    has_limits: bool,
    #[arbitrary(with = to_the_end)]
    acts: Vec<Act<'a>>,
}

/// One thing that happens.
#[derive(Arbitrary, Debug)]
enum Act<'a> {
    Open {
        tab: Tab,
        who: Who,
        session: Option<Session>,
        groups: [Option<Group>; 2],
        snapshot: bool,
        last_id: LastId<'a>,
    },
    Cut(Tab),
    Read(Tab),
    Join {
        tab: Tab,
        group: Group,
        snapshot: bool,
    },
    Leave {
        tab: Tab,
        group: Group,
    },
    JoinUser {
        user: User,
        group: Group,
    },
    LeaveUser {
        user: User,
        group: Group,
    },
    Send {
        to: [Option<Name>; 2],
        except: Option<Name>,
        kind: Kind,
    },
    Disconnect(Name),
    Issue {
        user: Option<User>,
        group: Option<Group>,
    },
    Redeem {
        ticket: u8,
    },
    Forge {
        ticket: &'a str,
    },
    Revoke(User),
}

/// Who a client is let in as.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Who {
    Nobody,
    User(User),
    /// Whoever one of the tickets was for that were redeemed.
    Redeemed(u8),
}

/// The id a client comes with.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum LastId<'a> {
    Fresh,
    /// The last that its page has seen.
    Held,
    /// That of an event, whoever it was for.
    Sent(u8),
    Odd(&'a str),
}

/// A topic, before it is known which connection is in which tab.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Name {
    All,
    User(User),
    Group(Group),
    Tab(Tab),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Kind {
    Plain,
    Ephemeral,
    Keyed(Key),
    Retract(Key),
}

/// A number below a bound, by a name of its own.
macro_rules! numbers {
    ($($name:ident < $bound:ident,)*) => {$(
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        struct $name(u8);

        impl<'a> Arbitrary<'a> for $name {
            fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
                Ok(Self(u8::arbitrary(bytes)? % $bound))
            }

            fn size_hint(depth: usize) -> (usize, Option<usize>) {
                u8::size_hint(depth)
            }
        }
    )*};
}

numbers! {
    Tab < TABS,
    User < USERS,
    Group < GROUPS,
    Session < SESSIONS,
    Key < KEYS,
}
