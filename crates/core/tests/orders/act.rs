//! What may happen in a run, drawn at random.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::{ACTORS, CLIENTS, GROUPS, USERS};

/// One thing that an actor does. `own` is one of its own clients; the others may be anybody's.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// A client comes, or comes back.
    Open {
        own: usize,
        opening: Opening,
    },
    /// A client is gone while the application still asks who it is.
    Abandon {
        own: usize,
    },
    /// It takes so many writes, or all there are.
    Read {
        own: usize,
        writes: usize,
    },
    /// It goes; its stream is dropped now, or later and by whichever actor comes to it.
    Cut {
        own: usize,
        later: bool,
    },
    /// An actor drops a stream that its client has left behind, perhaps after another read.
    Bury {
        reads: bool,
    },
    Send {
        to: Name,
    },
    Join {
        client: usize,
        group: u8,
    },
    Leave {
        client: usize,
        group: u8,
    },
    JoinUser {
        user: u8,
        group: u8,
    },
    LeaveUser {
        user: u8,
        group: u8,
    },
    Disconnect {
        whom: Name,
    },
    Revoke {
        user: u8,
    },
    Issue {
        user: u8,
    },
    /// One of the newest tickets is redeemed, whoever has redeemed it before, and a stream is opened with it.
    Redeem {
        newest: usize,
    },
    /// Time goes by, where anything comes of that.
    Pause {
        time: Duration,
    },
    ShutDown,
}

/// How a client comes.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    /// With the last id it was told.
    pub(crate) resumes: bool,
    /// While the hub still believes in its old transport, if that is not gone.
    pub(crate) early: bool,
    pub(crate) groups: Vec<u8>,
    /// With a ticket that it has just been issued.
    pub(crate) by_ticket: bool,
    /// Its identity expires so soon, or has expired already, where identities do.
    pub(crate) expires: Option<Duration>,
}

/// A topic, before it is known which connection a client has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name {
    All,
    User(u8),
    Group(u8),
    Client(usize),
}

impl Act {
    pub(crate) fn draw(rng: &mut StdRng) -> Self {
        let own = rng.random_range(0..CLIENTS);
        let client = rng.random_range(0..ACTORS * CLIENTS);
        let (user, group) = (rng.random_range(0..USERS), rng.random_range(0..GROUPS));
        match rng.random_range(0..200) {
            0..35 => Self::Open { own, opening: Opening::draw(rng) },
            35..38 => Self::Abandon { own },
            38..80 => Self::Read { own, writes: if rng.random() { usize::MAX } else { rng.random_range(1..4) } },
            80..92 => Self::Cut { own, later: rng.random_ratio(1, 3) },
            92..101 => Self::Bury { reads: rng.random() },
            101..143 => Self::Send { to: Name::draw(rng) },
            143..155 => Self::Join { client, group },
            155..163 => Self::Leave { client, group },
            163..169 => Self::JoinUser { user, group },
            169..175 => Self::LeaveUser { user, group },
            175..181 => Self::Disconnect { whom: Name::draw(rng) },
            181..183 => Self::Revoke { user },
            183..188 => Self::Issue { user },
            188..194 => Self::Redeem { newest: rng.random_range(0..3) },
            194..199 => Self::Pause { time: Duration::from_millis(rng.random_range(1..=30)) },
            _ => Self::ShutDown,
        }
    }
}

impl Opening {
    fn draw(rng: &mut StdRng) -> Self {
        Self {
            resumes: rng.random_ratio(4, 5),
            early: rng.random_ratio(1, 3),
            groups: (0..GROUPS).filter(|_| rng.random_ratio(1, 3)).collect(),
            by_ticket: rng.random_ratio(1, 5),
            expires: rng
                .random_ratio(1, 3)
                .then(|| Duration::from_micros(rng.random_range(0..20_000_u64).saturating_sub(5_000))),
        }
    }

    /// As a browser comes back by itself, with all it has.
    pub(crate) fn back() -> Self {
        Self { resumes: true, early: false, groups: Vec::new(), by_ticket: false, expires: None }
    }
}

impl Name {
    fn draw(rng: &mut StdRng) -> Self {
        match rng.random_range(0..10) {
            0..2 => Self::All,
            2..4 => Self::User(rng.random_range(0..USERS)),
            4..7 => Self::Group(rng.random_range(0..GROUPS)),
            _ => Self::Client(rng.random_range(0..ACTORS * CLIENTS)),
        }
    }
}
