//! Promises 1, 2 and 7 under fire: publishers that never pause, readers that are cut at random.
//!
//! Each reader writes down what it got over all its streams; afterwards that must be, to the event, what
//! the publishers were told was committed for its audience.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::task::JoinSet;

use super::replay::counter;
use crate::{
    client::Stream,
    http1::{Client, Request},
    mix::{Target, USERS, identity, seed},
    playground::{Playground, events, id_of, query},
    sse::place,
    subject::Subject,
    wait::within,
};

const PUBLISHERS: usize = 8;
const READERS: usize = 36;
const FIRE: Duration = Duration::from_secs(10);

/// Sessions are under fire for less long: what they add to it is the same with each cut.
const FIRE_ON_SESSIONS: Duration = Duration::from_secs(4);

/// No publisher sends fewer events than this, however slow the machine is, nor more than that, however fast.
const EVENTS_OF_ONE: RangeInclusive<usize> = 100..=30_000;

/// After the fire, readers have this long to catch up.
const CATCH_UP: Duration = Duration::from_secs(60);

/// A committed event.
struct Sent {
    id: String,
    target: Target,
    text: String,
}

async fn publish(mut client: Client, publisher: usize, seed: u64, fire: Duration) -> Vec<Sent> {
    let mut random = StdRng::seed_from_u64(seed ^ publisher as u64);
    let mut sent = Vec::new();
    let start = Instant::now();
    while sent.len() < *EVENTS_OF_ONE.start() || start.elapsed() < fire && sent.len() < *EVENTS_OF_ONE.end() {
        let target = Target::pick(&mut random);
        let text = format!("{publisher} {}", sent.len());
        let request = Request::new("POST", format!("/send{}", target.query())).body(text.clone());
        let response = client.request(&request).await.expect("the playground answers");
        assert_eq!(response.head.status, 200, "{response:?}");
        sent.push(Sent { id: id_of(&response), target, text });
    }
    sent
}

/// Publishes until the fire is over, and then the end.
async fn publish_all(hub: &Playground, seed: u64, fire: Duration) -> Vec<Sent> {
    let mut publishers = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        publishers.spawn(publish(hub.client(), publisher, seed, fire));
    }
    let mut sent: Vec<Sent> = publishers.join_all().await.into_iter().flatten().collect();
    hub.send(&[("to", "all"), ("event", "end")], "").await;
    sent.sort_by_key(|event| place(&event.id));
    sent
}

/// What a reader got, and since when.
struct Got {
    reader: usize,
    since: String,
    events: Vec<(String, String)>,
    streams: usize,
}

/// How a reader comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Return {
    /// With a request that names its group again.
    AsAnother,
    /// With its session; its group it has joined. Its old transport may live on.
    AsItself,
}

/// Reads until the event `end`, over as many streams as the cuts make necessary.
async fn read(address: SocketAddr, reader: usize, first: (Request, Stream), how: Return, seed: u64) -> Got {
    let mut random = StdRng::seed_from_u64(seed.rotate_left(32) ^ reader as u64);
    let (request, mut stream) = first;
    let connection = stream.connection();
    let mut got = Got { reader, since: stream.last_event_id().to_owned(), events: Vec::new(), streams: 1 };
    let mut forsaken = Vec::new();
    loop {
        stream.forget_bytes();
        let blocks = random.random_range(1..400);
        let time = Duration::from_millis(random.random_range(1..400));
        if read_until_cut(&mut stream, &mut got, blocks, time).await {
            break;
        }
        let held = stream.last_event_id().to_owned();
        match random.random_range(0..if how == Return::AsItself { 4 } else { 3 }) {
            0 => stream.reset(),
            1 => stream.fin().await,
            2 => drop(stream),
            _ => forsaken.push(stream),
        }
        stream = Stream::open(address, &request.clone().header("last-event-id", held)).await;
        let is_itself = stream.connection() == connection;
        assert_eq!(is_itself, how == Return::AsItself, "reader {reader} on its stream {}", got.streams);
        got.streams += 1;
    }
    for mut stream in forsaken {
        // Whatever else it got before it was taken over came again.
        stream.end("the end of a stream that was taken over").await;
    }
    got
}

/// Reads so many blocks or so long; says whether the end was seen.
async fn read_until_cut(stream: &mut Stream, got: &mut Got, blocks: usize, time: Duration) -> bool {
    let deadline = tokio::time::Instant::now() + time;
    for _ in 0..blocks {
        let Ok(block) = tokio::time::timeout_at(deadline, stream.next()).await else { return false };
        let block = block.unwrap_or_else(|ending| panic!("reader {} was cut by the server: {ending:?}", got.reader));
        match block.name() {
            "end" => return true,
            name if name.starts_with("hub:") => {
                panic!("reader {} got {block:?} after {:?}", got.reader, got.events.last())
            }
            _ if block.is_event() => {
                let text = block.text().to_owned();
                got.events.push((block.id.expect("an event has an id"), text));
            }
            _ => {}
        }
    }
    false
}

/// Asserts that a reader got all that was sent to it, and nothing else.
fn assert_complete(got: &Got, sent: &[Sent], seed: u64) {
    let since = place(&got.since);
    let own = sent.iter().filter(|event| place(&event.id) > since && event.target.reaches(got.reader));
    let expected: Vec<_> = own.map(|event| (event.id.as_str(), event.text.as_str())).collect();
    let seen = got.events.iter().map(|(id, text)| (id.as_str(), text.as_str()));
    if let Some(at) = seen.zip(&expected).position(|(seen, expected)| seen != *expected) {
        panic!(
            "seed {seed}: reader {} saw {:?} where {:?} follows {:?}",
            got.reader,
            got.events[at],
            expected[at],
            at.checked_sub(1).map(|at| expected[at])
        );
    }
    assert_eq!(got.events.len(), expected.len(), "seed {seed}: reader {} saw too few or too many", got.reader);
}

fn assert_cuts(got: &[Got], sent: &[Sent]) {
    let streams: usize = got.iter().map(|got| got.streams).sum();
    println!("{} events, {streams} streams of {} readers", sent.len(), got.len());
    assert!(streams > 5 * got.len(), "there were cuts: {streams} streams");
}

/// Whatever is sent in ten seconds of fire.
const HISTORY: &[&str] = &["--history-events", "1000000", "--history-bytes", "1000000000", "--keep-alive", "0.5"];

/// Eight publishers, dozens of readers that are cut at random for ten seconds and come back with their last id.
pub async fn readers_that_are_cut_at_random_see_every_event_once_and_in_order(subject: Subject) {
    let seed = seed();
    println!("SSEHUB_SEED={seed}");
    let hub = subject.start(HISTORY).await;
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let (user, group) = identity(reader);
        let request = events(&[("user", &user.to_string()), ("group", &group.to_string())]);
        let stream = hub.open_by(&request).await;
        readers.spawn(read(hub.address(), reader, (request, stream), Return::AsAnother, seed));
    }
    let sent = publish_all(&hub, seed, FIRE).await;
    let got = within(CATCH_UP, "every reader to see the end", readers.join_all()).await;
    got.iter().for_each(|got| assert_complete(got, &sent, seed));
    assert_cuts(&got, &sent);
}

/// The same with sessions: no reader ever names its group, which it joined once, and some forsake a stream that lives.
pub async fn sessions_that_are_cut_at_random_see_every_event_once_and_in_order(subject: Subject) {
    let seed = seed();
    println!("SSEHUB_SEED={seed}");
    let hub = subject.start(&[HISTORY, &["--resume-window", "600"]].concat()).await;
    let mut readers = JoinSet::new();
    let mut connections = BTreeSet::new();
    for reader in 0..READERS {
        let (user, group) = identity(reader);
        let request = events(&[("user", &user.to_string()), ("session", &format!("{reader:022}"))]);
        let stream = hub.open_by(&request).await;
        hub.join(&group.to_string(), &stream.connection()).await;
        connections.insert(stream.connection());
        readers.spawn(read(hub.address(), reader, (request, stream), Return::AsItself, seed));
    }
    let sent = publish_all(&hub, seed, FIRE_ON_SESSIONS).await;
    let got = within(CATCH_UP, "every reader to see the end", readers.join_all()).await;
    got.iter().for_each(|got| assert_complete(got, &sent, seed));
    assert_cuts(&got, &sent);

    assert_eq!(hub.stat("connections").await, READERS as u64);
    assert_eq!(hub.disconnect("all").await, READERS as u64);
    hub.until_stat("connections", 0).await;
    for connection in &connections {
        hub.until_hook("disconnected", connection).await;
    }
    let calls = hub.lifecycle().await;
    let told = calls.iter().filter(|call| call["connection"].is_string()).count();
    assert_eq!(told, 2 * READERS, "each connection came once and went once");
    let offline = calls.iter().filter(|call| call["hook"] == "user_offline").count();
    assert!(offline <= USERS, "no user went before the end: {offline}");
}

/// A publisher in a tight loop does not outrun readers that keep up, with the default history.
pub async fn no_healthy_reader_is_outrun(subject: Subject) {
    const EVENTS: u64 = 150_000;
    let hub = subject.start(&[]).await;
    let mut readers = JoinSet::new();
    for _ in 0..3 {
        let mut stream = hub.open(&[]).await;
        stream.forget_bytes();
        readers.spawn(async move {
            for number in 0..EVENTS {
                let event = stream.event("the next event").await;
                assert_eq!(event.name(), "message", "instead of event {number}: {event:?}");
                assert_eq!(counter(event.text()), number);
            }
        });
    }
    let published = hub.publish("all", EVENTS, 100).await;
    assert_eq!(published["published"], EVENTS);
    within(CATCH_UP, "every reader to see the last event", readers.join_all()).await;
    assert_eq!(hub.stat("lagged").await, 0);
}

/// Two events at the very same time, thousands of times, and nothing else that would wake a reader: each comes.
///
/// The second one is committed while the reader of the first goes to sleep, which is when a wake gets lost. A few
/// readers are woken at once, many by a pass of their own, so both are tried.
pub async fn no_wake_is_lost(subject: Subject) {
    const ROUNDS: usize = 1500;
    const MANY: usize = 100;
    let hub = subject.start(&["--keep-alive", "3600"]).await;
    let mut bystanders = Vec::new();
    for _ in 0..MANY {
        bystanders.push(hub.open(&[("group", "many")]).await);
    }
    let mut streams = vec![hub.open(&[("user", "few"), ("group", "many")]).await];
    streams.push(hub.open(&[("user", "few"), ("group", "many")]).await);
    let mut clients = [hub.client(), hub.client()];
    for round in 0..ROUNDS {
        let to = if round % 2 == 0 { "user:few" } else { "group:many" };
        let request = Request::new("POST", format!("/send{}", query(&[("to", to)]))).body(round.to_string());
        let [one, other] = &mut clients;
        let (one, other) = tokio::join!(one.request(&request), other.request(&request));
        assert!(one.is_ok_and(|one| one.head.status == 200) && other.is_ok_and(|other| other.head.status == 200));
        for stream in &mut streams {
            for which in ["the first", "the second"] {
                let event = stream.event(&format!("{which} event of round {round} to {to}")).await;
                assert_eq!(event.text(), round.to_string());
            }
        }
    }
}
