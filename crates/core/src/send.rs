//! Sending: from an event and an audience to an entry in the log.

use std::sync::Arc;

use crate::backplane::{BackplaneError, BackplaneErrorKind, Record};
use crate::encode::Draft;
use crate::event::Event;
use crate::fanout::Wakes;
use crate::id::EventId;
use crate::inner::Inner;
use crate::log::{Pending, StateRefusal};
use crate::nodes::ask::MAX_BEHIND;
use crate::pace::TURN;
use crate::timer::Task;
use crate::topic::{Audience, MAX_AUDIENCE, MAX_NAME, Topic};

impl Inner {
    /// Commits an event, here or by the backplane.
    pub(crate) async fn send(self: &Arc<Self>, mut audience: Audience, event: Event) -> Result<EventId, SendError> {
        audience.dedup();
        self.check(&audience, &event)?;
        let Some(backplane) = &self.backplane else { return self.commit(Pending::new(audience, &event)) };
        if self.is_closing() {
            return Err(SendError(Refusal::ShuttingDown));
        }
        if let Some(key) = event.state_key() {
            self.log.read().admit(&audience, key, event.data.len())?;
        }
        let id = backplane.append(Record::of_event(&audience, &event)).await?;
        // What the sender does next on this node, it does after its event. It is accepted whatever this node hears.
        if self.is_tailing() {
            self.in_time(MAX_BEHIND, self.progress.reach(id)).await;
        }
        Ok(id)
    }

    /// Waits before a commit while others have committed so much that one more each could outrun readers: they have all
    /// been let through, and wait after their commits.
    pub(crate) async fn hold_back(&self) {
        while self.pace.is_overspent() {
            self.give_way().await;
        }
    }

    /// Lets readers have their turn, if too much was committed since they last had it.
    pub(crate) async fn give_way(&self) {
        if self.pace.is_spent() {
            let time = |round| {
                self.timer.set(self.clock.now_ms() + TURN.as_millis() as u64, Task::Round(round));
            };
            self.pace.give_way(time).await;
        }
    }

    /// Checks an event against every limit that does not depend on the log.
    fn check(&self, audience: &Audience, event: &Event) -> Result<(), SendError> {
        if event.data.len() > self.config.max_event_bytes {
            return Err(SendError(Refusal::EventTooLarge(event.data.len(), self.config.max_event_bytes)));
        }
        if event.ephemeral && event.key.is_some() {
            return Err(SendError(Refusal::EphemeralKey));
        }
        if audience.topics.len().max(audience.except.len()) > MAX_AUDIENCE {
            return Err(SendError(Refusal::AudienceTooLarge));
        }
        let mut names = audience.topics.iter().chain(&audience.except).map(Topic::name).chain(event.key.as_deref());
        if names.any(|name| name.len() > MAX_NAME) {
            return Err(SendError(Refusal::NameTooLong));
        }
        Ok(())
    }

    /// Commits an event to the log of this process.
    fn commit(self: &Arc<Self>, pending: Pending) -> Result<EventId, SendError> {
        let now_ms = self.clock.now_ms();
        let (id, wakes) = {
            let mut log = self.log.write();
            if self.is_closing() {
                return Err(SendError(Refusal::ShuttingDown));
            }
            if let Some(key) = pending.key.as_deref().filter(|_| !pending.retract) {
                log.admit(&pending.audience, key, pending.draft.len())?;
            }
            self.address(&mut log, &pending.audience);
            let entry = log.append(pending, self.clock.unix_ms(now_ms));
            self.show_head(&log);
            self.pace.spend(entry.ephemeral, entry.cost());
            (log.id(entry.position), Wakes::of(&entry, &log, &self.pace, now_ms))
        };
        wakes.fire(self);
        Ok(id)
    }
}

impl Event {
    /// The key under which this event becomes state.
    fn state_key(&self) -> Option<&str> {
        self.key.as_deref().filter(|_| !self.retract)
    }
}

impl Pending {
    pub(crate) fn new(audience: Audience, event: &Event) -> Self {
        Self {
            draft: Draft::of(event),
            audience,
            key: event.key.as_deref().map(Arc::from),
            retract: event.retract,
            ephemeral: event.ephemeral,
        }
    }
}

/// Why an event was not sent.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SendError(Refusal);

#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the event's data has {0} bytes, and at most {1} are allowed (HubBuilder::max_event_bytes)")]
    EventTooLarge(usize, usize),
    #[error("an ephemeral event leaves nothing behind, so it can carry no key and retract none")]
    EphemeralKey,
    #[error("an audience may unite at most {MAX_AUDIENCE} topics and except at most {MAX_AUDIENCE}; use a group")]
    AudienceTooLarge,
    #[error("names of users, groups and connections, and keys, have at most {MAX_NAME} bytes")]
    NameTooLong,
    #[error("the topic {0} has as many keys as one topic may have (HubBuilder::max_keys_per_topic); retract some")]
    TooManyKeys(Topic),
    #[error("the keyed state has as many bytes as it may have (HubBuilder::max_state_bytes); retract some keys")]
    StateFull,
    #[error("the hub is shutting down")]
    ShuttingDown,
    #[error("the backplane did not take the event: {0}")]
    Unavailable(#[source] BackplaneError),
    #[error("the backplane may or may not have taken the event: {0}")]
    Uncertain(#[source] BackplaneError),
}

impl From<StateRefusal> for SendError {
    fn from(refusal: StateRefusal) -> Self {
        Self(match refusal {
            StateRefusal::TooManyKeys(topic) => Refusal::TooManyKeys(topic),
            StateRefusal::Full => Refusal::StateFull,
        })
    }
}

impl From<BackplaneError> for SendError {
    fn from(error: BackplaneError) -> Self {
        Self(match error.kind() {
            BackplaneErrorKind::Unavailable => Refusal::Unavailable(error),
            BackplaneErrorKind::Uncertain => Refusal::Uncertain(error),
        })
    }
}

impl SendError {
    /// What was wrong, for matching.
    pub fn kind(&self) -> SendErrorKind {
        match self.0 {
            Refusal::EventTooLarge(..) => SendErrorKind::EventTooLarge,
            Refusal::EphemeralKey => SendErrorKind::EphemeralKey,
            Refusal::AudienceTooLarge => SendErrorKind::AudienceTooLarge,
            Refusal::NameTooLong => SendErrorKind::NameTooLong,
            Refusal::TooManyKeys(_) => SendErrorKind::TooManyKeys,
            Refusal::StateFull => SendErrorKind::StateFull,
            Refusal::ShuttingDown => SendErrorKind::ShuttingDown,
            Refusal::Unavailable(_) => SendErrorKind::Unavailable,
            Refusal::Uncertain(_) => SendErrorKind::Uncertain,
        }
    }
}

/// The kinds of [`SendError`]. After any of them but [`Uncertain`](Self::Uncertain) nobody gets the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The data is larger than [`HubBuilder::max_event_bytes`](crate::HubBuilder::max_event_bytes).
    EventTooLarge,
    /// The event is ephemeral and has a key.
    EphemeralKey,
    /// More than [`MAX_AUDIENCE`] topics or exceptions.
    AudienceTooLarge,
    /// A name or the key is longer than [`MAX_NAME`] bytes.
    NameTooLong,
    /// A topic has no room for another key.
    TooManyKeys,
    /// The keyed state has no room for this event.
    StateFull,
    /// The hub is shutting down.
    ShuttingDown,
    /// The backplane is away and did not take the event: it can be sent again.
    Unavailable,
    /// The backplane failed while it took the event: it may be delivered, and sending it again may deliver it twice.
    Uncertain,
}
