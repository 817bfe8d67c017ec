//! One node with a log on disk: a restart, and be it by SIGKILL in mid-load, forgets nothing.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use ssehub_backplane_tests::port::Port;
use ssehub_conformance::{
    mix,
    playground::{Pair as Parameter, Playground},
    subject::Subject,
    wait::{PATIENCE, within},
};
use tempfile::TempDir;
use tokio::{task::JoinSet, time::sleep};

use crate::{
    account::assert_all_exactly_once,
    nodes::{assert_gap, until_health},
    publisher::Publishers,
    reader::read,
};

const ALICE: &[Parameter<'_>] = &[("user", "alice"), ("group", "news")];

/// A directory and a port that one process after the other serves.
struct Place {
    subject: Subject,
    port: Port,
    folder: TempDir,
}

impl Place {
    fn of(subject: Subject) -> Self {
        let port = Port::reserve().expect("a port is free");
        Self { subject, port, folder: tempfile::tempdir().expect("a folder can be made") }
    }

    async fn start(&self, options: &[&str]) -> Playground {
        let (listen, folder) = (self.port.address().to_string(), self.folder.path().join("log"));
        let folder = folder.to_str().expect("the folder's name is text");
        let node = self.subject.start_at(&listen, &[&["--data-dir", folder], options].concat()).await;
        until_health(&node, 200, PATIENCE).await;
        node
    }
}

/// How a process ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Killed,
    Asked,
}

async fn end(mut node: Playground, how: End) {
    match how {
        End::Killed => drop(node),
        End::Asked => {
            node.terminate();
            assert_eq!(node.exit(PATIENCE).await.code(), Some(0));
        }
    }
}

/// However it ended: a client goes on with exactly the next event, in the same log.
pub async fn a_client_goes_on_after_a_restart(subject: Subject) {
    assert_goes_on(subject, &[]).await;
}

/// The same where nothing that was acknowledged is on the disk before the process is killed.
pub async fn what_was_not_flushed_outlives_the_process(subject: Subject) {
    assert_goes_on(subject, &["--flush-every", "60000"]).await;
}

async fn assert_goes_on(subject: Subject, options: &[&str]) {
    let place = Place::of(subject);
    let mut node = place.start(options).await;
    let mut cursor = node.send_to("user:alice", "start").await;
    for (round, how) in [End::Killed, End::Asked, End::Killed, End::Killed].into_iter().enumerate() {
        let before = format!("before {round}");
        node.send_to("user:bob", "for bob").await;
        node.send_to("group:news", &before).await;
        end(node, how).await;
        node = place.start(options).await;
        node.send_to("user:alice", "after").await;
        let mut stream = node.resume(ALICE, &cursor).await;
        assert_eq!(node.texts_seen_by(&mut stream).await, [before.as_str(), "after"], "{how:?} in round {round}");
        cursor = stream.last_event_id().to_owned();
    }
}

/// The newest of each key is there again, whatever the history has forgotten, and what was retracted is not.
pub async fn the_state_outlives_a_restart(subject: Subject) {
    let place = Place::of(subject);
    let options = &["--history-events", "3"];
    let mut node = place.start(options).await;
    for (key, text) in [("AAPL", "old"), ("MSFT", "MSFT"), ("AAPL", "latest"), ("GOOG", "GOOG")] {
        node.send(&[("to", "group:news"), ("key", key)], text).await;
    }
    node.send(&[("to", "group:news"), ("retract", "GOOG")], "gone").await;
    for how in [End::Killed, End::Asked] {
        for _ in 0..10 {
            node.send_to("user:bob", "for bob").await;
        }
        end(node, how).await;
        node = place.start(options).await;
        let mut stream = node.open(&[("group", "news"), ("snapshot", "true")]).await;
        assert_eq!(node.texts_seen_by(&mut stream).await, ["MSFT", "latest"], "{how:?}");
    }
}

/// What retention took before the restart is a gap after it, to the event.
pub async fn gaps_are_told_exactly_after_a_restart(subject: Subject) {
    let place = Place::of(subject);
    let options = &["--history-events", "5"];
    let node = place.start(options).await;
    let too_old = node.send_to("user:alice", "too old").await;
    let edge = node.send_to("user:alice", "edge").await;
    for number in 0..5 {
        node.send_to("user:alice", &number.to_string()).await;
    }
    end(node, End::Killed).await;
    let node = place.start(options).await;
    let mut stream = node.resume(ALICE, &too_old).await;
    assert_gap(&stream.event("the gap").await, &too_old, "trimmed");
    for mut stream in [stream, node.resume(ALICE, &edge).await] {
        for number in 0..5 {
            assert_eq!(stream.event("what is retained").await.text(), number.to_string());
        }
    }
}

/// An id that was given to an ephemeral event, which is not kept, is a place to go on from all the same.
pub async fn an_ephemeral_event_is_a_place_to_go_on_from_after_a_restart(subject: Subject) {
    let place = Place::of(subject);
    let node = place.start(&[]).await;
    let mut stream = node.open(ALICE).await;
    node.send_to("group:news", "one").await;
    node.send(&[("to", "group:news"), ("ephemeral", "true")], "typing").await;
    while stream.event("the ephemeral event").await.text() != "typing" {}
    let cursor = stream.last_event_id().to_owned();
    node.send_to("group:news", "two").await;
    end(node, End::Killed).await;
    let node = place.start(&[]).await;
    let mut stream = node.resume(ALICE, &cursor).await;
    assert_eq!(node.texts_seen_by(&mut stream).await, ["two"]);
}

const READERS: usize = 40;
const PUBLISHERS: usize = 6;
const KILLS: usize = 4;

/// For how many milliseconds a process lives.
const LIFE: std::ops::Range<u64> = 1_500..3_000;

/// After the fire, readers have this long to catch up.
const CATCH_UP: Duration = Duration::from_secs(60);

/// Whatever is sent while the fire lasts.
const HISTORY: &[&str] = &["--history-events", "1000000", "--history-bytes", "1000000000", "--keep-alive", "0.5"];

/// Killed four times in mid-load: each accepted event comes exactly once and in order to everybody it is for, and no
/// client is told a gap.
pub async fn a_node_that_is_killed_over_and_over_loses_and_doubles_nothing(subject: Subject) {
    survive_kills(subject, HISTORY).await;
}

/// The same where events are acknowledged before they are on the disk: what the process had is what the system has.
pub async fn a_node_that_is_killed_between_flushes_loses_and_doubles_nothing(subject: Subject) {
    survive_kills(subject, &[HISTORY, &["--flush-every", "300"]].concat()).await;
}

async fn survive_kills(subject: Subject, options: &[&str]) {
    let seed = mix::seed();
    println!("SSEHUB_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let place = Place::of(subject);
    let address = place.port.address();
    let mut node = place.start(options).await;
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        readers.spawn(read(vec![address], reader, seed));
    }
    let publishers = Publishers::start(&[address], PUBLISHERS, seed);
    for _ in 0..KILLS {
        sleep(Duration::from_millis(random.random_range(LIFE))).await;
        end(node, End::Killed).await;
        node = place.start(options).await;
    }
    sleep(Duration::from_millis(random.random_range(LIFE))).await;
    let sent = publishers.stop(address).await;
    let got = within(CATCH_UP, "every reader to see the end", readers.join_all()).await;
    assert_all_exactly_once(&got, &sent);
    let broken: usize = got.iter().map(|got| got.broken).sum();
    assert!(broken >= READERS, "the kills were felt: {broken} streams were broken off");
}
