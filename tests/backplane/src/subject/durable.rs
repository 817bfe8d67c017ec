//! Durable logs, in a folder of the test's own.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use ssehub::{History, async_trait};
use ssehub_durable::DurableLog;
use tempfile::TempDir;

use super::{Line, Log, Subject};

/// Durable logs.
#[derive(Debug)]
pub struct Durable {
    folder: TempDir,
    logs: AtomicUsize,
}

struct OneLog {
    path: PathBuf,
    history: History,
    /// The log can be opened once at a time.
    line: Option<Line>,
}

impl Default for Durable {
    fn default() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder can be made"), logs: AtomicUsize::new(0) }
    }
}

#[async_trait]
impl Subject for Durable {
    async fn log(&self, history: History) -> Box<dyn Log> {
        let number = self.logs.fetch_add(1, Ordering::Relaxed);
        Box::new(OneLog { path: self.folder.path().join(number.to_string()), history, line: None })
    }
}

#[async_trait]
impl Log for OneLog {
    async fn line(&mut self) -> Line {
        let line = self.line.take().unwrap_or_else(|| {
            let log = DurableLog::open(&self.path).expect("nobody else has the folder");
            Line::new(log, &self.history)
        });
        self.line.insert(line).clone()
    }

    async fn reopen(&mut self) -> Line {
        self.line = None;
        self.line().await
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn keeps_passing(&self) -> bool {
        false
    }
}
