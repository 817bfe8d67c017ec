//! What a backplane has to do, and what of it outlives a restart.

use std::time::Duration;

use crate::support::{append, follow, key, soon, take, take_all};
use futures::StreamExt as _;
use ssehub::{Backplane as _, History, Record};
use ssehub_durable::{DurableErrorKind, DurableLog};

#[tokio::test]
async fn what_was_appended_comes_on_every_tail_and_after_every_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut appended = Vec::new();
    let mut name = None;
    for round in 0..4 {
        let log = DurableLog::open(dir.path()).unwrap();
        assert!(log.recovery().was_closed(), "round {round}: {:?}", log.recovery());
        assert_eq!(log.recovery().retained(), appended.len());
        assert_eq!(*name.get_or_insert(log.name()), log.name());
        let (start, mut live) = follow(&log, None).await;
        assert!(start.missed);
        let old = take(&mut live, appended.len()).await;
        assert_eq!(old, appended);
        for text in ["a", "b", "c"] {
            let bytes = format!("{round}{text}").into_bytes();
            let id = append(&log, Record::new(bytes.clone())).await;
            assert!(appended.last().is_none_or(|(last, _)| key(*last) < key(id)));
            assert_eq!(take(&mut live, 1).await, [(id, bytes.clone().into())]);
            appended.push((id, bytes.into()));
        }
        let (start, entries) = take_all(&log, Some(appended[1].0)).await;
        assert_eq!((start.after, start.head), (appended[1].0, appended.last().unwrap().0));
        assert_eq!((entries, start.state), (appended[2..].to_vec(), vec![]));
        drop(log);
        assert!(soon("the end of the tail", live.next()).await.unwrap().is_err());
        assert!(live.next().await.is_none());
    }
}

#[tokio::test]
async fn a_log_that_is_open_is_refused_by_name_and_can_be_opened_when_it_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let log = DurableLog::open(dir.path()).unwrap();
    let error = DurableLog::open(dir.path()).unwrap_err();
    assert_eq!(error.kind(), DurableErrorKind::InUse);
    assert!(error.to_string().contains(dir.path().to_str().unwrap()), "{error}");
    let clone = log.clone();
    drop(log);
    DurableLog::open(dir.path()).unwrap_err();
    drop(clone);
    DurableLog::open(dir.path()).unwrap();
}

#[tokio::test]
async fn retention_takes_the_oldest_and_the_state_outlives_it() {
    let dir = tempfile::tempdir().unwrap();
    let log = DurableLog::open(dir.path()).unwrap();
    log.retain(&History::default().events(3));
    let mut ids = Vec::new();
    for n in 0..10_u8 {
        let record = Record::new(vec![n]);
        let record = match n {
            0 => record.set("a").set("b"),
            1 => record.set("c"),
            2 => record.set("b"),
            3 => record.remove("c"),
            _ => record,
        };
        ids.push(append(&log, record).await);
    }
    let (start, entries) = take_all(&log, None).await;
    assert_eq!((start.after, start.head), (ids[6], ids[9]));
    assert_eq!(entries.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids[7..]);
    let state: Vec<_> = start.state.iter().map(|kept| (kept.id, &kept.keys[..], &kept.record[..])).collect();
    assert_eq!(state, [(ids[0], &["a".into()][..], &[0][..]), (ids[2], &["b".into()][..], &[2][..])]);
    // Nothing lasting is gone behind the newest that retention took.
    assert_eq!(follow(&log, Some(ids[6])).await.0.after, ids[6]);
    assert_eq!(follow(&log, Some(ids[5])).await.0.after, ids[6]);
    append(&log, Record::new("x").set("a").remove("b")).await;
    assert_eq!(follow(&log, None).await.0.state, []);
    drop(log);
    let log = DurableLog::open(dir.path()).unwrap();
    assert_eq!(log.recovery().retained(), 3);
    assert_eq!(follow(&log, None).await.0.after, ids[7]);
}

#[tokio::test]
async fn entries_are_gone_when_they_are_too_old_also_if_nothing_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let log = DurableLog::open(dir.path()).unwrap();
    log.retain(&History::default().age(Duration::from_millis(100)));
    let id = append(&log, Record::new("x")).await;
    let gone = async {
        while follow(&log, None).await.0.after != id {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon("the entry to go", gone).await;
}

#[tokio::test]
async fn passing_entries_come_in_order_and_are_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let log = DurableLog::open(dir.path()).unwrap();
    let (_, mut tail) = follow(&log, None).await;
    let mut ids = Vec::new();
    for n in 0..6_u8 {
        let record = Record::new(vec![n]);
        ids.push(append(&log, if n % 2 == 0 { record.passing() } else { record }).await);
    }
    assert_eq!(take(&mut tail, 6).await.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids);
    let (start, mut tail) = follow(&log, Some(ids[2])).await;
    assert!(!start.missed);
    assert_eq!(take(&mut tail, 3).await.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids[3..]);
    let last = append(&log, Record::new("last").passing()).await;
    drop(log);
    let log = DurableLog::open(dir.path()).unwrap();
    let (start, entries) = take_all(&log, Some(ids[0])).await;
    assert!(start.missed);
    assert_eq!(entries.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [ids[1], ids[3], ids[5]]);
    let (start, _) = follow(&log, Some(last)).await;
    assert_eq!((start.after, start.head, start.missed), (last, last, false));
    assert!(key(append(&log, Record::new("x").passing()).await) > key(last));
}

#[tokio::test]
async fn what_is_flushed_later_is_accepted_and_shown_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let ahead = || DurableLog::builder(dir.path()).flush_every(Duration::from_secs(60)).open().unwrap();
    let log = ahead();
    let (start, mut tail) = follow(&log, None).await;
    let ids = [append(&log, Record::new("a").set("k")).await, append(&log, Record::new("b")).await];
    assert_eq!(take(&mut tail, 2).await.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids);
    assert_eq!(take_all(&log, Some(start.after)).await.1.len(), 2);
    drop(log);
    let log = ahead();
    assert_eq!((log.recovery().retained(), log.recovery().replayed()), (2, 0));
    assert_eq!(take_all(&log, None).await.1.len(), 2);
}

/// More than is kept in memory: 16 MiB.
const MANY: usize = 300;

fn big() -> Record {
    Record::new(vec![7; 64 << 10])
}

#[tokio::test]
async fn a_follower_that_lags_reads_the_store_and_misses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for flush_every in [None, Some(Duration::from_millis(20))] {
        let builder = DurableLog::builder(dir.path().join(format!("{flush_every:?}")));
        let log = flush_every.map_or(builder.clone(), |interval| builder.flush_every(interval)).open().unwrap();
        let (_, mut tail) = follow(&log, None).await;
        let first = append(&log, Record::new("first")).await;
        assert_eq!(take(&mut tail, 1).await[0].0, first);
        let appends = (0..MANY).map(|_| append(&log, big()));
        let mut ids = futures::future::join_all(appends).await;
        ids.sort_by_key(|id| key(*id));
        let came: Vec<_> = take(&mut tail, MANY).await.into_iter().map(|(id, _)| id).collect();
        assert!(came == ids, "{flush_every:?}");
        let next = append(&log, Record::new("next")).await;
        assert_eq!(take(&mut tail, 1).await[0].0, next);
    }
}

#[tokio::test]
async fn a_follower_that_missed_passing_entries_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let log = DurableLog::open(dir.path()).unwrap();
    let (start, mut tail) = follow(&log, None).await;
    append(&log, Record::new("passing").passing()).await;
    futures::future::join_all((0..MANY).map(|_| append(&log, big()))).await;
    let error = soon("the end of the tail", tail.next()).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("so slow"), "{error}");
    let (again, _) = follow(&log, Some(start.after)).await;
    assert_eq!((again.after, again.missed), (start.after, true));
}

#[tokio::test]
async fn a_follower_that_retention_has_overtaken_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let log = DurableLog::open(dir.path()).unwrap();
    log.retain(&History::default().events(100));
    let (start, mut tail) = follow(&log, None).await;
    futures::future::join_all((0..MANY).map(|_| append(&log, big()))).await;
    let error = soon("the end of the tail", tail.next()).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("so slow"), "{error}");
    let (again, entries) = take_all(&log, Some(start.after)).await;
    assert!(key(again.after) > key(start.after));
    assert_eq!(entries.len(), 100);
}

#[tokio::test]
async fn a_passing_entry_that_is_larger_than_what_is_kept_in_memory_comes_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let log = DurableLog::open(dir.path()).unwrap();
    let (_, mut tail) = follow(&log, None).await;
    let id = append(&log, Record::new(vec![7; 20 << 20]).passing()).await;
    assert_eq!(take(&mut tail, 1).await[0].0, id);
}
