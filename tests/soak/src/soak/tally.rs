//! What all readers and publishers have counted, and what they have found wrong.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use hdrhistogram::Histogram;
use parking_lot::Mutex;

/// Longer ways are told as this one: a minute, in nanoseconds.
const LONGEST_WAY: u64 = 60_000_000_000;

/// So many broken promises are told in full; the others are counted.
const TOLD: usize = 20;

/// A promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// An id that is not behind the one before it.
    Order,
    /// An event that did not come. Nobody who misses one has been told: else it is none of these.
    Lost,
    /// A place in a stream where one or more were missing.
    SilentGap,
    /// An event that came again, or before the reader's time.
    Duplicate,
    /// A gap that was told though nothing could be missing.
    NeedlessGap,
    /// An event that was for somebody else.
    Privacy,
    /// A session that was not what it should be when its client came back.
    Session,
    /// A stream that was refused or cut, or a request that failed.
    Answer,
    /// A gauge of the server that differs from what its clients hold.
    Gauge,
}

impl Fault {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 9] = [
        Self::Order,
        Self::Lost,
        Self::SilentGap,
        Self::Duplicate,
        Self::NeedlessGap,
        Self::Privacy,
        Self::Session,
        Self::Answer,
        Self::Gauge,
    ];
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Order => "out of order",
            Self::Lost => "lost",
            Self::SilentGap => "silent gaps",
            Self::Duplicate => "duplicates",
            Self::NeedlessGap => "needless gaps",
            Self::Privacy => "for somebody else",
            Self::Session => "wrong sessions",
            Self::Answer => "failed requests and cut streams",
            Self::Gauge => "wrong gauges",
        })
    }
}

/// Where a reader's connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// There is none, and none that the server could still wait for.
    Nowhere,
    /// It has a stream.
    Open,
    /// It has none just now, and will be resumed.
    Away,
    /// It has none, and will not be resumed: the server knows of it until its window ends.
    Abandoned,
}

/// The counts of all readers and publishers.
#[derive(Debug)]
pub(crate) struct Tally {
    sent: AtomicU64,
    delivered: AtomicU64,
    latency: Mutex<Histogram<u64>>,
    open: AtomicUsize,
    away: AtomicUsize,
    abandoned: Mutex<VecDeque<Instant>>,
    faults: Mutex<BTreeMap<Fault, u64>>,
    told: Mutex<Vec<String>>,
    done: Mutex<BTreeMap<&'static str, u64>>,
}

impl Tally {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            sent: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            latency: Mutex::new(Histogram::new_with_max(LONGEST_WAY, 3)?),
            open: AtomicUsize::new(0),
            away: AtomicUsize::new(0),
            abandoned: Mutex::default(),
            faults: Mutex::default(),
            told: Mutex::default(),
            done: Mutex::default(),
        })
    }

    /// Counts a broken promise and tells it, unless many have been told.
    pub(crate) fn fault(&self, fault: Fault, count: u64, what: impl FnOnce() -> String) {
        *self.faults.lock().entry(fault).or_default() += count;
        let mut told = self.told.lock();
        if told.len() < TOLD {
            let what = format!("{fault}: {}", what());
            // Not only in the end, which may be far.
            eprintln!("{what}");
            told.push(what);
        }
    }

    /// Counts events that are missing in a silent gap, which tells where.
    pub(crate) fn count_lost(&self, events: u64) {
        *self.faults.lock().entry(Fault::Lost).or_default() += events;
    }

    /// The broken promises by kind; those that were kept are left out.
    pub(crate) fn faults(&self) -> BTreeMap<Fault, u64> {
        self.faults.lock().clone()
    }

    /// The first broken promises, in words.
    pub(crate) fn told(&self) -> Vec<String> {
        self.told.lock().clone()
    }

    /// Counts something that was done on purpose.
    pub(crate) fn did(&self, what: &'static str) {
        *self.done.lock().entry(what).or_default() += 1;
    }

    /// What was done on purpose, and how often.
    pub(crate) fn done(&self) -> BTreeMap<&'static str, u64> {
        self.done.lock().clone()
    }

    pub(crate) fn count_sent(&self) {
        self.sent.fetch_add(1, SeqCst);
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(SeqCst)
    }

    /// An event has come; `way` is how many nanoseconds it took, if the reader was there all the time.
    pub(crate) fn count_delivered(&self, way: Option<u64>) {
        self.delivered.fetch_add(1, SeqCst);
        if let Some(way) = way {
            self.latency.lock().saturating_record(way);
        }
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.load(SeqCst)
    }

    /// The time that 99 % of the events took since this was asked last.
    pub(crate) fn take_p99(&self) -> Duration {
        let mut latency = self.latency.lock();
        let p99 = latency.value_at_quantile(0.99);
        latency.reset();
        Duration::from_nanos(p99)
    }

    /// A reader's connection goes from one place to another.
    pub(crate) fn moves(&self, from: Presence, to: Presence) {
        match from {
            Presence::Open => drop(self.open.fetch_sub(1, SeqCst)),
            Presence::Away => drop(self.away.fetch_sub(1, SeqCst)),
            Presence::Nowhere | Presence::Abandoned => {}
        }
        match to {
            Presence::Open => drop(self.open.fetch_add(1, SeqCst)),
            Presence::Away => drop(self.away.fetch_add(1, SeqCst)),
            Presence::Abandoned => self.abandoned.lock().push_back(Instant::now()),
            Presence::Nowhere => {}
        }
    }

    /// Readers with a stream.
    pub(crate) fn open(&self) -> usize {
        self.open.load(SeqCst)
    }

    /// Connections that will be resumed and have no stream.
    pub(crate) fn away(&self) -> usize {
        self.away.load(SeqCst)
    }

    /// Connections that were abandoned within `least`, and within `most`; older ones are forgotten.
    pub(crate) fn abandoned(&self, least: Duration, most: Duration) -> (usize, usize) {
        let mut abandoned = self.abandoned.lock();
        while abandoned.front().is_some_and(|since| since.elapsed() > most) {
            abandoned.pop_front();
        }
        (abandoned.iter().filter(|since| since.elapsed() < least).count(), abandoned.len())
    }
}

/// Nanoseconds since 1970, as in the events.
pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_counted_and_the_first_are_told() {
        let tally = Tally::new().unwrap();
        for number in 0..50 {
            tally.fault(Fault::Lost, 2, || number.to_string());
        }
        assert_eq!(tally.faults(), BTreeMap::from([(Fault::Lost, 100)]));
        assert_eq!((tally.told().len(), tally.told()[0].as_str()), (TOLD, "lost: 0"));
    }

    #[test]
    fn the_connections_of_readers_are_counted_where_they_are() {
        let tally = Tally::new().unwrap();
        tally.moves(Presence::Nowhere, Presence::Open);
        tally.moves(Presence::Nowhere, Presence::Open);
        tally.moves(Presence::Open, Presence::Away);
        tally.moves(Presence::Open, Presence::Abandoned);
        assert_eq!((tally.open(), tally.away()), (0, 1));
        let hour = Duration::from_secs(3600);
        assert_eq!(tally.abandoned(hour, hour), (1, 1));
        assert_eq!(tally.abandoned(Duration::ZERO, hour), (0, 1));
        assert_eq!(tally.abandoned(Duration::ZERO, Duration::ZERO), (0, 0), "it is forgotten");
    }
}
