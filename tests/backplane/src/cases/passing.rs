//! Entries for who follows the log now.

use std::collections::VecDeque;

use bytes::Bytes;
use ssehub::{EventId, History, Record};

use super::order::texts;
use crate::{
    subject::{Line, Subject},
    tail::Tail,
};

/// Who follows the log gets lasting and passing entries in one order.
pub async fn lasting_and_passing_entries_are_in_one_order(subject: &dyn Subject) {
    let mut log = subject.log(History::default()).await;
    let lines = [log.line().await, log.line().await];
    let mut tail = Tail::of(&lines[0], None).await;
    let mut expected = Vec::new();
    for n in 0..100_usize {
        let record = Record::new(n.to_string());
        let record = if n % 7 < 4 { record.passing() } else { record };
        expected.push((lines[n % 2].append(record).await, Bytes::from(n.to_string())));
    }
    assert_eq!(tail.up_to(expected[99].0).await, expected);
}

/// However many pass, the history keeps what it keeps.
pub async fn passing_entries_take_no_room_in_the_history(subject: &dyn Subject) {
    let line = subject.log(History::default().events(3).bytes(10_000)).await.line().await;
    let ids = line.append_all(["1", "2", "3"]).await;
    for _ in 0..50 {
        line.append(Record::new(vec![b'p'; 1_000]).passing()).await;
    }
    let mut tail = Tail::of(&line, None).await;
    assert!(tail.start.missed, "who asks for all has missed what passed before");
    let came = tail.to_head().await;
    let lasting: Vec<EventId> = came.iter().map(|(id, _)| *id).filter(|id| ids.contains(id)).collect();
    assert_eq!(lasting, ids);
}

/// A log that has nothing but what has passed can be caught up with.
pub async fn a_log_of_passing_entries_alone_can_be_caught_up_with(subject: &dyn Subject) {
    let mut log = subject.log(History::default()).await;
    let line = log.line().await;
    let mut last = line.append(Record::new("x").passing()).await;
    for after in [None, Some(last)] {
        let mut tail = Tail::of(&line, after).await;
        tail.to_head().await;
    }
    drop(line);
    let line = log.reopen().await;
    for after in [None, Some(last)] {
        let mut tail = Tail::of(&line, after).await;
        tail.to_head().await;
        last = line.append(Record::new("y")).await;
        assert_eq!(tail.next().await.0, last);
    }
}

/// Who goes on behind an entry gets the newest of what has passed since, without a hole, and is told if that may not be
/// all.
pub async fn who_goes_on_is_told_whether_what_passed_may_be_gone(subject: &dyn Subject) {
    let mut log = subject.log(History::default()).await;
    let line = log.line().await;
    let first = line.append(Record::new("first")).await;
    let passed = pass(&line, 20).await;
    let last = line.append(Record::new("last")).await;
    let mut tail = Tail::of(&line, Some(first)).await;
    assert_eq!((tail.start.after, tail.start.head), (first, last), "no lasting entry was missed");
    let came = tail.to_head().await;
    let newest = came.split_last().filter(|((id, _), _)| *id == last).expect("the lasting entry comes").1;
    let newest: Vec<EventId> = newest.iter().map(|(id, _)| *id).collect();
    assert!(passed.ends_with(&newest), "what comes is the newest");
    assert_eq!(tail.start.missed, newest.len() < passed.len(), "it is told whether that is all");
    assert!(!log.keeps_passing() || newest.len() == passed.len(), "it has been but a moment");
    assert!(!Tail::of(&line, Some(last)).await.start.missed, "nothing has passed since");
}

/// What passes is kept in a window of its own: beyond it, who was away is told so, and loses nothing that lasts.
pub async fn what_passed_is_forgotten_by_itself(subject: &dyn Subject) {
    const WRITERS: usize = 20;
    const EACH: usize = 1_000;
    let line = subject.log(History::default()).await.line().await;
    let first = line.append(Record::new("first")).await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let line = line.clone();
            tokio::spawn(async move { pass(&line, EACH).await })
        })
        .collect();
    let mut passed = Vec::new();
    for writer in writers {
        passed.extend(writer.await.expect("a writer does not fail"));
    }
    passed.sort_unstable_by_key(|id| (id.ms(), id.seq()));
    let last = line.append(Record::new("last")).await;
    let mut tail = Tail::of(&line, Some(first)).await;
    assert_eq!((tail.start.after, tail.start.missed), (first, true));
    let mut came: VecDeque<EventId> = tail.to_head().await.into_iter().map(|(id, _)| id).collect();
    assert_eq!(came.pop_back(), Some(last));
    assert!(came.len() < WRITERS * EACH, "the window is bounded");
    let came: Vec<EventId> = came.into();
    assert!(passed.ends_with(&came), "what comes is the newest, without a hole");
    let mut all = Tail::of(&line, None).await;
    let came = all.to_head().await;
    let lasting = came.iter().filter(|(_, bytes)| bytes != "p").cloned().collect::<Vec<_>>();
    assert_eq!(texts(&lasting), ["first", "last"]);
}

async fn pass(line: &Line, count: usize) -> Vec<EventId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(line.append(Record::new("p").passing()).await);
    }
    ids
}
