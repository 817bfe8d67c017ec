//! The store: one redb file with the entries, the state and what is to be remembered of them.
//!
//! A commit is one transaction with one fsync: entries, their state changes, and the entries that retention takes for
//! them. Entries at or before [`Retained::trimmed`] are there for the state only.

use std::fs::OpenOptions;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use redb::backends::FileBackend;
use redb::{Database, ReadTransaction, ReadableDatabase as _, ReadableTable, TableDefinition, TableError};

use crate::disk::{Disk, Unsynced};
use crate::error::{DurableError, Reason};
use crate::frame::{FORMAT, Frame, record_length};
use crate::position::Position;
use crate::retention::Retained;

/// What redb may keep in memory of its file. Entries are read in order, and mostly by who follows the log from memory
/// anyway.
const CACHE_BYTES: usize = 16 << 20;

/// How many entries, and bytes of them, are read in one go.
const CHUNK_ENTRIES: usize = 512;
const CHUNK_BYTES: usize = 1 << 20;

/// Position -> frame.
pub(crate) const LOG: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("log");
/// Key of the state -> the position of its newest record.
pub(crate) const STATE: TableDefinition<'_, &[u8], (u64, u64)> = TableDefinition::new("state");
/// The same the other way round: what an entry is kept for.
pub(crate) const HELD: TableDefinition<'_, (u64, u64, &[u8]), ()> = TableDefinition::new("held");
/// How far retention has come: [`Retained::trimmed`].
pub(crate) const TRIMMED: TableDefinition<'_, (), (u64, u64)> = TableDefinition::new("trimmed");
/// "format" and "name".
pub(crate) const ABOUT: TableDefinition<'_, &str, &str> = TableDefinition::new("about");

/// What a store was found to hold.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) retained: Retained,
    /// Entries whose checksum is wrong. They count as gone.
    pub(crate) damaged: Vec<Position>,
}

/// A record that the state keeps.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) position: Position,
    pub(crate) keys: Vec<Bytes>,
    pub(crate) record: Bytes,
}

/// What a follower begins with, of one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) trimmed: Position,
    /// The newest entry.
    pub(crate) newest: Position,
    /// What the state keeps of what retention has taken, in the order of ids.
    pub(crate) held: Vec<Held>,
}

/// Entries that were read.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) entries: Vec<(Position, Bytes)>,
    /// Whether they are all there were.
    pub(crate) is_last: bool,
}

#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    unsynced: Arc<Mutex<Unsynced>>,
    /// None after a failure that could not be mended yet, and when the log is closed.
    database: RwLock<Option<Database>>,
}

/// Whatever redb says, which has an error for each of its operations.
#[derive(Debug)]
pub(crate) struct Refused(Box<redb::Error>);

impl<E: Into<redb::Error>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self(Box::new(error.into()))
    }
}

impl Store {
    /// Opens the file, or makes it, and checks the checksum of each of its pages: a commit that was torn is undone, and
    /// other damage is an error.
    pub(crate) fn open(path: &Path) -> Result<Self, DurableError> {
        let unsynced = Arc::default();
        let database = open(path, &unsynced)?;
        Ok(Self { path: path.into(), unsynced, database: RwLock::new(Some(database)) })
    }

    pub(crate) fn is_open(&self) -> bool {
        self.database.read().is_some()
    }

    /// Closes the file. Who reads it gets an error.
    pub(crate) fn close(&self) {
        let database = self.database.write().take();
        let closing = std::panic::catch_unwind(AssertUnwindSafe(|| database.map(Database::close)));
        if let Ok(Some(Err(error))) = closing {
            tracing::warn!(path = %self.path.display(), %error, "the durable log was not closed cleanly");
        }
    }

    /// Opens the file again after a failure. redb takes no commit after one.
    pub(crate) fn reopen(&self) -> Result<(), DurableError> {
        self.close();
        *self.database.write() = Some(open(&self.path, &self.unsynced)?);
        Ok(())
    }

    /// Everything there is, read and verified. None if nothing was ever stored.
    pub(crate) fn find(&self) -> Result<Option<Found>, DurableError> {
        self.with(|database| {
            let read = database.begin_read()?;
            let about = match read.open_table(ABOUT) {
                Err(TableError::TableDoesNotExist(_)) => return Ok(None),
                about => about?,
            };
            let text = |key| -> Result<_, Refused> { Ok(about.get(key)?.map(|text| text.value().to_owned())) };
            let (format, name) = (text("format")?, text("name")?);
            let format = format.unwrap_or_default();
            if format != FORMAT.to_string() {
                // Nothing else is looked at: who knows what it means.
                return Ok(Some(Err(format)));
            }
            let retained = Retained::behind(trimmed(&read)?);
            let mut found = Found { name: name.unwrap_or_default(), retained, damaged: Vec::new() };
            let log = read.open_table(LOG)?;
            for entry in log.iter()? {
                let (position, stored) = entry?;
                let (position, stored) = (Position::from(position.value()), stored.value());
                if verified(position, stored).is_none() {
                    found.damaged.push(position);
                } else if position > found.retained.trimmed {
                    found.retained.add(position, record_length(stored));
                }
            }
            Ok(Some(Ok(found)))
        })?
        .transpose()
        .map_err(|format| Reason::UnknownFormat(self.path.clone(), format).into())
    }

    /// The next entries after one position, up to another, oldest first.
    pub(crate) fn read(&self, after: Position, to: Position) -> Result<Chunk, DurableError> {
        self.with(|database| {
            let read = database.begin_read()?;
            if trimmed(&read)? > after {
                return Ok(None);
            }
            let mut chunk = Chunk { entries: Vec::new(), is_last: true };
            let mut bytes = 0;
            if after >= to {
                return Ok(Some(chunk));
            }
            let log = read.open_table(LOG)?;
            for entry in log.range(behind(after)..=to.key())? {
                let (position, stored) = entry?;
                if chunk.entries.len() >= CHUNK_ENTRIES || bytes >= CHUNK_BYTES {
                    chunk.is_last = false;
                    break;
                }
                let position = position.value().into();
                let record = Self::verified(position, stored.value())?;
                bytes += record.len();
                chunk.entries.push((position, record));
            }
            Ok(Some(chunk))
        })?
        .ok_or_else(|| Reason::Behind.into())
    }

    /// How far retention has come, and what the state keeps of what is before that.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, DurableError> {
        self.with(|database| {
            let read = database.begin_read()?;
            let trimmed = trimmed(&read)?;
            let log = read.open_table(LOG)?;
            let held = read.open_table(HELD)?;
            let newest = log.last()?.map_or(trimmed, |(position, _)| position.value().into());
            let mut kept: Vec<Held> = Vec::new();
            for entry in held.range(..behind_all(trimmed))? {
                let (held, _) = entry?;
                let (ms, seq, key) = held.value();
                let (position, key) = (Position { ms, seq }, Bytes::copy_from_slice(key));
                match kept.last_mut() {
                    Some(last) if last.position == position => last.keys.push(key),
                    _ => {
                        let Some(stored) = log.get(position.key())? else { continue };
                        let record = Self::verified(position, stored.value())?;
                        kept.push(Held { position, keys: vec![key], record });
                    }
                }
            }
            Ok(Snapshot { trimmed, newest: newest.max(trimmed), held: kept })
        })
    }

    /// A copy of a record, which is whole, as all were when the log was opened.
    fn verified(position: Position, stored: &[u8]) -> Result<Bytes, Refused> {
        let damaged = || redb::Error::Corrupted(format!("its entry {}-{} has changed", position.ms, position.seq));
        Ok(verified(position, stored).map(Bytes::copy_from_slice).ok_or_else(damaged)?)
    }

    /// Does something with the database, and turns whatever it does about that into an error.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, Refused>) -> Result<T, DurableError> {
        let database = self.database.read();
        let Some(database) = &*database else {
            return Err(Reason::Closed(self.path.clone(), "the store could not be opened again yet").into());
        };
        match std::panic::catch_unwind(AssertUnwindSafe(|| work(database))) {
            Ok(done) => done.map_err(|error| DurableError::store(&self.path, *error.0)),
            Err(panic) => Err(DurableError::panicked(&self.path, &*panic)),
        }
    }
}

fn open(path: &Path, unsynced: &Arc<Mutex<Unsynced>>) -> Result<Database, DurableError> {
    let io = |error| DurableError::io(path, error);
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
    let file = FileBackend::new(file).map_err(|error| DurableError::store(path, error))?;
    let disk = Disk::new(file, Arc::clone(unsynced)).map_err(io)?;
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    match std::panic::catch_unwind(AssertUnwindSafe(|| builder.create_with_backend(disk))) {
        Ok(opened) => opened.map_err(|error| DurableError::store(path, error)),
        Err(panic) => Err(DurableError::panicked(path, &*panic)),
    }
}

/// The record of an entry, if it is whole and stands where it should.
fn verified(position: Position, stored: &[u8]) -> Option<&[u8]> {
    Frame::parse(stored).filter(|frame| frame.position == position).map(|frame| frame.record)
}

/// The smallest key behind a position.
pub(crate) fn behind(position: Position) -> (u64, u64) {
    position.next(position.ms).key()
}

pub(crate) fn behind_all(position: Position) -> (u64, u64, &'static [u8]) {
    let (ms, seq) = behind(position);
    (ms, seq, &[])
}

fn trimmed(read: &ReadTransaction) -> Result<Position, Refused> {
    let table = read.open_table(TRIMMED)?;
    Ok(table.get(())?.map(|position| position.value().into()).unwrap_or_default())
}
