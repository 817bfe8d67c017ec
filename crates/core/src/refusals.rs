//! How often what was refused, so that an operator sees which limit is met: one counter for each kind of refusal.
//!
//! What an application refuses by itself, such as [`ConnectError::unauthorized`](crate::ConnectError::unauthorized), it
//! counts by itself.

use serde::{Serialize, Serializer};

use crate::connect::ConnectErrorKind;
use crate::groups::GroupErrorKind;
use crate::send::SendErrorKind;
use crate::sync::{AtomicU64, Ordering};
use crate::tickets::TicketErrorKind;

/// What a kind of refusal is called; none if it is not counted.
pub(crate) trait Reason {
    fn reason(self) -> Option<&'static str>;
}

/// Names every kind, in one list: one that is added to an enum and not here does not compile.
macro_rules! reasons {
    ($($kind:ident { $($variant:ident: $reason:literal,)* } $(not $uncounted:pat)?,)*) => {
        const REASONS: &[&str] = &[$($($reason,)*)*];
        $(
            impl Reason for $kind {
                fn reason(self) -> Option<&'static str> {
                    match self {
                        $(Self::$variant => Some($reason),)*
                        $($uncounted => None,)?
                    }
                }
            }
        )*
    };
}

reasons! {
    ConnectErrorKind {
        NotAcceptable: "connect_not_acceptable",
        Expired: "connect_expired",
        TooManyConnections: "connect_too_many_connections",
        TooManyConnects: "connect_too_many_connects",
        Full: "connect_full",
        ShuttingDown: "connect_shutting_down",
        Overloaded: "connect_overloaded",
        NameTooLong: "connect_name_too_long",
        TooManyGroups: "connect_too_many_groups",
        InvalidSession: "connect_invalid_session",
    } not ConnectErrorKind::Unauthorized
        | ConnectErrorKind::Forbidden
        | ConnectErrorKind::Stop
        | ConnectErrorKind::Ticket(_),
    SendErrorKind {
        EventTooLarge: "send_event_too_large",
        EphemeralKey: "send_ephemeral_key",
        AudienceTooLarge: "send_audience_too_large",
        NameTooLong: "send_name_too_long",
        TooManyKeys: "send_too_many_keys",
        StateFull: "send_state_full",
        ShuttingDown: "send_shutting_down",
        Unavailable: "send_unavailable",
        Uncertain: "send_uncertain",
    },
    GroupErrorKind {
        UnknownConnection: "group_unknown_connection",
        TooManyGroups: "group_too_many_groups",
        NameTooLong: "group_name_too_long",
        Unavailable: "group_unavailable",
    },
    TicketErrorKind {
        Invalid: "ticket_invalid",
        Expired: "ticket_expired",
        NameTooLong: "ticket_name_too_long",
        TooManyGroups: "ticket_too_many_groups",
        TooManyTickets: "ticket_too_many_tickets",
        Full: "ticket_full",
        Unavailable: "ticket_unavailable",
    },
}

/// The counters of a hub.
#[derive(Debug)]
pub(crate) struct Counters([AtomicU64; REASONS.len()]);

impl Default for Counters {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Counters {
    pub(crate) fn count(&self, kind: impl Reason) {
        let Some(reason) = kind.reason() else { return };
        if let Some((_, counter)) = REASONS.iter().zip(&self.0).find(|(known, _)| **known == reason) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn read(&self) -> Refusals {
        let counts = REASONS.iter().zip(&self.0).map(|(reason, counter)| (*reason, counter.load(Ordering::Relaxed)));
        Refusals(counts.collect())
    }
}

/// What a hub has refused since it was built, by reason.
///
/// Each reason is a word in lower case that says what was asked for and which limit it met: `connect_full`,
/// `connect_too_many_connects`, `send_event_too_large`, `group_unknown_connection`, `ticket_invalid`. All are there,
/// also those that were never met, always in the same order. As JSON it is one object.
///
/// A ticket that lets nobody in counts as `ticket_invalid`, whatever was wrong with it. What an application refuses by
/// itself is not counted.
///
/// ```
/// use ssehub::{ConnectRequest, Hub};
///
/// let hub = Hub::builder().max_connections(1).build()?;
/// let only = hub.connect(ConnectRequest::new())?;
/// assert!(hub.connect(ConnectRequest::new()).is_err());
/// assert!(hub.refusals().iter().any(|refusal| refusal == ("connect_full", 1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusals(Vec<(&'static str, u64)>);

impl Refusals {
    /// Each reason, and how often it was met.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().copied()
    }
}

impl Serialize for Refusals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_name_of_its_own_that_prometheus_takes() {
        let mut names = REASONS.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), REASONS.len());
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    }

    #[test]
    fn each_is_counted_by_itself_and_those_of_the_application_are_not() {
        let counters = Counters::default();
        counters.count(SendErrorKind::NameTooLong);
        for _ in 0..2 {
            counters.count(GroupErrorKind::NameTooLong);
        }
        for own in [ConnectErrorKind::Unauthorized, ConnectErrorKind::Forbidden, ConnectErrorKind::Stop] {
            counters.count(own);
        }
        let met: Vec<_> = counters.read().iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(met, [("send_name_too_long", 1), ("group_name_too_long", 2)]);
    }
}
