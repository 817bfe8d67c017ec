//! The one thread that writes: it gives ids, commits what waits with one fsync, and publishes it.
//!
//! While a commit is under way the next records gather, so that groups grow with the load by themselves. Followers and
//! senders hear of an entry when it is on disk; with `flush_every`, when the operating system has it.
//!
//! After an error redb takes nothing more, so the file is opened again, which also tells whether the commit is in it.
//! Lasting records are refused meanwhile, and for a moment after, since that reads all there is.

use std::fs::File;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ssehub::{BackplaneError, EventId, LogName, Record, Retention as For};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use crate::ahead::Ahead;
use crate::error::{DurableError, Reason};
use crate::frame::Lasting;
use crate::log::{MAX_WAITING, Shared};
use crate::position::{Position, now_ms};
use crate::recent::Latest;
use crate::retention::Retained;
use crate::seen::SeenFile;
use crate::store::Found;

/// How far ids are given out ahead of the disk to passing entries, which are not stored. It is the age of an id that a
/// log may begin with after a crash, at most.
const IDS_AHEAD_MS: u64 = 1000;

/// How long nothing is written after a failure: as often as that all is read and verified.
pub(crate) const PAUSE: Duration = Duration::from_millis(500);

/// How often entries are taken for their age while nothing is appended.
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// What the writer is asked for.
#[derive(Debug)]
pub(crate) enum Request {
    Append(Append),
    /// Somebody has seen what the log of this name does not have.
    Rename {
        from: LogName,
        reply: oneshot::Sender<Result<(), BackplaneError>>,
    },
}

/// A record that waits for the disk.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) record: Record,
    pub(crate) reply: oneshot::Sender<Result<EventId, BackplaneError>>,
    pub(crate) room: OwnedSemaphorePermit,
}

/// Why a commit failed, and what that means for its entries.
pub(crate) struct Failure {
    pub(crate) error: DurableError,
    /// Whether they are surely not in the store.
    pub(crate) is_certain: bool,
}

impl Failure {
    fn answer(&self) -> BackplaneError {
        let error = self.error.clone();
        if self.is_certain { error.unavailable() } else { error.uncertain() }
    }
}

pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    seen: SeenFile,
    /// What the store has.
    pub(crate) retained: Retained,
    /// The newest id that was given.
    last: Position,
    pub(crate) ahead: Option<Ahead>,
    /// Why nothing is written now, and until when.
    failed: Option<(DurableError, Instant)>,
    /// When retention was last applied while nothing was appended.
    tidied: Option<Instant>,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        seen: SeenFile,
        retained: Retained,
        last: Position,
        ahead: Option<Ahead>,
    ) -> Self {
        Self { shared, seen, retained, last, ahead, failed: None, tidied: None }
    }

    /// Starts the thread, which ends when nobody can append any more. The lock is held until the file is closed.
    pub(crate) fn start(self, lock: File, requests: mpsc::Receiver<Request>) -> std::io::Result<JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        std::thread::Builder::new().name("ssehub-durable".into()).spawn(move || {
            // Whatever happens here, followers are told and the file is closed.
            let _ending = Ending { shared: Arc::clone(&self.shared), _lock: lock };
            runtime.block_on(self.run(requests));
        })
    }

    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let shared = Arc::clone(&self.shared);
        let mut group = Vec::new();
        loop {
            tokio::select! {
                biased;
                taken = requests.recv_many(&mut group, MAX_WAITING) => match taken {
                    0 => break,
                    _ => self.take(group.drain(..)),
                },
                () = shared.retained_anew.notified() => self.tidied = None,
                // What cannot be mended now is tried again.
                () = shared.damaged.notified() => drop(self.reopen()),
                () = sleep_until(self.due()) => {}
            }
            self.tidy();
        }
        self.close();
    }

    /// When there is something to do though nothing is appended.
    fn due(&self) -> Option<Instant> {
        if let Some((_, retry)) = &self.failed {
            return Some(*retry);
        }
        let expiry = self.shared.retention.lock().expiry_ms(&self.retained).and_then(|expiry_ms| {
            // None for one that is further away than a clock can tell.
            let expiry = Instant::now().checked_add(Duration::from_millis(expiry_ms.saturating_sub(now_ms())))?;
            Some(self.tidied.map_or(expiry, |tidied| expiry.max(tidied + TIDY_EVERY)))
        });
        let flush = self.ahead.as_ref().and_then(Ahead::due);
        expiry.into_iter().chain(flush).min()
    }

    /// Takes a group of records.
    fn take(&mut self, group: impl Iterator<Item = Request>) {
        let now_ms = now_ms();
        let (mut lasting, mut entries, mut replies) = (Vec::new(), Vec::new(), Vec::new());
        let accepted = self.ahead.as_ref().and_then(Ahead::newest);
        let mut before = accepted.unwrap_or(self.retained.newest);
        for request in group {
            let Append { record, reply, room } = match request {
                Request::Append(append) => append,
                Request::Rename { from, reply } => {
                    // Who asks for it twice gets it once. Who has stopped waiting needs no answer.
                    let is_due = self.shared.recent.lock().name() == from;
                    let renamed = if is_due { self.rename(None) } else { Ok(()) };
                    if renamed.is_err() {
                        let _ = self.reopen();
                    }
                    let _ = reply.send(renamed.map_err(DurableError::unavailable));
                    continue;
                }
            };
            self.last = self.last.next(now_ms);
            // What the state has of a record has to be there for as long as the key.
            let is_passing = record.retention() == For::Passing && record.state().is_empty();
            entries.push(Latest { position: self.last, bytes: record.bytes().clone(), is_passing });
            replies.push((reply, room));
            if !is_passing {
                lasting.push(Lasting { position: self.last, before, record });
                before = self.last;
            }
        }
        let passing = entries.iter().rfind(|entry| entry.is_passing).map(|entry| entry.position);
        let passing = passing.map_or(Ok(()), |newest| self.set_aside(newest));
        let newest = lasting.last().map(|entry| entry.position);
        let lasting = match self.ahead {
            _ if lasting.is_empty() => Ok(()),
            Some(_) => self.run_ahead(lasting),
            None => self.commit(&lasting),
        };
        if let (Ok(()), Some(newest)) = (&lasting, newest) {
            self.seen.advance(newest);
        }
        let outcome = |entry: &Latest| if entry.is_passing { &passing } else { &lasting };
        let taken = entries.iter().filter(|entry| outcome(entry).is_ok()).cloned();
        let name = self.shared.publish(|recent| {
            recent.publish(taken, self.retained.newest);
            recent.name()
        });
        for (entry, (reply, _room)) in entries.iter().zip(replies) {
            let _ = reply.send(outcome(entry).as_ref().map(|()| entry.position.id(name)).map_err(Failure::answer));
        }
    }

    /// Makes sure that ids up to this one can't come again, and some more, so that this is seldom.
    fn set_aside(&mut self, newest: Position) -> Result<(), Failure> {
        if newest <= self.seen.ids() {
            return Ok(());
        }
        let ids = Position { ms: newest.ms.saturating_add(IDS_AHEAD_MS), seq: 0 };
        self.seen.set_aside(ids).map_err(|error| Failure { error, is_certain: true })
    }

    /// Brings entries to the disk, with what retention takes for them.
    pub(crate) fn commit(&mut self, entries: &[Lasting]) -> Result<(), Failure> {
        self.resume().map_err(|error| Failure { error, is_certain: true })?;
        let retention = self.shared.retention.lock().clone();
        let error = match self.shared.store.commit(entries, self.retained, &retention, now_ms()) {
            Ok(retained) => {
                self.retained = retained;
                return Ok(());
            }
            Err(error) => error,
        };
        tracing::error!(%error, "the durable log could not be written");
        self.failed = Some((error.clone(), Instant::now() + PAUSE));
        let is_open = self.reopen().is_ok();
        let is_in = entries.first().is_some_and(|oldest| oldest.position <= self.retained.newest);
        let is_certain = is_open && !is_in;
        Err(Failure { error, is_certain })
    }

    /// Goes on after a failure, when it is time.
    fn resume(&mut self) -> Result<(), DurableError> {
        match &self.failed {
            Some((error, retry)) if *retry > Instant::now() => return Err(error.clone()),
            _ => self.failed = None,
        }
        if self.shared.store.is_open() { Ok(()) } else { self.reopen() }
    }

    /// Opens the store again, and sees what is in it.
    fn reopen(&mut self) -> Result<(), DurableError> {
        let found = self.shared.store.reopen().and_then(|()| self.find());
        if let Err(error) = &found {
            self.shared.store.close();
            self.failed = Some((error.clone(), Instant::now() + PAUSE));
        }
        found
    }

    /// Sees what is in the store, which somebody else may have changed: the disk.
    fn find(&mut self) -> Result<(), DurableError> {
        let path = &self.shared.path;
        let found = self.shared.store.find()?.ok_or(Reason::NoLog(path.clone().into()))?;
        tracing::warn!(path = %path.display(), "the durable log is open again");
        let (newest, known) = (found.retained.newest, self.retained.newest);
        // What nobody was told of is in, and something has passed behind it that followers have seen before.
        let is_late = self.ahead.is_none() && newest > known && newest < self.shared.recent.lock().head();
        if !found.damaged.is_empty() || newest < known || is_late {
            return self.rename(Some(&found));
        }
        self.retained = found.retained;
        if newest > known {
            self.seen.advance(newest);
            self.shared.publish(|recent| recent.rebase(newest));
        }
        Ok(())
    }

    /// Gives the log another name: it has what it had, or, if that was lost, what was found.
    fn rename(&mut self, found: Option<&Found>) -> Result<(), DurableError> {
        let name = LogName::random();
        let (retained, damaged) = found.map_or((self.retained, &[][..]), |found| (found.retained, &found.damaged));
        self.shared.store.name(name, retained, damaged)?;
        self.retained = retained;
        let newest = found.map(|found| found.retained.newest);
        self.seen.rename(name, newest);
        let former = self.shared.publish(|recent| {
            let former = recent.name();
            recent.rename(name, newest);
            former
        });
        self.show_ahead();
        tracing::warn!(log = %former, %name, "a durable log is not what somebody has seen; it takes another name");
        Ok(())
    }

    /// What is to be done from time to time.
    fn tidy(&mut self) {
        let now = Instant::now();
        if self.resume().is_err() {
            return;
        }
        if self.ahead.as_ref().and_then(Ahead::due).is_some_and(|due| due <= now) {
            // What failed is said, and tried again.
            let _ = self.flush();
        }
        if self.tidied.is_some_and(|tidied| now.duration_since(tidied) < TIDY_EVERY) {
            return;
        }
        self.tidied = Some(now);
        let retention = self.shared.retention.lock().clone();
        let is_over = self.retained.oldest.is_some_and(|oldest| retention.is_over(&self.retained, oldest, now_ms()));
        if is_over {
            let _ = if self.ahead.is_some() { self.flush() } else { self.commit(&[]) };
        }
    }

    /// Brings everything to the disk, and says that nothing will follow.
    fn close(mut self) {
        // There will be no other time.
        self.failed = None;
        if self.flush().is_ok() {
            self.seen.close(self.last);
        }
        self.shared.publish(|recent| recent.close("its last handle was dropped"));
    }
}

/// Ends what followers wait for, and closes the file before anybody else may open it.
struct Ending {
    shared: Arc<Shared>,
    _lock: File,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.shared.publish(|recent| recent.close("its writer has ended"));
        self.shared.store.close();
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use tokio::sync::{Notify, watch};

    use super::*;
    use crate::journal::Journal;
    use crate::recent::{Next, Recent};
    use crate::retention::Retention;
    use crate::seen::Seen;
    use crate::store::{LOG, Store};

    fn at(seq: u64) -> Position {
        Position { ms: 7, seq }
    }

    fn entry(seq: u64) -> Lasting {
        Lasting { position: at(seq), before: at(seq - 1), record: Record::new("x") }
    }

    /// The writer of an empty log, which does what it is told.
    fn writer(dir: &std::path::Path, ahead: Option<Ahead>) -> Writer {
        let (name, retained) = (LogName::random(), Retained::behind(at(0)));
        let store = Store::open(&dir.join("log.redb")).unwrap();
        store.name(name, retained, &[]).unwrap();
        let (newest, ids, boot) = (at(0), at(0), String::new());
        let seen = Seen { name: name.to_string(), newest, ids, is_closed: false, is_ahead: false, boot };
        let seen = SeenFile::create(&dir.join("seen"), seen).unwrap();
        let shared = Shared {
            path: dir.into(),
            store,
            recent: Mutex::new(Recent::new(name, at(0), at(0))),
            moved: watch::Sender::new(()),
            retention: Mutex::default(),
            retained_anew: Notify::new(),
            damaged: Notify::new(),
        };
        Writer::new(Arc::new(shared), seen, retained, at(0), ahead)
    }

    #[test]
    fn a_commit_that_turns_out_to_be_in_the_store_is_shown_in_its_place_or_under_another_name() {
        for passed in [None, Some(at(2))] {
            let dir = tempfile::tempdir().unwrap();
            let mut writer = writer(dir.path(), None);
            let shared = Arc::clone(&writer.shared);
            let name = shared.recent.lock().name();
            // Nobody knows yet what became of it.
            shared.store.commit(&[entry(1)], writer.retained, &Retention::default(), 0).unwrap();
            let passed = passed.map(|position| Latest { position, bytes: "y".into(), is_passing: true });
            let has_passed = passed.is_some();
            shared.publish(|recent| recent.publish(passed, at(0)));
            writer.reopen().unwrap();
            let seen = Seen::read(&dir.path().join("seen")).unwrap().unwrap();
            assert_eq!((shared.recent.lock().head(), seen.newest, writer.retained.newest), (at(1), at(1), at(1)));
            assert_eq!(shared.recent.lock().name() != name, has_passed);
            assert_eq!(seen.name, shared.recent.lock().name().to_string());
        }
    }

    #[test]
    fn what_was_accepted_ahead_of_the_disk_is_shown_under_another_name_too() {
        for appended_after in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let (journal, _) = Journal::open(&dir.path().join("journal")).unwrap();
            let mut writer = writer(dir.path(), Some(Ahead::new(Duration::from_secs(60), journal, Vec::new())));
            let shared = Arc::clone(&writer.shared);
            let append = |writer: &mut Writer, seq| {
                assert!(writer.run_ahead(vec![entry(seq)]).is_ok());
                shared.publish(|recent| recent.publish([Latest::from(&entry(seq))], writer.retained.newest));
            };
            append(&mut writer, 1);
            assert!(writer.flush().is_ok());
            append(&mut writer, 2);
            // The disk loses the first one.
            let lose = |database: &redb::Database| {
                let write = database.begin_write()?;
                write.open_table(LOG)?.remove(at(1).key())?;
                Ok(write.commit()?)
            };
            shared.store.with(lose).unwrap();
            let former = shared.recent.lock().name();
            writer.reopen().unwrap();
            let mut expected = vec![at(2)];
            if appended_after {
                append(&mut writer, 3);
                expected.push(at(3));
            }
            let name = shared.recent.lock().name();
            assert_ne!(name, former);
            match shared.recent.lock().after(name, at(0), at(0)) {
                Next::Entries(entries) => assert!(entries.iter().map(|entry| entry.position).eq(expected)),
                other => panic!("{other:?}"),
            }
        }
    }
}
