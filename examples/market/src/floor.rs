//! The floor: what the nodes of the market tell one another, over the hub that they share.
//!
//! Each node follows the group [`FLOOR`] on a stream of its own, as a page follows a symbol. What it reads there is all that
//! it knows of the others: the open orders, which tab watches what, and how far the replay has come. Nothing is kept
//! beside the hub's log: a node that starts gets it all as a snapshot, and a node that is gone takes nothing with it. One
//! that is alone does the same, with itself.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use sse_stream::{Sse, SseByteStream};
use ssehub::{ConnectRequest, Connection, Event, EventError, Hub};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};

use crate::orders::{Book, Order};
use crate::tabs::{TabFacts, Tabs};

/// The group that the nodes are in, and nobody else.
pub(crate) const FLOOR: &str = "floor";

/// How long a node waits before it follows the floor anew.
const PAUSE: Duration = Duration::from_millis(200);

/// What this node has read on the floor.
#[derive(Debug)]
pub(crate) struct Floor {
    node: String,
    ticks: watch::Sender<Option<Tick>>,
    book: Mutex<Book>,
    tabs: Tabs,
    /// The data of the last `crowd`, whoever counted.
    crowd: Mutex<String>,
    /// There may be more or fewer who watch.
    crowd_changed: Arc<Notify>,
}

/// A month's turn, as this node has read it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) number: usize,
    /// Whether this node is to tell it.
    pub(crate) ours: bool,
    pub(crate) read: Instant,
}

/// What nodes say to nobody but nodes. The name of the event is that of the variant.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "said", rename_all = "lowercase")]
pub(crate) enum Said {
    /// A node would tell this tick.
    Claim { tick: usize, node: String },
    /// A tab has a new stream, or watches something else.
    Tab { node: String, facts: TabFacts },
    /// A tab has had no stream for long.
    Forgotten { tab: String },
}

impl Said {
    /// The event, without a key.
    pub(crate) fn event(&self) -> Result<Event, EventError> {
        Event::json(FLOOR, self)
    }
}

impl Floor {
    /// An empty floor, for a node of this name.
    pub(crate) fn new(node: String, crowd_changed: Arc<Notify>) -> Self {
        let (book, tabs, crowd) = (Mutex::default(), Tabs::default(), Mutex::default());
        Self { node, ticks: watch::Sender::default(), book, tabs, crowd, crowd_changed }
    }

    /// The name of this node, which no other has.
    pub(crate) fn node(&self) -> &str {
        &self.node
    }

    /// How far the replay has come; none as long as nothing was read of it.
    pub(crate) fn ticks(&self) -> watch::Receiver<Option<Tick>> {
        self.ticks.subscribe()
    }

    /// The open orders. Never held over an await.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock()
    }

    /// The tabs of all nodes.
    pub(crate) fn tabs(&self) -> &Tabs {
        &self.tabs
    }

    /// Whether this was the last `crowd`.
    pub(crate) fn has_been_told(&self, crowd: &str) -> bool {
        *self.crowd.lock() == crowd
    }

    /// Follows the floor for ever.
    pub(crate) async fn follow(&self, hub: &Hub) -> Infallible {
        loop {
            // It is refused when the hub shuts down, or is full for the moment.
            if let Ok(connection) = hub.connect(ConnectRequest::new().group(FLOOR).snapshot(true)) {
                self.read(connection).await;
            }
            sleep(PAUSE).await;
        }
    }

    /// Reads a stream to its end.
    async fn read(&self, connection: Connection) {
        let mut events = pin!(SseByteStream::new(connection.map(Ok::<_, Infallible>)));
        while let Some(Ok(event)) = events.next().await {
            self.take_in(&event);
        }
    }

    fn take_in(&self, event: &Sse) {
        let (Some(name), Some(data)) = (&event.event, &event.data) else { return };
        // Whatever does not parse was said by another release of this program.
        match name.as_str() {
            // What this node knows is not what the log has; that follows, as a snapshot.
            "hub:gap" => {
                self.book.lock().clear();
                self.ticks.send_replace(None);
            }
            FLOOR => {
                let _ = serde_json::from_str(data).map(|said| self.hear(said));
            }
            "clock" => {
                let _ = serde_json::from_str(data).map(|Clock { tick }| self.advance(tick, false));
            }
            "order" => {
                let _ = serde_json::from_str(data)
                    .map(|Standing { order, status }| self.book.lock().told(order, status == "open"));
            }
            "crowd" => self.crowd.lock().clone_from(data),
            _ => {}
        }
    }

    fn hear(&self, said: Said) {
        match said {
            Said::Claim { tick, node } => self.advance(tick, node == self.node),
            // What this node has said itself it knew before.
            Said::Tab { node, facts } if node != self.node => self.tabs.told(facts),
            Said::Tab { .. } => {}
            Said::Forgotten { tab } => self.tabs.forget(&tab),
        }
    }

    /// The first who says a tick has it.
    fn advance(&self, number: usize, ours: bool) {
        self.ticks.send_if_modified(|last| {
            let is_next = last.is_none_or(|last| last.number < number);
            if is_next {
                *last = Some(Tick { number, ours, read: Instant::now() });
            }
            is_next
        });
        if ours {
            // Who came or went at a node that is gone is counted by the one that is left.
            self.crowd_changed.notify_one();
        }
    }
}

#[derive(Deserialize)]
struct Clock {
    tick: usize,
}

#[derive(Deserialize)]
struct Standing {
    #[serde(flatten)]
    order: Order,
    status: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floor(node: &str) -> Floor {
        Floor::new(node.to_owned(), Arc::default())
    }

    fn says(name: &str, data: &str) -> Sse {
        Sse::default().event(name).data(data)
    }

    fn claim(tick: usize, node: &str) -> Sse {
        says(FLOOR, &serde_json::to_string(&Said::Claim { tick, node: node.to_owned() }).unwrap())
    }

    #[test]
    fn the_first_claim_of_a_tick_counts_on_every_node() {
        let (ours, others) = (floor("a"), floor("b"));
        for event in [claim(0, "a"), claim(0, "b"), claim(1, "b"), claim(1, "a"), claim(0, "a")] {
            ours.take_in(&event);
            others.take_in(&event);
            let (a, b) = (ours.ticks.borrow().unwrap(), others.ticks.borrow().unwrap());
            assert_eq!(a.number, b.number);
            assert!(a.ours != b.ours, "both or none would tell tick {}", a.number);
        }
        assert!(others.ticks.borrow().is_some_and(|tick| tick.number == 1 && tick.ours));
    }

    #[test]
    fn a_node_that_starts_claims_nothing_that_was_told() {
        let floor = floor("a");
        floor.take_in(&says("clock", r#"{"tick":7,"month":"2000-08"}"#));
        floor.take_in(&claim(0, "a"));
        assert!(floor.ticks.borrow().is_some_and(|tick| tick.number == 7 && !tick.ours));
    }

    #[test]
    fn after_a_gap_a_node_knows_only_what_it_is_told_anew() {
        let floor = floor("a");
        floor.take_in(&says("clock", r#"{"tick":7,"month":"2000-08"}"#));
        floor.take_in(&says("hub:gap", r#"{"reason":"unknown-log","requested":"1-0-here"}"#));
        assert_eq!(*floor.ticks.borrow(), None);
        floor.take_in(&claim(0, "b"));
        assert!(floor.ticks.borrow().is_some_and(|tick| tick.number == 0 && !tick.ours));
    }

    #[test]
    fn an_order_is_in_the_book_of_every_node_until_it_is_answered() {
        let floor = floor("a");
        let order = r#""id":"b-1","user":"alice","symbol":"AAPL","side":"buy","limit":1.0,"placed":3"#;
        floor.take_in(&says("order", &format!(r#"{{{order},"status":"open"}}"#)));
        assert_ne!(*floor.book().settled(&crate::Prices::load().unwrap(), 126), []);
        floor.take_in(&says("order", &format!(r#"{{{order},"status":"expired"}}"#)));
        assert_eq!(*floor.book().settled(&crate::Prices::load().unwrap(), 126), []);
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        let floor = floor("a");
        for name in [FLOOR, "clock", "order", "else"] {
            for data in ["", "7", "{}", r#"{"said":"else"}"#, r#"{"tick":-1}"#] {
                floor.take_in(&says(name, data));
            }
        }
        assert_eq!(*floor.ticks.borrow(), None);
    }
}
