//! Following a backplane: what comes on its tail is what this node commits.
//!
//! A hub that has just started knows nothing of its log. Streams are let in, and begin when it has caught up with what
//! the log had when its tail was asked for.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};

use futures::{FutureExt as _, StreamExt as _};

use crate::backoff::Backoff;
use crate::backplane::{Backplane, BackplaneError, Kept, Start, Tailed};
use crate::fanout::Wakes;
use crate::id::{EventId, Position};
use crate::inner::Inner;
use crate::log::Pending;
use crate::nodes::announce::announce;
use crate::record::{Content, UserGroup};
use crate::sync::Ordering;

/// Starts the thread that tails the backplane, which ends with the hub.
pub(crate) fn start(hub: &Arc<Inner>, backplane: Arc<dyn Backplane>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (gone, weak) = (Arc::clone(&hub.gone), Arc::downgrade(hub));
    let is_shared = hub.nodes.is_some();
    std::thread::Builder::new().name("ssehub-backplane".into()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                () = gone.notified() => {}
                () = follow(Arc::clone(&backplane), weak.clone()) => {}
                () = announce(backplane, weak), if is_shared => {}
            }
        });
    })?;
    Ok(())
}

/// Tails the log for as long as there is a hub.
async fn follow(backplane: Arc<dyn Backplane>, hub: Weak<Inner>) {
    let mut last = None;
    let mut backoff = Backoff::default();
    while hub.strong_count() > 0 {
        let tailing = AssertUnwindSafe(tail(&*backplane, &hub, &mut last, &mut backoff)).catch_unwind().await;
        match tailing {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the backplane's tail failed; trying again"),
            Err(_) => tracing::error!("the backplane's tail panicked; trying again"),
        }
        hub.upgrade().inspect(|hub| hub.set_tailing(false));
        backoff.wait().await;
    }
}

/// Takes in one tail, to its end.
async fn tail(
    backplane: &dyn Backplane,
    hub: &Weak<Inner>,
    last: &mut Option<EventId>,
    backoff: &mut Backoff,
) -> Result<(), BackplaneError> {
    let mut tail = backplane.tail(*last).await?;
    // What the log had when the tail was asked for; none when the hub has caught up with that.
    let mut goal = None;
    while let Some(tailed) = tail.next().await {
        let Some(hub) = hub.upgrade() else { break };
        match tailed? {
            Tailed::Start(Start { after, head, missed, state }) => {
                hub.start_from(after, *last, state);
                hub.listen_anew(missed || *last != Some(after));
                *last = Some(after);
                backoff.reset();
                goal = Some(head);
            }
            Tailed::Entry(id, record) if last.is_some_and(|last| last.precedes(id)) => {
                hub.take_in(id, &record);
                *last = Some(id);
                // Publishers give way to what this node has heard of; the rest comes in one go.
                hub.give_way().await;
            }
            Tailed::Entry(id, _) => {
                tracing::warn!(%id, "the backplane's tail is out of order; following it anew");
                break;
            }
        }
        if goal.is_some_and(|goal| !last.is_some_and(|last| last.precedes(goal))) {
            goal = None;
            hub.catch_up();
            hub.set_tailing(true);
        }
    }
    Ok(())
}

impl EventId {
    fn precedes(self, next: Self) -> bool {
        self.log == next.log && self.position < next.position
    }
}

impl Inner {
    /// The tail starts from `id`, and this node has seen everything up to `last`.
    fn start_from(self: &Arc<Self>, id: EventId, last: Option<EventId>, kept: Vec<Kept>) {
        if last == Some(id) {
            return;
        }
        let (state, groups) = self.read_state(kept);
        let now_ms = self.clock.now_ms();
        let has_lost = last.is_some_and(|last| last.log == id.log);
        let wakes = {
            let mut log = self.log.write();
            match last {
                None => log.adopt(id, state),
                Some(_) if has_lost => log.lose(id.position, state),
                Some(_) => {
                    log.become_another(id, state);
                    self.forget_places();
                }
            }
            self.show_head(&log);
            last.map(|_| Wakes::everybody(&log, &self.pace, now_ms))
        };
        self.take_in_user_groups(&groups);
        self.progress.reached(id);
        wakes.into_iter().for_each(|wakes| wakes.fire(self));
        if has_lost && self.nodes.as_ref().is_some_and(|nodes| nodes.is_taken_for_gone(now_ms)) {
            self.begin_anew();
        }
    }

    /// The log is another one: what was before that has no place in it.
    fn forget_places(&self) {
        let Some(nodes) = &self.nodes else { return };
        self.cells().iter().for_each(|cell| cell.inner.lock().forget_places());
        nodes.directory.lock().forget_places();
    }

    /// What lives on from before the place where the tail starts.
    fn read_state(&self, kept: Vec<Kept>) -> (Vec<(Position, Pending)>, Vec<UserGroup>) {
        let (mut state, mut groups) = (Vec::with_capacity(kept.len()), Vec::new());
        for Kept { id, keys, record } in kept {
            match self.read_record(id, &record) {
                Some(Content::Event(mut pending)) => {
                    pending.narrow(&keys);
                    state.push((id.position, pending));
                }
                Some(Content::UserGroup(group)) => groups.push(group),
                Some(Content::Signal(_)) | None => {}
            }
        }
        (state, groups)
    }

    /// What a record says, if it can be read.
    fn read_record(&self, id: EventId, record: &[u8]) -> Option<Content> {
        let content = Content::decode(record);
        let content = content.inspect_err(|error| {
            self.skipped.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%id, %error, "a record of the backplane was skipped");
        });
        content.ok()
    }

    /// Does what the next record of the log says.
    fn take_in(self: &Arc<Self>, id: EventId, record: &[u8]) {
        match self.read_record(id, record) {
            Some(Content::Event(pending)) => self.take_in_event(id, pending),
            Some(Content::UserGroup(change)) => {
                let since = self.log.read().head().offset;
                self.take_in_user_group(&change, since);
            }
            Some(Content::Signal(signal)) => self.hear(id.position, signal),
            None => {}
        }
        self.progress.reached(id);
    }

    /// Commits an event.
    fn take_in_event(self: &Arc<Self>, id: EventId, pending: Pending) {
        let now_ms = self.clock.now_ms();
        let wakes = {
            let mut log = self.log.write();
            self.address(&mut log, &pending.audience);
            let entry = log.append_at(pending, id.position, self.clock.unix_ms(now_ms));
            if !log.has_begun() {
                return;
            }
            self.show_head(&log);
            self.pace.spend(entry.ephemeral, entry.cost());
            Wakes::of(&entry, &log, &self.pace, now_ms)
        };
        wakes.fire(self);
    }

    /// This node knows its log now: streams that wait for that begin.
    fn catch_up(self: &Arc<Self>) {
        let wakes = {
            let mut log = self.log.write();
            if log.has_begun() {
                return;
            }
            log.begin();
            self.show_head(&log);
            Wakes::everybody(&log, &self.pace, self.clock.now_ms())
        };
        wakes.fire(self);
    }
}
