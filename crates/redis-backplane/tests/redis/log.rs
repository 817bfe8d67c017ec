//! What is Redis's own of a log: what stays in its keys, how much of it, and what others do to them. What every
//! backplane has to do is in `tests/backplane`.

use std::time::Duration;

use futures::future::join_all;
use ssehub::{Backplane as _, BackplaneErrorKind, History, Record};
use ssehub_backplane_tests::redis::RedisServer;
use ssehub_redis::{DEFAULT_PATIENCE, MAX_PASSING};

use crate::follower::{Follower, append, backplane};

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
    ids.sort_by_key(|id| (id.ms(), id.seq()));
    let mut tail = Follower::follow(&backplane, Some(begin)).await.unwrap();
    assert_eq!((tail.start.after, tail.start.missed), (begin, true));
    assert_eq!(tail.texts(3).await, ["lasting 0", "lasting 1", "lasting 2"]);
    for id in &ids[20_000 - MAX_PASSING..] {
        assert_eq!(tail.next().await.0, *id);
    }
}

#[tokio::test]
async fn of_the_state_nothing_is_kept_that_nothing_refers_to() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    backplane.retain(&History::default().events(1));
    let length = |key| server.command::<usize>("HLEN", &[format!("ssehub:{{test}}:{key}")]);
    let lengths = || ["state", "newest", "records"].map(length);
    let set = async |text: &'static str, keys: [&'static str; 2]| {
        backplane.append(keys.into_iter().fold(Record::new(text), Record::set)).await.unwrap();
    };
    set("one", ["a", "b"]).await;
    assert_eq!(lengths(), [2, 1, 0]);
    set("two", ["b", "c"]).await;
    // The first has left the stream, and is kept for `a`.
    assert_eq!(lengths(), [3, 2, 1]);
    set("three", ["a", "b"]).await;
    assert_eq!(lengths(), [3, 2, 1]);
    backplane.append(Record::new("none").remove("a").remove("b").remove("c")).await.unwrap();
    assert_eq!(lengths(), [0, 0, 0]);
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
