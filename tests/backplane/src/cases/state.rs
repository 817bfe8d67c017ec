//! The newest record of each key outlives retention.

use bytes::Bytes;
use ssehub::{EventId, History, Kept, MAX_AUDIENCE, MAX_STATE_KEY, Record};

use super::order::texts;
use crate::{
    subject::{Line, Subject},
    tail::Tail,
};

/// What sets a key and is forgotten comes with the start; what comes as an entry does not.
pub async fn the_newest_of_a_key_outlives_retention(subject: &dyn Subject) {
    let line = subject.log(History::default().events(2)).await.line().await;
    let old = line.append(Record::new("old").set("a")).await;
    line.append(Record::new("older").set("b")).await;
    line.append(Record::new("plain")).await;
    let newer = line.append(Record::new("newer").set("b")).await;
    let newest = line.append(Record::new("newest").set("c")).await;
    let mut tail = Tail::of(&line, None).await;
    assert_eq!(tail.start.state, [kept(old, &["a"], "old")]);
    assert_eq!(tail.to_head().await, [(newer, "newer".into()), (newest, "newest".into())]);
}

/// One entry after the other is forgotten, and state appears exactly when its entry goes.
pub async fn state_and_entries_never_overlap(subject: &dyn Subject) {
    const KEPT: usize = 3;
    let line = subject.log(History::default().events(KEPT)).await.line().await;
    let mut ids = Vec::new();
    for n in 0..12 {
        ids.push(line.append(Record::new(n.to_string()).set(n.to_string())).await);
        let mut tail = Tail::of(&line, None).await;
        let gone = ids.len().saturating_sub(KEPT);
        let expected: Vec<_> = (0..gone).map(|n| kept(ids[n], &[&n.to_string()], &n.to_string())).collect();
        assert_eq!(sorted(&tail), expected);
        assert_eq!(texts(&tail.to_head().await), (gone..ids.len()).map(|n| n.to_string()).collect::<Vec<_>>());
    }
}

/// Who goes on where it was gets no state; who has missed an entry gets all of it.
pub async fn only_who_missed_something_gets_the_state(subject: &dyn Subject) {
    let line = subject.log(History::default().events(2)).await.line().await;
    let seen = line.append(Record::new("seen").set("a")).await;
    let ids = line.append_all(0..3).await;
    for id in [ids[0], ids[1], ids[2]] {
        let tail = Tail::of(&line, Some(id)).await;
        assert_eq!((tail.start.after, tail.start.state.len()), (id, 0));
    }
    let tail = Tail::of(&line, Some(seen)).await;
    assert_eq!((tail.start.after, sorted(&tail)), (ids[0], vec![kept(seen, &["a"], "seen")]));
}

/// A record with several keys is kept for those of which it still is the newest.
pub async fn a_record_is_kept_for_the_keys_it_is_the_newest_of(subject: &dyn Subject) {
    let line = subject.log(History::default().events(1)).await.line().await;
    let first = line.append(Record::new("1").set("a").set("b").set("c").set("d")).await;
    let second = line.append(Record::new("2").set("b").set("e")).await;
    line.append(Record::new("3").remove("c").remove("e")).await;
    line.append(Record::new("last")).await;
    let state = sorted(&Tail::of(&line, None).await);
    assert_eq!(state, [kept(first, &["a", "d"], "1"), kept(second, &["b"], "2")]);
}

/// A key that is removed is gone, may be removed again, and may come back.
pub async fn a_key_that_is_removed_is_gone(subject: &dyn Subject) {
    let line = subject.log(History::default().events(1)).await.line().await;
    line.append(Record::new("1").set("a").set("b")).await;
    line.append(Record::new("2").remove("a").remove("b").remove("never set")).await;
    line.append(Record::new("3").remove("a")).await;
    let back = line.append(Record::new("4").set("a")).await;
    line.append(Record::new("last")).await;
    assert_eq!(sorted(&Tail::of(&line, None).await), [kept(back, &["a"], "4")]);
}

/// The changes of one record happen one after the other.
pub async fn of_one_record_the_last_change_of_a_key_counts(subject: &dyn Subject) {
    let line = subject.log(History::default().events(1)).await.line().await;
    let id = line.append(Record::new("1").set("a").remove("a").remove("b").set("b").set("b")).await;
    line.append(Record::new("last")).await;
    assert_eq!(sorted(&Tail::of(&line, None).await), [kept(id, &["b"], "1")]);
}

/// A key is any 1 to 1,100 bytes, and no two are the same.
pub async fn a_key_may_be_any_bytes(subject: &dyn Subject) {
    let line = subject.log(History::default().events(1)).await.line().await;
    let long = vec![b'k'; MAX_STATE_KEY];
    let mut keys = [&b"\0"[..], b"\0\0", b"a", b"A", b"a\0", b"\r\n", b"\xff\xfe", b"1-0", b"log", &long, &long[1..]];
    keys.sort_unstable();
    let mut record = Record::new("x");
    for key in keys {
        record = record.set(key.to_vec());
    }
    let id = line.append(record).await;
    line.append(Record::new("last")).await;
    let state = sorted(&Tail::of(&line, None).await);
    let keys: Vec<Bytes> = keys.iter().map(|key| Bytes::copy_from_slice(key)).collect();
    assert_eq!(state, [Kept { id, keys, record: "x".into() }]);
}

/// As many changes as an audience may have topics, in one record.
pub async fn a_record_may_change_ten_thousand_keys(subject: &dyn Subject) {
    let line = subject.log(History::default().events(1)).await.line().await;
    let key = |n: usize| format!("a key as long as that of a topic that is not short, {n:05}");
    let id = line.append((0..MAX_AUDIENCE).fold(Record::new("x"), |record, n| record.set(key(n)))).await;
    line.append((0..MAX_AUDIENCE / 2).fold(Record::new("y"), |record, n| record.remove(key(2 * n)))).await;
    line.append(Record::new("last")).await;
    let state = sorted(&Tail::of(&line, None).await);
    let keys: Vec<Bytes> = (0..MAX_AUDIENCE / 2).map(|n| Bytes::from(key(2 * n + 1))).collect();
    assert!(
        state == [Kept { id, keys, record: "x".into() }],
        "{} keys",
        state.iter().map(|kept| kept.keys.len()).sum::<usize>()
    );
}

/// Thousands of keys of as many records come with one start, in the order of ids.
pub async fn a_state_may_have_thousands_of_records(subject: &dyn Subject) {
    const KEYS: usize = 3_000;
    let line = subject.log(History::default().events(1)).await.line().await;
    line.append_at_once((0..KEYS).map(|n| Record::new(format!("old {n}")).set(n.to_string()))).await;
    let newer = line.append_at_once((0..KEYS).map(|n| Record::new(n.to_string()).set(n.to_string()))).await;
    let expected: Vec<Kept> =
        newer.into_iter().map(|(id, record)| Kept { id, keys: vec![record.clone()], record }).collect();
    line.append(Record::new("last")).await;
    assert_eq!(sorted(&Tail::of(&line, None).await), expected);
}

/// Big records outlive retention whole.
pub async fn a_record_of_a_megabyte_may_be_kept_as_state(subject: &dyn Subject) {
    let line = subject.log(History::default().events(1)).await.line().await;
    let record = Bytes::from(vec![b'x'; 1 << 20]);
    let id = line.append(Record::new(record.clone()).set("a").set("b")).await;
    line.append(Record::new("last")).await;
    let state = sorted(&Tail::of(&line, None).await);
    assert!(state == [Kept { id, keys: vec!["a".into(), "b".into()], record }]);
}

/// At every moment, whoever starts anew has each key once: as state, or as an entry.
pub async fn a_tail_that_starts_amid_appends_has_each_key(subject: &dyn Subject) {
    const KEYS: usize = 5;
    let line = subject.log(History::default().events(3)).await.line().await;
    for n in 0..KEYS {
        line.append(Record::new(format!("{n} 0")).set(n.to_string())).await;
    }
    let writer = tokio::spawn(write_rounds(line.clone(), KEYS));
    let mut starts = 0;
    while !writer.is_finished() || starts == 0 {
        let mut tail = Tail::of(&line, None).await;
        let (start, state) = (tail.start.clone(), sorted(&tail));
        let Some(entries) = to_head_if_not_outrun(&mut tail).await else { continue };
        for n in 0..KEYS {
            let prefix = format!("{n} ");
            let as_state = state.iter().filter(|kept| kept.record.starts_with(prefix.as_bytes())).count();
            let as_entry = entries.iter().filter(|(_, bytes)| bytes.starts_with(prefix.as_bytes())).count();
            assert!(as_state == 1 || as_state == 0 && as_entry > 0, "key {n} of {start:?} and {entries:?}");
        }
        starts += 1;
    }
    writer.await.expect("the writer does not fail");
}

async fn write_rounds(line: Line, keys: usize) {
    for round in 1..100 {
        for n in 0..keys {
            line.append(Record::new(format!("{n} {round}")).set(n.to_string())).await;
        }
    }
}

/// What a tail brings up to its head; nothing if retention was faster.
async fn to_head_if_not_outrun(tail: &mut Tail) -> Option<Vec<(EventId, Bytes)>> {
    let mut entries = Vec::new();
    while tail.last != tail.start.head {
        entries.push(tail.try_next().await.ok()?);
    }
    Some(entries)
}

fn kept(id: EventId, keys: &[&str], record: &str) -> Kept {
    let keys = keys.iter().map(|key| Bytes::copy_from_slice(key.as_bytes())).collect();
    Kept { id, keys, record: Bytes::copy_from_slice(record.as_bytes()) }
}

/// The state that a tail began with. The keys of one record come in any order.
fn sorted(tail: &Tail) -> Vec<Kept> {
    let mut state = tail.start.state.clone();
    state.iter_mut().for_each(|kept| kept.keys.sort_unstable());
    state
}
