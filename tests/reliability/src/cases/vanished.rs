//! Clients that vanish without a word: their link is cut, and neither FIN nor RST ever comes.

use std::time::{Duration, Instant};

use ssehub_conformance::{
    capabilities::Closer,
    client::Stream,
    playground::{Playground, events},
    subject::Subject,
    wait::{PATIENCE, until, within},
};
use tokio::{net::tcp::OwnedWriteHalf, time::sleep};

use super::stalls::{self, EVENT_BYTES, EVENTS, KEEP_ALIVE, MARGIN, OPTIONS, Stalled, USER_TIMEOUT};
use crate::{
    bystander::Bystander,
    frames::{self, WIDEST_WINDOW},
    network::{Link, SERVER},
    nginx::{Nginx, SEND_TIMEOUT},
};

/// Clients at the far end of a link.
struct Far {
    streams: Vec<Stream>,
    http2: Vec<(frames::Reader, OwnedWriteHalf)>,
}

impl Far {
    /// Opens so many over HTTP/1.1, and as many over HTTP/2 where that is spoken.
    async fn open(subject: Subject, hub: &Playground, link: &Link, of_each: usize) -> Self {
        let request = events(&[("user", "far"), ("group", "stalled")]);
        let mut far = Self { streams: Vec::new(), http2: Vec::new() };
        for _ in 0..of_each {
            far.streams.push(Stream::open_over(link.connect(hub.address()), &request).await);
        }
        if subject.can().http2_fin.is_some() {
            for _ in 0..of_each {
                far.http2.push(stalls::open_http2(link.connect(hub.address()), WIDEST_WINDOW, "far", 1).await);
            }
        }
        far
    }

    fn len(&self) -> usize {
        self.streams.len() + self.http2.len()
    }
}

/// While there is something for them: they are gone as readers are that stall.
pub async fn clients_that_vanish_while_data_waits_leave_and_slow_nobody(subject: Subject) {
    let link = Link::lay();
    let hub = subject.start_at(SERVER, OPTIONS).await;
    let bystander = Bystander::watch(&hub).await;
    let mut stalled = Stalled::before(&hub, &["far"]);
    let far = Far::open(subject, &hub, &link, 20).await;
    assert_eq!(hub.stat("connections").await, 1 + far.len() as u64);
    link.cut();
    let began = Instant::now();
    hub.publish("group:stalled", EVENTS, EVENT_BYTES).await;
    stalled.assert_left(began).await;
    stalled.assert_closed(subject.can().stalled, far.len(), 0).await;
    println!("{}: {}; {}", subject.name(), stalled.grown(far.len(), far.http2.len()), bystander.end().await);
}

/// While there is nothing for them but keep-alives: those go unacknowledged, and the kernel gives up where it was told to.
pub async fn quiet_clients_that_vanish_are_found_by_keep_alives(subject: Subject) {
    let link = Link::lay();
    let hub = subject.start_at(SERVER, OPTIONS).await;
    let bystander = Bystander::watch(&hub).await;
    let far = Far::open(subject, &hub, &link, 5).await;
    link.cut();
    let start = Instant::now();
    match subject.can().stalled {
        Closer::Kernel => {
            let bound = KEEP_ALIVE + USER_TIMEOUT + MARGIN;
            until(bound, "the vanished clients to leave", async || match hub.stat("connections").await {
                1 => Ok(()),
                connections => Err(connections),
            })
            .await;
            println!("{}: left {:.1?} after the cut", subject.name(), start.elapsed());
            assert_eq!(hub.presence("far").await, (false, 0));
        }
        Closer::Client => {
            while start.elapsed() < KEEP_ALIVE + USER_TIMEOUT + KEEP_ALIVE {
                let connections = hub.stat("connections").await;
                assert_eq!(connections, 1 + far.len() as u64, "noticed: the table can be improved");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
    println!("{}: {}", subject.name(), bystander.end().await);
}

/// A link that is away for a moment costs nothing: what was sent meanwhile comes on the same connection.
pub async fn a_link_that_comes_back_has_lost_nothing(subject: Subject) {
    const SENT: u64 = 50;
    let link = Link::lay();
    let hub = subject.start_at(SERVER, &["--keep-alive", "0.5"]).await;
    let mut stream = Stream::open_over(link.connect(hub.address()), &events(&[("user", "far")])).await;
    link.cut();
    hub.publish("user:far", SENT, 100).await;
    until(PATIENCE, "the events to be handed to the kernel", async || match hub.stat("delivered").await {
        SENT => Ok(()),
        delivered => Err(delivered),
    })
    .await;
    link.mend();
    within(PATIENCE, "what was sent meanwhile", async {
        for number in 0..SENT {
            let event = stream.event("an event").await;
            assert!(event.text().starts_with(&format!("#{number} ")), "instead of event {number} comes {event:?}");
        }
    })
    .await;
    assert_eq!(hub.presence("far").await, (true, 1));
}

/// Behind nginx, which closes who takes nothing, sockets are closed for every framework.
pub async fn behind_nginx_clients_that_vanish_are_closed_everywhere(subject: Subject) {
    const FAR: usize = 20;
    let link = Link::lay();
    let hub = subject.start_at(SERVER, OPTIONS).await;
    let nginx = Nginx::in_front_of(hub.address()).await;
    let bystander = Bystander::watch(&hub).await;
    let stalled = Stalled::before(&hub, &["far"]);
    let request = events(&[("user", "far"), ("group", "stalled")]);
    let mut far = Vec::new();
    for _ in 0..FAR {
        far.push(Stream::open_over(link.connect(nginx.address), &request).await);
    }
    link.cut();
    hub.publish("group:stalled", EVENTS, EVENT_BYTES).await;
    // Whichever gives up first: the hub, or nginx, which then closes its connection to the server.
    let bound = Duration::from_secs(SEND_TIMEOUT) + MARGIN;
    until(bound, "the vanished clients to leave", async || match hub.stat("connections").await {
        1 => Ok(()),
        connections => Err(connections),
    })
    .await;
    stalled.assert_closed(Closer::Kernel, FAR, 0).await;
    println!("{}: {}; {}", subject.name(), stalled.grown(FAR, 0), bystander.end().await);
}
