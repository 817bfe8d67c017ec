//! A connection: a cursor on the log, driven as a `Stream` of bytes.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::cell::{Cell, CellState, Closing};
use crate::connect::ConnectRequest;
use crate::encode;
use crate::entry::Mark;
use crate::id::EventId;
use crate::inner::Inner;
use crate::log::Log;
use crate::read::{Cursor, Read, Reader};
use crate::registry::ConnectionInfo;
use crate::resume::{GapReason, Resume, SnapshotRun, Start};
use crate::sync::Ordering;
use crate::topic::Topic;

/// An open stream: what an adapter turns into its framework's response body.
///
/// As a [`Stream`](futures::Stream) it yields what goes over the wire, each item as many whole events as there are, up to
/// about 16 KiB, never empty. It ends after `hub:closing`, when the server ends it on purpose.
///
/// It holds no queue: it reads from the hub's log where it stands, when it is polled. One that is not polled, because
/// its client takes nothing, costs what any other costs; when it is polled again it goes on where it was, and if that is
/// retained no more it yields `hub:gap` and what there still is.
///
/// Dropping it is the disconnect: it is in no topic and no count when `drop` returns. That needs no runtime and may
/// happen on any thread.
pub struct Connection {
    id: Arc<str>,
    stream: Option<Stream>,
}

impl Connection {
    pub(crate) fn open(stream: Stream) -> Self {
        Self { id: Arc::clone(&stream.cell.id), stream: Some(stream) }
    }

    /// A stream that was over before it began.
    pub(crate) fn inert() -> Self {
        Self { id: "".into(), stream: None }
    }

    /// The id the hub gave it, as `hub:connected` tells it to the client. Empty for the answer to a `HEAD` request.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the hub knows of it; none when it is over.
    pub fn info(&self) -> Option<ConnectionInfo> {
        self.stream.as_ref().and_then(|stream| stream.hub.info(&stream.cell.id))
    }

    /// Whether it is over: nothing will come any more.
    pub fn is_over(&self) -> bool {
        self.stream.is_none()
    }
}

impl futures::Stream for Connection {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        let next = std::task::ready!(stream.poll(cx));
        if next.is_none() {
            self.stream = None;
        }
        Poll::Ready(next)
    }
}

impl futures::stream::FusedStream for Connection {
    fn is_terminated(&self) -> bool {
        self.is_over()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("id", &self.id).field("over", &self.is_over()).finish()
    }
}

/// The reading end of one connection.
pub(crate) struct Stream {
    hub: Arc<Inner>,
    cell: Arc<Cell>,
    /// There until the stream has begun.
    start: Option<Box<Start>>,
    cursor: Cursor,
    /// The newest id the client has been told.
    told: EventId,
    snapshot: Option<Box<SnapshotRun>>,
    /// Whether a gap is followed by a snapshot.
    snapshots: bool,
    /// `hub:closing` has been written.
    closed: bool,
}

/// What is to be done next.
enum Step {
    Write(Bytes),
    /// Nothing to write yet, and more to look at.
    Again,
    /// Nothing to read.
    Idle,
    End,
}

impl Stream {
    pub(crate) fn new(hub: Arc<Inner>, cell: Arc<Cell>, resume: Resume) -> Self {
        let Resume { start, cursor, told, snapshot, snapshots } = resume;
        Self { hub, cell, start: Some(Box::new(start)), cursor, told, snapshot, snapshots, closed: false }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(opening) = self.opening() {
            return Poll::Ready(Some(opening));
        }
        if self.closed {
            return Poll::Ready(None);
        }
        loop {
            if self.is_at_head() && self.park(cx) {
                return Poll::Pending;
            }
            match self.step() {
                Step::Write(bytes) => return Poll::Ready(Some(bytes)),
                Step::Idle => {}
                Step::End => return Poll::Ready(None),
                Step::Again => {
                    // Much was looked at and nothing found: others first.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
    }

    /// What the client is told first, if it has not been told.
    fn opening(&mut self) -> Option<Bytes> {
        let start = self.start.take_if(|start| matches!(**start, Start::Opening(_)))?;
        if let Start::Opening(opening) = *start { Some(opening) } else { None }
    }

    fn is_at_head(&self) -> bool {
        self.snapshot.is_none() && self.cursor.offset == self.hub.head.load(Ordering::SeqCst)
    }

    /// Waits for news, unless there is some: then false. Whoever commits moves the head first and takes the waker under
    /// this lock afterwards, so either it finds the waker or this finds the head moved.
    fn park(&self, cx: &Context<'_>) -> bool {
        let replaced;
        {
            let mut state = self.cell.inner.lock();
            let has_news = if self.start.is_some() { state.has_to_write() } else { state.has_news() };
            state.seen_at_work = false;
            if has_news || !self.is_at_head() {
                return false;
            }
            if state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                replaced = None;
            } else {
                replaced = state.waker.replace(cx.waker().clone());
            }
            state.end_turn(&self.hub.pace, self.hub.clock.coarse_ms());
        }
        // A waker may own what it wakes: it is dropped when nothing is locked.
        drop(replaced);
        true
    }

    /// Does the next thing there is to do.
    fn step(&mut self) -> Step {
        let hub = Arc::clone(&self.hub);
        let cell = Arc::clone(&self.cell);
        let finished;
        let step = {
            let log = hub.log.read();
            let mut state = cell.inner.lock();
            let step = self.next_step(&hub, &cell, &log, &mut state);
            if let Step::Write(bytes) = &step {
                state.moved(&hub.pace, bytes.len());
                state.written_ms = hub.clock.coarse_ms();
                state.keep_alive_due = false;
                state.seen_at_work = false;
            }
            finished = state.subscriptions.take_finished(self.cursor.offset);
            step
        };
        if !finished.is_empty() {
            hub.release(&finished);
        }
        step
    }

    fn next_step(&mut self, hub: &Inner, cell: &Cell, log: &Log, state: &mut CellState) -> Step {
        if state.is_over() {
            // Its client may still be there, and is told why it gets nothing more here.
            return state.closing.as_ref().map_or(Step::End, |closing| Step::Write(self.close(closing)));
        }
        if state.closing.as_ref().is_some_and(|closing| closing.now) {
            return Step::End;
        }
        if let Some(step) = self.waiting_step(hub, cell, log, state) {
            return step;
        }
        if let Some(step) = self.snapshot_step(log, state) {
            return step;
        }
        let reader = Reader { log, blocks: &hub.blocks, cell, subscriptions: &state.subscriptions };
        let limit = state.closing.as_ref().map_or(log.head().offset, |closing| closing.at);
        let lost = std::mem::take(&mut state.lost);
        let read = if lost { Read::Gap } else { reader.read(&mut self.cursor, limit) };
        match read {
            Read::Batch { bytes, events, last } => {
                self.told = log.id(last.position);
                state.delivered += events;
                return Step::Write(bytes);
            }
            Read::Gap => {
                // The newest place in this log that the client has been told.
                let (reason, known) = if self.cursor.offset < log.reset_at() {
                    (GapReason::UnknownLog, log.start())
                } else {
                    (GapReason::Lagged, self.told.position)
                };
                let place = reader.place(&self.cursor, known);
                if reason == GapReason::Lagged {
                    // What a backplane's log has kept of before is taken in anew; the client may have got it.
                    self.cursor.ahead = self.cursor.ahead.max(Some(self.told.position));
                }
                return Step::Write(self.gap(log, state, reason, log.id(place)));
            }
            Read::Nothing if self.cursor.offset < limit => return Step::Again,
            Read::Nothing => {}
        }
        if let Some(closing) = &state.closing {
            return Step::Write(self.close(closing));
        }
        if state.keep_alive_due {
            return Step::Write(self.keep_alive(log));
        }
        Step::Idle
    }

    /// Waits for a log that has not begun, then takes its place there.
    fn waiting_step(&mut self, hub: &Inner, cell: &Cell, log: &Log, state: &mut CellState) -> Option<Step> {
        let Some(Start::Waiting(request)) = self.start.as_deref() else { return None };
        if let Some(began) = log.began() {
            state.begin_turn(&hub.pace, hub.clock.coarse_ms());
            // What was asked for meanwhile is the state from which it goes on.
            state.snapshots.move_to(began.offset);
            let fresh = fresh_start(log, cell, state, request, began);
            let resume = Resume::new(hub, log, cell, state, request, fresh);
            let Resume { start, cursor, told, snapshot, snapshots } = resume;
            (self.cursor, self.told, self.snapshot, self.snapshots) = (cursor, told, snapshot, snapshots);
            self.start = Some(Box::new(start));
            return Some(self.opening().map_or(Step::Again, Step::Write));
        }
        if let Some(closing) = &state.closing {
            return Some(Step::Write(self.close(closing)));
        }
        Some(if state.keep_alive_due { Step::Write(encode::COMMENT) } else { Step::Idle })
    }

    fn close(&mut self, closing: &Closing) -> Bytes {
        self.closed = true;
        encode::closing(&closing.reason.to_string(), closing.retry)
    }

    /// Snapshots go first: what was committed after one must not be overtaken by it.
    fn snapshot_step(&mut self, log: &Log, state: &mut CellState) -> Option<Step> {
        while self.snapshot.is_none()
            && let Some(joined) = state.snapshots.pop()
        {
            let still_in = state.subscriptions.open(joined.topic).is_some();
            if let Some(session) = &mut state.session {
                session.unproven.push(joined);
            }
            let topics = vec![joined.topic];
            let run = SnapshotRun { topics, from: 0, until: joined.at, then: None };
            self.snapshot = still_in.then(|| Box::new(run));
        }
        let run = self.snapshot.as_mut()?;
        let reader = Reader { log, blocks: &self.hub.blocks, cell: &self.cell, subscriptions: &state.subscriptions };
        if let Some((bytes, events)) = reader.snapshot(&run.topics, &mut run.from, run.until) {
            state.delivered += events;
            return Some(Step::Write(bytes));
        }
        let then = self.snapshot.take()?.then;
        match then {
            Some(id) => {
                self.told = id;
                Some(Step::Write(encode::cursor(id)))
            }
            None => self.snapshot_step(log, state),
        }
    }

    /// Tells that something was forgotten before it was read, and that the stream goes on from `place`.
    fn gap(&mut self, log: &Log, state: &mut CellState, reason: GapReason, place: EventId) -> Bytes {
        self.hub.lagged.fetch_add(1, Ordering::Relaxed);
        let requested = self.told.to_string();
        if self.snapshots {
            // Until the snapshot is through, the client keeps the id that gets it another one.
            self.snapshot = Some(SnapshotRun::of_all(log, state, place));
            self.cursor.snapshot = log.head().offset;
        } else {
            self.told = place;
        }
        encode::gap(&requested, &reason.to_string(), self.told).freeze()
    }

    /// Moves the client's cursor to the head, if that has moved.
    fn keep_alive(&mut self, log: &Log) -> Bytes {
        let head = log.id(log.head().position);
        if self.told.log == head.log && self.told.position >= head.position {
            return encode::COMMENT;
        }
        self.told = head;
        encode::cursor(head)
    }
}

/// Where a stream begins that has waited for its log, and resumes nothing: where the log has. What was sent to this very
/// connection meanwhile was sent after it was opened, and is its own all the same.
fn fresh_start(log: &Log, cell: &Cell, state: &mut CellState, request: &ConnectRequest, began: Mark) -> Mark {
    let own = log.index.key(&Topic::Connection(Arc::clone(&cell.id)));
    let first = own.and_then(|topic| log.index.get(topic)?.oldest()).map(Mark::from);
    match (own, first.filter(|first| first.offset <= began.offset && request.resumes_nothing())) {
        (Some(own), Some(first)) => {
            state.subscriptions.begin_at(began.offset, own);
            Mark { offset: first.offset - 1, position: first.position.previous() }
        }
        _ => began,
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.hub.leave(&self.cell);
    }
}

impl CellState {
    /// Whether the reader has anything to do but to read.
    fn has_news(&self) -> bool {
        self.has_to_write() || self.lost || !self.snapshots.is_empty() || self.subscriptions.closed() > 0
    }

    /// Whether the reader has something to write, whatever the log has.
    fn has_to_write(&self) -> bool {
        self.keep_alive_due || self.closing.is_some() || self.is_over()
    }
}
