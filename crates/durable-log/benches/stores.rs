//! How the store was chosen: redb and fjall under exactly this crate's load.
//!
//! Groups of small records are committed with one fsync each; the same commit sets some state and trims the front, as
//! retention does. Then a child process is killed in mid-load behind 100,000 records, and the store is opened again.
//!
//! ```sh
//! cargo bench --package ssehub-durable --bench stores -- [DIR]
//! ```
//!
//! `DIR` has to be on the disk that is meant: /tmp is often memory.

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use redb::{ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A small event, as the hub encodes it.
const RECORD_BYTES: usize = 200;
/// One record of ten sets the state of one of so many keys.
const KEYS: u64 = 1_000;
/// What is retained while the commits are timed, and behind which the child is killed.
const RETAINED: u64 = 10_000;
const RETAINED_BY_THE_KILLED: u64 = 100_000;

/// A store under this load. Ids are numbers, the log's first one is kept by the caller, as the crate does.
trait Store: Sized {
    const NAME: &str;
    fn open(dir: &Path) -> Outcome<Self>;
    /// One commit, on disk when it returns: `count` records from `first` on, and all before `trim` gone.
    fn commit(&self, first: u64, count: u64, oldest: u64, trim: u64) -> Outcome;
    /// Reads all, from the oldest on: how many records there are.
    fn read(&self) -> Outcome<u64>;
}

fn record(id: u64) -> Vec<u8> {
    id.to_le_bytes().repeat(RECORD_BYTES / 8)
}

fn state_key(id: u64) -> Option<Vec<u8>> {
    id.is_multiple_of(10).then(|| format!("group:market/{}", id / 10 % KEYS).into_bytes())
}

struct Redb(redb::Database);

impl Redb {
    const LOG: redb::TableDefinition<'_, u64, &[u8]> = redb::TableDefinition::new("log");
    const STATE: redb::TableDefinition<'_, &[u8], (u64, &[u8])> = redb::TableDefinition::new("state");
}

impl Store for Redb {
    const NAME: &str = "redb";

    fn open(dir: &Path) -> Outcome<Self> {
        std::fs::create_dir_all(dir)?;
        let mut builder = redb::Database::builder();
        Ok(Self(builder.set_cache_size(16 << 20).set_check_integrity_on_open(true).create(dir.join("log.redb"))?))
    }

    fn commit(&self, first: u64, count: u64, oldest: u64, trim: u64) -> Outcome {
        let write = self.0.begin_write()?;
        {
            let mut log = write.open_table(Self::LOG)?;
            let mut state = write.open_table(Self::STATE)?;
            for id in first..first + count {
                let record = record(id);
                log.insert(id, &record[..])?;
                if let Some(key) = state_key(id) {
                    state.insert(&key[..], (id, &record[..]))?;
                }
            }
            for id in oldest..trim {
                log.remove(id)?;
            }
        }
        Ok(write.commit()?)
    }

    fn read(&self) -> Outcome<u64> {
        let read = self.0.begin_read()?;
        let log = read.open_table(Self::LOG)?;
        let mut count = 0;
        for entry in log.iter()? {
            count += u64::from(entry?.1.value().len() == RECORD_BYTES);
        }
        assert_eq!(count, log.len()?);
        Ok(count)
    }
}

struct Fjall {
    db: fjall::Database,
    log: fjall::Keyspace,
    state: fjall::Keyspace,
}

impl Store for Fjall {
    const NAME: &str = "fjall";

    fn open(dir: &Path) -> Outcome<Self> {
        let db = fjall::Database::builder(dir).cache_size(16 << 20).open()?;
        let options = || fjall::KeyspaceCreateOptions::default().max_memtable_size(16 << 20);
        let (log, state) = (db.keyspace("log", options)?, db.keyspace("state", options)?);
        Ok(Self { db, log, state })
    }

    fn commit(&self, first: u64, count: u64, oldest: u64, trim: u64) -> Outcome {
        let mut batch = self.db.batch().durability(Some(fjall::PersistMode::SyncData));
        for id in first..first + count {
            let record = record(id);
            if let Some(key) = state_key(id) {
                batch.insert(&self.state, key, [&id.to_be_bytes(), &record[..]].concat());
            }
            batch.insert(&self.log, id.to_be_bytes(), record);
        }
        for id in oldest..trim {
            batch.remove(&self.log, id.to_be_bytes());
        }
        Ok(batch.commit()?)
    }

    fn read(&self) -> Outcome<u64> {
        let mut count = 0;
        for entry in self.log.iter() {
            count += u64::from(entry.value()?.len() == RECORD_BYTES);
        }
        Ok(count)
    }
}

/// Commits groups of so many records for a while; the retained ones are there before.
fn load<S: Store>(
    store: &S,
    group: u64,
    lasting: Duration,
    retained: u64,
    mut acknowledged: impl FnMut(u64),
) -> Outcome {
    let mut first = 1;
    while first < retained {
        store.commit(first, 1_000, 0, 0)?;
        first += 1_000;
    }
    let mut oldest = 1;
    let begun = Instant::now();
    while begun.elapsed() < lasting {
        let trim = (first + group).saturating_sub(retained).max(oldest);
        store.commit(first, group, oldest, trim)?;
        (first, oldest) = (first + group, trim);
        acknowledged(first - 1);
    }
    Ok(())
}

fn commits<S: Store>(dir: &Path, group: u64) -> Outcome {
    let dir = dir.join(format!("{}-{group}", S::NAME));
    let store = S::open(&dir)?;
    let mut times = Vec::new();
    let (before, mut last) = (written(), Instant::now());
    load(&store, group, Duration::from_secs(5), RETAINED, |_| {
        times.push(last.elapsed());
        last = Instant::now();
    })?;
    // The first one has the retained records in it.
    times.remove(0);
    times.sort();
    let total: Duration = times.iter().sum();
    println!(
        "{:>6}  groups of {group:>3}: {:>7.0} records/s, commit {:>8.3?} median {:>8.3?} at 99 %, disk {:>5.1} MiB, written {:>6.1} KiB a commit",
        S::NAME,
        (times.len() as u64 * group) as f64 / total.as_secs_f64(),
        times.get(times.len() / 2).ok_or("no commit")?,
        times.get(times.len() * 99 / 100).ok_or("no commit")?,
        size(&dir) as f64 / f64::from(1 << 20),
        (written() - before) as f64 / 1024.0 / times.len() as f64,
    );
    Ok(())
}

fn recovery<S: Store>(dir: &Path) -> Outcome {
    let dir = dir.join(format!("{}-killed", S::NAME));
    let mut child = Command::new(std::env::current_exe()?).arg(S::NAME).arg(&dir).stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let begun = Instant::now();
    let mut last = 0;
    while begun.elapsed() < Duration::from_secs(8) {
        last = lines.next().ok_or("the child ended")??.parse()?;
    }
    child.kill()?;
    // What it had said before it died.
    while let Some(Ok(line)) = lines.next() {
        last = line.parse().unwrap_or(last);
    }
    child.wait()?;
    let disk = size(&dir);
    let begun = Instant::now();
    let store = S::open(&dir)?;
    let opened = begun.elapsed();
    let begun = Instant::now();
    let count = store.read()?;
    println!(
        "{:>6}  killed behind {last} records: open {opened:.3?}, read {count} in {:.3?}, disk {:.1} MiB",
        S::NAME,
        begun.elapsed(),
        disk as f64 / f64::from(1 << 20),
    );
    drop(store);
    let begun = Instant::now();
    S::open(&dir)?;
    println!("{:>6}  open after a clean end: {:.3?}", S::NAME, begun.elapsed());
    Ok(())
}

fn be_killed<S: Store>(dir: &Path) -> Outcome {
    let store = S::open(dir)?;
    load(&store, 32, Duration::from_secs(60), RETAINED_BY_THE_KILLED, |last| println!("{last}"))
}

/// The bytes that files take on disk.
fn size(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
        .map(|(path, metadata)| if metadata.is_dir() { size(&path) } else { metadata.blocks() * 512 })
        .sum()
}

/// What this process has had written to disks.
fn written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    io.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok()).unwrap_or_default()
}

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match &args[..] {
        [name, dir] if name == Redb::NAME => return be_killed::<Redb>(Path::new(dir)),
        [name, dir] if name == Fjall::NAME => return be_killed::<Fjall>(Path::new(dir)),
        _ => {}
    }
    let here = PathBuf::from(args.first().map_or(env!("CARGO_TARGET_TMPDIR"), String::as_str));
    let dir = tempfile::tempdir_in(&here)?;
    for group in [1, 32, 256] {
        commits::<Redb>(dir.path(), group)?;
        commits::<Fjall>(dir.path(), group)?;
    }
    recovery::<Redb>(dir.path())?;
    recovery::<Fjall>(dir.path())
}
