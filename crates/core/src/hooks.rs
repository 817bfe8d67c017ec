//! Hooks: what the application wants to hear of comings and goings.
//!
//! They run on a thread of the hub's own, in a tokio runtime with time and I/O. The calls that concern one user (or one
//! connection without a user) run one after the other in the order in which things happened; those of others run
//! meanwhile. A hook that fails or panics is logged; one that takes longer than [`HOOK_TIMEOUT`] is given up. The calls
//! that wait are bounded by not letting more connections in while there are [`MAX_HOOK_BACKLOG`] of them.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{Notify, mpsc};
use tokio::time::error::Elapsed;

use crate::registry::ConnectionInfo;

/// The longest a hook may take: as long as a patient HTTP request.
pub const HOOK_TIMEOUT: Duration = Duration::from_secs(30);

/// How many hook calls may wait before new connections are refused as [`Overloaded`](crate::ConnectErrorKind::Overloaded).
pub const MAX_HOOK_BACKLOG: usize = 10_000;

/// What a hook returns. An error is logged and changes nothing else.
pub type HookResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// What the application does when connections come and go. Every method has a default that does nothing.
///
/// Each is called exactly once for each thing that happens: a connection that was opened is closed once, a user that
/// came online goes offline once, whatever ends it, also when nothing ever reads the stream. It is called within a
/// millisecond or so; neither the event nor the connection waits for it.
///
/// ```
/// use ssehub::{ConnectionInfo, HookResult, Hooks, Hub, async_trait};
///
/// struct Presence;
///
/// #[async_trait]
/// impl Hooks for Presence {
///     async fn user_online(&self, user: &str) -> HookResult {
///         println!("{user} is here");
///         Ok(())
///     }
/// }
///
/// let hub = Hub::builder().hooks(Presence).build()?;
/// # Ok::<(), ssehub::BuildError>(())
/// ```
#[async_trait]
pub trait Hooks: Send + Sync + 'static {
    /// A stream was opened. It does not wait for this; what is sent to it from here reaches it all the same. The next
    /// transport of a [session](crate::ConnectRequest::session) opens nothing.
    async fn connected(&self, connection: &ConnectionInfo) -> HookResult {
        let _ = connection;
        Ok(())
    }

    /// A stream has ended, for this reason; one with a session, when nobody came back to it in time.
    async fn disconnected(&self, connection: &ConnectionInfo, reason: &DisconnectReason) -> HookResult {
        let _ = (connection, reason);
        Ok(())
    }

    /// The first stream of a user was opened.
    async fn user_online(&self, user: &str) -> HookResult {
        let _ = user;
        Ok(())
    }

    /// The last stream of a user has ended.
    async fn user_offline(&self, user: &str) -> HookResult {
        let _ = user;
        Ok(())
    }
}

/// Why a stream has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The transport dropped it: the client went away.
    Gone,
    /// The application ended it by [`Hub::disconnect`](crate::Hub::disconnect), with this reason.
    Ended(Arc<str>),
    /// It had lived for its maximum lifetime.
    MaxLifetime,
    /// The identity that the application vouched for has expired.
    Expired,
    /// Its client took nothing for the [stall timeout](crate::HubBuilder::stall_timeout) though there was something to take.
    Stalled,
    /// The hub was shut down, with this reason.
    Shutdown(Arc<str>),
    /// Its node was cut off from its backplane for so long that other nodes took it for gone and the log has forgotten what
    /// was said meanwhile: whom the application has [disconnected](crate::Hub::disconnect), too. The client is to be let in
    /// anew.
    CutOff,
}

impl DisconnectReason {
    /// Whether nobody comes back to the session of a stream that ends for this reason.
    pub(crate) fn is_final(&self) -> bool {
        !matches!(self, Self::Gone | Self::MaxLifetime | Self::Stalled | Self::CutOff)
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "gone",
            Self::Ended(reason) | Self::Shutdown(reason) => reason,
            Self::MaxLifetime => "max-lifetime",
            Self::Expired => "expired",
            Self::Stalled => "stalled",
            Self::CutOff => "cut-off",
        })
    }
}

/// One call that is to be made.
#[derive(Debug)]
pub(crate) enum Call {
    Connected(ConnectionInfo),
    Disconnected(ConnectionInfo, DisconnectReason),
    UserOnline(Arc<str>),
    UserOffline(Arc<str>),
}

impl Call {
    /// Calls with the same subject keep their order.
    fn subject(&self) -> Subject {
        match self {
            Self::Connected(connection) | Self::Disconnected(connection, _) => match &connection.user {
                Some(user) => Subject::User(user.as_str().into()),
                None => Subject::Connection(connection.id.as_str().into()),
            },
            Self::UserOnline(user) | Self::UserOffline(user) => Subject::User(Arc::clone(user)),
        }
    }

    async fn run(self, hooks: Arc<dyn Hooks>) -> HookResult {
        match &self {
            Self::Connected(connection) => hooks.connected(connection).await,
            Self::Disconnected(connection, reason) => hooks.disconnected(connection, reason).await,
            Self::UserOnline(user) => hooks.user_online(user).await,
            Self::UserOffline(user) => hooks.user_offline(user).await,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    User(Arc<str>),
    Connection(Arc<str>),
}

/// The calls that were made by nobody yet.
#[derive(Debug, Default)]
struct Backlog {
    calls: AtomicUsize,
    empty: Notify,
}

impl Backlog {
    /// One call was made.
    fn done(&self) {
        if self.calls.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.empty.notify_waiters();
        }
    }
}

/// Hands calls to the thread that makes them.
#[derive(Debug)]
pub(crate) struct HookRunner {
    calls: mpsc::UnboundedSender<Call>,
    backlog: Arc<Backlog>,
}

impl HookRunner {
    pub(crate) fn start(hooks: Arc<dyn Hooks>) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let backlog = Arc::new(Backlog::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = run(hooks, receiver, Arc::clone(&backlog));
        std::thread::Builder::new().name("ssehub-hooks".into()).spawn(move || runtime.block_on(run))?;
        Ok(Self { calls: sender, backlog })
    }

    /// Never waits: connections are refused before this grows without bound.
    pub(crate) fn call(&self, call: Call) {
        self.backlog.calls.fetch_add(1, Ordering::SeqCst);
        // The thread lives as long as this sender.
        let _ = self.calls.send(call);
    }

    pub(crate) fn is_overloaded(&self) -> bool {
        self.backlog.calls.load(Ordering::Relaxed) >= MAX_HOOK_BACKLOG
    }

    /// Resolves when every call so far has been made.
    pub(crate) async fn drained(&self) {
        loop {
            let empty = self.backlog.empty.notified();
            tokio::pin!(empty);
            empty.as_mut().enable();
            if self.backlog.calls.load(Ordering::SeqCst) == 0 {
                return;
            }
            empty.await;
        }
    }
}

/// How long the thread leaves new calls alone when it has taken all there were. While streams are opened by the
/// thousand, waking it for each would cost as much as a quarter of opening one.
const REST: Duration = Duration::from_millis(1);

type Running = Pin<Box<dyn Future<Output = Subject> + Send>>;

/// Makes the calls until the hub is gone and all are made.
async fn run(hooks: Arc<dyn Hooks>, mut calls: mpsc::UnboundedReceiver<Call>, backlog: Arc<Backlog>) {
    let mut waiting: HashMap<Subject, VecDeque<Call>> = HashMap::new();
    let mut running: FuturesUnordered<Running> = FuturesUnordered::new();
    let mut open = true;
    let rest = tokio::time::sleep(Duration::ZERO);
    tokio::pin!(rest);
    let mut resting = false;
    while open || !running.is_empty() {
        tokio::select! {
            call = calls.recv(), if open && !resting => match call {
                Some(call) => {
                    match waiting.entry(call.subject()) {
                        std::collections::hash_map::Entry::Occupied(mut others) => others.get_mut().push_back(call),
                        std::collections::hash_map::Entry::Vacant(place) => {
                            let mut call = Box::pin(AssertUnwindSafe(call.run(Arc::clone(&hooks))).catch_unwind());
                            // Most hooks have nothing to wait for.
                            match std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await {
                                Poll::Ready(made) => {
                                    log(Ok(made), place.key());
                                    backlog.done();
                                }
                                Poll::Pending => {
                                    running.push(see_through(call, place.key().clone()));
                                    place.insert(VecDeque::new());
                                }
                            }
                        }
                    }
                    if calls.is_empty() {
                        resting = true;
                        rest.as_mut().reset(tokio::time::Instant::now() + REST);
                    }
                }
                None => open = false,
            },
            () = &mut rest, if resting => resting = false,
            Some(subject) = running.next(), if !running.is_empty() => {
                match waiting.get_mut(&subject).and_then(VecDeque::pop_front) {
                    Some(call) => {
                        let call = AssertUnwindSafe(call.run(Arc::clone(&hooks))).catch_unwind();
                        running.push(see_through(call, subject));
                    }
                    None => drop(waiting.remove(&subject)),
                }
                backlog.done();
            }
        }
    }
}

/// Makes one call, whatever comes of it.
fn see_through(
    call: impl Future<Output = std::thread::Result<HookResult>> + Send + 'static,
    subject: Subject,
) -> Running {
    Box::pin(async move {
        log(tokio::time::timeout(HOOK_TIMEOUT, call).await, &subject);
        subject
    })
}

fn log(made: Result<std::thread::Result<HookResult>, Elapsed>, subject: &Subject) {
    match made {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::error!(%error, ?subject, "a hook failed"),
        Ok(Err(_)) => tracing::error!(?subject, "a hook panicked"),
        Err(_) => tracing::error!(?subject, timeout = ?HOOK_TIMEOUT, "a hook took too long and was given up"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Mutex;

    /// Never gets done with who comes online.
    struct Stuck(Arc<Mutex<Vec<String>>>);

    #[async_trait]
    impl Hooks for Stuck {
        async fn user_online(&self, _: &str) -> HookResult {
            std::future::pending().await
        }

        async fn user_offline(&self, user: &str) -> HookResult {
            self.0.lock().push(user.to_owned());
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hook_that_takes_too_long_is_given_up_and_holds_up_its_own_user_alone() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (sender, receiver) = mpsc::unbounded_channel();
        for call in
            [Call::UserOnline("alice".into()), Call::UserOffline("alice".into()), Call::UserOffline("bob".into())]
        {
            assert!(sender.send(call).is_ok(), "the receiver is there");
        }
        drop(sender);
        let backlog = Arc::new(Backlog { calls: AtomicUsize::new(3), empty: Notify::new() });
        let began = tokio::time::Instant::now();
        run(Arc::new(Stuck(Arc::clone(&heard))), receiver, Arc::clone(&backlog)).await;
        assert_eq!(began.elapsed(), HOOK_TIMEOUT);
        assert_eq!(*heard.lock(), ["bob", "alice"]);
        assert_eq!(backlog.calls.load(Ordering::SeqCst), 0);
    }
}
