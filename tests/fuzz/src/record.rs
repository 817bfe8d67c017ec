//! Records: whatever another node, a newer version or a broken disk has written under a right checksum, the hub takes in
//! what it can read, skips the rest, and goes on.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arbitrary::{Arbitrary, Unstructured};
use futures::FutureExt as _;
use ssehub::{Audience, Bytes, ConnectRequest, Event, EventId, Hub, Identity, LogName, Record, Start, Tailed, Topic};

use crate::backplane::tail::{Script, Sheets};
use crate::reader::Reader;
use crate::script::to_the_end;

/// The version and the checksum that stand before what a record says.
const HEADER: usize = 5;

/// How many kinds of things the samples say.
const KINDS: usize = 7;

/// See the [crate].
pub fn record(data: &[u8]) {
    if let Ok(story) = Story::arbitrary_take_rest(Unstructured::new(data)) {
        story.check();
    }
}

#[derive(Arbitrary, Debug)]
struct Story<'a> {
    #[arbitrary(with = to_the_end)]
    records: Vec<Written<'a>>,
}

/// One record that comes on the tail.
#[derive(Arbitrary, Debug)]
enum Written<'a> {
    /// What some hub wrote, with some bytes changed.
    Changed { sample: u8, changes: [(u8, u8); 3] },
    /// Anything.
    Bytes(&'a [u8]),
}

impl Written<'_> {
    fn bytes(&self) -> Bytes {
        let body = match self {
            Self::Bytes(bytes) => bytes.to_vec(),
            Self::Changed { sample, changes } => {
                let mut body = SAMPLES[usize::from(*sample) % SAMPLES.len()].clone();
                for (place, change) in changes {
                    let place = usize::from(*place) % body.len();
                    body[place] ^= change;
                }
                body
            }
        };
        seal(&body)
    }
}

/// With the version and the checksum in front.
fn seal(body: &[u8]) -> Bytes {
    let mut bytes = vec![1];
    bytes.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes.into()
}

/// What a node has to say: its events, and all it says to other nodes.
static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let sheets = Sheets::shared();
    let hub = Hub::builder()
        .resume_window(Duration::from_secs(60))
        .backplane(sheets.clone())
        .build()
        .expect("the options are in range");
    let session = "0123456789abcdefghijkl";
    let stream = hub.connect(ConnectRequest::new().user("alice").group("g").session(session));
    let stream = stream.expect("the stream is let in");
    let audience = Audience::group("g").or_user("bob").except_connection(stream.id());
    let event = Event::text("name", "data").expect("the name is allowed").key("key").retry(Duration::from_secs(1));
    // Each is written when it is first polled; what would be waited for is not.
    write(hub.send_unpaced(audience, event));
    write(hub.send_unpaced(Topic::All, Event::message("x").ephemeral()));
    write(hub.join_user("alice", "g"));
    write(hub.join("elsewhere", "g"));
    write(hub.revoke_user("alice", "out"));
    write(hub.issue_ticket(Identity::user("alice").group("g")));
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut records: Vec<Record> = Vec::new();
    while records.len() < KINDS {
        assert!(Instant::now() < deadline, "waited for the hub to say who is connected");
        records.extend(sheets.take());
        std::thread::yield_now();
    }
    records.iter().map(|record| record.bytes()[HEADER..].to_vec()).collect()
});

/// Has a hub write what it writes before it waits for anything.
fn write<T>(call: impl Future<Output = T>) {
    let _ = call.now_or_never();
}

impl Story<'_> {
    fn check(&self) {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64);
        let log: LogName = "here".parse().expect("letters alone are a name");
        let id = |seq: usize| EventId::new(now_ms, seq as u64, log);
        let head = id(self.records.len() + 1);
        let mut items = vec![Tailed::Start(Start { after: id(0), head, missed: false, state: Vec::new() })];
        items.extend(self.records.iter().enumerate().map(|(n, written)| Tailed::Entry(id(n + 1), written.bytes())));
        items.push(Tailed::Entry(head, seal(&SAMPLES[0])));
        let (gate, script) = Script::shared(items);
        let hub = Hub::builder()
            .resume_window(Duration::from_secs(60))
            .backplane(script)
            .build()
            .expect("the options are in range");
        let early = hub.connect(ConnectRequest::new().user("alice").group("g"));
        let mut early = Reader::new(early.expect("the stream is let in"));
        gate.open();
        gate.wait();

        let stats = hub.stats();
        assert!(stats.published > 0, "the last record is taken in, whatever came before it");
        assert!(stats.skipped <= self.records.len() as u64);
        early.read();
        let mut late = Reader::new(hub.connect(ConnectRequest::new().group("g")).expect("the stream is let in"));
        let opening = late.read();
        assert!(opening.first().is_some_and(|block| block.name() == "hub:connected"));
    }
}
