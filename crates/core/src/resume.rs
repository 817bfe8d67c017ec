//! Where a stream begins: at the head, or where its client was; and what it is told first.

use std::fmt;

use bytes::Bytes;

use crate::cell::{Cell, CellState};
use crate::connect::ConnectRequest;
use crate::encode;
use crate::entry::{Mark, Offset};
use crate::id::{EventId, Position};
use crate::index::TopicKey;
use crate::inner::Inner;
use crate::log::Log;
use crate::read::{Cursor, Reader};

/// How far ahead of this node's clock an id of its backplane's log may be.
const MAX_AHEAD_MS: u64 = 60_000;

/// Why a client may have missed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GapReason {
    /// Events of its audience are retained no more.
    Trimmed,
    /// The id is of another log: of another hub, or from before a restart.
    UnknownLog,
    /// The id is of an event that was not sent yet.
    Future,
    /// The id is none.
    Malformed,
    /// The hub keeps no history.
    NoHistory,
    /// A connected reader fell behind what is retained.
    Lagged,
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trimmed => "trimmed",
            Self::UnknownLog => "unknown-log",
            Self::Future => "future",
            Self::Malformed => "malformed",
            Self::NoHistory => "no-history",
            Self::Lagged => "lagged",
        })
    }
}

/// Reading the state of some topics.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotRun {
    pub(crate) topics: Vec<TopicKey>,
    pub(crate) from: Offset,
    pub(crate) until: Offset,
    /// The cursor to tell after it: a drop before that gets a whole snapshot again.
    pub(crate) then: Option<EventId>,
}

impl SnapshotRun {
    /// The state of all topics of a connection, up to the head.
    pub(crate) fn of_all(log: &Log, state: &mut CellState, then: EventId) -> Box<Self> {
        let until = log.head().offset;
        Box::new(Self { topics: state.subscriptions.begin_snapshot(until), from: 0, until, then: Some(then) })
    }
}

/// What a stream has not begun with yet.
#[derive(Debug)]
pub(crate) enum Start {
    /// There is no log to begin in yet for what the client asked for.
    Waiting(ConnectRequest),
    /// What the client is told first.
    Opening(Bytes),
}

/// How a stream begins.
#[derive(Debug)]
pub(crate) struct Resume {
    pub(crate) start: Start,
    pub(crate) cursor: Cursor,
    /// The newest id the client has been told.
    pub(crate) told: EventId,
    pub(crate) snapshot: Option<Box<SnapshotRun>>,
    pub(crate) snapshots: bool,
}

impl Resume {
    /// A stream that waits for its log.
    pub(crate) fn later(log: &Log, request: ConnectRequest) -> Self {
        Self {
            start: Start::Waiting(request),
            cursor: Cursor::default(),
            told: log.id(Position::default()),
            snapshot: None,
            snapshots: false,
        }
    }

    /// `fresh` is where a stream begins that resumes nothing.
    pub(crate) fn new(
        hub: &Inner,
        log: &Log,
        cell: &Cell,
        state: &mut CellState,
        request: &ConnectRequest,
        fresh: Mark,
    ) -> Self {
        let mut cursor = Cursor { offset: fresh.offset, live_from: fresh.offset, ..Cursor::default() };
        let mut told = log.id(fresh.position);
        let reader = Reader { log, blocks: &hub.blocks, cell, subscriptions: &state.subscriptions };
        let found = request.last_event_id.as_deref().map(|text| (text, Requested::find(hub, log, state, text)));
        let mut gap = None;
        if let Some((text, requested)) = found {
            cursor.offset = requested.offset;
            cursor.ahead = requested.ahead;
            cursor.told = log.losses();
            told = requested.id;
            gap = requested.gap.map(|reason| {
                let known = if told.log == log.name() && requested.gap != Some(GapReason::Future) {
                    told.position
                } else {
                    log.start()
                };
                (text, reason, log.id(reader.place(&cursor, known.max(log.start()))))
            });
        }
        // Before a whole snapshot is through, the client must not come back with an id that says it has seen it all.
        let snapshots = request.snapshot;
        let place = gap.as_ref().map_or(told, |(_, _, place)| *place);
        let snapshot = (snapshots && (gap.is_some() || request.last_event_id.is_none()))
            .then(|| SnapshotRun::of_all(log, state, place));
        if snapshot.is_some() {
            cursor.snapshot = log.head().offset;
        }
        let fresh_snapshot = snapshot.is_some() && gap.is_none();
        let mut opening = encode::connected(&cell.id, hub.config.retry, (!fresh_snapshot).then_some(told));
        if let Some((text, reason, place)) = gap {
            if snapshot.is_none() {
                told = place;
            }
            opening.extend_from_slice(&encode::gap(text, &reason.to_string(), told));
        }
        Self { start: Start::Opening(opening.freeze()), cursor, told, snapshot, snapshots }
    }
}

/// What a `Last-Event-ID` means to this log.
struct Requested {
    /// It as an id. A client that goes away before it is told a gap comes back with this and is told then.
    id: EventId,
    offset: Offset,
    ahead: Option<Position>,
    gap: Option<GapReason>,
}

impl Requested {
    fn find(hub: &Inner, log: &Log, state: &CellState, text: &str) -> Self {
        let oldest = if log.replays() { 0 } else { log.head().offset };
        let start = Self { id: log.id(Position::default()), offset: oldest, ahead: None, gap: None };
        let Ok(id) = text.parse::<EventId>() else {
            return Self { gap: Some(GapReason::Malformed), ..start };
        };
        let start = Self { id, ..start };
        if id.log != log.name() {
            return Self { gap: Some(GapReason::UnknownLog), ..start };
        }
        let head = log.head();
        if id.position > head.position {
            // Another node may have heard of it before this one.
            let soon_ms = hub.clock.unix_ms(hub.clock.coarse_ms()) + MAX_AHEAD_MS;
            if hub.backplane.is_some() && id.position.ms <= soon_ms {
                return Self { offset: head.offset, ahead: Some(id.position), ..start };
            }
            return Self { gap: Some(GapReason::Future), ..start };
        }
        let mut gap = (id.position < log.start()).then_some(GapReason::Trimmed);
        let mut offset = log.at_or_before(id.position);
        let in_window = offset >= log.trimmed();
        for subscription in state.subscriptions.iter() {
            let Some(record) = log.index.get(subscription.topic) else { continue };
            if record.forgotten.position <= id.position {
                offset = offset.max(record.forgotten.offset);
            } else if record.forgotten.offset > subscription.since {
                gap = Some(GapReason::Trimmed);
            }
            let newest = record.newest_durable;
            if !log.replays() && newest.position > id.position && newest.offset > subscription.since {
                gap = Some(GapReason::NoHistory);
            }
            // What lives on as state alone is in no window.
            if let Some(state) = record.state.as_deref().filter(|_| !in_window) {
                let survivors = state.range(..).map(|(_, entry)| entry);
                let seen = survivors.take_while(|entry| entry.position <= id.position);
                offset = offset.max(seen.last().map_or(0, |entry| entry.offset));
            }
        }
        if !log.replays() {
            offset = head.offset;
        }
        Self { offset, gap, ..start }
    }
}
