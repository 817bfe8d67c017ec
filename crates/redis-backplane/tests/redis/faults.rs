//! What an append says and a tail notices when Redis goes away, comes back, or comes back as another. That nothing is
//! lost or repeated by it is checked in `tests/backplane`.

use std::time::{Duration, Instant};

use futures::future::{join, join_all};
use ssehub::{Backplane as _, BackplaneErrorKind, EventId, Record};
use ssehub_backplane_tests::proxy::Proxy;
use ssehub_backplane_tests::redis::RedisServer;
use ssehub_backplane_tests::wait::{PATIENCE, until};
use ssehub_redis::MAX_PASSING;

use crate::follower::{Follower, append, append_when_possible, backplane, backplane_at};

/// Within what time an append and a tail notice that nothing comes any more: the patience, and room for a busy machine.
const NOTICED: Duration = Duration::from_millis(2500);

fn kind(outcome: Result<EventId, ssehub::BackplaneError>) -> BackplaneErrorKind {
    outcome.expect_err("it is not taken").kind()
}

#[tokio::test]
async fn a_restart_with_its_data_is_the_same_log() {
    let mut server = RedisServer::start();
    let backplane = backplane(&server).await;
    let mut tail = Follower::follow(&backplane, None).await.unwrap();
    let first = append(&backplane, "first").await;
    assert_eq!(tail.texts(1).await, ["first"]);
    server.kill();
    tail.try_next().await.expect_err("the server is gone");
    // The connection is seen to be gone before anything is sent.
    until(PATIENCE, "appends to be refused", async || match kind(backplane.append(Record::new("lost")).await) {
        BackplaneErrorKind::Unavailable => Ok(()),
        kind => Err(kind),
    })
    .await;
    server.restart();
    let second = append_when_possible(&backplane, "second").await;
    assert_eq!(second.log(), first.log());
    let mut tail = Follower::follow(&backplane, Some(first)).await.unwrap();
    assert_eq!((tail.start.after, tail.start.missed), (first, false));
    assert_eq!(tail.until_head().await, ["second"]);
}

#[tokio::test]
async fn a_restart_without_its_data_is_another_log() {
    let mut server = RedisServer::start();
    let backplane = backplane(&server).await;
    let mut tail = Follower::follow(&backplane, None).await.unwrap();
    let first = append(&backplane, "first").await;
    tail.texts(1).await;
    server.restart_empty();
    tail.try_next().await.expect_err("the server was gone");
    // Nobody has found out yet that this is another log.
    until(PATIENCE, "appends to be refused", async || match kind(backplane.append(Record::new("early")).await) {
        BackplaneErrorKind::Unavailable => Ok(()),
        kind => Err(kind),
    })
    .await;
    let mut tail = Follower::follow_again(&backplane, Some(first)).await;
    assert_ne!(tail.start.after.log(), first.log());
    assert_eq!((tail.start.head, tail.start.missed), (tail.start.after, true));
    let second = append(&backplane, "second").await;
    assert_eq!(second.log(), tail.start.after.log());
    assert_eq!(tail.texts(1).await, ["second"]);
}

#[tokio::test]
async fn a_flush_is_noticed_by_a_tail_that_idles() {
    let server = RedisServer::start();
    let nodes = [backplane(&server).await, backplane(&server).await];
    let first = append(&nodes[0], "first").await;
    let mut tails = Vec::new();
    for node in &nodes {
        tails.push(Follower::follow(node, Some(first)).await.unwrap());
    }
    server.flush();
    let start = Instant::now();
    let mut names = Vec::new();
    for (node, tail) in nodes.iter().zip(&mut tails) {
        tail.try_next().await.expect_err("the log is gone");
        assert!(start.elapsed() < NOTICED);
        names.push(Follower::follow(node, Some(first)).await.unwrap().start.after.log());
    }
    assert_ne!(names[0], first.log());
    assert_eq!(names[0], names[1]);
}

#[tokio::test]
async fn a_replica_that_lacks_the_last_entries_is_another_log_with_what_it_has() {
    let primary = RedisServer::start();
    let mut replica = RedisServer::options().replica_of(primary.address()).start();
    let link = Proxy::to(primary.address());
    let url = primary.url_by(link.address());
    let nodes = [backplane_at(&url).await, backplane_at(&url).await];
    let mut ids = Vec::new();
    for text in ["a", "b", "c"] {
        ids.push(append(&nodes[0], text).await);
    }
    let mut ahead = Follower::follow(&nodes[0], None).await.unwrap();
    assert_eq!(ahead.texts(3).await, ["a", "b", "c"]);
    replica.has_all_of(&primary);
    // The replica has the first three, and is cut off.
    replica.command::<()>("REPLICAOF", &["NO", "ONE"]);
    let lost = append(&nodes[0], "lost").await;
    assert_eq!(ahead.texts(1).await, ["lost"]);
    drop(primary);
    replica.promote();
    link.lead_to(replica.address());
    link.cut();
    link.heal();

    // Who has not seen what is lost goes on; who has finds another log.
    let before = Follower::follow_again(&nodes[1], Some(ids[2])).await;
    assert_eq!(before.start.after, ids[2]);
    let mut tail = Follower::follow_again(&nodes[0], Some(lost)).await;
    assert_ne!(tail.start.after.log(), lost.log());
    assert_eq!(tail.until_head().await, ["a", "b", "c"]);
    // And so do the others then, although they have seen nothing of it.
    let mut before = before;
    before.try_next().await.expect_err("the log has another name");
    let mut again = Follower::follow(&nodes[1], Some(ids[2])).await.unwrap();
    assert_eq!(again.start.after.log(), tail.start.after.log());
    assert_eq!(again.until_head().await, ["a", "b", "c"]);
    append(&nodes[1], "d").await;
    assert_eq!((tail.texts(1).await, again.texts(1).await), (vec!["d".to_owned()], vec!["d".to_owned()]));
}

#[tokio::test]
async fn a_lasting_record_that_a_replica_lacks_is_noticed_however_much_has_passed_there() {
    let primary = RedisServer::start();
    let mut replica = RedisServer::options().replica_of(primary.address()).start();
    let link = Proxy::to(primary.address());
    let away = backplane_at(&primary.url_by(link.address())).await;
    let first = append(&away, "first").await;
    let mut tail = Follower::follow(&away, Some(first)).await.unwrap();
    replica.has_all_of(&primary);
    replica.promote();
    append(&away, "lost").await;
    let passing = away.append(Record::new("lost, and of no matter").passing()).await.unwrap();
    assert_eq!(tail.texts(2).await, ["lost", "lost, and of no matter"]);
    drop(primary);
    let other = backplane(&replica).await;
    let passes = (0..MAX_PASSING + 1).map(|_| other.append(Record::new("x").passing()));
    assert!(join_all(passes).await.iter().all(Result::is_ok));
    link.lead_to(replica.address());
    link.cut();
    link.heal();
    let tail = Follower::follow_again(&away, Some(passing)).await;
    assert_ne!(tail.start.after.log(), first.log());
}

#[tokio::test]
async fn an_id_that_another_server_has_given_to_another_record_is_not_taken_for_the_same() {
    let mut server = RedisServer::start();
    let backplane = backplane(&server).await;
    let first = append(&backplane, "first").await;
    let mut tail = Follower::follow(&backplane, None).await.unwrap();
    assert_eq!(tail.until_head().await, ["first"]);
    // The server that takes over has the same place in the log, and something else there.
    let second = append(&backplane, "second").await;
    assert_eq!(tail.texts(1).await, ["second"]);
    let [before, place] = [first, second].map(|id| format!("{}-{}", id.ms(), id.seq()));
    server.command::<usize>("XDEL", &["ssehub:{test}:log", &place]);
    server.command::<()>("XSETID", &["ssehub:{test}:log", &before]);
    server.command::<String>("XADD", &["ssehub:{test}:log", &place, "b", "else", "p", &before]);
    server.restart();
    let tail = Follower::follow_again(&backplane, Some(second)).await;
    assert_ne!(tail.start.after.log(), second.log());
}

#[tokio::test]
async fn a_log_of_another_format_is_left_alone() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    append(&backplane, "first").await;
    server.command::<usize>("HSET", &["ssehub:{test}:meta", "format", "2"]);
    let error = backplane.append(Record::new("second")).await.unwrap_err();
    assert_eq!(error.kind(), BackplaneErrorKind::Unavailable);
    assert!(error.to_string().contains("format 2"), "{error}");
    assert!(Follower::follow(&backplane, None).await.is_err());
    let error = ssehub_redis::RedisBackplane::builder(server.url()).hub("test").connect().await.unwrap_err();
    assert_eq!(error.kind(), ssehub_redis::RedisConnectErrorKind::Unsupported, "{error}");
    assert_eq!(server.command::<usize>("XLEN", &["ssehub:{test}:log"]), 1);
}

#[tokio::test]
async fn a_record_that_was_taken_and_lost_makes_another_log_though_nobody_has_read_it() {
    let mut server = RedisServer::options().setting("appendonly", "no").start();
    let backplane = backplane(&server).await;
    let first = append(&backplane, "first").await;
    let start = Follower::follow(&backplane, None).await.unwrap().start;
    server.command::<()>("SAVE", &[""; 0]);
    append(&backplane, "lost").await;
    server.restart();
    let again = Follower::follow_again(&backplane, Some(first)).await;
    assert_ne!(again.start.after.log(), start.after.log());
}

#[tokio::test]
async fn so_does_one_that_was_taken_before_there_was_a_tail() {
    let mut server = RedisServer::options().setting("appendonly", "no").start();
    let other = backplane(&server).await;
    let first = append(&other, "first").await;
    drop(other);
    let backplane = backplane(&server).await;
    server.command::<()>("SAVE", &[""; 0]);
    append(&backplane, "lost").await;
    server.restart();
    assert_ne!(Follower::follow_again(&backplane, None).await.start.after.log(), first.log());
}

#[tokio::test]
async fn a_tail_does_not_go_on_at_a_replica_though_it_was_busy_when_the_server_became_one() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    let mut tail = Follower::follow(&backplane, None).await.unwrap();
    append(&backplane, "first").await;
    assert_eq!(tail.texts(1).await, ["first"]);
    // Nothing is asked of the server at this moment, and the new primary is not there yet.
    let mut primary = RedisServer::start();
    primary.kill();
    server.command::<()>("REPLICAOF", &["127.0.0.1".to_owned(), primary.address().port().to_string()]);
    tail.try_next().await.expect_err("the server is a replica now");
}

#[tokio::test]
async fn an_append_whose_answer_is_lost_is_uncertain_and_there() {
    let server = RedisServer::start();
    let link = Proxy::to(server.address());
    let backplane = backplane_at(&server.url_by(link.address())).await;
    let first = append(&backplane, "first").await;
    link.slow(Duration::from_millis(300));
    let cutting = async {
        until(PATIENCE, "the record to be taken", async || {
            if server.command::<usize>("XLEN", &["ssehub:{test}:log"]) == 2 { Ok(()) } else { Err(()) }
        })
        .await;
        link.cut();
    };
    let (outcome, ()) = join(backplane.append(Record::new("unheard of")), cutting).await;
    assert_eq!(kind(outcome), BackplaneErrorKind::Uncertain);
    link.heal();
    append_when_possible(&backplane, "second").await;
    let mut tail = Follower::follow_again(&backplane, Some(first)).await;
    assert_eq!(tail.until_head().await, ["unheard of", "second"]);
}

#[tokio::test]
async fn entries_removed_by_others_are_a_gap_and_no_end() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    let mut ids = Vec::new();
    for number in 0..6 {
        ids.push(append(&backplane, &number.to_string()).await);
    }
    server.command::<usize>("XTRIM", &["ssehub:{test}:log", "MAXLEN", "2"]);
    let mut tail = Follower::follow(&backplane, Some(ids[0])).await.unwrap();
    assert_eq!((tail.start.after, tail.start.missed), (ids[3], true));
    assert_eq!(tail.until_head().await, ["4", "5"]);
    server.command::<usize>("DEL", &["ssehub:{test}:log"]);
    let mut tail = Follower::follow(&backplane, None).await.unwrap();
    assert_eq!((tail.start.after, tail.start.head), (ids[5], ids[5]));
    append(&backplane, "6").await;
    assert_eq!(tail.texts(1).await, ["6"]);
}

#[tokio::test]
async fn a_paused_server_is_noticed_and_nothing_is_taken_twice() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    let mut tail = Follower::follow(&backplane, None).await.unwrap();
    let first = append(&backplane, "first").await;
    tail.texts(1).await;
    server.pause();
    let start = Instant::now();
    let (outcome, tail_ends) = join(backplane.append(Record::new("uncertain")), tail.try_next()).await;
    assert!(start.elapsed() < NOTICED, "it took {:?} to notice", start.elapsed());
    assert_eq!(kind(outcome), BackplaneErrorKind::Uncertain);
    tail_ends.expect_err("nothing comes any more");
    // The kernel still takes connections for it.
    assert_eq!(kind(backplane.append(Record::new("refused")).await), BackplaneErrorKind::Unavailable);
    server.resume();
    append_when_possible(&backplane, "second").await;
    let texts = Follower::follow_again(&backplane, Some(first)).await.until_head().await;
    assert_eq!(texts.last().map(String::as_str), Some("second"));
    assert!(texts.iter().all(|text| text != "refused"), "{texts:?}");
}

#[tokio::test]
async fn a_link_that_stalls_is_noticed_and_given_up() {
    let server = RedisServer::start();
    let link = Proxy::to(server.address());
    let backplane = backplane_at(&server.url_by(link.address())).await;
    let mut tail = Follower::follow(&backplane, None).await.unwrap();
    let first = append(&backplane, "first").await;
    tail.texts(1).await;
    link.stall();
    let start = Instant::now();
    // Many that come one after another do not hide that nothing comes back.
    let sending = async {
        let mut kinds = Vec::new();
        while start.elapsed() < NOTICED {
            kinds.push(backplane.append(Record::new("x")).await.map_err(|error| error.kind()));
        }
        kinds
    };
    let (kinds, tail_ends) = join(sending, tail.try_next()).await;
    assert_eq!(kinds[0], Err(BackplaneErrorKind::Uncertain));
    tail_ends.expect_err("nothing comes any more");
    link.heal();
    append_when_possible(&backplane, "second").await;
    let mut tail = Follower::follow_again(&backplane, Some(first)).await;
    assert_eq!(tail.until_head().await.last().map(String::as_str), Some("second"));
}

#[tokio::test]
async fn an_append_gets_through_as_soon_as_a_tail_does() {
    let server = RedisServer::start();
    let link = Proxy::to(server.address());
    let backplane = backplane_at(&server.url_by(link.address())).await;
    for _ in 0..5 {
        link.cut();
        until(PATIENCE, "appends to be refused", async || match backplane.append(Record::new("cut")).await {
            Err(error) if error.kind() == BackplaneErrorKind::Unavailable => Ok(()),
            other => Err(other),
        })
        .await;
        link.heal();
        Follower::follow(&backplane, None).await.unwrap();
        append(&backplane, "healed").await;
    }
}

#[tokio::test]
async fn what_was_under_way_when_the_link_was_cut_is_uncertain_and_is_there_once_or_not() {
    let server = RedisServer::start();
    let link = Proxy::to(server.address());
    let backplane = backplane_at(&server.url_by(link.address())).await;
    let begin = Follower::follow(&backplane, None).await.unwrap().start.after;
    let appends = (0..2000).map(|number: usize| {
        let backplane = &backplane;
        async move { backplane.append(Record::new(number.to_string())).await }
    });
    let cutting = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        link.cut();
    };
    let (outcomes, ()) = join(join_all(appends), cutting).await;
    link.heal();
    let mut tail = Follower::follow_again(&backplane, Some(begin)).await;
    let mut counts = vec![0; outcomes.len()];
    for text in tail.until_head().await {
        counts[text.parse::<usize>().unwrap()] += 1;
    }
    for (outcome, count) in outcomes.iter().zip(counts) {
        match outcome {
            Ok(_) => assert_eq!(count, 1),
            Err(error) if error.kind() == BackplaneErrorKind::Unavailable => assert_eq!(count, 0, "{error}"),
            Err(_) => assert!(count <= 1),
        }
    }
}

#[tokio::test]
async fn a_slow_link_carries_large_records() {
    let server = RedisServer::start();
    let link = Proxy::to(server.address());
    let backplane = backplane_at(&server.url_by(link.address())).await;
    let begin = Follower::follow(&backplane, None).await.unwrap().start.after;
    let large = vec![1; 8 << 20];
    link.slow(Duration::from_millis(10));
    backplane.append(Record::new(large.clone())).await.unwrap();
    let mut tail = Follower::follow(&backplane, Some(begin)).await.unwrap();
    assert!(tail.next().await.1 == large);
}

#[tokio::test]
async fn a_server_that_forgets_the_scripts_gets_them_again() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    let mut tail = Follower::follow(&backplane, None).await.unwrap();
    append(&backplane, "before").await;
    server.command::<()>("SCRIPT", &["FLUSH"]);
    let appends = (0..300).map(|_| backplane.append(Record::new("x")));
    assert!(join_all(appends).await.iter().all(Result::is_ok));
    assert_eq!(tail.texts(301).await.len(), 301);
}

#[tokio::test]
async fn what_redis_refuses_is_surely_not_taken() {
    let server = RedisServer::start();
    let backplane = backplane(&server).await;
    let mut tail = Follower::follow(&backplane, None).await.unwrap();
    append(&backplane, "first").await;

    server.command::<()>("CONFIG", &["SET", "maxmemory", "1"]);
    let error = backplane.append(Record::new("no memory")).await.unwrap_err();
    assert_eq!(error.kind(), BackplaneErrorKind::Unavailable, "{error}");
    server.command::<()>("CONFIG", &["SET", "maxmemory", "0"]);
    append(&backplane, "second").await;

    server.command::<()>("CONFIG", &["SET", "min-replicas-to-write", "1"]);
    let error = backplane.append(Record::new("no replica")).await.unwrap_err();
    assert_eq!(error.kind(), BackplaneErrorKind::Unavailable, "{error}");
    server.command::<()>("CONFIG", &["SET", "min-replicas-to-write", "0"]);
    append(&backplane, "third").await;
    assert_eq!(tail.texts(3).await, ["first", "second", "third"]);

    let other = RedisServer::start();
    server.command::<()>("REPLICAOF", &["127.0.0.1".to_owned(), other.address().port().to_string()]);
    let error = backplane.append(Record::new("read only")).await.unwrap_err();
    assert_eq!(error.kind(), BackplaneErrorKind::Unavailable, "{error}");
    let error = backplane.append(Record::new("a replica")).await.unwrap_err();
    assert_eq!(error.kind(), BackplaneErrorKind::Unavailable, "{error}");
    // A tail does not go on at a replica: what it has may be old.
    tail.try_next().await.expect_err("the server is a replica now");
}
