//! A reader that is cut at random, and comes back to the next of its nodes with the last id that it has seen.

use std::{net::SocketAddr, time::Duration};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use ssehub_conformance::{
    client::Stream,
    mix::identity,
    playground::events,
    wait::{PATIENCE, within},
};
use tokio::time::sleep;

use crate::publisher::END;

/// How many blocks it reads at most before it is cut.
const BLOCKS: std::ops::Range<usize> = 1..400;

/// How many milliseconds it reads at most before it is cut.
const MILLISECONDS: std::ops::Range<u64> = 1..2_000;

/// After a refusal it tries again after so long.
const AGAIN: Duration = Duration::from_millis(20);

/// What a reader got over all its streams.
#[derive(Debug)]
pub struct Got {
    /// Which it is.
    pub reader: usize,
    /// The cursor that its first stream opened with.
    pub since: String,
    /// The id and the data of each event, in their order.
    pub events: Vec<(String, String)>,
    /// How many streams it had.
    pub streams: usize,
    /// How many of them a server broke off.
    pub broken: usize,
    /// How often nobody let it in.
    pub refused: usize,
}

/// How a stream was left.
enum Left {
    Cut,
    Broken,
    AtTheEnd,
}

/// Reads until the [end](END), cut at random, from one address after the other.
///
/// # Panics
/// If a stream tells anything that an unharmed one does not, or nobody lets it in for long.
pub async fn read(addresses: Vec<SocketAddr>, reader: usize, seed: u64) -> Got {
    let mut random = StdRng::seed_from_u64(seed.rotate_left(32) ^ reader as u64);
    let mut got = Got { reader, since: String::new(), events: Vec::new(), streams: 0, broken: 0, refused: 0 };
    let mut held = String::new();
    loop {
        let address = addresses[(reader + got.streams) % addresses.len()];
        let mut stream = open(address, &held, &mut got).await;
        got.streams += 1;
        stream.forget_bytes();
        let blocks = random.random_range(BLOCKS);
        let time = Duration::from_millis(random.random_range(MILLISECONDS));
        match read_until_cut(&mut stream, &mut got, blocks, time).await {
            Left::AtTheEnd => return got,
            Left::Broken => got.broken += 1,
            Left::Cut => {}
        }
        held.clear();
        held.push_str(stream.last_event_id());
        if held.is_empty() {
            // It was broken before its first block; the client has what it had.
            held.clone_from(got.events.last().map_or(&got.since, |(id, _)| id));
        }
        match random.random_range(0..3) {
            0 => stream.reset(),
            1 => stream.fin().await,
            _ => drop(stream),
        }
    }
}

/// Comes to `address` until it is let in.
async fn open(address: SocketAddr, held: &str, got: &mut Got) -> Stream {
    let (user, group) = identity(got.reader);
    let mut request = events(&[("user", &user.to_string()), ("group", &group.to_string())]);
    if !held.is_empty() {
        request = request.header("last-event-id", held);
    }
    within(PATIENCE, "a node to let a reader in", async {
        loop {
            if let Ok(Ok(stream)) = Stream::try_open(address, &request).await {
                return stream;
            }
            got.refused += 1;
            sleep(AGAIN).await;
        }
    })
    .await
}

/// Reads so many blocks or so long.
async fn read_until_cut(stream: &mut Stream, got: &mut Got, blocks: usize, time: Duration) -> Left {
    let deadline = tokio::time::Instant::now() + time;
    for _ in 0..blocks {
        let Ok(block) = tokio::time::timeout_at(deadline, stream.next()).await else { return Left::Cut };
        let Ok(block) = block else { return Left::Broken };
        match block.name() {
            END => return Left::AtTheEnd,
            "hub:connected" => {
                let cursor = block.id.unwrap_or_default();
                if got.since.is_empty() {
                    got.since = cursor;
                }
            }
            name if name.starts_with("hub:") => {
                panic!("reader {} got {block:?} after {:?} of {}", got.reader, got.events.last(), got.events.len())
            }
            _ if block.is_event() => {
                let text = block.text().to_owned();
                got.events.push((block.id.expect("an event has an id"), text));
            }
            _ => {}
        }
    }
    Left::Cut
}
