//! The whole promise under fire: clients hop between nodes while publishers on both never pause, and Redis is killed once.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use ssehub_conformance::{mix, wait::within};
use tokio::{
    task::{JoinSet, block_in_place},
    time::sleep,
};

use crate::{
    account::assert_all_exactly_once,
    nodes::{Nodes, Pair},
    publisher::Publishers,
    reader::read,
};

const READERS: usize = 100;

/// On each node.
const PUBLISHERS: usize = 3;

const FIRE: Duration = Duration::from_secs(30);

/// For how many milliseconds Redis is away.
const AWAY: std::ops::Range<u64> = 300..2_500;

/// After the fire, readers have this long to catch up.
const CATCH_UP: Duration = Duration::from_secs(60);

/// Whatever is sent while the fire lasts.
const HISTORY: &[&str] = &["--history-events", "1000000", "--history-bytes", "1000000000", "--keep-alive", "0.5"];

/// For 30 s, with Redis killed and started again in the middle: each accepted event comes exactly once and in order to
/// everybody it is for, no client is told a gap, and none is turned away.
pub async fn clients_that_hop_between_nodes_see_every_event_once_and_in_order(pair: Pair) {
    let seed = mix::seed();
    println!("SSEHUB_SEED={seed}");
    let Nodes { a, b, mut redis } = pair.start(HISTORY).await;
    let addresses = [a.address(), b.address()];
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        readers.spawn(read(addresses.to_vec(), reader, seed));
    }
    let publishers = Publishers::start(&addresses, PUBLISHERS, seed);
    sleep(FIRE / 2).await;
    block_in_place(|| redis.kill());
    sleep(Duration::from_millis(StdRng::seed_from_u64(seed).random_range(AWAY))).await;
    block_in_place(|| redis.restart());
    sleep(FIRE / 2).await;
    let sent = publishers.stop(a.address()).await;
    let got = within(CATCH_UP, "every reader to see the end", readers.join_all()).await;
    assert_all_exactly_once(&got, &sent);
    for got in &got {
        assert_eq!((got.broken, got.refused), (0, 0), "reader {}: nodes stay, and let everybody in", got.reader);
    }
}
