//! A tail that is read as a hub reads it, with everything checked that holds for every tail.

use std::fmt;

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, stream::BoxStream};
use ssehub::{BackplaneError, EventId, Start, Tailed};

use crate::{
    subject::Line,
    wait::{PATIENCE, within},
};

/// An entry as the tail brings it.
pub type Entry = (EventId, Bytes);

/// A tail that has started.
pub struct Tail {
    stream: BoxStream<'static, Result<Tailed, BackplaneError>>,
    /// What it brought first.
    pub start: Start,
    /// The last id it brought, or where it started.
    pub last: EventId,
}

/// Why a tail brought no more.
#[derive(Debug)]
pub enum End {
    /// It ended.
    Over,
    /// It failed.
    Failed(BackplaneError),
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").field("start", &self.start).field("last", &self.last).finish_non_exhaustive()
    }
}

impl Tail {
    /// Follows a line's log from behind an id, or from its oldest entry.
    ///
    /// # Panics
    /// If the tail does not start in time, or not as tails have to.
    pub async fn of(line: &Line, after: Option<EventId>) -> Self {
        match Self::try_of(line, after).await {
            Ok(tail) => tail,
            Err(end) => panic!("the tail of {after:?} does not start: {end:?}"),
        }
    }

    /// The same where it may be that it cannot be followed now.
    ///
    /// # Errors
    /// If the tail cannot be had, or ends before its start.
    ///
    /// # Panics
    /// If neither happens in time, or it does not start as tails have to.
    pub async fn try_of(line: &Line, after: Option<EventId>) -> Result<Self, End> {
        let tailing = within(PATIENCE, "a tail to be had", line.backplane().tail(after)).await;
        let mut stream = tailing.map_err(End::Failed)?;
        let start = match within(PATIENCE, "a tail to start", stream.next()).await {
            Some(Ok(Tailed::Start(start))) => start,
            Some(Ok(other)) => panic!("a tail begins with its start, not with {other:?}"),
            Some(Err(error)) => return Err(End::Failed(error)),
            None => return Err(End::Over),
        };
        check_start(&start, after);
        Ok(Self { stream, last: start.after, start })
    }

    /// The next entry.
    ///
    /// # Panics
    /// If none comes in time, or the tail ends.
    pub async fn next(&mut self) -> Entry {
        match self.try_next().await {
            Ok(entry) => entry,
            Err(end) => panic!("the tail ends behind {}: {end:?}", self.last),
        }
    }

    /// The next entry, where the tail may end.
    ///
    /// # Errors
    /// If it does.
    ///
    /// # Panics
    /// If neither happens in time, or what comes is out of order.
    pub async fn try_next(&mut self) -> Result<Entry, End> {
        let next = within(PATIENCE, &format!("an entry behind {}", self.last), self.stream.next()).await;
        self.check(next)
    }

    /// The entries up to one.
    ///
    /// # Panics
    /// If it does not come in time, or the tail ends.
    pub async fn up_to(&mut self, id: EventId) -> Vec<Entry> {
        let mut entries = Vec::new();
        while self.last != id {
            entries.push(self.next().await);
            assert!(place(self.last) <= place(id), "{id} was passed over: {}", self.last);
        }
        entries
    }

    /// The entries up to what was newest when the tail was asked for.
    ///
    /// # Panics
    /// If they do not come in time, or the tail ends.
    pub async fn to_head(&mut self) -> Vec<Entry> {
        self.up_to(self.start.head).await
    }

    /// Whether nothing is ready that the tail could bring.
    ///
    /// # Panics
    /// If the tail has ended, or what it brings is out of order.
    pub fn is_quiet(&mut self) -> bool {
        match self.stream.next().now_or_never() {
            None => true,
            Some(next) => {
                let _entry = self.check(next).unwrap_or_else(|end| panic!("the tail ends: {end:?}"));
                false
            }
        }
    }

    fn check(&mut self, next: Option<Result<Tailed, BackplaneError>>) -> Result<Entry, End> {
        match next {
            Some(Ok(Tailed::Entry(id, bytes))) => {
                assert_eq!(id.log(), self.last.log(), "a tail is of one log");
                assert!(place(id) > place(self.last), "ids grow: {id} came behind {}", self.last);
                self.last = id;
                Ok((id, bytes))
            }
            Some(Ok(other)) => panic!("only entries come behind the start, not {other:?}"),
            Some(Err(error)) => Err(End::Failed(error)),
            None => Err(End::Over),
        }
    }
}

/// What holds for every start.
fn check_start(start: &Start, asked: Option<EventId>) {
    let Start { after, head, missed, state } = start;
    assert_eq!(after.log(), head.log(), "{start:?}");
    assert!(place(*head) >= place(*after), "the head is not behind the start: {start:?}");
    if Some(*after) == asked {
        assert_eq!(state.len(), 0, "who goes on has the state: {start:?}");
        return;
    }
    if let Some(asked) = asked.filter(|asked| asked.log() == after.log()) {
        assert!(place(asked) < place(*after), "a log that goes back behind {asked} is another one: {start:?}");
    }
    assert!(
        *missed || asked.is_some_and(|asked| asked.log() == after.log()),
        "who starts anew missed something: {start:?}"
    );
    let mut before = None;
    for kept in state {
        assert_eq!(kept.id.log(), after.log(), "{kept:?}");
        assert!(place(kept.id) <= place(*after), "what comes as an entry is no state: {kept:?} of {after}");
        assert!(before < Some(place(kept.id)), "state comes in the order of ids: {kept:?}");
        assert!(!kept.keys.is_empty(), "what is kept is the newest of something: {kept:?}");
        before = Some(place(kept.id));
    }
}

/// What orders the ids of one log.
pub fn place(id: EventId) -> (u64, u64) {
    (id.ms(), id.seq())
}
