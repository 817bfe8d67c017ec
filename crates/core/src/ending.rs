//! How the server ends streams: because the application says so, because their time is over, or because their clients take
//! nothing. What a stream does then is for its reader, in `connection.rs`.

use std::sync::Arc;
use std::task::Waker;

use crate::cell::{Cell, Closing};
use crate::clock::millis;
use crate::hooks::DisconnectReason;
use crate::inner::Inner;
use crate::nodes::announce::Note;
use crate::shutdown::{DEFAULT_SPREAD, draw_retry};
use crate::sync::Ordering;
use crate::timer::Task;
use crate::topic::Topic;

/// What is to be done when a connection has been told to end.
struct Close {
    /// It was not ending already.
    begun: bool,
    parked: bool,
    waker: Option<Waker>,
}

impl Inner {
    /// Ends the streams of a topic and returns how many that were.
    pub(crate) fn disconnect(&self, topic: &Topic, closing: &Closing) -> usize {
        let mut closed = Vec::new();
        {
            // With the log locked no transport can take over from one that is closed here.
            let log = self.log.read();
            let cells: Vec<Arc<Cell>> = match topic {
                Topic::All => self.cells(),
                Topic::Connection(id) => self.cell(id).into_iter().collect(),
                Topic::User(_) | Topic::Group(_) => {
                    let record = log.index.find(topic);
                    record.into_iter().flat_map(|record| record.members.iter()).cloned().collect()
                }
            };
            closed.extend(cells.into_iter().filter_map(|cell| Some((self.begin_close(&cell, closing)?, cell))));
        }
        let begun = closed.iter().filter(|(close, _)| close.begun).count();
        closed.into_iter().for_each(|(close, cell)| self.go_on(close, &cell));
        begun
    }

    /// Has a stream end.
    pub(crate) fn close(&self, cell: &Arc<Cell>, closing: &Closing) {
        if let Some(close) = self.begin_close(cell, closing) {
            self.go_on(close, cell);
        }
    }

    /// Tells a connection to end; none if there is nothing to tell it.
    fn begin_close(&self, cell: &Cell, closing: &Closing) -> Option<Close> {
        let mut state = cell.inner.lock();
        // An end that one may come back from gives way to one that is final.
        let is_final = state.closing.as_ref().is_some_and(|earlier| earlier.reason.is_final());
        if state.gone || is_final && !closing.now {
            return None;
        }
        let parked = state.is_parked();
        let earlier = state.closing.take().filter(|_| is_final);
        let begun = earlier.is_none();
        let reason = earlier.map_or_else(|| closing.reason.clone(), |earlier| earlier.reason);
        state.closing = Some(Box::new(Closing { reason, ..closing.clone() }));
        if state.session.is_some() && !state.may_come_back_elsewhere() {
            // What was said of its session before, and is heard after, is not the last that is said of it.
            self.note(&cell.id, Note::Changed);
        }
        let waker = state.take_waker(&self.pace, self.clock.coarse_ms());
        Some(Close { begun, parked, waker })
    }

    /// Wakes the reader to end its stream; a connection without one is over.
    fn go_on(&self, close: Close, cell: &Arc<Cell>) {
        close.waker.into_iter().for_each(Waker::wake);
        if close.parked {
            self.end_parked(cell);
        }
    }

    /// Ends all streams for their clients to come back, not all at once: other nodes have taken them for gone, and this one
    /// cannot know whose the application has ended meanwhile.
    pub(crate) fn begin_anew(&self) {
        let at = self.head.load(Ordering::SeqCst);
        for cell in self.cells() {
            let retry = Some(draw_retry(&DEFAULT_SPREAD));
            self.close(&cell, &Closing { at, reason: DisconnectReason::CutOff, retry, now: false });
        }
    }

    /// The timer's look at one connection.
    pub(crate) fn look_after(&self, cell: &Arc<Cell>, now_ms: u64) {
        let waker = {
            let mut state = cell.inner.lock();
            if state.window_is_over(now_ms) {
                drop(state);
                return self.end_parked(cell);
            }
            if state.is_over() {
                return;
            }
            if state.expires_ms() <= now_ms {
                state.expires_ms = None;
                let at = self.head.load(Ordering::SeqCst);
                let identity = std::mem::take(&mut state.identity_expires);
                let reason = if identity { DisconnectReason::Expired } else { DisconnectReason::MaxLifetime };
                state.closing.get_or_insert_with(|| Box::new(Closing { at, reason, retry: None, now: false }));
            }
            let stall_timeout = millis(self.config.stall_timeout);
            if state.is_stalled(now_ms, stall_timeout) {
                drop(state);
                return self.give_up(cell, now_ms, stall_timeout);
            }
            let keep_alive = millis(self.config.keep_alive);
            let silent_at = state.written_ms + keep_alive;
            let is_silent = silent_at <= now_ms;
            state.keep_alive_due |= is_silent;
            let next = if is_silent { now_ms + keep_alive } else { silent_at };
            let stalled_at = if state.seen_at_work { state.seen_ms + stall_timeout } else { u64::MAX };
            let next = next.min(state.expires_ms()).min(stalled_at);
            state.timer = Some(self.timer.set(next, Task::Connection(Arc::clone(cell))));
            let has_news = state.keep_alive_due || state.closing.is_some();
            has_news.then(|| state.take_waker(&self.pace, now_ms)).flatten()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Lets go of a connection whose transport takes nothing, if it still does not.
    fn give_up(&self, cell: &Arc<Cell>, now_ms: u64, timeout_ms: u64) {
        self.let_go(cell, |state| {
            let is_stalled = state.is_stalled(now_ms, timeout_ms);
            if is_stalled {
                let closing = Closing { at: 0, reason: DisconnectReason::Stalled, retry: None, now: false };
                state.closing.get_or_insert_with(|| Box::new(closing));
            } else {
                let next = state.written_ms + millis(self.config.keep_alive);
                state.timer = Some(self.timer.set(next.max(now_ms), Task::Connection(Arc::clone(cell))));
            }
            is_stalled
        });
    }
}
