//! Where the log of a subject is: in its own memory, in a Redis of its own, or in a directory of its own.
//!
//! A log outlives the process that serves it where it is not in its memory, and is thrown away with the case.

use ssehub_backplane_tests::redis::RedisServer;
use tempfile::TempDir;

/// Where the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backplane {
    /// In the process: there is none.
    None,
    /// In Debian's `redis-server`.
    Redis,
    /// On disk.
    Disk,
}

/// A log that outlives its process.
#[derive(Debug)]
pub(crate) enum Log {
    None,
    Redis(Box<RedisServer>),
    Disk(TempDir),
}

impl Log {
    /// A new one. (Starting a Redis blocks the thread.)
    pub(crate) fn on(backplane: Backplane) -> Self {
        match backplane {
            Backplane::None => Self::None,
            // No case of the contract breaks it, so it need not wait for a disk.
            Backplane::Redis => Self::Redis(Box::new(tokio::task::block_in_place(|| {
                RedisServer::options().setting("appendonly", "no").start()
            }))),
            Backplane::Disk => Self::Disk(tempfile::tempdir().expect("a folder can be made")),
        }
    }

    /// The options by which the playground finds it.
    pub(crate) fn options(&self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::Redis(server) => vec!["--redis".to_owned(), server.url()],
            Self::Disk(folder) => vec!["--data-dir".to_owned(), folder.path().join("log").display().to_string()],
        }
    }
}
