//! What the hooks of a hub were told.

use std::sync::{Arc, Mutex};

use ssehub::{ConnectionInfo, DisconnectReason, HookResult, Hooks, async_trait};

/// Writes down what it is told, in the order in which calls begin.
#[derive(Clone, Default)]
pub(crate) struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, line: String) -> HookResult {
        self.0.lock().expect("nothing panics under this lock").push(line);
        Ok(())
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().expect("nothing panics under this lock").clone()
    }
}

#[async_trait]
impl Hooks for Diary {
    async fn connected(&self, connection: &ConnectionInfo) -> HookResult {
        self.note(format!("connected {}", connection.id))
    }

    async fn disconnected(&self, connection: &ConnectionInfo, reason: &DisconnectReason) -> HookResult {
        self.note(format!("disconnected {} {reason}", connection.id))
    }

    async fn user_online(&self, user: &str) -> HookResult {
        self.note(format!("online {user}"))
    }

    async fn user_offline(&self, user: &str) -> HookResult {
        self.note(format!("offline {user}"))
    }
}
