//! Who is there, and what is sent to whom: all of it follows from the number of streams.
//!
//! Each reader belongs to a user (two to each, as somebody with two tabs) and to a room. One in twenty follows a feed of
//! large events, which a reader that stops reading soon feels; one in ten watches prices, which have keys.

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    time::Duration,
};

use ssehub_conformance::playground::{Pair, query};

use super::track::Kind;

const ALL: usize = 0;
const ALL_BUT_FEED: usize = 1;
const BURST: usize = 2;
const FEED: usize = 3;
const PRICES: Range<usize> = 4..14;

/// How many readers share a room.
const ROOMMATES: usize = 50;

/// Events to users are sent no faster by one publisher.
const USERS_LEAST_PAUSE: Duration = Duration::from_millis(5);

/// Events that are numbered from 0 on and sent one after the other.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) kind: Kind,
    /// Where `/send` is to send them.
    pub(crate) query: String,
    begun: AtomicU64,
    sent: AtomicU64,
}

impl Sequence {
    fn new(kind: Kind, pairs: &[Pair<'_>]) -> Self {
        Self { kind, query: query(pairs), begun: AtomicU64::new(0), sent: AtomicU64::new(0) }
    }

    /// The number of the event whose sending begins now.
    pub(crate) fn begin(&self) -> u64 {
        self.begun.fetch_add(1, SeqCst)
    }

    /// The sending of the event that was begun last has been answered.
    pub(crate) fn end(&self) {
        self.sent.fetch_add(1, SeqCst);
    }

    /// How many have begun to be sent.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(SeqCst)
    }

    /// How many have been sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(SeqCst)
    }
}

/// How many events of a sequence had been sent at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) sequence: usize,
    pub(crate) kind: Kind,
    pub(crate) count: u64,
}

/// Who sends the events of some sequences, in turn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Publisher {
    pub(crate) sequences: Range<usize>,
    pub(crate) every: Duration,
    /// So many at once.
    pub(crate) batch: usize,
    /// Bytes of data.
    pub(crate) size: usize,
}

/// Everything that is sent, and who reads it.
#[derive(Debug)]
pub(crate) struct World {
    sequences: Vec<Sequence>,
    users: usize,
    rooms: usize,
}

impl World {
    pub(crate) fn new(readers: usize) -> Self {
        let (users, rooms) = (readers.div_ceil(2), readers.div_ceil(ROOMMATES).max(4));
        let mut sequences = vec![
            Sequence::new(Kind::Every, &[("to", "all")]),
            Sequence::new(Kind::Every, &[("to", "all"), ("except", "group:feed")]),
            Sequence::new(Kind::Every, &[("to", "all")]),
            Sequence::new(Kind::Every, &[("to", "group:feed")]),
        ];
        sequences.extend(
            PRICES.map(|key| Sequence::new(Kind::Newest, &[("to", "group:prices"), ("key", &format!("price {key}"))])),
        );
        sequences.extend((0..users).map(|user| Sequence::new(Kind::Every, &[("to", &format!("user:{user}"))])));
        sequences.extend(
            (0..rooms).map(|room| Sequence::new(Kind::Every, &[("to", &format!("group:{}", room_name(room)))])),
        );
        sequences.extend((0..rooms).map(|room| {
            let to = format!("group:{}", room_name(room));
            Sequence::new(Kind::Fleeting, &[("to", &to), ("ephemeral", "true")])
        }));
        Self { sequences, users, rooms }
    }

    /// The sequence of that number.
    pub(crate) fn sequence(&self, number: usize) -> Option<&Sequence> {
        self.sequences.get(number)
    }

    /// How far the sending of these sequences has come.
    pub(crate) fn sent(&self, numbers: impl IntoIterator<Item = usize>) -> Vec<Sent> {
        let sent = |number| {
            let sequence = self.sequence(number)?;
            Some(Sent { sequence: number, kind: sequence.kind, count: sequence.sent() })
        };
        numbers.into_iter().filter_map(sent).collect()
    }

    /// How many events of a sequence have begun to be sent.
    pub(crate) fn begun(&self, number: usize) -> u64 {
        self.sequence(number).map_or(0, Sequence::begun)
    }

    pub(crate) fn rooms(&self) -> usize {
        self.rooms
    }

    /// The room that a reader belongs to.
    pub(crate) fn room_of(&self, reader: usize) -> usize {
        reader % self.rooms
    }

    /// What is sent to a room.
    pub(crate) fn sequences_of_room(&self, room: usize) -> [usize; 2] {
        let first = self.first_of_rooms();
        [first + room, first + self.rooms + room]
    }

    /// What a reader gets that has joined nothing else.
    pub(crate) fn sequences_of(&self, reader: usize) -> Vec<usize> {
        let mut numbers = vec![ALL, BURST, PRICES.end + user_of(reader)];
        numbers.push(if follows_feed(reader) { FEED } else { ALL_BUT_FEED });
        numbers.extend(PRICES.filter(|_| watches_prices(reader)));
        numbers.extend(self.sequences_of_room(self.room_of(reader)));
        numbers
    }

    /// Who sends what.
    pub(crate) fn publishers(&self) -> Vec<Publisher> {
        let (first_user, first_room) = (PRICES.end, self.first_of_rooms());
        let some_users = first_user + self.users / 2;
        // Each user gets an event every ten seconds, if that is no faster than one publisher can be.
        let to_users = |users: Range<usize>| Publisher {
            every: (Duration::from_secs(10) / count(users.len())).max(USERS_LEAST_PAUSE),
            sequences: users,
            batch: 1,
            size: 150,
        };
        let publisher =
            |sequences, millis, batch, size| Publisher { sequences, every: Duration::from_millis(millis), batch, size };
        let second = |rooms: usize| (1000 / u64::from(count(rooms))).max(1);
        vec![
            publisher(ALL..ALL + 1, 1000, 1, 200),
            publisher(ALL_BUT_FEED..ALL_BUT_FEED + 1, 2000, 1, 200),
            publisher(BURST..BURST + 1, 10_000, 50, 100),
            publisher(FEED..FEED + 1, 40, 1, 4096),
            publisher(PRICES, 100, 1, 80),
            to_users(first_user..some_users),
            to_users(some_users..first_room),
            publisher(first_room..first_room + self.rooms, second(self.rooms), 1, 300),
            publisher(first_room + self.rooms..first_room + 2 * self.rooms, 2 * second(self.rooms), 1, 60),
        ]
    }

    /// How many events are sent in a second when nothing is late.
    pub(crate) fn rate(&self) -> f64 {
        self.publishers().iter().map(|publisher| publisher.batch as f64 / publisher.every.as_secs_f64()).sum()
    }

    fn first_of_rooms(&self) -> usize {
        PRICES.end + self.users
    }
}

/// For dividing a time.
fn count(things: usize) -> u32 {
    u32::try_from(things).unwrap_or(u32::MAX).max(1)
}

/// The user that a reader belongs to.
pub(crate) fn user_of(reader: usize) -> usize {
    reader / 2
}

/// The group of a room.
pub(crate) fn room_name(room: usize) -> String {
    format!("room {room}")
}

/// Whether a reader gets the feed of large events.
pub(crate) fn follows_feed(reader: usize) -> bool {
    reader % 20 == 7
}

/// Whether a reader gets prices.
pub(crate) fn watches_prices(reader: usize) -> bool {
    reader % 10 == 3
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn everything_that_is_sent_is_sent_by_one_publisher_and_read_by_somebody() {
        for readers in [20, 49, 1000] {
            let world = World::new(readers);
            let mut published: Vec<usize> =
                world.publishers().into_iter().flat_map(|publisher| publisher.sequences).collect();
            published.sort_unstable();
            assert_eq!(published, (0..world.sequences.len()).collect::<Vec<_>>(), "{readers} readers");
            let read: BTreeSet<usize> = (0..readers).flat_map(|reader| world.sequences_of(reader)).collect();
            assert_eq!(read.len(), world.sequences.len(), "{readers} readers");
        }
    }

    #[test]
    fn a_reader_gets_what_its_user_and_its_groups_get() {
        let world = World::new(100);
        let to = |reader: usize| {
            let queries = world.sequences_of(reader).into_iter().filter_map(|number| world.sequence(number));
            queries.map(|sequence| sequence.query.clone()).collect::<Vec<_>>()
        };
        assert!(to(27).contains(&"?to=user%3A13".to_owned()) && to(27).contains(&"?to=group%3Afeed".to_owned()));
        assert!(to(26).contains(&"?to=all&except=group%3Afeed".to_owned()));
        assert!(to(26).contains(&"?to=group%3Aroom+2".to_owned()), "{:?}", to(26));
    }

    #[test]
    fn a_sequence_tells_how_far_its_sending_has_come() {
        let sequence = Sequence::new(Kind::Every, &[]);
        assert_eq!((sequence.begin(), sequence.begun(), sequence.sent()), (0, 1, 0));
        sequence.end();
        assert_eq!((sequence.begin(), sequence.begun(), sequence.sent()), (1, 2, 1));
    }
}
