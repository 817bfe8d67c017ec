//! Whoever appends, however, gets one answer that is true.

use std::{collections::HashMap, pin::pin, thread};

use bytes::Bytes;
use futures::{FutureExt as _, future::join_all};
use ssehub::{EventId, History, Record};

use crate::{
    subject::Subject,
    tail::Tail,
    wait::{PATIENCE, within},
};

/// Who asks for a tail after an append has returned finds it there.
pub async fn what_is_accepted_is_there_for_whoever_asks_then(subject: &dyn Subject) {
    let mut log = subject.log(History::default()).await;
    let lines = [log.line().await, log.line().await];
    for n in 0..50 {
        let record = Record::new("x");
        let passes = log.keeps_passing() && n % 3 == 0;
        let id = lines[n % 2].append(if passes { record.passing() } else { record }).await;
        assert_eq!(Tail::of(&lines[(n + 1) % 2], None).await.start.head, id);
    }
}

/// Hundreds of appends that wait at once are all answered, each with an id of its own.
pub async fn hundreds_of_appends_at_once_are_all_answered(subject: &dyn Subject) {
    const COUNT: usize = 500;
    let line = subject.log(History::default()).await.line().await;
    let appends = (0..COUNT).map(|n| line.append(Record::new(n.to_string())));
    let ids = within(PATIENCE, "all appends", join_all(appends)).await;
    let mut expected: Vec<_> = ids.into_iter().zip((0..COUNT).map(|n| Bytes::from(n.to_string()))).collect();
    expected.sort_unstable_by_key(|(id, _)| (id.ms(), id.seq()));
    assert_eq!(Tail::of(&line, None).await.to_head().await, expected);
}

/// A sender that goes away while its append is under way may have been heard or not; nobody else is disturbed.
pub async fn an_append_that_is_dropped_half_way_comes_at_most_once(subject: &dyn Subject) {
    const COUNT: usize = 300;
    let line = subject.log(History::default()).await.line().await;
    let mut accepted: HashMap<Bytes, EventId> = HashMap::new();
    for n in 0..COUNT {
        let text = Bytes::from(n.to_string());
        let mut append = pin!(line.backplane().append(Record::new(text.clone())));
        // Dropped before it is begun, at its first wait, or later.
        for _ in 0..n % 4 {
            if let Some(answer) = append.as_mut().now_or_never() {
                accepted.insert(text.clone(), answer.expect("nothing is wrong with the log"));
                break;
            }
            tokio::task::yield_now().await;
        }
        if n % 5 == 0 {
            let whole = Bytes::from(format!("whole {n}"));
            accepted.insert(whole.clone(), line.append(Record::new(whole)).await);
        }
    }
    let last = line.append(Record::new("last")).await;
    let mut came = HashMap::new();
    for (id, bytes) in Tail::of(&line, None).await.up_to(last).await {
        let earlier = came.insert(bytes.clone(), id);
        assert_eq!(earlier, None, "{bytes:?} came twice");
    }
    for (text, id) in &accepted {
        assert_eq!(came.get(text), Some(id), "{text:?} was accepted");
    }
    assert!(accepted.len() >= COUNT / 5);
}

/// A line is used from runtimes of one thread that come and go, and outlives each of them.
pub async fn appends_come_from_runtimes_that_come_and_go(subject: &dyn Subject) {
    let line = subject.log(History::default()).await.line().await;
    let mut tail = Tail::of(&line, None).await;
    for round in 0..5 {
        let senders: Vec<_> = (0..3)
            .map(|sender| {
                let line = line.clone();
                thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                    let runtime = runtime.expect("a runtime starts");
                    // One append is still under way when the runtime ends.
                    let left = line.clone();
                    runtime.spawn(async move { left.append(Record::new("left behind").passing()).await });
                    runtime.block_on(line.append(Record::new(format!("{round} {sender}"))))
                })
            })
            .collect();
        let mut ids = Vec::new();
        for sender in senders {
            ids.push(sender.join().expect("a sender does not fail"));
        }
        while !ids.is_empty() {
            let (came, bytes) = tail.next().await;
            assert_eq!(ids.contains(&came), bytes != "left behind", "{came} is {bytes:?}");
            ids.retain(|id| *id != came);
        }
    }
}

/// A tail on a runtime that ends is gone; a line that was tailed there can be tailed elsewhere.
pub async fn tails_are_read_on_runtimes_that_come_and_go(subject: &dyn Subject) {
    let line = subject.log(History::default()).await.line().await;
    let ids = line.append_all(0..10).await;
    let mut last = None;
    for id in ids.chunks(2).map(|ids| ids[1]) {
        let line = line.clone();
        let reader = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime starts").block_on(async { Tail::of(&line, last).await.up_to(id).await })
        });
        let entries = reader.join().expect("a reader does not fail");
        assert_eq!(entries.len(), 2);
        last = Some(id);
    }
}
