//! What is forgotten, and that it is told.

use std::time::Duration;

use bytes::Bytes;
use ssehub::{EventId, History, Record};

use crate::{
    subject::Subject,
    tail::Tail,
    wait::{PATIENCE, until},
};

/// The newest lasting entries are there, as many as the history says, and the start tells the newest that is gone.
pub async fn the_newest_entries_are_kept_by_number(subject: &dyn Subject) {
    let line = subject.log(History::default().events(10)).await.line().await;
    let ids = line.append_all(0..25).await;
    let mut tail = Tail::of(&line, None).await;
    assert_eq!((tail.start.after, tail.start.head), (ids[14], ids[24]));
    assert_eq!(ids_of(&mut tail).await, ids[15..]);
}

/// A hub without history still wants a window for readers that lag.
pub async fn without_history_some_entries_are_kept_all_the_same(subject: &dyn Subject) {
    let line = subject.log(History::none()).await.line().await;
    let entries = line.append_at_once((0..1_030).map(|n| Record::new(n.to_string()))).await;
    assert_eq!(Tail::of(&line, None).await.to_head().await, entries[6..]);
}

/// The newest lasting entries are there that fit into so many bytes.
pub async fn the_newest_entries_are_kept_by_bytes(subject: &dyn Subject) {
    let line = subject.log(History::default().bytes(1_000_000)).await.line().await;
    let mut ids = Vec::new();
    for n in 0..15 {
        ids.push(line.append(Record::new(vec![n; 150_000])).await);
    }
    let mut tail = Tail::of(&line, None).await;
    assert_eq!(tail.start.after, ids[8]);
    assert_eq!(ids_of(&mut tail).await, ids[9..], "six are 900,000 bytes");
}

/// One entry that is over the limit of bytes is kept alone.
pub async fn the_newest_entry_is_kept_however_big_it_is(subject: &dyn Subject) {
    let line = subject.log(History::default().bytes(1_000)).await.line().await;
    for size in [10, 5_000, 20_000] {
        let id = line.append(Record::new(vec![7; size])).await;
        let entries = Tail::of(&line, None).await.to_head().await;
        assert_eq!(entries, [(id, Bytes::from(vec![7; size]))]);
    }
}

/// Entries that are older than the history says are gone, also when nothing is appended any more.
pub async fn entries_are_forgotten_by_age(subject: &dyn Subject) {
    let line = subject.log(History::default().age(Duration::from_millis(300))).await.line().await;
    let ids = line.append_all(["1", "2"]).await;
    until(PATIENCE, "both entries to be forgotten", async || {
        let mut tail = Tail::of(&line, None).await;
        if tail.start.after == ids[1] { Ok(()) } else { Err(tail.to_head().await) }
    })
    .await;
    let tail = Tail::of(&line, None).await;
    assert_eq!(tail.start.head, tail.start.after, "there is nothing to catch up with");
    let late = Tail::of(&line, Some(ids[0])).await;
    assert_eq!(late.start.after, ids[1], "one entry was missed");
    let id = line.append(Record::new("3")).await;
    assert_eq!(ids_of(&mut Tail::of(&line, Some(ids[1])).await).await, [id]);
}

/// Who comes back to what is forgotten is told so, and by no entry too late or too early.
pub async fn who_missed_something_is_told_and_nobody_else(subject: &dyn Subject) {
    let line = subject.log(History::default().events(5)).await.line().await;
    let ids = line.append_all(0..20).await;
    for (n, id) in ids.iter().enumerate() {
        let mut tail = Tail::of(&line, Some(*id)).await;
        // The newest that is forgotten may be the last that was seen.
        let start = n.max(14);
        assert_eq!(tail.start.after, ids[start], "asked to follow {n}");
        assert_eq!(ids_of(&mut tail).await, ids[start + 1..]);
    }
}

/// A reader that stalls while the log goes on gets everything, or is told where it has a gap.
pub async fn a_tail_that_was_outrun_is_told_where_the_gap_is(subject: &dyn Subject) {
    const COUNT: usize = 4_000;
    let line = subject.log(History::default().events(50)).await.line().await;
    let mut tail = Tail::of(&line, None).await;
    let beginning = tail.start.after;
    let first = line.append(Record::new("first")).await;
    assert_eq!(tail.next().await.0, first);
    let mut all = vec![beginning, first];
    all.extend(line.append_at_once((0..COUNT).map(|n| Record::new(n.to_string()))).await.into_iter().map(|(id, _)| id));
    let last = all[COUNT + 1];
    let mut expected = 2;
    while tail.last != last {
        match tail.try_next().await {
            Ok((id, _)) => {
                assert_eq!(id, all[expected], "no entry is passed over without a word");
                expected += 1;
            }
            Err(_) => {
                tail = Tail::of(&line, Some(tail.last)).await;
                let place = all.iter().position(|id| *id == tail.start.after).expect("a tail starts at an entry");
                assert!(place + 1 >= expected, "a tail does not go back");
                expected = place + 1;
            }
        }
    }
    assert_eq!(expected, all.len());
}

async fn ids_of(tail: &mut Tail) -> Vec<EventId> {
    tail.to_head().await.into_iter().map(|(id, _)| id).collect()
}
