//! Whom a stream is for, and for how long that holds.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Somebody the application has authenticated: a user, the groups that go with it, and until when that is to hold.
///
/// [`ConnectRequest::identity`](crate::ConnectRequest::identity) opens a stream for it, and
/// [`Hub::issue_ticket`](crate::Hub::issue_ticket) lets a page do so that can send no more than a URL. The hub believes
/// it: proving who asks is the application's part.
///
/// # Expiry
///
/// A stream ends within a second of its identity's expiry, with `hub:closing` and the reason `expired`, and no stream
/// is opened for an identity that has expired. It is a moment of the wall clock: where that is set back, the identity
/// lives longer.
///
/// ```
/// use std::time::Duration;
/// use ssehub::{ConnectRequest, Hub, Identity};
///
/// let hub = Hub::new();
/// let alice = Identity::user("alice").group("traders").expires_in(Duration::from_secs(3600));
/// let connection = hub.connect(ConnectRequest::new().identity(alice))?;
/// assert!(hub.is_online("alice"));
///
/// let gone = Identity::user("alice").expires_in(Duration::ZERO);
/// assert_eq!(hub.connect(ConnectRequest::new().identity(gone)).unwrap_err().status(), 401);
/// # Ok::<(), ssehub::ConnectError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Identity {
    pub(crate) user: Option<Arc<str>>,
    pub(crate) groups: Vec<Arc<str>>,
    pub(crate) expires: Option<SystemTime>,
    /// How many revocations there had been when the ticket was redeemed that it comes from.
    pub(crate) redeemed: Option<u64>,
}

impl Identity {
    /// A user. All connections of a user get what is sent to the user.
    pub fn user(id: impl AsRef<str>) -> Self {
        Self { user: Some(id.as_ref().into()), ..Self::anonymous() }
    }

    /// Somebody without a name: gets what is sent to all and to the groups.
    pub fn anonymous() -> Self {
        Self { user: None, groups: Vec::new(), expires: None, redeemed: None }
    }

    /// A group this identity is in.
    pub fn group(mut self, name: impl AsRef<str>) -> Self {
        self.groups.push(name.as_ref().into());
        self
    }

    /// Several groups.
    pub fn groups(mut self, names: impl IntoIterator<Item: AsRef<str>>) -> Self {
        self.groups.extend(names.into_iter().map(|name| name.as_ref().into()));
        self
    }

    /// Until when it holds. Defaults to for ever.
    pub fn expires_at(mut self, time: SystemTime) -> Self {
        self.expires = Some(time);
        self
    }

    /// For how long it holds from now. A moment so far off that the system has no number for it counts as for ever.
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.expires = SystemTime::now().checked_add(time);
        self
    }

    /// The user's id; none if it is anonymous.
    pub fn user_id(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The groups it is in.
    pub fn group_names(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(|name| &**name)
    }

    /// Until when it holds; none for ever.
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }
}

/// Whether a moment has come, if there is one. The clock is read only then.
pub(crate) fn has_come(moment: Option<SystemTime>) -> bool {
    moment.is_some_and(|moment| moment <= SystemTime::now())
}
