//! What may have been seen of the log: the newest lasting entry that was acknowledged or handed to a follower, and how
//! far ids were given out.
//!
//! The entry is written after each commit, beside the store and without an fsync, so that it costs next to nothing and
//! is exact when the process is killed. It tells a commit that was torn, which nobody has seen, from one that was lost.
//! After a crash of the whole machine it may be some seconds old.
//!
//! Passing entries are not stored, but their ids must not come again. So ids are set aside for them, on disk, before
//! they are given; no other room on the disk is needed for that.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use ssehub::LogName;

use crate::error::DurableError;
use crate::position::Position;

/// As long as it ever gets: it is written over in place.
const LENGTH: usize = 192;

/// What the last process said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) newest: Position,
    /// No passing entry was given an id behind this.
    pub(crate) ids: Position,
    /// Whether the log was closed cleanly behind that.
    pub(crate) is_closed: bool,
    /// Whether entries were shown before they were on disk: `flush_every`.
    pub(crate) is_ahead: bool,
    /// Which run of the machine it was; empty where that cannot be told.
    pub(crate) boot: String,
}

impl Seen {
    /// Behind this, surely nothing was seen. That is exact for as long as the machine runs; after it crashed, nobody knows.
    pub(crate) fn bound(&self) -> Option<Position> {
        (!self.boot.is_empty() && self.boot == boot()).then_some(self.newest)
    }

    /// Reads what the last process said. None if it said nothing, or nothing that can be read.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, DurableError> {
        let mut bytes = Vec::new();
        match File::open(path) {
            Ok(file) => file.take(LENGTH as u64).read_to_end(&mut bytes).map_err(|e| DurableError::io(path, e))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(DurableError::io(path, error)),
        };
        Ok(std::str::from_utf8(&bytes).ok().and_then(Self::parse))
    }

    fn parse(text: &str) -> Option<Self> {
        let (sum, rest) = text.trim_end().split_once(' ')?;
        if u32::from_str_radix(sum, 16).ok()? != crc32fast::hash(rest.as_bytes()) {
            return None;
        }
        let mut words = rest.split(' ');
        let mut next = || words.next();
        let name = next()?.to_owned();
        let mut position = || Some(Position { ms: next()?.parse().ok()?, seq: next()?.parse().ok()? });
        let (newest, ids) = (position()?, position()?);
        let (is_closed, is_ahead) = (next()? == "closed", next()? == "ahead");
        let boot = next().unwrap_or_default().to_owned();
        Some(Self { name, newest, ids, is_closed, is_ahead, boot })
    }

    fn text(&self) -> String {
        let Self { name, newest, ids, is_closed, is_ahead, boot } = self;
        let closed = if *is_closed { "closed" } else { "open" };
        let ahead = if *is_ahead { "ahead" } else { "flushed" };
        let rest = format!("{name} {} {} {} {} {closed} {ahead} {boot}", newest.ms, newest.seq, ids.ms, ids.seq)
            .trim_end()
            .to_owned();
        let text = format!("{:08x} {rest}", crc32fast::hash(rest.as_bytes()));
        format!("{text:<width$}\n", width = LENGTH - 1)
    }
}

/// The file it is written to.
#[derive(Debug)]
pub(crate) struct SeenFile {
    path: PathBuf,
    file: File,
    seen: Seen,
    has_failed: bool,
}

impl SeenFile {
    /// Says the first thing, on disk when it returns.
    pub(crate) fn create(path: &Path, seen: Seen) -> Result<Self, DurableError> {
        let io = |error| DurableError::io(path, error);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        let mut this = Self { path: path.into(), file, seen, has_failed: false };
        this.write().and_then(|()| this.file.sync_all()).map_err(io)?;
        Ok(this)
    }

    /// Everything up to here may be seen from now on.
    pub(crate) fn advance(&mut self, newest: Position) {
        self.seen.newest = self.seen.newest.max(newest);
        if let Err(error) = self.write()
            && !std::mem::replace(&mut self.has_failed, true)
        {
            // It stays older than it could be, which is what it is after a crash of the machine too.
            tracing::warn!(path = %self.path.display(), %error, "cannot write down what was seen of the durable log");
        }
    }

    /// The log is another one. It has what it had, or less: the newest entry is this one.
    pub(crate) fn rename(&mut self, name: LogName, newest: Option<Position>) {
        self.seen.name = name.to_string();
        self.seen.newest = newest.unwrap_or(self.seen.newest);
        if let Err(error) = self.write().and_then(|()| self.file.sync_data()) {
            // The names differ at the next start then, and it takes another one.
            tracing::warn!(path = %self.path.display(), %error, "cannot write down the name of the durable log");
        }
    }

    /// Up to here, ids are set aside for passing entries.
    pub(crate) fn ids(&self) -> Position {
        self.seen.ids
    }

    /// Sets ids aside for passing entries, on disk when it returns.
    pub(crate) fn set_aside(&mut self, ids: Position) -> Result<(), DurableError> {
        let before = std::mem::replace(&mut self.seen.ids, ids);
        self.write().and_then(|()| self.file.sync_data()).map_err(|error| {
            self.seen.ids = before;
            DurableError::io(&self.path, error)
        })
    }

    /// Nothing will follow, and everything is on disk. No ids were given behind this.
    pub(crate) fn close(&mut self, ids: Position) {
        (self.seen.is_closed, self.seen.ids) = (true, ids);
        if let Err(error) = self.write().and_then(|()| self.file.sync_all()) {
            tracing::warn!(path = %self.path.display(), %error, "cannot write down that the durable log is closed");
        }
    }

    fn write(&mut self) -> std::io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(self.seen.text().as_bytes())
    }
}

/// Names this run of the machine; empty where that cannot be told.
pub(crate) fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().chars().filter(|it| it.is_ascii_hexdigit() || *it == '-').take(36).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        let newest = Position { ms: u64::MAX, seq: u64::MAX };
        Seen { name: "abcdefghijklmno".into(), newest, ids: newest, is_closed: false, is_ahead: true, boot: boot() }
    }

    #[test]
    fn what_was_seen_survives_the_round_trip_and_is_always_of_one_length() {
        for boot in [boot(), String::new()] {
            let seen = Seen { boot, ..seen() };
            assert_eq!(seen.text().len(), LENGTH);
            assert_eq!(Seen::parse(&seen.text()), Some(seen));
        }
    }

    #[test]
    fn what_is_damaged_says_nothing() {
        let text = seen().text();
        for at in 0..text.trim_end().len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let parsed = std::str::from_utf8(&bytes).ok().and_then(Seen::parse);
            assert_eq!(parsed, None, "byte {at}");
            assert_eq!(Seen::parse(&text[..at]), None, "cut at {at}");
        }
    }
}
