//! What the log does in a second: beside the disk's own pace, with few and with many senders, and flushed later.
//!
//! ```sh
//! cargo bench --package ssehub-durable --bench log -- [DIR]
//! ```
//!
//! `DIR` has to be on the disk that is meant: /tmp is often memory.

use std::error::Error;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use ssehub::{Backplane as _, History, Record, Tailed};
use ssehub_durable::DurableLog;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A small event, as the hub encodes it.
const RECORD_BYTES: usize = 200;
const LASTING: Duration = Duration::from_secs(3);

/// How often the disk takes 4 KiB in a second, written over in place.
fn disk(dir: &Path) -> Outcome<f64> {
    let mut file = File::create(dir.join("disk"))?;
    file.write_all(&[0; 4096])?;
    file.sync_all()?;
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < LASTING {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&[count as u8; 4096])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}

/// How many records so many senders get accepted in a second, each after the other, and a follower gets.
async fn appends(dir: &Path, senders: usize, flush_every: Option<Duration>) -> Outcome<(f64, f64)> {
    let mut builder = DurableLog::builder(dir.join(format!("{senders}-{flush_every:?}")));
    if let Some(interval) = flush_every {
        builder = builder.flush_every(interval);
    }
    let log = builder.open()?;
    log.retain(&History::default());
    let (accepted, came) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut tail = log.tail(None).await?;
    let follower = tokio::spawn({
        let came = Arc::clone(&came);
        async move {
            while let Some(Ok(tailed)) = tail.next().await {
                came.fetch_add(u64::from(matches!(tailed, Tailed::Entry(..))), Ordering::Relaxed);
            }
        }
    });
    let begun = Instant::now();
    let senders = (0..senders).map(|_| {
        let (log, accepted) = (log.clone(), Arc::clone(&accepted));
        tokio::spawn(async move {
            while begun.elapsed() < LASTING && log.append(Record::new(vec![7; RECORD_BYTES])).await.is_ok() {
                accepted.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    futures::future::join_all(senders.collect::<Vec<_>>()).await;
    let seconds = begun.elapsed().as_secs_f64();
    let rates = [accepted, came].map(|count| count.load(Ordering::Relaxed) as f64 / seconds);
    drop(log);
    follower.await?;
    Ok(rates.into())
}

fn main() -> Outcome {
    let here = std::env::args().skip(1).find(|arg| arg != "--bench");
    let here = PathBuf::from(here.unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into()));
    let dir = tempfile::tempdir_in(&here)?;
    let disk = disk(dir.path())?;
    println!("the disk: {disk:.0} writes of 4 KiB a second, each on disk");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    for flush_every in [None, Some(Duration::from_millis(50))] {
        for senders in [1, 8, 64, 512] {
            let (accepted, came) = runtime.block_on(appends(dir.path(), senders, flush_every))?;
            let flushed = flush_every.map_or("each on disk".into(), |interval| format!("flushed every {interval:?}"));
            let ratio = accepted / disk;
            println!(
                "{senders:>4} senders, {flushed}: {accepted:>7.0} records/s, {ratio:>6.2} a disk write; {came:>7.0} followed"
            );
        }
    }
    Ok(())
}
