//! Publishers that never pause, whatever becomes of what they send to, and what they were told of each event.

use std::{
    io::ErrorKind,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use ssehub_conformance::{
    http1::{Client, Request},
    mix::Target,
    playground::id_of,
    wait::{PATIENCE, until},
};
use tokio::{task::JoinSet, time::sleep};

/// Between two events of one publisher: a load that the readers, who check everything, can follow.
const PAUSE: std::ops::Range<u64> = 0..12;

/// The name of the event after which no other is sent.
pub const END: &str = "end";

/// How a node words that it does not know what became of an event.
const UNSURE: &str = "may or may not have taken";

/// What a publisher was told of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was accepted, under this id.
    Taken(String),
    /// It may have been accepted.
    Unsure,
    /// It was surely not accepted.
    Refused,
}

/// An event, and what became of it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its data, which no other event has.
    pub text: String,
    /// Who it is for.
    pub target: Target,
    /// What its publisher was told.
    pub told: Told,
}

/// Publishers at work.
#[derive(Debug)]
pub struct Publishers {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Vec<Sent>>,
}

impl Publishers {
    /// Starts so many for each address.
    pub fn start(addresses: &[SocketAddr], each: usize, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for publisher in 0..addresses.len() * each {
            let random = StdRng::seed_from_u64(seed ^ publisher as u64);
            tasks.spawn(publish(addresses[publisher % addresses.len()], publisher, random, stop.clone()));
        }
        Self { stop, tasks }
    }

    /// Lets each finish the event that it is at; then sends the end, and returns all that was sent.
    ///
    /// # Panics
    /// If one of them did, or nobody takes the end.
    pub async fn stop(self, at: SocketAddr) -> Vec<Sent> {
        self.stop.store(true, Relaxed);
        let sent = self.tasks.join_all().await;
        let request = Request::new("POST", format!("/send?to=all&event={END}"));
        until(PATIENCE, "the end to be taken", async || match send(&mut Client::new(at), &request).await {
            Told::Taken(_) => Ok(()),
            told => Err(told),
        })
        .await;
        sent.into_iter().flatten().collect()
    }
}

async fn publish(address: SocketAddr, publisher: usize, mut random: StdRng, stop: Arc<AtomicBool>) -> Vec<Sent> {
    let mut client = Client::new(address);
    let mut sent = Vec::new();
    while !stop.load(Relaxed) {
        let target = Target::pick(&mut random);
        let text = format!("{publisher} {}", sent.len());
        let request = Request::new("POST", format!("/send{}", target.query())).body(text.clone());
        let told = send(&mut client, &request).await;
        sent.push(Sent { text, target, told });
        sleep(Duration::from_millis(random.random_range(PAUSE))).await;
    }
    sent
}

async fn send(client: &mut Client, request: &Request) -> Told {
    let response = match client.request(request).await {
        Ok(response) => response,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Told::Refused,
        Err(_) => return Told::Unsure,
    };
    match response.head.status {
        200 => Told::Taken(id_of(&response)),
        503 if response.json()["error"].as_str().is_some_and(|error| error.contains(UNSURE)) => Told::Unsure,
        503 => Told::Refused,
        _ => panic!("an event is answered by {response:?}"),
    }
}
