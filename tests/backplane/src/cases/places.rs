//! Where a tail starts.

use ssehub::{EventId, History, LogName, Record};
use tokio::sync::watch;

use super::order::texts;
use crate::{subject::Subject, tail::Tail};

/// A log that has nothing has a name and a place, and keeps them.
pub async fn an_empty_log_has_a_name_and_a_beginning(subject: &dyn Subject) {
    let mut log = subject.log(History::default()).await;
    let (one, other) = (log.line().await, log.line().await);
    let mut tail = Tail::of(&one, None).await;
    assert_eq!(tail.start.head, tail.start.after, "there is nothing to catch up with");
    assert!(tail.is_quiet());
    assert_eq!(Tail::of(&other, None).await.start, tail.start);
    let id = one.append(Record::new("x")).await;
    assert_eq!(tail.next().await.0, id);
    assert_eq!(id.log(), tail.start.after.log());
}

/// The place where the log began can be followed like an id.
pub async fn the_beginning_can_be_followed(subject: &dyn Subject) {
    let line = subject.log(History::default()).await.line().await;
    let beginning = Tail::of(&line, None).await.start.after;
    line.append_all(["1", "2"]).await;
    let mut tail = Tail::of(&line, Some(beginning)).await;
    assert_eq!((tail.start.after, tail.start.missed), (beginning, false));
    assert_eq!(texts(&tail.to_head().await), ["1", "2"]);
}

/// Whatever entry was seen last, a tail goes on with the next.
pub async fn a_tail_goes_on_behind_any_entry(subject: &dyn Subject) {
    let mut log = subject.log(History::default()).await;
    let line = log.line().await;
    let mut ids = Vec::new();
    for n in 0..30 {
        let record = Record::new(n.to_string());
        let passes = log.keeps_passing() && n % 3 == 1;
        ids.push(line.append(if passes { record.passing() } else { record }).await);
    }
    for (n, id) in ids.iter().enumerate() {
        let mut tail = Tail::of(&line, Some(*id)).await;
        assert_eq!((tail.start.after, tail.start.head, tail.start.missed), (*id, ids[29], false));
        let came: Vec<EventId> = tail.to_head().await.into_iter().map(|(id, _)| id).collect();
        assert_eq!(came, ids[n + 1..]);
    }
}

/// Who has seen everything gets what is new, and nothing else.
pub async fn a_tail_behind_the_newest_entry_brings_only_what_is_new(subject: &dyn Subject) {
    let line = subject.log(History::default()).await.line().await;
    let newest = line.append_all(["1", "2"]).await[1];
    let mut tail = Tail::of(&line, Some(newest)).await;
    assert_eq!((tail.start.after, tail.start.head, tail.start.missed), (newest, newest, false));
    assert!(tail.is_quiet());
    let new = line.append(Record::new("3")).await;
    assert_eq!(tail.next().await.0, new);
}

/// The id of another log, also one with the same place in it, is answered with all there is.
pub async fn an_id_of_another_log_is_answered_with_everything(subject: &dyn Subject) {
    let line = subject.log(History::default()).await.line().await;
    let ids = line.append_all(["1", "2"]).await;
    let all = Tail::of(&line, None).await.start;
    let stranger = LogName::random();
    for id in [EventId::new(ids[0].ms(), ids[0].seq(), stranger), EventId::new(0, 0, stranger)] {
        let mut tail = Tail::of(&line, Some(id)).await;
        assert_eq!(tail.start, all);
        assert_eq!(texts(&tail.to_head().await), ["1", "2"]);
    }
}

/// Who has seen what this log does not have knows that it has lost something: it is another log from then on, for
/// everybody, and has what is left.
pub async fn an_id_that_is_not_reached_yet_makes_it_another_log(subject: &dyn Subject) {
    let mut log = subject.log(History::default()).await;
    let (one, other) = (log.line().await, log.line().await);
    let ids = one.append_all(["1", "2"]).await;
    let mut before = Tail::of(&other, None).await;
    before.to_head().await;
    let lost = EventId::new(ids[1].ms() + 1_000_000, 0, ids[1].log());
    let mut tail = Tail::of(&one, Some(lost)).await;
    assert_ne!(tail.start.after.log(), lost.log());
    assert_eq!(texts(&tail.to_head().await), ["1", "2"]);
    let mut anew = Tail::of(&other, Some(ids[1])).await;
    assert_eq!(anew.start, tail.start, "there is one new name");
    anew.to_head().await;
    let id = one.append(Record::new("3")).await;
    assert_eq!(id.log(), tail.start.after.log());
    assert_eq!((tail.next().await.0, anew.next().await.0), (id, id));
    let end = before.try_next().await;
    assert!(end.is_err(), "a tail does not go on into another log: {end:?}");
    assert_eq!(Tail::of(&one, Some(lost)).await.start.after, tail.start.after, "it is another one once");
}

/// What is appended while a tail starts comes once: before its head or behind it.
pub async fn a_tail_that_starts_amid_appends_has_no_seam(subject: &dyn Subject) {
    const COUNT: usize = 400;
    let line = subject.log(History::default()).await.line().await;
    let first = line.append(Record::new("first")).await;
    let (progress, mut has_come) = watch::channel(0);
    let writer = tokio::spawn({
        let line = line.clone();
        async move {
            let mut ids = Vec::new();
            for n in 1..=COUNT {
                ids.push(line.append(Record::new(n.to_string())).await);
                progress.send_replace(n);
            }
            ids
        }
    });
    let mut tails = Vec::new();
    for n in (0..COUNT).step_by(10) {
        has_come.wait_for(|come| *come >= n).await.expect("the writer does not fail");
        tails.push(Tail::of(&line, Some(first).filter(|_| n % 20 == 0)).await);
    }
    let ids = writer.await.expect("the writer does not fail");
    for mut tail in tails {
        let mut expected = ids.clone();
        if tail.start.after != first {
            expected.insert(0, first);
        }
        let to_head = tail.to_head().await;
        let came: Vec<_> = to_head.into_iter().chain(tail.up_to(ids[COUNT - 1]).await).map(|(id, _)| id).collect();
        assert_eq!(came, expected);
    }
}

/// Hundreds of tails that were dropped, started or not, are in nobody's way.
pub async fn tails_that_are_dropped_leave_nothing_behind(subject: &dyn Subject) {
    let line = subject.log(History::default()).await.line().await;
    let ids = line.append_all(0..10).await;
    for id in ids.iter().cycle().take(300) {
        let mut tail = Tail::of(&line, Some(*id)).await;
        if *id != ids[9] {
            tail.next().await;
        }
    }
    let mut tail = Tail::of(&line, None).await;
    assert_eq!(tail.to_head().await.len(), 10);
    let id = line.append(Record::new("x")).await;
    assert_eq!(tail.next().await.0, id);
}
