//! Readers that take nothing, or next to nothing, though the server has something for them.
//!
//! A stalled reader leaves the registry between the stall timeout and one keep-alive more. What becomes of its socket then
//! is the framework's and the kernel's affair, and stands in the conformance suite's table.

use std::time::{Duration, Instant};

use ssehub_conformance::{
    capabilities::Closer,
    cases::memory::{PER_STALLED, SLACK},
    client::Stream,
    http1::Ending,
    playground::{Playground, events},
    subject::Subject,
    wait::{PATIENCE, until, within},
};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream, tcp::OwnedWriteHalf},
    task::JoinSet,
    time::sleep,
};

use crate::{
    bystander::Bystander,
    frames::{self, USUAL_WINDOW, WIDEST_WINDOW},
    memory::Memory,
};

/// How the playground is started: it lets stalled readers go after two seconds, and the kernel closes them after four.
pub(super) const OPTIONS: &[&str] = &["--stall-timeout", "2", "--keep-alive", "0.7", "--user-timeout", "4"];
pub(super) const STALL: Duration = Duration::from_secs(2);
pub(super) const KEEP_ALIVE: Duration = Duration::from_millis(700);
pub(super) const USER_TIMEOUT: Duration = Duration::from_secs(4);

/// What a busy machine may add to a time.
pub(super) const MARGIN: Duration = Duration::from_secs(5);

/// 16 MiB, more than any socket takes, and less than what is retained.
pub(super) const EVENTS: u64 = 256;
pub(super) const EVENT_BYTES: usize = 65_536;

/// What hyper holds for a stream of HTTP/2 that does not flow (`max_send_buf_size`).
const HTTP2_BUFFER: u64 = 400 * 1024;

/// Descriptors that may be of the case's own requests.
const PASSING: usize = 3;

/// The smallest receive buffer, so that a reader that stops reading is soon felt.
const RECEIVE_BUFFER: u32 = 4096;

/// What clients that take nothing leave to be seen.
pub(super) struct Stalled<'a> {
    hub: &'a Playground,
    users: &'a [&'a str],
    /// Open before they came.
    descriptors: usize,
    memory: Memory,
}

impl<'a> Stalled<'a> {
    /// Looks at the server before clients come that will be these users.
    pub(super) fn before(hub: &'a Playground, users: &'a [&'a str]) -> Self {
        Self { hub, users, descriptors: hub.process().descriptors(), memory: Memory::of(hub) }
    }

    /// Asserts that nobody but the bystander is left in time, nor sooner after the data began to wait.
    pub(super) async fn assert_left(&mut self, began: Instant) {
        let bound = STALL + KEEP_ALIVE + MARGIN;
        let published = Instant::now();
        until(bound, "the readers that take nothing to leave", async || {
            self.memory.look(self.hub);
            match self.hub.stat("connections").await {
                1 => Ok(()),
                connections => Err(connections),
            }
        })
        .await;
        let (most, least) = (began.elapsed(), published.elapsed());
        assert!(most >= STALL, "they left {most:?} after the first byte waited, sooner than {STALL:?}");
        println!("they left {least:.1?} after the last of the data, {most:.1?} after the first");
        for user in self.users {
            assert_eq!(self.hub.presence(user).await, (false, 0), "{user} is gone");
        }
        assert_eq!(self.hub.stat("groups").await, 0);
        let calls = self.hub.lifecycle().await;
        let ours = |call: &&serde_json::Value| {
            call["hook"] == "disconnected" && self.users.iter().any(|user| call["user"] == *user)
        };
        let reasons: Vec<_> = calls.iter().filter(ours).map(|call| call["reason"].to_string()).collect();
        assert!(!reasons.is_empty() && reasons.iter().all(|reason| reason == "\"stalled\""), "{reasons:?}");
    }

    /// Asserts that `sockets` of them are closed by whom the table says.
    pub(super) async fn assert_closed(&self, closer: Closer, sockets: usize, others: usize) {
        let held = || self.hub.process().descriptors().saturating_sub(self.descriptors);
        match closer {
            Closer::Kernel => {
                until(USER_TIMEOUT + MARGIN, "the kernel to close their sockets", async || match held() {
                    held if held <= others + PASSING => Ok(()),
                    held => Err(held),
                })
                .await;
            }
            Closer::Client => {
                let start = Instant::now();
                while start.elapsed() < USER_TIMEOUT + KEEP_ALIVE {
                    assert!(held() + PASSING >= sockets + others, "somebody closes them: the table can be improved");
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// Asserts that memory stayed within the bound for so many streams, of which so many are over HTTP/2.
    pub(super) fn grown(self, streams: usize, http2: usize) -> String {
        let history = EVENTS * EVENT_BYTES as u64;
        let stalled = streams as u64 * PER_STALLED + http2 as u64 * HTTP2_BUFFER;
        self.memory.grown(self.hub, history + stalled + SLACK)
    }
}

async fn open(hub: &Playground, user: &str, count: usize) -> Vec<Stream> {
    let request = events(&[("user", user), ("group", "stalled")]).receive_buffer(RECEIVE_BUFFER);
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(hub.open_by(&request).await);
    }
    streams
}

/// A byte a second: to the server that is nothing, because the window opens by whole segments only.
async fn trickle(mut stream: Stream) {
    while stream.socket().take(1).await.is_ok_and(|length| length > 0) {
        sleep(Duration::from_secs(1)).await;
    }
}

async fn connect(hub: &Playground) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket can be made");
    socket.set_recv_buffer_size(RECEIVE_BUFFER).expect("its buffer can be set");
    socket.connect(hub.address()).await.expect("the playground listens")
}

/// Opens streams over HTTP/2 on one connection and waits for their heads.
pub(super) async fn open_http2(
    socket: TcpStream,
    window: u32,
    user: &str,
    streams: usize,
) -> (frames::Reader, OwnedWriteHalf) {
    within(PATIENCE, "streams over HTTP/2", async {
        let (mut reader, mut writer) = frames::begin(socket, window).await.expect("the playground listens");
        let target = format!("/events?user={user}&group=stalled");
        let requests: Vec<u8> = ids(streams).flat_map(|id| frames::get(id, &target)).collect();
        writer.write_all(&requests).await.expect("the playground listens");
        let mut answered = 0;
        while answered < streams {
            let frame = reader.next().await.expect("HTTP/2 is spoken");
            assert!(!frame.ends_stream(), "instead of a stream comes {frame:?}");
            answered += usize::from(frame.is_ok());
        }
        (reader, writer)
    })
    .await
}

/// The ids that a client gives to its first streams.
fn ids(streams: usize) -> impl Iterator<Item = u32> {
    (1..).step_by(2).take(streams)
}

/// Streams of HTTP/2 whose windows stay shut, on sockets that are read.
struct Narrow {
    writers: Vec<OwnedWriteHalf>,
    ended: JoinSet<()>,
}

impl Narrow {
    const CONNECTIONS: usize = 4;
    const STREAMS: usize = 10;

    async fn open(hub: &Playground) -> Self {
        let mut narrow = Self { writers: Vec::new(), ended: JoinSet::new() };
        for _ in 0..Self::CONNECTIONS {
            let (mut reader, writer) = open_http2(connect(hub).await, USUAL_WINDOW, "narrow", Self::STREAMS).await;
            narrow.writers.push(writer);
            narrow.ended.spawn(async move {
                let mut open = Self::STREAMS;
                while open > 0 {
                    let frame = reader.next().await.expect("the server keeps the connection");
                    open -= usize::from(frame.ends_stream());
                }
            });
        }
        narrow
    }

    /// No socket is stalled, so no kernel closes it: the streams end when their windows open.
    async fn assert_ended_when_read(mut self) {
        assert!(self.ended.try_join_next().is_none(), "a stream ended that nobody could end");
        for writer in &mut self.writers {
            for stream in std::iter::once(0).chain(ids(Self::STREAMS)) {
                let wide = frames::window_update(stream, WIDEST_WINDOW - USUAL_WINDOW);
                writer.write_all(&wide).await.expect("the server keeps the connection");
            }
        }
        within(PATIENCE, "the streams to end once they are read", self.ended.join_all()).await;
    }
}

/// Over HTTP/1.1: readers that never read, that stop in the middle of an event, that read a byte a second. Over HTTP/2,
/// where it is spoken: streams whose windows stay shut, and sockets that are not read.
pub async fn readers_that_take_nothing_leave_and_slow_nobody(subject: Subject) {
    const OF_EACH: usize = 20;
    let hub = subject.start(OPTIONS).await;
    let bystander = Bystander::watch(&hub).await;
    let mut stalled = Stalled::before(&hub, &["never", "middle", "trickle", "narrow", "deaf"]);
    let mut never = open(&hub, "never", OF_EACH).await;
    let mut middle = open(&hub, "middle", OF_EACH).await;
    let mut trickling = JoinSet::new();
    for stream in open(&hub, "trickle", OF_EACH).await {
        trickling.spawn(trickle(stream));
    }
    let (mut deaf, mut narrow) = (Vec::new(), None);
    if subject.can().http2_fin.is_some() {
        narrow = Some(Narrow::open(&hub).await);
        for _ in 0..OF_EACH {
            deaf.push(open_http2(connect(&hub).await, WIDEST_WINDOW, "deaf", 1).await);
        }
    }
    let (sockets, others) = (3 * OF_EACH + deaf.len(), narrow.as_ref().map_or(0, |_| Narrow::CONNECTIONS));
    let http2 = deaf.len() + others * Narrow::STREAMS;
    let streams = 3 * OF_EACH + http2;
    assert_eq!(hub.stat("connections").await, 1 + streams as u64);

    let began = Instant::now();
    let stop_in_the_middle = async {
        for stream in &mut middle {
            let mut taken = 0;
            while taken < EVENT_BYTES / 4 {
                taken += stream.socket().take(4096).await.expect("the server is not the one to go");
            }
        }
    };
    tokio::join!(hub.publish("group:stalled", EVENTS, EVENT_BYTES), stop_in_the_middle);
    stalled.assert_left(began).await;
    stalled.assert_closed(subject.can().stalled, sockets, others).await;

    // Who reads on all the same gets what the socket still holds, and then the end; it may come back with its last id.
    for stream in never.iter_mut().chain(&mut middle).step_by(OF_EACH / 2) {
        let (_, ending) = stream.end("the end of a stream that was let go").await;
        match subject.can().stalled {
            Closer::Kernel => assert!(matches!(ending, Ending::Reset | Ending::Truncated), "{ending:?}"),
            Closer::Client => assert_eq!(ending, Ending::Finished),
        }
    }
    if let Some(narrow) = narrow {
        narrow.assert_ended_when_read().await;
    }
    println!("{}: {streams} streams; {}; {}", subject.name(), stalled.grown(streams, http2), bystander.end().await);
}

/// A reader that is always behind, but takes something in every second, is none that stalls.
pub async fn a_slow_reader_that_takes_something_stays(subject: Subject) {
    // A socket that is full takes more only when a part of what it holds has gone: of 128 KiB where the listener was
    // tuned, of up to 4 MiB elsewhere. Who reads less than that within the timeout takes nothing.
    let piece = match subject.can().stalled {
        Closer::Kernel => 32 * 1024,
        Closer::Client => 512 * 1024,
    };
    let hub = subject.start(OPTIONS).await;
    let mut stream = hub.open_by(&events(&[("user", "slow")]).receive_buffer(64 * 1024)).await;
    stream.forget_bytes();
    let start = Instant::now();
    let slowly = async {
        loop {
            let mut taken = 0;
            while taken < piece {
                let length = stream.socket().take(piece).await.expect("the server is not the one to go");
                assert!(length > 0, "the server has closed a connection that is read");
                taken += length;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let publish = async {
        while start.elapsed() < 2 * STALL + KEEP_ALIVE {
            hub.publish("user:slow", 64, 16 * 1024).await;
        }
    };
    tokio::select! {
        () = slowly => {}
        () = publish => {}
    }
    assert_eq!(hub.presence("slow").await, (true, 1));
    hub.send(&[("to", "user:slow"), ("event", "end")], "").await;
    within(PATIENCE, "the last event", async { while stream.event("an event").await.name() != "end" {} }).await;
}
