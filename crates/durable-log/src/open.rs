//! Opening a log: what is there, whether it is what was seen of it, and how it goes on.
//!
//! A directory holds four files:
//!
//! | file | what it holds |
//! |---|---|
//! | `lock` | nothing; who has it locked has the log open |
//! | `log.redb` | the store: entries, state, name |
//! | `journal` | what `flush_every` has accepted and the store has not yet |
//! | `seen` | the newest entry that anybody may have seen |
//!
//! A commit that a crash has torn was never acknowledged or shown: the store undoes it, and the log goes on under its
//! name. If the store ends before what was seen, or that cannot be told, the log takes another name, and every client
//! that comes back is told a gap.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use ssehub::LogName;
use tokio::sync::{Notify, mpsc, watch};

use crate::ahead::Ahead;
use crate::error::{DurableError, Reason};
use crate::frame::Lasting;
use crate::journal::Journal;
use crate::log::{DurableLog, MAX_WAITING, Shared};
use crate::position::{Position, now_ms};
use crate::recent::{Latest, Recent};
use crate::recovery::Recovery;
use crate::retention::{Retained, Retention};
use crate::salvage::salvage;
use crate::seen::{self, Seen, SeenFile};
use crate::store::{Found, Store};
use crate::writer::Writer;

pub(crate) fn open(path: &Path, flush_every: Option<Duration>) -> Result<DurableLog, DurableError> {
    make(path).map_err(|error| DurableError::io(path, error))?;
    let lock = lock(path)?;
    let mut recovery = Recovery::default();
    let seen_path = path.join("seen");
    let seen = Seen::read(&seen_path)?;
    let (store, found) = open_store(&path.join("log.redb"), seen.as_ref(), &mut recovery)?;
    let (mut journal, left) = Journal::open(&path.join("journal"))?;
    recovery.torn_bytes = left.torn;
    let mut found = found.unwrap_or_else(|| {
        let retained = Retained::behind(Position { ms: now_ms(), seq: 0 });
        Found { name: String::new(), retained, damaged: Vec::new() }
    });
    let is_new = |entry: &Lasting| !found.name.is_empty() && entry.position > found.retained.newest;
    let mut pending: Vec<_> = left.entries.into_iter().filter(is_new).collect();
    recovery.replayed = pending.len();
    let newest = pending.last().map_or(found.retained.newest, |entry| entry.position);
    // Up to here, none is missing.
    let has_hole = pending.first().is_some_and(|first| first.before > found.retained.newest);
    let whole = if has_hole { found.retained.newest } else { newest };
    if !pending.is_empty() && flush_every.is_none() {
        found.retained = store.commit(&pending, found.retained, &Retention::default(), now_ms())?;
        pending.clear();
    }
    let name = judge(&found, whole, seen.as_ref(), &mut recovery);
    let ids = seen.as_ref().map(|seen| seen.newest.max(seen.ids)).unwrap_or_default().max(newest);
    let seen = Seen {
        name: name.to_string(),
        newest: if found.name.is_empty() { Position::default() } else { newest },
        ids,
        is_closed: false,
        is_ahead: flush_every.is_some(),
        boot: seen::boot(),
    };
    let seen = SeenFile::create(&seen_path, seen)?;
    // A log that just goes on needs no room on the disk for that.
    let retained = found.retained;
    if found.name != name.as_str() || !found.damaged.is_empty() {
        store.name(name, retained, &found.damaged)?;
    }
    // What is new here is to be found after a crash of the machine, too.
    File::open(path).and_then(|dir| dir.sync_all()).map_err(|error| DurableError::io(path, error))?;
    recovery.retained = retained.events + pending.len();

    let mut recent = Recent::new(name, retained.newest, ids);
    recent.publish(pending.iter().map(Latest::from), retained.newest);
    let shared = Arc::new(Shared {
        path: path.into(),
        store,
        recent: Mutex::new(recent),
        moved: watch::Sender::new(()),
        retention: Mutex::default(),
        retained_anew: Notify::new(),
        damaged: Notify::new(),
    });
    let (sender, requests) = mpsc::channel(MAX_WAITING);
    if pending.is_empty() {
        journal.clear()?;
    }
    let ahead = flush_every.map(|every| Ahead::new(every, journal, pending));
    let writer = Writer::new(Arc::clone(&shared), seen, retained, ids, ahead);
    let thread = writer.start(lock, requests).map_err(|error| DurableError::io(path, error))?;
    Ok(DurableLog::new(shared, recovery, sender, thread))
}

/// Opens the store and reads all of it; if it is damaged, makes a new one of what is whole.
fn open_store(
    path: &Path,
    seen: Option<&Seen>,
    recovery: &mut Recovery,
) -> Result<(Store, Option<Found>), DurableError> {
    let open = || {
        let store = Store::open(path)?;
        let found = store.find()?;
        Ok((store, found))
    };
    let error = match open() {
        Err(error) if DurableError::is_of_damage(&error) => error,
        done => return done,
    };
    let newest = seen.and_then(Seen::bound).unwrap_or(Position { ms: u64::MAX, seq: u64::MAX });
    let aside = salvage(path, newest)?.ok_or_else(|| error.clone())?;
    tracing::error!(%error, aside = %aside.display(), "a durable log was damaged; going on with the entries that are whole");
    recovery.set_aside = Some(aside);
    open()
}

/// Whether this is the log that was seen, and the name that follows from that.
///
/// Up to `newest`, none of its entries is missing.
fn judge(found: &Found, newest: Position, seen: Option<&Seen>, recovery: &mut Recovery) -> LogName {
    recovery.damaged = found.damaged.len();
    let named: Option<LogName> = found.name.parse().ok();
    let Some(named) = named else {
        recovery.was_closed = seen.is_none_or(|seen| seen.newest == Position::default());
        if !recovery.was_closed {
            tracing::warn!("the store of a durable log is gone; beginning another log");
        }
        return LogName::random();
    };
    // A store that was made of what is whole has a name that nobody has heard of.
    let is_salvaged = recovery.set_aside.is_some();
    let named = seen.filter(|_| is_salvaged).and_then(|seen| seen.name.parse().ok()).unwrap_or(named);
    let seen = seen.filter(|seen| seen.name == named.as_str());
    recovery.was_closed = seen.is_some_and(|seen| seen.is_closed);
    let why = match seen {
        _ if is_salvaged => "its store was damaged",
        None => "it cannot be told what was seen of it",
        Some(seen) if seen.newest > newest => "entries that were accepted are gone",
        Some(_) if !found.damaged.is_empty() => "entries are damaged",
        Some(seen) if !seen.is_closed && seen.is_ahead && (seen.boot.is_empty() || seen.boot != seen::boot()) => {
            "the machine may have crashed before entries that were accepted were on disk"
        }
        Some(_) => {
            if !recovery.was_closed {
                let Recovery { replayed, torn_bytes, .. } = *recovery;
                tracing::warn!(log = %named, replayed, torn_bytes, "a durable log was not closed; going on with what is on disk");
            }
            return named;
        }
    };
    let name = LogName::random();
    recovery.renamed_from = Some(named);
    if seen.is_some_and(|seen| seen.newest > newest) {
        recovery.lost_after = Some(newest.id(name));
    }
    let damaged = recovery.damaged;
    tracing::warn!(log = %named, %name, why, damaged, "a durable log takes another name, so that clients are told a gap");
    name
}

/// Makes the directory if there is none, and those it is in, for nobody else to read, and so that it is found after a
/// crash of the machine.
fn make(dir: &Path) -> std::io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    make(parent)?;
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(dir)?;
    File::open(parent)?.sync_all()
}

/// Makes sure that nobody else has the log open. The lock goes with the file, or with the process.
fn lock(dir: &Path) -> Result<File, DurableError> {
    let path = dir.join("lock");
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(|error| DurableError::io(&path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Reason::InUse(dir.into()).into()),
        Err(TryLockError::Error(error)) => Err(DurableError::io(&path, error)),
    }
}
