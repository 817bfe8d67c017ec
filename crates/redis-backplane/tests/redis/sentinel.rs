//! Sentinels tell where the primary is, also when that changes.

use ssehub_backplane_tests::redis::RedisServer;
use ssehub_backplane_tests::sentinel::Sentinel;
use ssehub_redis::{RedisBackplane, RedisBackplaneBuilder, RedisConnectErrorKind};

use crate::follower::{Follower, append, append_when_possible};

/// A hub whose primary has this name.
fn named(name: &str, sentinels: &[&str]) -> RedisBackplaneBuilder {
    let builder = RedisBackplane::builder(format!("redis://{name}/")).hub("test");
    sentinels.iter().fold(builder, |builder, url| builder.sentinel(*url))
}

#[tokio::test]
async fn the_primary_is_followed_to_where_sentinels_say_it_is() {
    let mut primary = RedisServer::start();
    let replica = RedisServer::options().replica_of(primary.address()).start();
    replica.has_all_of(&primary);
    let sentinel = Sentinel::watching("myMaster", primary.address(), 1);
    // One of those that are asked is not there.
    let mut gone = RedisServer::start();
    gone.kill();
    let backplane = named("myMaster", &[&gone.url(), &sentinel.url()]).connect().await.unwrap();
    let first = append(&backplane, "first").await;
    let mut tail = Follower::follow(&backplane, Some(first)).await.unwrap();
    replica.has_all_of(&primary);
    primary.kill();
    tail.try_next().await.expect_err("the primary is gone");
    let second = append_when_possible(&backplane, "second").await;
    assert_eq!((second.log(), replica.info("role").as_str()), (first.log(), "master"));
    let mut tail = Follower::follow_again(&backplane, Some(first)).await;
    assert_eq!(tail.until_head().await, ["second"]);
}

#[tokio::test]
async fn a_name_that_sentinels_do_not_know_is_told() {
    let server = RedisServer::start();
    let sentinel = Sentinel::watching("myMaster", server.address(), 0);
    let error = named("other", &[&sentinel.url()]).connect().await.unwrap_err();
    assert_eq!(error.kind(), RedisConnectErrorKind::Unsupported);
    assert!(error.to_string().contains("named other"), "{error}");
    let error = named("myMaster", &[&sentinel.url()]).node(server.url()).connect().await.unwrap_err();
    assert_eq!(error.kind(), RedisConnectErrorKind::Invalid, "{error}");
    let error = RedisBackplane::builder(sentinel.url()).connect().await.unwrap_err();
    assert!(error.to_string().contains("is a Sentinel"), "{error}");
}
