//! A backplane in memory that several hubs share, and that fails on demand: an ordered log, and one line to it per hub.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use futures::StreamExt as _;
use futures::stream::BoxStream;
use ssehub::{
    Backplane, BackplaneError, BackplaneErrorKind, Bytes, EventId, History, Kept, LogName, Record, Retention, Start,
    StateChange, Tailed, async_trait,
};
use tokio::sync::watch;

/// The log itself.
#[derive(Clone)]
pub(crate) struct SharedLog {
    contents: Arc<Mutex<Contents>>,
    /// Changes whenever anything does.
    version: Arc<watch::Sender<u64>>,
}

struct Contents {
    name: LogName,
    /// The place before the oldest entry.
    start: EventId,
    entries: Vec<(EventId, Record)>,
    /// The newest record of each key.
    state: HashMap<Bytes, (EventId, Bytes)>,
    /// What passed up to here is gone.
    missing: Option<EventId>,
    /// How far the clock of the log is behind that of the hubs.
    behind_ms: u64,
}

/// What one hub has of the log.
#[derive(Clone)]
pub(crate) struct Line {
    log: SharedLog,
    state: Arc<Mutex<LineState>>,
}

#[derive(Clone, Copy, Default)]
struct LineState {
    /// Nothing goes through.
    cut: bool,
    /// Appends go through, and the tail brings nothing.
    held: bool,
    /// How often a tail was asked for.
    tails: u64,
    /// How often something was to be appended.
    appended: u64,
    /// The tail panics, once.
    panics: bool,
    /// The tail is ended whenever this changes.
    restarts: u64,
    /// Every entry comes twice.
    stutters: bool,
    /// What becomes of appends.
    appends: Appends,
    /// How many appends go through before the next one waits.
    lets: Option<usize>,
    /// How many appends wait.
    waiting: usize,
}

/// What becomes of appends.
#[derive(Clone, Copy, Default)]
pub(crate) enum Appends {
    #[default]
    Taken,
    TakenAndFailed,
    Failed,
    Panics,
}

impl SharedLog {
    pub(crate) fn new() -> Self {
        let contents = Contents::new(0);
        Self { contents: Arc::new(Mutex::new(contents)), version: Arc::new(watch::channel(0).0) }
    }

    pub(crate) fn line(&self) -> Line {
        Line { log: self.clone(), state: Arc::default() }
    }

    /// The log is gone, and another one, whose clock is behind by so much, has its place.
    pub(crate) fn wipe(&self, behind_ms: u64) {
        *self.lock() = Contents::new(behind_ms);
        self.changed();
    }

    /// Forgets all but the newest of what is to last, and what passed before that.
    pub(crate) fn trim_to(&self, count: usize) {
        let mut contents = self.lock();
        let lasting = |entry: &(EventId, Record)| entry.1.retention() == Retention::Lasting;
        let ids: Vec<EventId> = contents.entries.iter().filter(|entry| lasting(entry)).map(|(id, _)| *id).collect();
        let Some(newest) = ids.len().checked_sub(count + 1).map(|gone| ids[gone]) else { return };
        contents.entries.retain(|(id, _)| place(*id) > place(newest));
        contents.start = newest;
        let missing = contents.missing.filter(|missing| place(*missing) > place(newest));
        contents.missing = Some(missing.unwrap_or(newest));
    }

    /// Appends what no hub has written.
    pub(crate) fn append_bytes(&self, bytes: &'static [u8]) {
        self.lock().append(Record::new(bytes));
        self.changed();
    }

    /// How many entries there are.
    pub(crate) fn entries(&self) -> usize {
        self.lock().entries.len()
    }

    /// Forgets all that passes.
    pub(crate) fn forget_passing(&self) {
        let mut contents = self.lock();
        let newest = contents.head();
        contents.entries.retain(|(_, record)| record.retention() == Retention::Lasting);
        contents.missing = Some(newest);
        drop(contents);
        self.changed();
    }

    /// The newest entry that lasts.
    pub(crate) fn newest(&self) -> EventId {
        let contents = self.lock();
        let newest = contents.entries.iter().rev().find(|(_, record)| record.retention() == Retention::Lasting);
        newest.map_or(contents.start, |(id, _)| *id)
    }

    /// The newest entry, of either kind.
    fn head(&self) -> EventId {
        self.lock().head()
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().expect("nothing panics under this lock")
    }

    fn changed(&self) {
        self.version.send_modify(|version| *version += 1);
    }
}

impl Contents {
    fn new(behind_ms: u64) -> Self {
        let name = LogName::random();
        Self {
            name,
            start: EventId::new(now_ms() - behind_ms, 0, name),
            entries: Vec::new(),
            state: HashMap::new(),
            missing: None,
            behind_ms,
        }
    }

    fn head(&self) -> EventId {
        self.entries.last().map_or(self.start, |(id, _)| *id)
    }

    fn append(&mut self, record: Record) -> EventId {
        let head = self.head();
        let now_ms = now_ms() - self.behind_ms;
        let (ms, seq) = if now_ms > head.ms() { (now_ms, 0) } else { (head.ms(), head.seq() + 1) };
        let id = EventId::new(ms, seq, self.name);
        for change in record.state() {
            match change {
                StateChange::Set(key) => drop(self.state.insert(key.clone(), (id, record.bytes().clone()))),
                StateChange::Remove(key) => drop(self.state.remove(key)),
            }
        }
        self.entries.push((id, record));
        id
    }

    /// Where a tail starts that is asked to follow this.
    fn start_after(&self, after: Option<EventId>) -> EventId {
        after.filter(|after| after.log() == self.name && place(*after) >= place(self.start)).unwrap_or(self.start)
    }

    /// What a tail starts with.
    fn start(&self, asked: Option<EventId>, head: EventId) -> Start {
        let after = self.start_after(asked);
        // A log that was wiped since has another head.
        let head = if head.log() == after.log() { head } else { after };
        let mut kept: BTreeMap<_, Kept> = BTreeMap::new();
        if asked != Some(after) {
            for (key, (id, record)) in &self.state {
                if place(*id) <= place(after) {
                    let (id, record) = (*id, record.clone());
                    kept.entry(place(id)).or_insert(Kept { id, keys: vec![], record }).keys.push(key.clone());
                }
            }
        }
        Start {
            after,
            head,
            missed: asked.is_none_or(|asked| {
                asked.log() != self.name || self.missing.is_some_and(|gone| place(asked) < place(gone))
            }),
            state: kept.into_values().collect(),
        }
    }

    fn next_after(&self, id: EventId) -> Option<(EventId, Record)> {
        let next = self.entries.partition_point(|(other, _)| place(*other) <= place(id));
        self.entries.get(next).cloned()
    }
}

impl Line {
    fn set(&self, set: impl FnOnce(&mut LineState)) {
        set(&mut self.state.lock().expect("nothing panics under this lock"));
        self.log.changed();
    }

    fn state(&self) -> LineState {
        *self.state.lock().expect("nothing panics under this lock")
    }

    pub(crate) fn cut(&self, cut: bool) {
        self.set(|state| state.cut = cut);
    }

    pub(crate) fn hold(&self, held: bool) {
        self.set(|state| state.held = held);
    }

    pub(crate) fn restart(&self) {
        self.set(|state| state.restarts += 1);
    }

    pub(crate) fn panic(&self) {
        self.set(|state| state.panics = true);
    }

    pub(crate) fn stutter(&self, stutters: bool) {
        self.set(|state| state.stutters = stutters);
    }

    pub(crate) fn appends(&self, appends: Appends) {
        self.set(|state| state.appends = appends);
    }

    /// Lets so many appends through, and has the next ones wait; or lets all through.
    pub(crate) fn lets(&self, appends: Option<usize>) {
        self.set(|state| state.lets = appends);
    }

    /// How many appends wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting
    }

    /// How often a tail was asked for.
    pub(crate) fn tails(&self) -> u64 {
        self.state().tails
    }

    /// How often something was to be appended.
    pub(crate) fn appended(&self) -> u64 {
        self.state().appended
    }

    /// Whether an append goes through.
    fn passes(&self) -> bool {
        let mut passes = true;
        self.state.lock().expect("nothing panics under this lock").lets.iter_mut().for_each(|lets| {
            passes = *lets > 0;
            *lets = lets.saturating_sub(1);
        });
        passes
    }

    /// How many still use this line.
    pub(crate) fn users(&self) -> usize {
        Arc::strong_count(&self.state)
    }
}

#[async_trait]
impl Backplane for Line {
    fn retain(&self, _: &History) {}

    fn is_shared(&self) -> bool {
        true
    }

    async fn append(&self, record: Record) -> Result<EventId, BackplaneError> {
        self.set(|state| state.appended += 1);
        if self.state().lets.is_some() {
            let mut changes = self.log.version.subscribe();
            self.set(|state| state.waiting += 1);
            while !self.passes() {
                let _ = changes.changed().await;
            }
            self.set(|state| state.waiting -= 1);
        }
        let state = self.state();
        // Whoever waits for an answer lets others run.
        tokio::task::yield_now().await;
        if state.cut {
            return Err(BackplaneError::new(BackplaneErrorKind::Unavailable, "the line is cut"));
        }
        let id = match state.appends {
            Appends::Failed => None,
            Appends::Panics => panic!("a backplane that is broken"),
            Appends::Taken | Appends::TakenAndFailed => Some(self.log.lock().append(record)),
        };
        self.log.changed();
        let taken = id.filter(|_| matches!(state.appends, Appends::Taken));
        taken.ok_or_else(|| BackplaneError::new(BackplaneErrorKind::Uncertain, "no answer came"))
    }

    async fn tail(
        &self,
        after: Option<EventId>,
    ) -> Result<BoxStream<'static, Result<Tailed, BackplaneError>>, BackplaneError> {
        if self.state().cut {
            return Err(BackplaneError::new(BackplaneErrorKind::Unavailable, "the line is cut"));
        }
        self.set(|state| state.tails += 1);
        let tail = Tail {
            line: self.clone(),
            changes: self.log.version.subscribe(),
            asked: after,
            head: self.log.head(),
            at: None,
            missing: None,
            restarts: self.state().restarts,
            repeat: None,
        };
        Ok(futures::stream::unfold(tail, |mut tail| async { Some((tail.next().await?, tail)) }).boxed())
    }
}

struct Tail {
    line: Line,
    changes: watch::Receiver<u64>,
    asked: Option<EventId>,
    /// The newest entry when it was asked for.
    head: EventId,
    at: Option<EventId>,
    /// What was gone of what passed when it started.
    missing: Option<EventId>,
    restarts: u64,
    repeat: Option<Tailed>,
}

impl Tail {
    /// What the tail brings next; none when it has to be asked for anew.
    async fn next(&mut self) -> Option<Result<Tailed, BackplaneError>> {
        loop {
            self.changes.mark_unchanged();
            let state = self.line.state();
            if state.panics {
                self.line.set(|state| state.panics = false);
                panic!("a backplane that is broken");
            }
            if state.cut {
                return Some(Err(BackplaneError::new(BackplaneErrorKind::Unavailable, "the line was cut")));
            }
            if state.restarts != self.restarts || self.has_lost_its_place() {
                return None;
            }
            if !state.held
                && let Some(tailed) = self.take(state.stutters)
            {
                return Some(Ok(tailed));
            }
            self.changes.changed().await.ok()?;
        }
    }

    /// Whether the log is another one, or forgot what comes next.
    fn has_lost_its_place(&self) -> bool {
        let contents = self.line.log.lock();
        let has_missed =
            |at| contents.missing != self.missing && contents.missing.is_some_and(|gone| place(at) < place(gone));
        self.at.is_some_and(|at| contents.start_after(Some(at)) != at || has_missed(at))
    }

    fn take(&mut self, stutters: bool) -> Option<Tailed> {
        if let Some(again) = self.repeat.take() {
            return Some(again);
        }
        let contents = self.line.log.lock();
        let Some(at) = self.at else {
            let start = contents.start(self.asked, self.head);
            (self.at, self.missing) = (Some(start.after), contents.missing);
            return Some(Tailed::Start(start));
        };
        let (id, record) = contents.next_after(at)?;
        self.at = Some(id);
        let entry = Tailed::Entry(id, record.bytes().clone());
        self.repeat = stutters.then(|| entry.clone());
        Some(entry)
    }
}

fn place(id: EventId) -> (u64, u64) {
    (id.ms(), id.seq())
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}
