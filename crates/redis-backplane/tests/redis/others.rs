//! What others do to the keys of a log: nothing stays broken by it, and nothing is lost without a word.

use futures::future::join_all;
use ssehub::{Backplane as _, BackplaneErrorKind, EventId, History, Record};
use ssehub_backplane_tests::redis::RedisServer;
use ssehub_redis::RedisBackplane;

use crate::follower::{Follower, append, append_when_possible, backplane, backplane_at};

const KEYS: [&str; 6] = ["meta", "log", "passing", "state", "newest", "records"];

fn key(what: &str) -> String {
    format!("ssehub:{{test}}:{what}")
}

fn place(id: EventId) -> String {
    format!("{}-{}", id.ms(), id.seq())
}

async fn pass(backplane: &RedisBackplane, text: &str) -> EventId {
    backplane.append(Record::new(text.to_owned()).passing()).await.unwrap()
}

#[tokio::test]
async fn passing_records_that_are_removed_are_missed_and_no_end() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    let first = append(&backplane, "first").await;
    pass(&backplane, "removed").await;
    let second = append(&backplane, "second").await;
    pass(&backplane, "removed, too").await;
    server.command::<usize>("DEL", &[key("passing")]);
    let third = append(&backplane, "third").await;
    for (asked, texts) in [(None, vec!["first", "second", "third"]), (Some(first), vec!["second", "third"])] {
        let mut tail = Follower::follow_past_errors(&backplane, asked, third).await;
        assert_eq!(tail.texts_until(third).await, texts);
    }
    let tail = Follower::follow(&backplane, Some(first)).await.unwrap();
    assert_eq!((tail.start.after, tail.start.missed), (first, true));
    let tail = Follower::follow(&backplane, Some(second)).await.unwrap();
    assert_eq!((tail.start.after, tail.start.missed), (second, true));
    assert!(!Follower::follow(&backplane, Some(third)).await.unwrap().start.missed);
}

#[tokio::test]
async fn an_entry_that_is_removed_from_the_middle_is_a_gap_and_no_end() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    let mut ids = Vec::new();
    for number in 0..6 {
        let record = Record::new(number.to_string());
        ids.push(backplane.append(if number == 1 { record.set("key") } else { record }).await.unwrap());
    }
    server.command::<usize>("XDEL", &[key("log"), place(ids[2])]);
    let mut tail = Follower::follow_past_errors(&backplane, Some(ids[0]), ids[5]).await;
    assert_eq!((tail.start.after, tail.start.state.len()), (ids[2], 1));
    assert_eq!(tail.texts_until(ids[5]).await, ["3", "4", "5"]);
    let mut anew = Follower::follow(&backplane, None).await.unwrap();
    assert_eq!((anew.start.after, anew.start.state.len()), (ids[2], 1));
    assert_eq!(anew.until_head().await, ["3", "4", "5"]);
    // Whoever has it all by now has missed nothing.
    assert_eq!(Follower::follow(&backplane, Some(ids[3])).await.unwrap().start.after, ids[3]);
}

#[tokio::test]
async fn a_part_of_the_state_that_is_removed_ends_the_log() {
    for removed in ["state", "newest", "records"] {
        let server = RedisServer::start();
        let backplane = backplane(&server).await;
        backplane.retain(&History::default().events(1));
        let mut tail = Follower::follow(&backplane, None).await.unwrap();
        backplane.append(Record::new("kept").set("a")).await.unwrap();
        let last = append(&backplane, "last").await;
        assert_eq!(tail.texts(2).await, ["kept", "last"]);
        assert_eq!(server.command::<usize>("DEL", &[key(removed)]), 1);
        let error = backplane.append(Record::new("refused")).await.unwrap_err();
        assert_eq!(error.kind(), BackplaneErrorKind::Unavailable, "{removed}: {error}");
        tail.try_next().await.expect_err("the log has ended");
        let again = Follower::follow(&backplane, Some(last)).await.unwrap();
        assert_ne!(again.start.after.log(), last.log(), "without its {removed}");
        assert_eq!(append(&backplane, "new").await.log(), again.start.after.log());
    }
}

#[tokio::test]
async fn keys_whose_records_are_removed_with_the_stream_make_it_another_log() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    backplane.append(Record::new("removed").set("key")).await.unwrap();
    let last = append(&backplane, "last").await;
    server.command::<usize>("DEL", &[key("log")]);
    let tail = Follower::follow(&backplane, Some(last)).await.unwrap();
    assert_ne!(tail.start.after.log(), last.log(), "who has the key hears that the log has not");
    assert_eq!(tail.start.state, []);
    let log = tail.start.after.log();
    assert_eq!(append(&backplane, "new").await.log(), log);
    assert_eq!(Follower::follow(&backplane, None).await.unwrap().start.after.log(), log, "it is another one once");
}

#[tokio::test]
async fn a_key_that_has_something_else_is_named_and_nothing_is_taken() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    for wrong in KEYS {
        let appends = ["one", "other"].map(|text| backplane.append(Record::new(text).set("a")));
        assert!(join_all(appends).await.iter().all(Result::is_ok));
        pass(&backplane, "passing").await;
        let length = server.command::<usize>("XLEN", &[key("log")]);
        server.command::<()>("SET", &[key(wrong).as_str(), "something else"]);
        for record in [Record::new("x").passing(), Record::new("y").set("b")] {
            let error = backplane.append(record).await.unwrap_err();
            assert_eq!(error.kind(), BackplaneErrorKind::Unavailable, "{wrong}: {error}");
            assert!(error.to_string().contains(&key(wrong)), "{error}");
        }
        let error = Follower::follow(&backplane, None).await.err().unwrap().to_string();
        assert!(error.contains(&key(wrong)), "{error}");
        if wrong != "log" {
            assert_eq!(server.command::<usize>("XLEN", &[key("log")]), length);
        }
        server.command::<usize>("DEL", &[key(wrong)]);
        let tail = Follower::follow_again(&backplane, None).await;
        assert_eq!(append_when_possible(&backplane, "it works").await.log(), tail.start.after.log());
    }
}

#[tokio::test]
async fn what_is_known_of_a_log_may_be_damaged() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    for (field, value) in
        [("last", None), ("lasting", None), ("passing", Some("1 2 3")), ("last", Some("none")), ("name", None)]
    {
        let last = append_when_possible(&backplane, "before").await;
        let mut tail = Follower::follow(&backplane, Some(last)).await.unwrap();
        match value {
            None => server.command::<usize>("HDEL", &[&key("meta"), field]),
            Some(value) => server.command::<usize>("HSET", &[&key("meta"), field, value]),
        };
        let error = backplane.append(Record::new("refused")).await.unwrap_err();
        assert_eq!(error.kind(), BackplaneErrorKind::Unavailable, "{field} {value:?}: {error}");
        tail.try_next().await.expect_err("the log has ended");
        let tail = Follower::follow(&backplane, Some(last)).await.unwrap();
        assert_ne!(tail.start.after.log(), last.log(), "{field} {value:?}");
    }
}

#[tokio::test]
async fn an_entry_behind_which_nothing_can_stand_ends_the_log() {
    for stream in ["log", "passing"] {
        let server = RedisServer::start();
        let backplane = backplane(&server).await;
        let mut tail = Follower::follow(&backplane, None).await.unwrap();
        let first = append(&backplane, "first").await;
        pass(&backplane, "passing").await;
        assert_eq!(tail.texts(2).await, ["first", "passing"]);
        let id = format!("{}-{}", u64::MAX, u64::MAX);
        server.command::<String>("XADD", &[&key(stream), &id, "who", "me"]);
        let record = Record::new("refused");
        let error = backplane.append(if stream == "log" { record } else { record.passing() }).await.unwrap_err();
        assert_eq!(error.kind(), BackplaneErrorKind::Unavailable, "{error}");
        tail.try_next().await.expect_err("the log has ended");
        let mut tail = Follower::follow(&backplane, Some(first)).await.unwrap();
        append(&backplane, "second").await;
        pass(&backplane, "passing").await;
        assert_eq!(tail.texts(2).await, ["second", "passing"]);
    }
}

#[tokio::test]
async fn a_user_may_lose_a_right_and_get_it_back() {
    let server = RedisServer::start();
    let acl = |rules: &str| server.command::<()>("ACL", &rules.split(' ').collect::<Vec<_>>());
    acl("SETUSER hub on >secret ~ssehub:* +@all");
    let backplane = backplane_at(&format!("redis://hub:secret@{}", server.address())).await;
    let first = append(&backplane, "first").await;
    let mut tail = Follower::follow(&backplane, Some(first)).await.unwrap();

    acl("SETUSER hub -evalsha");
    let error = backplane.append(Record::new("refused")).await.unwrap_err();
    assert_eq!(error.kind(), BackplaneErrorKind::Unavailable, "{error}");
    acl("SETUSER hub +evalsha");
    append(&backplane, "second").await;
    assert_eq!(tail.texts(1).await, ["second"]);

    // In the middle of the script: what was written of it is no part of the log.
    acl("SETUSER hub -hset");
    let error = backplane.append(Record::new("uncertain")).await.unwrap_err();
    assert_eq!(error.kind(), BackplaneErrorKind::Uncertain, "{error}");
    acl("SETUSER hub +hset");
    let id = append_when_possible(&backplane, "third").await;
    let mut tail = Follower::follow(&backplane, None).await.unwrap();
    assert_eq!(id.log(), tail.start.after.log());
    let texts = tail.until_head().await;
    assert!(["first", "second", "third"].iter().all(|text| texts.iter().filter(|come| come == text).count() == 1));
    assert!(texts.iter().filter(|text| *text == "uncertain").count() <= 1);

    // Another password is asked for from new connections.
    acl("SETUSER hub <secret >other");
    append(&backplane, "on the old connection").await;
    server.command::<usize>("CLIENT", &["KILL", "USER", "hub"]);
    let error = backplane.append(Record::new("refused")).await.unwrap_err();
    assert_eq!(error.kind(), BackplaneErrorKind::Unavailable, "{error}");
    acl("SETUSER hub >secret");
    append_when_possible(&backplane, "with the old password").await;
}
