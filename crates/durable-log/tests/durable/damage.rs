//! Files that were cut or altered behind the log's back.
//!
//! Whatever was done to them, opening answers: with a log of the same name that has everything, with one of another name
//! that has whole entries only, or with an error that names the file.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use ssehub::{Backplane as _, EventId, LogName, Record};
use ssehub_durable::{DurableErrorKind, DurableLog};

use crate::support::{append, follow, key, take_all};

const FILES: [&str; 3] = ["log.redb", "journal", "seen"];

/// A log as it was left.
struct Image {
    files: Vec<(&'static str, Vec<u8>)>,
    name: LogName,
    entries: Vec<(EventId, bytes::Bytes)>,
    /// Whether some of the entries are in the journal alone.
    is_ahead: bool,
}

impl Image {
    /// A log with some entries, either closed or as a crash of the process leaves it.
    async fn draw(is_closed: bool, flush_every: Option<Duration>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let open = || {
            let builder = DurableLog::builder(dir.path());
            flush_every.map_or(builder.clone(), |interval| builder.flush_every(interval)).open().unwrap()
        };
        let log = open();
        for n in 0..60_usize {
            append(&log, Record::new(vec![n as u8; n * 37]).set(format!("{}", n % 7))).await;
        }
        drop(log);
        // Some more, so that an image that was not closed has something in the journal.
        let log = open();
        for n in 0..20_usize {
            append(&log, Record::new(vec![n as u8; n * 11])).await;
        }
        let name = log.name();
        let (_, entries) = take_all(&log, None).await;
        assert_eq!(entries.len(), 80);
        let is_ahead = !is_closed && flush_every.is_some();
        if is_closed {
            drop(log);
            return Self { files: read(dir.path()), name, entries, is_ahead };
        }
        Self { files: read(dir.path()), name, entries, is_ahead }
    }

    fn lay_out(&self, dir: &Path) {
        fs::create_dir_all(dir).unwrap();
        for (file, bytes) in &self.files {
            fs::write(dir.join(file), bytes).unwrap();
        }
    }
}

fn read(dir: &Path) -> Vec<(&'static str, Vec<u8>)> {
    FILES.iter().map(|file| (*file, fs::read(dir.join(file)).unwrap())).collect()
}

/// What came of opening it.
#[derive(Debug, PartialEq, Eq, Hash, Clone, Copy)]
enum Came {
    Whole,
    Renamed,
    Refused,
}

async fn open_and_check(dir: &Path, image: &Image, what: &str) -> Came {
    let log = match DurableLog::open(dir) {
        Ok(log) => log,
        Err(error) => {
            assert!(error.to_string().contains(dir.to_str().unwrap()), "{what}: {error}");
            let kind = error.kind();
            let expected = [DurableErrorKind::Damaged, DurableErrorKind::UnknownFormat, DurableErrorKind::Io];
            assert!(expected.contains(&kind), "{what}: {error}");
            return Came::Refused;
        }
    };
    let (start, entries) = take_all(&log, None).await;
    let were: HashMap<_, _> = (0..).zip(&image.entries).map(|(n, (id, bytes))| (key(*id), (n, bytes))).collect();
    let mut last = None;
    for (id, bytes) in &entries {
        let (number, was) = were[&key(*id)];
        assert_eq!(was, bytes, "{what}: {id} is not what it was");
        let last = last.replace(number);
        assert!(image.is_ahead || last.is_none_or(|last| last + 1 == number), "{what}: a hole before {id}");
    }
    let id = append(&log, Record::new("more")).await;
    assert!(key(image.entries.last().unwrap().0) < key(id), "{what}: ids went back");
    assert_eq!(follow(&log, Some(id)).await.0.after, id);
    if log.name() == image.name {
        assert_eq!(entries.len(), image.entries.len(), "{what}: something is gone and nobody is told");
        return Came::Whole;
    }
    // A client that comes back with an id from before is told.
    let (again, _) = follow(&log, Some(image.entries[3].0)).await;
    assert_eq!((again.after, start.after.log()), (start.after, log.name()), "{what}");
    Came::Renamed
}

#[tokio::test]
async fn files_that_were_cut_or_altered_anywhere_never_make_a_silent_gap() {
    let seed = std::env::var("SSEHUB_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    let runs = std::env::var("SSEHUB_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(100);
    println!("SSEHUB_SEED={seed}");
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut came: HashMap<Came, usize> = HashMap::new();
    let ahead = Some(Duration::from_secs(60));
    let images = [
        Image::draw(true, None).await,
        Image::draw(false, None).await,
        Image::draw(true, ahead).await,
        Image::draw(false, ahead).await,
    ];
    let dir = tempfile::tempdir().unwrap();
    for (number, image) in images.iter().enumerate() {
        let place = dir.path().join(format!("whole{number}"));
        image.lay_out(&place);
        assert_eq!(open_and_check(&place, image, "not damaged").await, Came::Whole);
    }
    for run in 0..runs {
        let number = rng.random_range(0..images.len());
        let image = &images[number];
        let place = dir.path().join(run.to_string());
        image.lay_out(&place);
        let (file, bytes) = &image.files[[0, 0, 0, 1, 2][rng.random_range(0..5)]];
        let mut bytes = bytes.clone();
        let at = rng.random_range(0..bytes.len().max(1));
        let how = match rng.random_range(0..4) {
            _ if bytes.is_empty() => "is empty".to_owned(),
            0 => {
                bytes.truncate(at);
                format!("cut at {at}")
            }
            1 => {
                let end = (at + 4096).min(bytes.len());
                bytes[at..end].fill(0);
                format!("zeros at {at}")
            }
            2 => {
                let end = (at + rng.random_range(1..9000)).min(bytes.len());
                rng.fill(&mut bytes[at..end]);
                format!("garbage at {at}..{end}")
            }
            _ => {
                bytes[at] ^= 1 << rng.random_range(0..8);
                format!("a bit at {at}")
            }
        };
        fs::write(place.join(file), bytes).unwrap();
        let what = format!("seed {seed}, run {run}: image {number}, {file} {how}");
        *came.entry(open_and_check(&place, image, &what).await).or_default() += 1;
        fs::remove_dir_all(&place).unwrap();
    }
    println!("{came:?}");
    assert!(came.contains_key(&Came::Whole) && came.contains_key(&Came::Renamed), "{came:?}");
}

#[tokio::test]
async fn what_is_whole_is_saved_from_a_store_that_cannot_be_opened() {
    for is_closed in [true, false] {
        let image = Image::draw(is_closed, None).await;
        let dir = tempfile::tempdir().unwrap();
        image.lay_out(dir.path());
        let store = dir.path().join("log.redb");
        let mut damaged = fs::read(&store).unwrap();
        // The header, without which nothing can be found the usual way; and one entry of all, wherever it lies.
        damaged[..64].fill(0);
        let lost = &image.entries[50].1;
        while let Some(at) = damaged.windows(lost.len()).position(|window| window == lost) {
            damaged[at] ^= 1;
        }
        fs::write(&store, &damaged).unwrap();
        let log = DurableLog::open(dir.path()).unwrap();
        let recovery = log.recovery();
        assert_eq!(recovery.renamed_from(), Some(image.name));
        assert_eq!(fs::read(recovery.set_aside().unwrap()).unwrap(), damaged);
        assert_eq!(recovery.retained(), 29);
        let (start, entries) = take_all(&log, Some(image.entries[0].0)).await;
        assert_eq!(key(start.after), key(image.entries[50].0));
        let came: Vec<_> = entries.iter().map(|(id, bytes)| (key(*id), bytes.clone())).collect();
        let expected: Vec<_> = image.entries[51..].iter().map(|(id, bytes)| (key(*id), bytes.clone())).collect();
        assert_eq!(came, expected);
        // The newest of each key, of what is there.
        log.retain(&ssehub::History::default().events(1));
        append(&log, Record::new("more")).await;
        let state: Vec<_> = follow(&log, None).await.0.state.into_iter().map(|kept| key(kept.id)).collect();
        assert_eq!(state, expected[2..9].iter().map(|(id, _)| *id).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_log_of_another_format_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    drop(DurableLog::open(dir.path()).unwrap());
    {
        let store = redb::Database::open(dir.path().join("log.redb")).unwrap();
        let write = store.begin_write().unwrap();
        let about = redb::TableDefinition::<&str, &str>::new("about");
        write.open_table(about).unwrap().insert("format", "2").unwrap();
        write.commit().unwrap();
    }
    let before = fs::read(dir.path().join("seen")).unwrap();
    let error = DurableLog::open(dir.path()).unwrap_err();
    assert_eq!(error.kind(), DurableErrorKind::UnknownFormat);
    assert!(error.to_string().contains("log.redb has format 2, and this version reads format 1"), "{error}");
    assert_eq!(fs::read(dir.path().join("seen")).unwrap(), before, "it was changed");
}

#[tokio::test]
async fn what_is_no_log_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("log.redb"), "A file of somebody else. ".repeat(1000)).unwrap();
    let error = DurableLog::open(dir.path()).unwrap_err();
    assert_eq!(error.kind(), DurableErrorKind::UnknownFormat, "{error}");
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = DurableLog::open(&file).unwrap_err();
    assert_eq!(error.kind(), DurableErrorKind::Io, "{error}");
}

#[tokio::test]
async fn entries_that_were_seen_and_are_gone_make_it_another_log() {
    let dir = tempfile::tempdir().unwrap();
    let log = DurableLog::open(dir.path()).unwrap();
    let kept = append(&log, Record::new("kept")).await;
    let before = read(dir.path());
    let seen = append(&log, Record::new("seen")).await;
    let now = read(dir.path());
    drop(log);
    // The store as it was, and what was seen as it is.
    fs::write(dir.path().join("log.redb"), &before[0].1).unwrap();
    fs::write(dir.path().join("seen"), &now[2].1).unwrap();
    let log = DurableLog::open(dir.path()).unwrap();
    assert_eq!(log.recovery().renamed_from(), Some(kept.log()));
    assert_eq!(log.recovery().lost_after().map(key), Some(key(kept)));
    let (start, entries) = take_all(&log, Some(seen)).await;
    assert_eq!(start.after.log(), log.name());
    assert_eq!(entries.iter().map(|(id, _)| key(*id)).collect::<Vec<_>>(), [key(kept)]);
    assert!(key(append(&log, Record::new("more")).await) > key(seen));
}

#[tokio::test]
async fn a_crash_of_the_machine_makes_it_another_log_only_where_entries_were_shown_before_they_were_on_disk() {
    for flush_every in [None, Some(Duration::from_secs(60))] {
        let image = Image::draw(false, flush_every).await;
        let dir = tempfile::tempdir().unwrap();
        image.lay_out(dir.path());
        // As after a reboot: another boot, and a journal that never came to the disk.
        let seen = fs::read_to_string(dir.path().join("seen")).unwrap();
        let rest = seen.trim_end().split_once(' ').unwrap().1;
        let (rest, boot) = rest.rsplit_once(' ').unwrap();
        assert!(!boot.is_empty());
        let rest = format!("{rest} 00000000-0000-0000-0000-000000000000");
        let text = format!("{:08x} {rest}", crc32fast::hash(rest.as_bytes()));
        fs::write(dir.path().join("seen"), format!("{text:<191}\n")).unwrap();
        fs::write(dir.path().join("journal"), "").unwrap();
        let came = open_and_check(dir.path(), &image, "rebooted").await;
        assert_eq!(came, if flush_every.is_some() { Came::Renamed } else { Came::Whole });
    }
}

#[tokio::test]
async fn entries_that_are_missing_before_what_the_journal_has_make_it_another_log() {
    for again in [Some(Duration::from_secs(60)), None] {
        let dir = tempfile::tempdir().unwrap();
        let open = |flush_every: Option<Duration>| {
            let builder = DurableLog::builder(dir.path());
            flush_every.map_or(builder.clone(), |interval| builder.flush_every(interval)).open().unwrap()
        };
        let ahead = Some(Duration::from_secs(60));
        let log = open(ahead);
        let kept = append(&log, Record::new("kept")).await;
        drop(log);
        let before = read(dir.path());
        let log = open(ahead);
        append(&log, Record::new("lost")).await;
        drop(log);
        let log = open(ahead);
        let journaled = append(&log, Record::new("journaled")).await;
        let now = read(dir.path());
        drop(log);
        // The store as it was; the journal, and what was seen, as they are.
        for (file, bytes) in [&before[0], &now[1], &now[2]] {
            fs::write(dir.path().join(file), bytes).unwrap();
        }
        let log = open(again);
        assert_eq!(log.recovery().renamed_from(), Some(kept.log()));
        assert_eq!(log.recovery().lost_after().map(key), Some(key(kept)));
        let ids: Vec<_> = take_all(&log, Some(kept)).await.1.into_iter().map(|(id, _)| key(id)).collect();
        assert_eq!(ids, [key(kept), key(journaled)]);
    }
}

#[tokio::test]
async fn a_log_whose_newest_entry_is_damaged_has_a_head_that_can_be_reached_and_one_new_name() {
    let dir = tempfile::tempdir().unwrap();
    let log = DurableLog::open(dir.path()).unwrap();
    let kept = append(&log, Record::new("kept")).await;
    let damaged = append(&log, Record::new("damaged")).await;
    drop(log);
    {
        let store = redb::Database::open(dir.path().join("log.redb")).unwrap();
        let write = store.begin_write().unwrap();
        let log = redb::TableDefinition::<(u64, u64), &[u8]>::new("log");
        write.open_table(log).unwrap().insert(key(damaged), &b"no frame"[..]).unwrap();
        write.commit().unwrap();
    }
    let log = DurableLog::open(dir.path()).unwrap();
    assert_eq!((log.recovery().damaged(), log.recovery().retained()), (1, 1));
    assert_eq!(log.recovery().renamed_from(), Some(kept.log()));
    let name = log.name();
    let (start, entries) = take_all(&log, None).await;
    assert_eq!(key(start.head), key(kept));
    assert_eq!(entries.iter().map(|(id, _)| key(*id)).collect::<Vec<_>>(), [key(kept)]);
    drop(log);
    assert_eq!(DurableLog::open(dir.path()).unwrap().name(), name);
}
