//! The hub's hook calls, remembered for `GET /lifecycle`.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use ssehub::{ConnectionInfo, DisconnectReason, HookResult, Hooks, async_trait};

/// How many calls are remembered; the oldest go first.
const REMEMBERED: usize = 10_000;

/// A ring of the latest hook calls; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lifecycle(Arc<Mutex<VecDeque<Call>>>);

/// One call of a hook, as the API shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "hook", rename_all = "snake_case")]
pub(crate) enum Call {
    Connected { connection: Box<str>, user: Option<Box<str>> },
    Disconnected { connection: Box<str>, user: Option<Box<str>>, reason: Box<str> },
    UserOnline { user: Box<str> },
    UserOffline { user: Box<str> },
}

impl Lifecycle {
    /// The calls so far, oldest first.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.0.lock().iter().cloned().collect()
    }

    fn remember(&self, call: Call) -> HookResult {
        let mut calls = self.0.lock();
        if calls.len() == REMEMBERED {
            calls.pop_front();
        }
        calls.push_back(call);
        Ok(())
    }
}

#[async_trait]
impl Hooks for Lifecycle {
    async fn connected(&self, connection: &ConnectionInfo) -> HookResult {
        self.remember(Call::Connected {
            connection: connection.id.as_str().into(),
            user: connection.user.as_deref().map(Box::from),
        })
    }

    async fn disconnected(&self, connection: &ConnectionInfo, reason: &DisconnectReason) -> HookResult {
        self.remember(Call::Disconnected {
            connection: connection.id.as_str().into(),
            user: connection.user.as_deref().map(Box::from),
            reason: reason.to_string().into(),
        })
    }

    async fn user_online(&self, user: &str) -> HookResult {
        self.remember(Call::UserOnline { user: user.into() })
    }

    async fn user_offline(&self, user: &str) -> HookResult {
        self.remember(Call::UserOffline { user: user.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_calls_are_remembered() {
        let lifecycle = Lifecycle::default();
        for user in 0..=REMEMBERED {
            lifecycle.remember(Call::UserOnline { user: user.to_string().into() }).unwrap();
        }
        let calls = lifecycle.calls();
        assert_eq!(calls.len(), REMEMBERED);
        assert!(matches!(&calls[0], Call::UserOnline { user } if &**user == "1"));
    }
}
