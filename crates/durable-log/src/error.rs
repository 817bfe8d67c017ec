//! What can go wrong with a durable log: one type, for opening as for appending and following.
//!
//! Opening returns it as it is; the [`Backplane`](ssehub::Backplane) hands it on as the source of its own errors.

use std::any::Any;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ssehub::{BackplaneError, BackplaneErrorKind};

use crate::frame::FORMAT;

/// Why a durable log could not be opened, or did not take or bring a record.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct DurableError(Arc<Reason>);

/// The kinds of [`DurableError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DurableErrorKind {
    /// Somebody else has the log open.
    InUse,
    /// The directory holds something of another format: of a newer version, or no log at all.
    UnknownFormat,
    /// What is on the disk is damaged so that it cannot be read.
    Damaged,
    /// There is no room on the disk. The log goes on when there is.
    Full,
    /// The operating system refused in another way.
    Io,
    /// The record is longer than [`MAX_RECORD_BYTES`](crate::MAX_RECORD_BYTES), or changes more state than a record may.
    TooLarge,
    /// The log was closed, or has given up.
    Closed,
    /// A follower was so slow that what it had to read next is gone. It follows anew.
    Behind,
    /// The log has lost something that was seen, and is another one now. A follower follows anew.
    Renamed,
}

impl DurableError {
    /// What went wrong, for matching.
    pub fn kind(&self) -> DurableErrorKind {
        match &*self.0 {
            Reason::InUse(_) => DurableErrorKind::InUse,
            Reason::UnknownFormat(..) | Reason::NoLog(_) => DurableErrorKind::UnknownFormat,
            Reason::Damaged(..) => DurableErrorKind::Damaged,
            Reason::Full(..) => DurableErrorKind::Full,
            Reason::Io(..) => DurableErrorKind::Io,
            Reason::TooLarge(_) => DurableErrorKind::TooLarge,
            Reason::Closed(..) => DurableErrorKind::Closed,
            Reason::Behind => DurableErrorKind::Behind,
            Reason::Renamed => DurableErrorKind::Renamed,
        }
    }

    /// Whether it may help to look for what is whole in the store.
    pub(crate) fn is_of_damage(&self) -> bool {
        matches!(&*self.0, Reason::Damaged(..) | Reason::NoLog(_))
    }

    /// Nothing was taken.
    pub(crate) fn unavailable(self) -> BackplaneError {
        BackplaneError::new(BackplaneErrorKind::Unavailable, self)
    }

    /// Nobody knows yet.
    pub(crate) fn uncertain(self) -> BackplaneError {
        BackplaneError::new(BackplaneErrorKind::Uncertain, self)
    }

    pub(crate) fn io(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Reason::Full(path.into(), error).into()
            }
            _ => Reason::Io(path.into(), error).into(),
        }
    }

    /// What the store says of its file.
    pub(crate) fn store(path: &Path, error: impl Into<redb::Error>) -> Self {
        match error.into() {
            redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                // redb 4.5.0, src/db.rs: what does not begin like a store.
                Reason::NoLog(path.into()).into()
            }
            redb::Error::Io(error) => Self::io(path, error),
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Reason::InUse(path.into()).into(),
            redb::Error::UpgradeRequired(version) => {
                Reason::UnknownFormat(path.into(), format!("redb's {version}")).into()
            }
            error => Reason::Damaged(path.into(), error.to_string()).into(),
        }
    }

    /// The store panicked. What it said has been printed by the panic hook already.
    pub(crate) fn panicked(path: &Path, panic: &(dyn Any + Send)) -> Self {
        let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Reason::Damaged(path.into(), format!("the store gave up: {}", said.unwrap_or("without a reason"))).into()
    }
}

impl From<Reason> for DurableError {
    fn from(reason: Reason) -> Self {
        Self(Arc::new(reason))
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Reason {
    #[error("the durable log {} is in use: one process, and one handle and its clones in it, may have it open", .0.display())]
    InUse(PathBuf),
    #[error("{} has format {}, and this version reads format {FORMAT} only", .0.display(), .1)]
    UnknownFormat(PathBuf, String),
    #[error("{} is no durable log of a hub: give it a directory of its own", .0.display())]
    NoLog(PathBuf),
    #[error("{} is damaged, restore it or move it away to begin a new log: {}", .0.display(), .1)]
    Damaged(PathBuf, String),
    #[error("there is no room on the disk for {}", .0.display())]
    Full(PathBuf, #[source] io::Error),
    #[error("cannot use {}: {}", .0.display(), .1)]
    Io(PathBuf, #[source] io::Error),
    #[error("a record of {0} bytes, or with that many changes of the state, is too large: see MAX_RECORD_BYTES")]
    TooLarge(usize),
    #[error("the durable log {} is closed: {}", .0.display(), .1)]
    Closed(PathBuf, &'static str),
    #[error("a follower of the durable log was so slow that what it had to read next is gone")]
    Behind,
    #[error("the durable log has lost entries that were seen, and is another one now")]
    Renamed,
}
