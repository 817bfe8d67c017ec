//! One who reads: in one place, or hopping from node to node.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use ssehub::EventId;
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::sleep,
};

use super::{LONG, Node, Reading};
use crate::wait::{PATIENCE, within};

/// How many chunks one who hops reads before the next hop.
const STAY: usize = 40;

/// When one who was not let in comes again.
const RETRY: Duration = Duration::from_millis(20);

/// Something that was read.
#[derive(Clone, Debug)]
pub struct Item {
    /// When it came.
    pub at: Instant,
    /// What came.
    pub what: What,
}

/// What may come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// An event.
    Event(EventId, String),
    /// The word that something may be missing here.
    Gap(String),
    /// The word that the node ends the stream, for the client to come back.
    Closing(String),
}

#[derive(Debug)]
pub(super) struct Reader {
    pub(super) name: String,
    task: JoinHandle<Reading>,
}

struct Reads {
    nodes: Vec<Arc<dyn Node>>,
    hops: bool,
    stream: BoxStream<'static, Bytes>,
    last_id: Option<String>,
    reading: Reading,
}

impl Reader {
    /// One who has its first stream, on the first of these nodes, when this returns.
    pub(super) async fn start(
        name: String,
        nodes: Vec<Arc<dyn Node>>,
        hops: bool,
        last: &watch::Sender<Option<String>>,
    ) -> Self {
        let (began, has_begun) = oneshot::channel();
        let (reading, last) = (Reading { reader: name.clone(), items: Vec::new() }, last.subscribe());
        let task = tokio::spawn(async move {
            let stream = nodes[0].stream(None).await.expect("the node is there");
            let mut reads = Reads { nodes, hops, stream, last_id: None, reading };
            reads.chunk().await;
            let _who_waited_is_gone = began.send(());
            reads.read_all(last).await
        });
        within(PATIENCE, &format!("{name} to be let in"), has_begun).await.expect("a reader does not fail");
        Self { name, task }
    }

    pub(super) async fn done(self) -> Reading {
        self.task.await.expect("a reader does not fail")
    }
}

impl Reading {
    /// What a client reads on a node that comes back with this id, up to the event with this text.
    ///
    /// # Panics
    /// If that does not come in time.
    pub async fn of(node: Arc<dyn Node>, last_id: EventId, text: &str) -> Self {
        let last_id = last_id.to_string();
        let stream = node.stream(Some(&last_id)).await.expect("the node is there");
        let reading = Self { reader: "the reader that came back".to_owned(), items: Vec::new() };
        let reads = Reads { nodes: vec![node], hops: false, stream, last_id: Some(last_id), reading };
        let last = watch::Sender::new(Some(text.to_owned()));
        within(LONG, &format!("{text} to be read again"), reads.read_all(last.subscribe())).await
    }
}

impl Reads {
    async fn read_all(mut self, mut last: watch::Receiver<Option<String>>) -> Reading {
        let mut chunks = 0;
        loop {
            let is_last =
                |item: &Item| matches!(&item.what, What::Event(_, text) if Some(text) == last.borrow().as_ref());
            if self.reading.items.last().is_some_and(is_last) {
                return self.reading;
            }
            tokio::select! {
                open = self.chunk() => {
                    chunks += 1;
                    if !open || self.hops && chunks % STAY == 0 {
                        self.hop().await;
                    }
                }
                Ok(()) = last.changed() => {}
            }
        }
    }

    /// Opens a stream on the next node, as a client does that was cut off.
    async fn hop(&mut self) {
        self.nodes.rotate_left(1);
        let what = format!("{} to be let in again", self.reading.reader);
        let (node, last_id) = (&self.nodes[0], self.last_id.as_deref());
        let stream = async {
            loop {
                if let Some(stream) = node.stream(last_id).await {
                    break stream;
                }
                sleep(RETRY).await;
            }
        };
        self.stream = within(PATIENCE, &what, stream).await;
    }

    /// Reads one chunk; false if the stream is over.
    async fn chunk(&mut self) -> bool {
        let Some(chunk) = self.stream.next().await else { return false };
        let at = Instant::now();
        let text = std::str::from_utf8(&chunk).expect("a stream is UTF-8");
        let blocks = text.strip_suffix("\n\n").expect("a chunk is whole events");
        for block in blocks.split("\n\n") {
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            if let Some(id) = field("id") {
                self.last_id = Some(id.to_owned());
            }
            let Some(data) = field("data") else { continue };
            let what = match field("event") {
                Some("hub:connected") => continue,
                Some("hub:gap") => What::Gap(data.to_owned()),
                Some("hub:closing") => What::Closing(data.to_owned()),
                Some(other) => panic!("nobody sends {other}: {block}"),
                None => {
                    let id = field("id").and_then(|id| id.parse().ok()).expect("an event has an id");
                    What::Event(id, data.to_owned())
                }
            };
            self.reading.items.push(Item { at, what });
        }
        true
    }
}
