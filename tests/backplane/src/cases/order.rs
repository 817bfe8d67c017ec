//! One order, the same for everybody.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use ssehub::{History, Record};

use crate::{
    subject::{Line, Subject},
    tail::{Entry, Tail, place},
    wait::{PATIENCE, within},
};

/// What the tail brings is what was appended, in its order, under the ids that the appends returned.
pub async fn a_tail_brings_what_was_accepted_under_the_ids_that_were_returned(subject: &dyn Subject) {
    let mut log = subject.log(History::default()).await;
    let line = log.line().await;
    let ids = line.append_all(0..100).await;
    let entries = Tail::of(&line, None).await.to_head().await;
    let expected: Vec<Entry> = ids.into_iter().zip((0..100).map(|n| Bytes::from(n.to_string()))).collect();
    assert_eq!(entries, expected);
}

/// Many append at once, from every line there can be, and every reader gets one and the same order, in which what one
/// appended one after the other comes in that order.
pub async fn whoever_appends_at_once_every_reader_gets_one_order(subject: &dyn Subject) {
    const WRITERS: usize = 12;
    const EACH: usize = 50;
    let mut log = subject.log(History::default()).await;
    let lines = [log.line().await, log.line().await, log.line().await];
    let mut tails = Vec::new();
    for line in &lines {
        tails.push(Tail::of(line, None).await);
    }
    let writers: Vec<_> = lines.iter().cycle().take(WRITERS).cloned().enumerate().collect();
    let writers = writers.into_iter().map(|(writer, line)| {
        tokio::spawn(async move { line.append_all((0..EACH).map(|n| format!("{writer} {n}"))).await })
    });
    let writers: Vec<_> = writers.collect();
    let mut read = Vec::new();
    for tail in &mut tails {
        let mut entries = Vec::new();
        while entries.len() < WRITERS * EACH {
            entries.push(tail.next().await);
        }
        read.push(entries);
    }
    read.push(Tail::of(&lines[0], None).await.to_head().await);
    assert!(read.iter().all(|entries| *entries == read[0]), "all readers get the same");
    for (writer, ids) in writers.into_iter().enumerate() {
        let ids = within(PATIENCE, "a writer to end", ids).await.expect("a writer does not fail");
        let appended: Vec<Entry> =
            ids.into_iter().zip((0..EACH).map(|n| Bytes::from(format!("{writer} {n}")))).collect();
        let came: Vec<Entry> = read[0].iter().filter(|entry| appended.contains(entry)).cloned().collect();
        assert_eq!(came, appended, "each is there, in the order in which its writer appended it");
    }
}

/// An id is later than those of all appends that had returned before it was asked for, on any line.
pub async fn an_id_is_later_than_those_that_were_returned_before(subject: &dyn Subject) {
    let mut log = subject.log(History::default()).await;
    let lines = [log.line().await, log.line().await];
    let mut last = Tail::of(&lines[0], None).await.start.after;
    for n in 0..100 {
        let record = Record::new("x");
        let id = lines[n % 2].append(if n % 3 == 0 { record.passing() } else { record }).await;
        assert_eq!(id.log(), last.log());
        assert!(place(id) > place(last), "{id} came behind {last}");
        last = id;
    }
}

/// Ids have the time at which the log accepted them.
pub async fn an_id_tells_the_time(subject: &dyn Subject) {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    let line = subject.log(History::default()).await.line().await;
    let before = now();
    let id = line.append(Record::new("x")).await;
    let told = Duration::from_millis(id.ms());
    // The log may have begun in a later millisecond than the clock was asked in.
    assert!(
        told + Duration::from_millis(1) >= before && told <= now() + Duration::from_millis(1),
        "{id} at {before:?}"
    );
}

/// A tail that waits hears of what any line appends.
pub async fn a_tail_that_waits_hears_of_each_entry_when_it_is_accepted(subject: &dyn Subject) {
    let mut log = subject.log(History::default()).await;
    let (one, other) = (log.line().await, log.line().await);
    let mut tail = Tail::of(&one, None).await;
    for (n, line) in [&one, &other].into_iter().cycle().take(20).enumerate() {
        assert!(tail.is_quiet(), "nothing is there to bring");
        let record = Record::new(n.to_string());
        let id = line.append(if n % 4 < 2 { record } else { record.passing() }).await;
        assert_eq!(tail.next().await, (id, Bytes::from(n.to_string())));
    }
}

/// A backplane says whether other nodes can append to its log, and if they can, they do.
pub async fn a_line_says_whether_other_nodes_can_have_one(subject: &dyn Subject) {
    let mut log = subject.log(History::default()).await;
    let (one, other) = (log.line().await, log.line().await);
    assert_eq!(one.backplane().is_shared(), log.is_shared());
    let id = other.append(Record::new("x")).await;
    assert_eq!(Tail::of(&one, None).await.next().await.0, id);
}

/// Two logs share what they are kept in, and nothing else.
pub async fn logs_of_different_names_are_strangers(subject: &dyn Subject) {
    let mut logs = [subject.log(History::default().events(3)).await, subject.log(History::default()).await];
    let lines = [logs[0].line().await, logs[1].line().await];
    let record = |text: String| Record::new(text).set("key");
    for n in 0..10 {
        lines[0].append(record(format!("a {n}"))).await;
        lines[1].append(record(format!("b {n}"))).await;
    }
    lines[0].append(Record::new("a 10").remove("key")).await;
    let mut tails = [Tail::of(&lines[0], None).await, Tail::of(&lines[1], None).await];
    assert_ne!(tails[0].start.after.log(), tails[1].start.after.log());
    assert_eq!(texts(&tails[0].to_head().await), ["a 8", "a 9", "a 10"]);
    assert_eq!(texts(&tails[1].to_head().await), (0..10).map(|n| format!("b {n}")).collect::<Vec<_>>());
    let gone = Tail::of(&lines[1], Some(tails[0].start.after)).await;
    assert_eq!(gone.start.after, tails[1].start.after, "an id of the one proves nothing to the other");
}

/// Ten thousand small records by a hundred writers come whole.
pub async fn many_small_records_come_whole(subject: &dyn Subject) {
    const WRITERS: usize = 100;
    const EACH: usize = 100;
    let line = subject.log(History::default().events(WRITERS * EACH)).await.line().await;
    let mut tail = Tail::of(&line, None).await;
    let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(write(line.clone(), writer * EACH, EACH))).collect();
    let mut came: Vec<usize> = Vec::new();
    while came.len() < WRITERS * EACH {
        let (_, bytes) = tail.next().await;
        came.push(text(&bytes).parse().expect("a number was appended"));
    }
    for writer in writers {
        within(PATIENCE, "a writer to end", writer).await.expect("a writer does not fail");
    }
    came.sort_unstable();
    assert!(came.into_iter().eq(0..WRITERS * EACH), "each comes once");
    assert!(tail.is_quiet());
}

async fn write(line: Line, from: usize, count: usize) {
    line.append_all(from..from + count).await;
}

/// The texts of these entries.
pub(super) fn texts(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|(_, bytes)| text(bytes)).collect()
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8(bytes.to_vec()).expect("a text was appended")
}
