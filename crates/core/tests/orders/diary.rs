//! What hooks were told, and whether that makes sense. The hooks themselves are slow, fail and panic now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use ssehub::{ConnectionInfo, DisconnectReason, HookResult, Hooks, async_trait};

#[derive(Clone, Debug, PartialEq, Eq)]
enum Call {
    Connected { id: String, user: Option<String> },
    Disconnected { id: String, user: Option<String>, reason: String },
    Online(String),
    Offline(String),
}

/// Writes down what it is told, in the order in which calls begin.
#[derive(Clone, Debug)]
pub(crate) struct Diary {
    calls: Arc<Mutex<Vec<Call>>>,
    /// Decides which calls end badly.
    trouble: u64,
}

impl Diary {
    pub(crate) fn new(trouble: u64) -> Self {
        Self { calls: Arc::default(), trouble }
    }

    async fn note(&self, call: Call) -> HookResult {
        let number = {
            let mut calls = self.calls.lock();
            calls.push(call);
            calls.len() as u64
        };
        match (self.trouble ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 60 {
            0 => Err("no database".into()),
            // Not `panic!`: its message would make a passing run look like a failing one.
            1 => std::panic::resume_unwind(Box::new("a hook of a run")),
            2 => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Each of these connections came and went once, for a reason there was, and users came online with their first and
    /// went offline with their last.
    pub(crate) fn check(&self, opened: &BTreeSet<String>, may_be: impl Fn(&str) -> bool) {
        let calls = self.calls.lock();
        let mut connected = BTreeSet::new();
        let mut open: BTreeSet<&str> = BTreeSet::new();
        let mut users: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
        for call in calls.iter() {
            let context = || format!("{call:?} in {calls:#?}");
            match call {
                Call::Connected { id, user } => {
                    assert!(connected.insert(id.clone()), "it comes twice: {}", context());
                    open.insert(id);
                    if let Some(user) = user {
                        let (streams, online) = users.entry(user).or_default();
                        assert!(*online, "its user is not online: {}", context());
                        *streams += 1;
                    }
                }
                Call::Disconnected { id, user, reason } => {
                    assert!(open.remove(id.as_str()), "it is not there: {}", context());
                    assert!(may_be(reason), "nobody gave this reason: {}", context());
                    if let Some(user) = user {
                        let (streams, online) = users.entry(user).or_default();
                        assert!(*online && *streams > 0, "its user is not online: {}", context());
                        *streams -= 1;
                    }
                }
                Call::Online(user) => {
                    let (streams, online) = users.entry(user).or_default();
                    assert!(*streams == 0 && !std::mem::replace(online, true), "it was online: {}", context());
                }
                Call::Offline(user) => {
                    let (streams, online) = users.entry(user).or_default();
                    assert!(*streams == 0 && std::mem::replace(online, false), "it was not online: {}", context());
                }
            }
        }
        assert_eq!(connected, *opened, "hooks were told of all connections there were, and of no others: {calls:#?}");
        assert!(open.is_empty(), "{open:?} never ended: {calls:#?}");
        assert!(users.values().all(|user| *user == (0, false)), "{users:?} in the end: {calls:#?}");
    }
}

#[async_trait]
impl Hooks for Diary {
    async fn connected(&self, connection: &ConnectionInfo) -> HookResult {
        let ConnectionInfo { id, user, .. } = connection.clone();
        self.note(Call::Connected { id, user }).await
    }

    async fn disconnected(&self, connection: &ConnectionInfo, reason: &DisconnectReason) -> HookResult {
        let ConnectionInfo { id, user, .. } = connection.clone();
        self.note(Call::Disconnected { id, user, reason: reason.to_string() }).await
    }

    async fn user_online(&self, user: &str) -> HookResult {
        self.note(Call::Online(user.to_owned())).await
    }

    async fn user_offline(&self, user: &str) -> HookResult {
        self.note(Call::Offline(user.to_owned())).await
    }
}
