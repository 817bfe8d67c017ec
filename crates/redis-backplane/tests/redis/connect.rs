//! Which servers will do, and how they are reached.

use std::time::{Duration, Instant};

use ssehub::Backplane as _;
use ssehub_backplane_tests::redis::RedisServer;
use ssehub_redis::{RedisBackplane, RedisConnectErrorKind};

use crate::follower::{Follower, append, backplane, backplane_at};

async fn refusal(url: &str) -> (RedisConnectErrorKind, String) {
    let error = RedisBackplane::builder(url).connect().await.expect_err("there is nothing that will do");
    (error.kind(), error.to_string())
}

async fn works(backplane: &RedisBackplane) {
    let mut tail = Follower::follow(backplane, None).await.unwrap();
    tail.until_head().await;
    append(backplane, "it works").await;
    assert_eq!(tail.texts(1).await, ["it works"]);
}

#[tokio::test]
async fn a_password_is_given_and_a_wrong_one_is_told_but_not_repeated() {
    let server = RedisServer::options().password("right").start();
    let right = backplane(&server).await;
    works(&right).await;
    assert!(!format!("{right:?} {:?}", RedisBackplane::builder(server.url())).contains("right"), "{right:?}");
    let (kind, error) = refusal(&server.url().replace("right", "wrong")).await;
    assert_eq!(kind, RedisConnectErrorKind::Refused, "{error}");
    assert!(!error.contains("wrong@"), "{error}");
    let (kind, error) = refusal(&server.url().replace(":right@", "")).await;
    assert_eq!(kind, RedisConnectErrorKind::Refused, "{error}");
}

#[tokio::test]
async fn a_user_needs_only_some_commands() {
    let server = RedisServer::start();
    let rules = "ACL SETUSER hub on >secret ~ssehub:* +hello +script|load +evalsha +eval +xread +xadd +xlen +xrange \
                 +xtrim +xinfo|stream +hget +hmget +hset +hdel +hlen +hincrby +hexists +hscan +unlink +time";
    let rules: Vec<_> = rules.split_whitespace().skip(1).collect();
    server.command::<()>("ACL", &rules);
    let backplane = backplane_at(&format!("redis://hub:secret@{}", server.address())).await;
    works(&backplane).await;
    backplane.append(ssehub::Record::new("keyed").set("a").remove("b")).await.unwrap();
}

#[tokio::test]
async fn a_database_is_a_world_of_its_own() {
    let server = RedisServer::start();
    let (zero, three) = (backplane(&server).await, backplane_at(&format!("{}3", server.url())).await);
    let log = append(&zero, "zero").await.log();
    assert_ne!(append(&three, "three").await.log(), log);
    works(&backplane_at(&format!("{}3", server.url())).await).await;
}

#[tokio::test]
async fn tls_trusts_whom_it_is_told_to_trust_and_nobody_else() {
    let server = RedisServer::options().tls().password("secret").start();
    let builder = || RedisBackplane::builder(server.url());
    works(&builder().tls_authorities(server.certificate()).connect().await.unwrap()).await;
    let error = builder().connect().await.unwrap_err();
    assert_eq!(error.kind(), RedisConnectErrorKind::Unreachable, "{error}");
    let source = std::error::Error::source(&error).expect("TLS says why").to_string();
    assert!(source.contains("certificate"), "{source}");
    // A server that wants to know who comes.
    let server = RedisServer::options().tls().setting("tls-auth-clients", "yes").start();
    let builder = || RedisBackplane::builder(server.url()).tls_authorities(server.certificate());
    let key = server.certificate().with_file_name("key.pem");
    works(&builder().tls_identity(server.certificate(), key).connect().await.unwrap()).await;
    builder().connect().await.expect_err("it comes as nobody");
    let error = builder().tls_authorities("/nowhere.pem").connect().await.unwrap_err();
    assert_eq!(error.kind(), RedisConnectErrorKind::Invalid, "{error}");
    let error = RedisBackplane::builder("redis://127.0.0.1").tls_authorities(server.certificate()).connect().await;
    assert_eq!(error.unwrap_err().kind(), RedisConnectErrorKind::Invalid);
}

#[tokio::test]
async fn a_unix_socket_will_do() {
    let server = RedisServer::start();
    let [_, path]: [String; 2] = server.command("CONFIG", &["GET", "unixsocket"]);
    works(&backplane_at(&format!("unix://{path}")).await).await;
}

#[tokio::test]
async fn a_replica_will_not_do() {
    let primary = RedisServer::start();
    let replica = RedisServer::options().replica_of(primary.address()).start();
    let (kind, error) = refusal(&replica.url()).await;
    assert_eq!(kind, RedisConnectErrorKind::Unsupported);
    assert!(error.contains("primary"), "{error}");
    // But the other node that was named will.
    works(&RedisBackplane::builder(replica.url()).node(primary.url()).connect().await.unwrap()).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_of_in_time() {
    let mut server = RedisServer::start();
    server.kill();
    let (kind, error) = refusal(&server.url()).await;
    assert_eq!(kind, RedisConnectErrorKind::Unreachable);
    assert!(error.contains(&server.address().to_string()), "{error}");
    server.restart();
    server.pause();
    let start = Instant::now();
    assert_eq!(refusal(&server.url()).await.0, RedisConnectErrorKind::Unreachable);
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}
