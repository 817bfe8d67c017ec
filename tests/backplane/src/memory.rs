//! A log in memory that several hubs share, and that fails on demand: the reference that other backplanes are compared
//! to.
//!
//! A [`MemoryLog`] is the log itself, and a [`MemoryLine`] is what one hub has of it.

mod contents;

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::{SystemTime, UNIX_EPOCH},
};

use futures::{StreamExt as _, stream, stream::BoxStream};
use ssehub::{Backplane, BackplaneError, BackplaneErrorKind, EventId, History, Record, Tailed, async_trait};
use tokio::sync::watch;

use self::contents::{Contents, Progress};

/// The log itself.
#[derive(Clone, Debug)]
pub struct MemoryLog {
    contents: Arc<Mutex<Contents>>,
    /// Changes whenever anything does.
    version: Arc<watch::Sender<u64>>,
}

/// What one hub has of a log.
#[derive(Clone, Debug)]
pub struct MemoryLine {
    log: MemoryLog,
    faults: Arc<Mutex<Faults>>,
}

/// What becomes of appends.
#[derive(Clone, Copy, Debug, Default)]
pub enum Appends {
    /// They are taken.
    #[default]
    Taken,
    /// They are taken, and no answer comes.
    TakenUnheard,
    /// They are not taken, and no answer comes.
    Lost,
}

#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    /// Nothing goes through.
    cut: bool,
    appends: Appends,
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self { contents: Arc::new(Mutex::new(Contents::new(&History::default(), now_ms()))), version: Arc::default() }
    }
}

impl MemoryLog {
    /// One more line to it.
    pub fn line(&self) -> MemoryLine {
        MemoryLine { log: self.clone(), faults: Arc::default() }
    }

    /// The log is gone, and another one has its place.
    pub fn wipe(&self, history: &History) {
        *self.lock() = Contents::new(history, now_ms());
        self.changed();
    }

    /// The newest entries, so many, are gone, as on a replica that takes over; the state is left as it was.
    pub fn lose(&self, count: usize) {
        self.lock().lose(count);
        self.changed();
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().expect("nothing panics under this lock")
    }

    fn changed(&self) {
        self.version.send_modify(|version| *version += 1);
    }
}

impl MemoryLine {
    /// Cuts it or mends it.
    pub fn cut(&self, cut: bool) {
        self.set(|faults| faults.cut = cut);
    }

    /// What is to become of appends.
    pub fn appends(&self, appends: Appends) {
        self.set(|faults| faults.appends = appends);
    }

    fn set(&self, set: impl FnOnce(&mut Faults)) {
        set(&mut self.faults.lock().expect("nothing panics under this lock"));
        self.log.changed();
    }

    fn faults(&self) -> Faults {
        *self.faults.lock().expect("nothing panics under this lock")
    }

    fn is_mended(&self) -> Result<(), BackplaneError> {
        let cut = self.faults().cut;
        if cut { Err(BackplaneError::new(BackplaneErrorKind::Unavailable, "the line is cut")) } else { Ok(()) }
    }
}

#[async_trait]
impl Backplane for MemoryLine {
    fn retain(&self, history: &History) {
        self.log.lock().retain(history);
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn append(&self, record: Record) -> Result<EventId, BackplaneError> {
        self.is_mended()?;
        // Whoever waits for an answer lets others run.
        tokio::task::yield_now().await;
        let appends = self.faults().appends;
        let taken = (!matches!(appends, Appends::Lost)).then(|| self.log.lock().append(&record, now_ms()));
        self.log.changed();
        let heard = taken.filter(|_| matches!(appends, Appends::Taken));
        heard.ok_or_else(|| BackplaneError::new(BackplaneErrorKind::Uncertain, "no answer came"))
    }

    async fn tail(
        &self,
        after: Option<EventId>,
    ) -> Result<BoxStream<'static, Result<Tailed, BackplaneError>>, BackplaneError> {
        self.is_mended()?;
        let changes = self.log.version.subscribe();
        let (start, progress) = {
            let mut contents = self.log.lock();
            contents.forget(now_ms());
            let start = contents.start(after);
            let progress = contents.begin(start.after);
            (start, progress)
        };
        // A log that became another one by being asked is so for everybody.
        self.log.changed();
        let tail = Tail { line: self.clone(), changes, progress };
        let entries = stream::unfold(tail, |mut tail| async { Some((tail.next().await?, tail)) });
        Ok(stream::iter([Ok(Tailed::Start(start))]).chain(entries).boxed())
    }
}

struct Tail {
    line: MemoryLine,
    changes: watch::Receiver<u64>,
    progress: Progress,
}

impl Tail {
    /// What the tail brings next; none when it has to be asked for anew.
    async fn next(&mut self) -> Option<Result<Tailed, BackplaneError>> {
        loop {
            self.changes.mark_unchanged();
            if let Err(error) = self.line.is_mended() {
                return Some(Err(error));
            }
            // Bound to a name, so that the lock is free before the wait.
            let next = self.line.log.lock().next_after(self.progress).ok()?;
            if let Some((id, bytes)) = next {
                self.progress.at = id;
                return Some(Ok(Tailed::Entry(id, bytes)));
            }
            self.changes.changed().await.ok()?;
        }
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis().try_into().unwrap_or(u64::MAX)
}
