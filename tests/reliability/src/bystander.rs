//! A healthy client beside whatever else happens to the server.
//!
//! It sends itself an event, waits until it has come, and sends the next a moment later. An event that is lost, repeated
//! or out of order is a panic, and so is one that comes too late. How long the publisher is held is another matter: the hub
//! lets it wait for readers that are due, which is said and not asserted here.

use std::time::{Duration, Instant};

use ssehub_conformance::{
    client::Stream,
    http1::{Client, Request},
    playground::Playground,
    wait::{PATIENCE, within},
};
use tokio::{sync::oneshot, task::JoinHandle};

/// How long one event may take from before its request to its receiver.
///
/// What is seen is some milliseconds. The bound leaves room for a machine whose every core is busy with the test itself,
/// and tells them from a server that makes one client wait for another's socket.
pub const BOUND: Duration = Duration::from_secs(3);

/// Between an event that has come and the next one.
const PAUSE: Duration = Duration::from_millis(10);

/// What a client has measured.
#[derive(Debug, Default)]
struct Times {
    /// From before the request to the event's arrival.
    events: Vec<Duration>,
    /// The longest time that the request took.
    held: Duration,
}

/// A client at work.
#[derive(Debug)]
pub struct Bystander {
    stop: oneshot::Sender<()>,
    work: JoinHandle<Times>,
}

impl Bystander {
    /// Connects as the user `bystander`, and begins.
    pub async fn watch(hub: &Playground) -> Self {
        let stream = hub.open(&[("user", "bystander")]).await;
        let (stop, stopped) = oneshot::channel();
        Self { stop, work: tokio::spawn(exchange(stream, hub.client(), stopped)) }
    }

    /// Ends, and says how long the events took.
    ///
    /// # Panics
    /// If an event was lost, repeated or late.
    pub async fn end(self) -> String {
        // It has ended already if it has panicked, which is found out next.
        let _ended_already = self.stop.send(());
        let Times { mut events, held } = match within(PATIENCE + BOUND, "the bystander to end", self.work).await {
            Ok(times) => times,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        events.sort_unstable();
        let worst = *events.last().expect("the bystander got an event");
        assert!(worst <= BOUND, "an event took {worst:?} to a healthy client, and {BOUND:?} is the bound");
        let (half, most) = (events[events.len() / 2], events[events.len() * 99 / 100]);
        format!(
            "a bystander's {} events took {half:.1?}, 99 % at most {most:.1?}, all at most {worst:.1?}, and their publisher \
             was held for at most {held:.1?}",
            events.len()
        )
    }
}

async fn exchange(mut stream: Stream, mut client: Client, mut stopped: oneshot::Receiver<()>) -> Times {
    let mut times = Times::default();
    stream.forget_bytes();
    loop {
        let number = times.events.len().to_string();
        let request = Request::new("POST", "/send?to=user:bystander").body(number.clone());
        let start = Instant::now();
        let send = async {
            let sent = client.request(&request).await.expect("the bystander's request is answered");
            assert_eq!(sent.head.status, 200, "the bystander's event is sent");
            start.elapsed()
        };
        let receive = async {
            let event = stream.event("the bystander's event").await;
            let time = start.elapsed();
            assert_eq!(event.text(), number, "a bystander's events come each once and in order; this after {time:?}");
            time
        };
        let (held, event) = tokio::join!(send, receive);
        times.held = times.held.max(held);
        times.events.push(event);
        if tokio::time::timeout(PAUSE, &mut stopped).await.is_ok() {
            return times;
        }
    }
}
