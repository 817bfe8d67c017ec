//! HTTP/2 streams that are opened and reset, and header blocks that are bombs.

use ssehub_conformance::{
    client::Stream,
    playground::Playground,
    subject::Subject,
    wait::{PATIENCE, within},
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::{
    bystander::Bystander,
    flood,
    frames::{self, Frame, WIDEST_WINDOW, flag, kind},
    memory::{MIB, Memory},
};

/// What an allocator may keep of what it was given back.
const SLACK: u64 = 16 * MIB;

const TARGET: &str = "/events?user=storm&group=storm";

/// Starts a playground that speaks HTTP/2 in clear text; none where the table says that the framework does not.
async fn start(subject: Subject) -> Option<Playground> {
    let hub = subject.start(&["--keep-alive", "0.2"]).await;
    if subject.can().http2_fin.is_some() {
        return Some(hub);
    }
    let refused = Stream::open_http2(hub.address(), "/events").await;
    assert!(refused.is_err(), "HTTP/2 in clear text is spoken: the table can be improved");
    None
}

async fn connect(hub: &Playground) -> TcpStream {
    TcpStream::connect(hub.address()).await.expect("the playground listens")
}

/// Writes `bytes` on a new connection as far as they are taken, and reads to the first frame for which `enough` holds;
/// none if the connection ended before it.
async fn write(hub: &Playground, bytes: &[u8], enough: impl Fn(&Frame) -> bool) -> Option<Frame> {
    let begun = frames::begin(connect(hub).await, WIDEST_WINDOW).await;
    let (mut reader, mut writer) = begun.expect("the playground listens");
    let write = async {
        // Who has ended the connection takes no more of it.
        let _refused_already = writer.write_all(bytes).await;
        std::future::pending().await
    };
    let read = async {
        loop {
            match reader.next().await {
                Ok(frame) if enough(&frame) => return Some(frame),
                Ok(frame) if frame.kind == kind::GOAWAY => return None,
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    };
    within(PATIENCE, "an answer, or the end of the connection", async {
        tokio::select! {
            frame = read => frame,
            frame = write => frame,
        }
    })
    .await
}

/// Writes `bytes` and a PING; whether the server answered it.
async fn survives(hub: &Playground, bytes: &[u8]) -> bool {
    let ping = frames::frame(kind::PING, 0, 0, b"the last");
    let is_answer = |frame: &Frame| frame.kind == kind::PING && frame.flags & flag::ACK != 0;
    write(hub, &[bytes, &ping].concat(), is_answer).await.is_some()
}

/// Streams that are reset in the same breath: the server may end the connection over it, as RFC 9113 lets it (section
/// 10.5), and nothing is left of them either way.
pub async fn streams_that_are_reset_at_once_leave_nothing(subject: Subject) {
    let resets = 10_000 * flood::times();
    let Some(hub) = start(subject).await else { return };
    let bystander = Bystander::watch(&hub).await;
    let storm = |streams: u32| -> Vec<u8> {
        let ids = (1..).step_by(2).take(streams as usize);
        ids.flat_map(|id| [frames::get(id, TARGET), frames::cancel(id)].concat()).collect()
    };
    // What a storm makes the process allocate once and for all is not counted.
    survives(&hub, &storm(1000)).await;
    hub.until_stat("connections", 1).await;
    let memory = Memory::of(&hub);
    let all_at_once = survives(&hub, &storm(resets)).await;
    let mut survived = 0;
    for _ in 0..100 {
        survived += u32::from(survives(&hub, &storm(resets / 100)).await);
    }
    for (gauge, left) in [("connections", 1), ("users", 1), ("groups", 0)] {
        hub.until_stat(gauge, left).await;
    }
    println!(
        "{}: {resets} streams reset on one connection, which survived: {all_at_once}; of 100 with {} each survived \
         {survived}; {}; {}",
        subject.name(),
        resets / 100,
        memory.grown(&hub, SLACK),
        bystander.end().await
    );
}

/// Streams that are reset when they have opened: the connection carries as many as come, one after the other.
pub async fn streams_that_open_and_are_reset_leave_nothing(subject: Subject) {
    const AT_ONCE: u32 = 50;
    /// After so many rounds all have to be gone.
    const AT_A_TIME: u32 = 20;
    let rounds = 200 * flood::times();
    let Some(hub) = start(subject).await else { return };
    let bystander = Bystander::watch(&hub).await;
    let begun = frames::begin(connect(&hub).await, WIDEST_WINDOW).await;
    let (mut reader, mut writer) = begun.expect("the playground listens");
    let mut memory = None;
    for round in 0..rounds {
        let ids = (0..AT_ONCE).map(|number| 1 + 2 * (round * AT_ONCE + number));
        let requests: Vec<u8> = ids.clone().flat_map(|id| frames::get(id, TARGET)).collect();
        writer.write_all(&requests).await.expect("the server keeps the connection");
        within(PATIENCE, "the streams of a round to open", async {
            let mut opened = 0;
            while opened < AT_ONCE {
                let frame = reader.next().await.expect("the server keeps the connection");
                opened += u32::from(frame.is_ok());
                assert!(frame.kind != kind::GOAWAY, "the server ends the connection: {frame:?}");
                if let Some(answer) = frames::answer(&frame) {
                    writer.write_all(&answer).await.expect("the server keeps the connection");
                }
            }
        })
        .await;
        let resets: Vec<u8> = ids.flat_map(frames::cancel).collect();
        writer.write_all(&resets).await.expect("the server keeps the connection");
        if round % AT_A_TIME == 0 {
            // Where a framework learns of a reset by its next write alone, memory would else tell how many there were at once.
            hub.until_stat("connections", 1).await;
        }
        if round == rounds / 5 {
            memory = Some(Memory::of(&hub));
        }
    }
    for (gauge, left) in [("connections", 1), ("users", 1), ("groups", 0)] {
        hub.until_stat(gauge, left).await;
    }
    println!(
        "{}: {} streams opened and reset on one connection; {}; {}",
        subject.name(),
        rounds * AT_ONCE,
        memory.expect("a fifth of the rounds is over").grown(&hub, SLACK),
        bystander.end().await
    );
}

/// The first of a stream's header frames, with the block's beginning; the rest follows in others.
fn headers(block: &[u8]) -> Vec<u8> {
    frames::frame(kind::HEADERS, flag::END_STREAM, 1, block)
}

/// A header block that is sent in pieces and never ends: 10,000 of them.
fn endless() -> Vec<u8> {
    let mut field = vec![0];
    frames::string(&mut field, b"x-more");
    frames::string(&mut field, &[b'x'; 1000]);
    let piece = frames::frame(kind::CONTINUATION, 0, 1, &field);
    let mut bytes = headers(&frames::get_fields("/events"));
    (0..10_000).for_each(|_| bytes.extend_from_slice(&piece));
    bytes
}

/// One header of a mebibyte.
fn huge() -> Vec<u8> {
    let mut block = frames::get_fields("/events");
    block.push(0);
    frames::string(&mut block, b"x-huge");
    frames::string(&mut block, &vec![b'x'; MIB as usize]);
    let mut pieces = block.chunks(16_384);
    let mut bytes = headers(pieces.next().unwrap_or_default());
    let mut rest = pieces.peekable();
    while let Some(piece) = rest.next() {
        let flags = if rest.peek().is_none() { flag::END_HEADERS } else { 0 };
        bytes.extend_from_slice(&frames::frame(kind::CONTINUATION, flags, 1, piece));
    }
    bytes
}

/// What a field counts beyond its name and value (RFC 7541, section 4.1).
const OVERHEAD: usize = 32;

/// A header of 3,900 bytes that is said once and meant `times` times, in a byte each; and how large that is meant to be.
fn bomb(times: usize) -> (Vec<u8>, u64) {
    const NEWEST: u8 = 62;
    const NAME: &[u8] = b"x-bomb";
    const VALUE: &[u8] = &[b'x'; 3900];
    let mut block = frames::get_fields("/events");
    // To be remembered, and named for the first time.
    block.push(0x40);
    frames::string(&mut block, NAME);
    frames::string(&mut block, VALUE);
    block.resize(block.len() + times, 0x80 | NEWEST);
    let size = (1 + times) * (NAME.len() + VALUE.len() + OVERHEAD);
    (frames::frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 1, &block), size as u64)
}

/// Header blocks that are huge, or pretend to be: refused beyond the framework's limit, and never worth their size.
pub async fn header_bombs_are_refused_and_cost_nothing(subject: Subject) {
    const TIMES: usize = 20;
    let Some(hub) = start(subject).await else { return };
    let bystander = Bystander::watch(&hub).await;
    // A few of those that are let in, one of which is open at a time.
    let bound = SLACK + 4 * subject.can().http2_headers;
    let mut memory = Memory::of(&hub);
    let (small, small_size) = bomb(2500);
    let (large, large_size) = bomb(12_000);
    let blocks = [
        ("a block without an end", endless(), u64::MAX),
        ("a header of 1 MiB", huge(), MIB),
        ("a bomb of 10 MB", small, small_size),
        ("a bomb of 47 MB", large, large_size),
    ];
    for (what, bytes, size) in blocks {
        for _ in 0..TIMES {
            let answer = write(&hub, &bytes, |frame| frame.stream == 1).await;
            memory.look(&hub);
            let opened = answer.is_some_and(|frame| frame.is_ok());
            assert_eq!(opened, size <= subject.can().http2_headers, "{what}, of {size} bytes");
        }
    }
    hub.until_stat("connections", 1).await;
    println!("{}: {}; {}", subject.name(), memory.grown(&hub, bound), bystander.end().await);
}
