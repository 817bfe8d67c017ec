//! How a log is opened.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::DurableError;
use crate::log::DurableLog;
use crate::open;

/// The shortest interval between flushes that makes sense: below it, waiting for the disk costs less.
const MIN_FLUSH_EVERY: Duration = Duration::from_millis(1);

/// The longest: as much as anybody wants to lose.
const MAX_FLUSH_EVERY: Duration = Duration::from_secs(60);

/// Opens a [`DurableLog`].
#[derive(Clone, Debug)]
pub struct DurableLogBuilder {
    path: PathBuf,
    flush_every: Option<Duration>,
}

impl DurableLogBuilder {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.into(), flush_every: None }
    }

    /// Accepts records when the operating system has them, and brings them to the disk within this interval: 1 ms to a
    /// minute, the nearer of which is taken for what is outside.
    ///
    /// Without this, which is the default, a record is accepted when it is on disk. All that wait share one fsync.
    ///
    /// With it a crash of the process loses nothing. A crash of the whole machine may lose what was accepted in the last
    /// interval, though clients have seen it; the log takes another name then, so that each of them is told a gap.
    pub fn flush_every(mut self, interval: Duration) -> Self {
        self.flush_every = Some(interval.clamp(MIN_FLUSH_EVERY, MAX_FLUSH_EVERY));
        self
    }

    /// Opens the log.
    ///
    /// # Errors
    ///
    /// As [`DurableLog::open`].
    pub fn open(self) -> Result<DurableLog, DurableError> {
        open::open(&self.path, self.flush_every)
    }
}
