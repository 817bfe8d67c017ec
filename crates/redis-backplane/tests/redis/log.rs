//! One log in a real Redis: order, retention and state.
use std::collections::HashSet;
use std::time::Duration;

use crate::follower::{Follower, append, backplane};
use futures::future::join_all;
use ssehub::{Backplane as _, BackplaneErrorKind, EventId, History, Record};
use ssehub_backplane_tests::redis::RedisServer;
use ssehub_redis::{DEFAULT_PATIENCE, MAX_PASSING, RedisBackplane, RedisConnectErrorKind};

fn texts(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn place(id: EventId) -> (u64, u64) {
    (id.ms(), id.seq())
}

#[tokio::test]
async fn a_new_log_has_a_name_and_nothing_in_it() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    let start = Follower::follow(&backplane, None).await.unwrap().start;
    assert_eq!((start.after, start.missed, start.state.len()), (start.head, true, 0));
    let again = Follower::follow(&backplane, Some(start.after)).await.unwrap().start;
    assert_eq!((again.after, again.missed), (start.after, false));
}

#[tokio::test]
async fn what_many_append_at_once_comes_in_the_order_of_its_ids_to_everybody() {
    let server = RedisServer::start();
    let nodes = [backplane(&server).await, backplane(&server).await];
    let mut tails = Vec::new();
    for node in &nodes {
        tails.push(Follower::follow(node, None).await.unwrap());
    }
    let appends = (0..500).map(|number: usize| {
        let record = Record::new(number.to_string());
        nodes[number % 2].append(if number.is_multiple_of(3) { record.passing() } else { record })
    });
    let mut ids: Vec<_> = join_all(appends).await.into_iter().map(|id| place(id.unwrap())).collect();
    ids.sort_unstable();
    let mut seen = Vec::new();
    for tail in &mut tails {
        let mut entries = Vec::new();
        for _ in 0..500 {
            entries.push(tail.next().await);
        }
        assert_eq!(entries.iter().map(|(id, _)| place(*id)).collect::<Vec<_>>(), ids);
        seen.push(entries);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].iter().map(|(_, text)| text.clone()).collect::<HashSet<_>>().len(), 500);
}

#[tokio::test]
async fn a_tail_goes_on_behind_the_entry_it_is_asked_for() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(append(&backplane, &number.to_string()).await);
    }
    let mut tail = Follower::follow(&backplane, Some(ids[4])).await.unwrap();
    assert_eq!((tail.start.after, tail.start.head, tail.start.missed), (ids[4], ids[9], false));
    assert_eq!(tail.until_head().await, texts(5..10));
    append(&backplane, "10").await;
    assert_eq!(tail.texts(1).await, ["10"]);
}

#[tokio::test]
async fn retention_by_events_is_exact_and_moves_the_start() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    backplane.retain(&History::default().events(10));
    let mut ids = Vec::new();
    for number in 0..25 {
        ids.push(append(&backplane, &number.to_string()).await);
    }
    let mut tail = Follower::follow(&backplane, None).await.unwrap();
    assert_eq!((tail.start.after, tail.start.head), (ids[14], ids[24]));
    assert_eq!(tail.until_head().await, texts(15..25));
    let start = Follower::follow(&backplane, Some(ids[14])).await.unwrap().start;
    assert_eq!((start.after, start.missed), (ids[14], false));
    let start = Follower::follow(&backplane, Some(ids[13])).await.unwrap().start;
    assert_eq!((start.after, start.missed), (ids[14], true));
}

#[tokio::test]
async fn retention_by_bytes_is_exact_and_leaves_the_newest() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    backplane.retain(&History::default().bytes(1000));
    for _ in 0..30 {
        append(&backplane, &"x".repeat(100)).await;
    }
    assert_eq!(Follower::follow(&backplane, None).await.unwrap().until_head().await.len(), 10);
    let huge = append(&backplane, &"y".repeat(5000)).await;
    let mut tail = Follower::follow(&backplane, None).await.unwrap();
    assert_eq!(tail.start.head, huge);
    assert_eq!(tail.until_head().await, ["y".repeat(5000)]);
    append(&backplane, "z").await;
    assert_eq!(Follower::follow(&backplane, None).await.unwrap().until_head().await, ["z"]);
}

#[tokio::test]
async fn retention_by_age_takes_what_is_too_old_before_a_tail_starts() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    backplane.retain(&History::default().age(Duration::from_millis(300)));
    let old = append(&backplane, "old").await;
    tokio::time::sleep(Duration::from_millis(350)).await;
    let new = append(&backplane, "new").await;
    let mut tail = Follower::follow(&backplane, None).await.unwrap();
    assert_eq!((tail.start.after, tail.start.head), (old, new));
    assert_eq!(tail.until_head().await, ["new"]);
    tokio::time::sleep(Duration::from_millis(350)).await;
    let start = Follower::follow(&backplane, None).await.unwrap().start;
    assert_eq!((start.after, start.head), (new, new));
}

#[tokio::test]
async fn a_bound_that_is_lowered_by_much_is_kept_after_some_appends() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    backplane.retain(&History::default().events(30_000));
    join_all((0..25_000).map(|number: usize| backplane.append(Record::new(number.to_string())))).await;
    backplane.retain(&History::default().events(10));
    for _ in 0..3 {
        append(&backplane, "new").await;
    }
    let kept = Follower::follow(&backplane, None).await.unwrap().until_head().await;
    assert_eq!(kept.len(), 10);
    assert_eq!(&kept[7..], ["new", "new", "new"]);
    // What was taken is not kept for long.
    join_all((0..3000).map(|_| backplane.append(Record::new("newer")))).await;
    assert!(server.command::<usize>("XLEN", &["ssehub:{test}:log"]) <= 10 + 2 * (1024 + 128));
}

#[tokio::test]
async fn a_node_that_starts_catches_up_though_each_append_takes_the_oldest() {
    let server = RedisServer::options().setting("appendfsync", "no").start();
    let backplane = backplane(&server).await;
    backplane.retain(&History::default().events(2000));
    let keyed = (0..2000).map(|key: usize| backplane.append(Record::new(vec![b'x'; 1000]).set(key.to_string())));
    join_all(keyed).await;
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let backplane = backplane.clone();
            tokio::spawn(async move {
                loop {
                    append(&backplane, "x").await;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            })
        })
        .collect();
    for _ in 0..5 {
        let mut tail = Follower::follow(&backplane, None).await.unwrap();
        assert!(tail.until_head().await.len() >= 2000);
    }
    senders.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn passing_records_take_no_room_in_the_history() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    backplane.retain(&History::default().events(3));
    let begin = Follower::follow(&backplane, None).await.unwrap().start.after;
    for number in 0..3 {
        append(&backplane, &format!("lasting {number}")).await;
    }
    let passing = (0..20_000).map(|number: usize| backplane.append(Record::new(format!("passing {number}")).passing()));
    let mut ids: Vec<_> = join_all(passing).await.into_iter().map(Result::unwrap).collect();
    ids.sort_by_key(|id| place(*id));
    let mut tail = Follower::follow(&backplane, Some(begin)).await.unwrap();
    assert_eq!((tail.start.after, tail.start.missed), (begin, true));
    assert_eq!(tail.texts(3).await, ["lasting 0", "lasting 1", "lasting 2"]);
    for id in &ids[20_000 - MAX_PASSING..] {
        assert_eq!(tail.next().await.0, *id);
    }
}

#[tokio::test]
async fn the_newest_of_a_key_outlives_retention() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    backplane.retain(&History::default().events(2));
    let set = async |text: &'static str, keys: &[&'static str]| {
        let record = keys.iter().fold(Record::new(text), |record, key| record.set(*key));
        backplane.append(record).await.unwrap()
    };
    let both = set("both", &["a", "b"]).await;
    set("superseded", &["c"]).await;
    let newer = set("newer", &["c", "b"]).await;
    set("gone", &["d"]).await;
    backplane.append(Record::new("removes").remove("d")).await.unwrap();
    let start = Follower::follow(&backplane, None).await.unwrap().start;
    let state: Vec<_> = start.state.iter().map(|kept| (kept.id, kept.record.clone(), kept.keys.clone())).collect();
    // `newer` and `gone` left the log with the last two appends.
    assert_eq!(state, [(both, "both".into(), vec!["a".into()]), (newer, "newer".into(), vec!["b".into(), "c".into()])]);
    let start = Follower::follow(&backplane, Some(start.after)).await.unwrap().start;
    assert!(start.state.is_empty());
    // What nothing refers to is not kept.
    backplane.append(Record::new("clears").remove("a").remove("b").remove("c")).await.unwrap();
    for key in ["state", "newest", "records"] {
        assert_eq!(server.command::<usize>("HLEN", &[format!("ssehub:{{test}}:{key}")]), 0, "{key}");
    }
}

#[tokio::test]
async fn a_record_may_be_the_newest_of_ten_thousand_keys() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    backplane.retain(&History::default().events(1));
    let keyed =
        |text: &'static str| (0..10_000).fold(Record::new(text), |record, key| record.set(format!("key {key}")));
    backplane.append(keyed("first")).await.unwrap();
    let second = backplane.append(keyed("second")).await.unwrap();
    append(&backplane, "other").await;
    let state = Follower::follow(&backplane, None).await.unwrap().start.state;
    assert_eq!(state.len(), 1);
    assert_eq!((state[0].id, state[0].keys.len(), &*state[0].record), (second, 10_000, &b"second"[..]));
    let removing = (0..10_000).fold(Record::new("none"), |record, key| record.remove(format!("key {key}")));
    backplane.append(removing).await.unwrap();
    assert!(Follower::follow(&backplane, None).await.unwrap().start.state.is_empty());
}

#[tokio::test]
async fn large_records_come_whole() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    backplane.retain(&History::default().bytes(1 << 30));
    let mut tail = Follower::follow(&backplane, None).await.unwrap();
    let large = vec![7_u8; 8 << 20];
    let appends = (0..6).map(|_| backplane.append(Record::new(large.clone())));
    assert!(join_all(appends).await.iter().all(Result::is_ok));
    for _ in 0..6 {
        assert!(tail.next().await.1 == large);
    }
    let mut late = Follower::follow(&backplane, None).await.unwrap();
    for _ in 0..6 {
        assert!(late.next().await.1 == large);
    }
    let error = backplane.append(Record::new(vec![0; (64 << 20) + 1])).await.unwrap_err();
    assert_eq!(error.kind(), BackplaneErrorKind::Unavailable);
    assert!(error.to_string().contains("too large"), "{error}");
}

#[tokio::test]
async fn hubs_of_different_names_are_strangers() {
    let server = RedisServer::start();
    let hub = async |name: &str| RedisBackplane::builder(server.url()).hub(name).connect().await.unwrap();
    let (one, other) = (hub("one").await, hub("other").await);
    let first = append(&one, "first").await;
    let second = append(&other, "second").await;
    assert_ne!(first.log(), second.log());
    assert_eq!(Follower::follow(&one, None).await.unwrap().until_head().await, ["first"]);
    assert_eq!(Follower::follow(&other, None).await.unwrap().until_head().await, ["second"]);
    let error = RedisBackplane::builder(server.url()).hub("a b").connect().await.unwrap_err();
    assert_eq!(error.kind(), RedisConnectErrorKind::Invalid);
}

#[tokio::test]
async fn entries_of_others_are_passed_over_and_counted() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    let mut tail = Follower::follow(&backplane, None).await.unwrap();
    append(&backplane, "before").await;
    for key in ["log", "passing"] {
        // From the future: what is appended next has to come behind that.
        let id = format!("{}-0", u64::MAX >> 20);
        let foreign = [format!("ssehub:{{test}}:{key}"), id, "who".into(), "me".into()];
        server.command::<String>("XADD", &foreign);
    }
    append(&backplane, "between").await;
    backplane.append(Record::new("after").passing()).await.unwrap();
    assert_eq!(tail.texts(3).await, ["before", "between", "after"]);
    assert_eq!(backplane.skipped_entries(), 2);
    assert_eq!(Follower::follow(&backplane, None).await.unwrap().until_head().await, ["before", "between", "after"]);
}

#[tokio::test]
async fn a_tail_idles_through_many_time_outs() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    let mut tail = Follower::follow(&backplane, None).await.unwrap();
    tail.is_quiet(4 * DEFAULT_PATIENCE).await;
    append(&backplane, "at last").await;
    assert_eq!(tail.texts(1).await, ["at last"]);
}
