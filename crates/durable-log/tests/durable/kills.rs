//! A process that is killed in mid-load, and what it said it had.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use rand::RngExt as _;
use ssehub::{Backplane as _, EventId, Record, Tailed};
use ssehub_durable::DurableLog;

use crate::support::{PATIENCE, key, take_all};

/// Tell the writer where its log is, which round it is, and how it flushes.
const DIR: &str = "SSEHUB_DURABLE_DIR";
const ROUND: &str = "SSEHUB_DURABLE_ROUND";
const FLUSH_EVERY_MS: &str = "SSEHUB_DURABLE_FLUSH_EVERY_MS";

const WRITERS: usize = 8;
const KILLS: usize = 4;

#[tokio::test]
async fn what_was_acknowledged_or_shown_survives_four_kills() {
    survive(None).await;
}

#[tokio::test]
async fn what_was_acknowledged_or_shown_survives_four_kills_also_if_it_is_flushed_later() {
    survive(Some(Duration::from_millis(300))).await;
}

async fn survive(flush_every: Option<Duration>) {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = HashMap::new();
    let mut shown = HashSet::new();
    let mut replayed = 0;
    let mut name = None;
    for round in 0..KILLS {
        let before = acknowledged.len();
        run_and_kill(dir.path(), round, flush_every, &mut acknowledged, &mut shown);
        assert!(acknowledged.len() > before, "round {round}: nothing was acknowledged");
        let mut builder = DurableLog::builder(dir.path());
        if let Some(interval) = flush_every {
            builder = builder.flush_every(interval);
        }
        let log = builder.open().unwrap();
        let recovery = log.recovery();
        assert!(!recovery.was_closed());
        assert_eq!((recovery.renamed_from(), recovery.lost_after(), recovery.damaged()), (None, None, 0));
        replayed += recovery.replayed();
        assert_eq!(*name.get_or_insert(log.name()), log.name());
        let (_, entries) = take_all(&log, None).await;
        assert_eq!(recovery.retained(), entries.len());
        let mut next = HashMap::new();
        let mut ids = HashMap::new();
        for pair in entries.windows(2) {
            assert!(key(pair[0].0) < key(pair[1].0));
        }
        for (id, bytes) in &entries {
            let text = std::str::from_utf8(bytes).unwrap();
            ids.insert(*id, text.to_owned());
            // What one writer wrote is there without a hole, in order, and once.
            let (writer, number) = text.rsplit_once('-').unwrap();
            let number: usize = number.parse().unwrap();
            let expected: &mut usize = next.entry(writer.to_owned()).or_default();
            assert_eq!(number, *expected, "of {writer}");
            *expected += 1;
        }
        for (id, text) in &acknowledged {
            assert_eq!(ids.get(id), Some(text), "{id} was acknowledged, round {round}");
        }
        assert!(shown.iter().all(|id| ids.contains_key(id)), "something was shown that is not there");
        // Each writer had at most one under way.
        assert!(entries.len() <= acknowledged.len() + (round + 1) * WRITERS);
    }
    assert!(!shown.is_empty(), "nothing was shown");
    assert_eq!(replayed > 0, flush_every.is_some(), "{replayed} were replayed");
}

/// Lets a process of its own write until a moment drawn at random.
fn run_and_kill(
    dir: &Path,
    round: usize,
    flush_every: Option<Duration>,
    acknowledged: &mut HashMap<EventId, String>,
    shown: &mut HashSet<EventId>,
) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "kills::a_writer_to_be_killed", "--ignored", "--nocapture"]);
    command.env(DIR, dir).env(ROUND, round.to_string()).stdout(Stdio::piped());
    if let Some(interval) = flush_every {
        command.env(FLUSH_EVERY_MS, interval.as_millis().to_string());
    }
    let mut child = command.spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let doom = rand::rng().random_range(Duration::from_millis(20)..Duration::from_millis(1200));
    let mut dies = None;
    for line in stdout.lines() {
        let line = line.unwrap();
        let mut words = line.split(' ');
        match (words.next(), words.next().map(str::parse), words.next()) {
            (Some("acknowledged"), Some(Ok(id)), Some(text)) => drop(acknowledged.insert(id, text.to_owned())),
            (Some("shown"), Some(Ok(id)), None) => drop(shown.insert(id)),
            // The harness, or a line that the kill has cut.
            _ => continue,
        }
        let now = Instant::now();
        if now > *dies.get_or_insert(now + doom) {
            // What it said before is still in the pipe.
            child.kill().unwrap();
        }
    }
    assert_eq!(child.wait().unwrap().code(), None, "the writer ended by itself");
}

/// Writes, and says what was acknowledged and shown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started, and killed, by the tests of this file"]
async fn a_writer_to_be_killed() {
    let dir = PathBuf::from(std::env::var_os(DIR).unwrap());
    let round = std::env::var(ROUND).unwrap();
    let mut builder = DurableLog::builder(dir);
    if let Ok(ms) = std::env::var(FLUSH_EVERY_MS) {
        builder = builder.flush_every(Duration::from_millis(ms.parse().unwrap()));
    }
    let log = builder.open().unwrap();
    for writer in 0..WRITERS {
        let (log, round) = (log.clone(), round.clone());
        tokio::spawn(async move {
            for number in 0.. {
                let text = format!("{round}.{writer}-{number}");
                let record = Record::new(text.clone()).set(format!("{writer}"));
                let id = log.append(record).await.unwrap();
                println!("acknowledged {id} {text}");
            }
        });
    }
    let follower = async {
        let mut tail = log.tail(None).await.unwrap();
        while let Some(Ok(tailed)) = tail.next().await {
            if let Tailed::Entry(id, _) = tailed {
                println!("shown {id}");
            }
        }
    };
    // The one that is to kill it may itself have been killed.
    let _ = tokio::time::timeout(PATIENCE, follower).await;
}
