//! The process ends and starts again.

use ssehub::{EventId, History, Record};

use super::order::texts;
use crate::{
    subject::Subject,
    tail::{Tail, place},
};

/// The log has its name, its entries under their ids, and what it has forgotten.
pub async fn a_log_is_the_same_after_a_restart(subject: &dyn Subject) {
    let mut log = subject.log(History::default().events(10)).await;
    let line = log.line().await;
    line.append(Record::new("kept").set("a").set("b")).await;
    line.append(Record::new("removed").set("c")).await;
    line.append(Record::new("x").remove("c").remove("b")).await;
    line.append_all(0..20).await;
    let (start, entries) = everything(Tail::of(&line, None).await).await;
    assert_eq!((start.state.len(), entries.len()), (1, 10));
    drop(line);
    let line = log.reopen().await;
    assert_eq!(everything(Tail::of(&line, None).await).await, (start, entries));
}

/// A log that has nothing yet keeps its name and its beginning.
pub async fn an_empty_log_is_the_same_after_a_restart(subject: &dyn Subject) {
    let mut log = subject.log(History::default()).await;
    let start = Tail::of(&log.line().await, None).await.start;
    let line = log.reopen().await;
    assert_eq!(Tail::of(&line, None).await.start, start);
}

/// Whoever has seen an entry before goes on behind it.
pub async fn an_id_from_before_a_restart_can_be_followed(subject: &dyn Subject) {
    let mut log = subject.log(History::default()).await;
    let line = log.line().await;
    let ids = line.append_all(0..5).await;
    drop(line);
    let line = log.reopen().await;
    let new = line.append(Record::new("new")).await;
    for (n, id) in ids.iter().enumerate() {
        let mut tail = Tail::of(&line, Some(*id)).await;
        assert_eq!(tail.start.after, *id);
        let came: Vec<EventId> = tail.to_head().await.into_iter().map(|(id, _)| id).collect();
        assert_eq!(came, [&ids[n + 1..], &[new]].concat());
    }
}

/// Ids grow over restarts, whether what came before lasts or not.
pub async fn ids_grow_over_restarts(subject: &dyn Subject) {
    let mut log = subject.log(History::default()).await;
    let mut last = Tail::of(&log.line().await, None).await.start.after;
    for round in 0..6 {
        let line = log.reopen().await;
        for n in 0..10 {
            let record = Record::new(format!("{round} {n}"));
            let id = line.append(if round % 2 == 1 && n > 7 { record.passing() } else { record }).await;
            assert_eq!(id.log(), last.log(), "a log keeps its name");
            assert!(place(id) > place(last), "{id} came behind {last}");
            last = id;
        }
    }
    let line = log.reopen().await;
    let lasting = texts(&Tail::of(&line, None).await.to_head().await);
    assert!(lasting.len() >= 54 && lasting.first().is_some_and(|first| first == "0 0"), "{lasting:?}");
}

/// A restart right after a burst, again and again, loses nothing that was accepted.
pub async fn what_was_accepted_is_there_after_each_of_many_restarts(subject: &dyn Subject) {
    const WRITERS: usize = 8;
    let mut log = subject.log(History::default()).await;
    let mut accepted: Vec<(EventId, String)> = Vec::new();
    for round in 0..8 {
        let line = log.reopen().await;
        let came: Vec<_> = Tail::of(&line, None).await.to_head().await;
        let came: Vec<_> = came.iter().map(|(id, _)| *id).zip(texts(&came)).collect();
        assert_eq!(came, accepted, "before round {round}");
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let line = line.clone();
                let texts: Vec<_> = (0..10).map(|n| format!("{round} {writer} {n}")).collect();
                tokio::spawn(async move { line.append_all(&texts).await.into_iter().zip(texts).collect::<Vec<_>>() })
            })
            .collect();
        for writer in writers {
            accepted.extend(writer.await.expect("a writer does not fail"));
        }
        accepted.sort_unstable_by_key(|(id, _)| place(*id));
    }
}

async fn everything(mut tail: Tail) -> (ssehub::Start, Vec<(EventId, bytes::Bytes)>) {
    let mut start = tail.start.clone();
    start.state.iter_mut().for_each(|kept| kept.keys.sort_unstable());
    (start, tail.to_head().await)
}
