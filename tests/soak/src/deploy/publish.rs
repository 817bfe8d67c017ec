//! The publisher: events to everybody, before, during and after the restart, and which of them were accepted.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use anyhow::Result;
use ssehub_conformance::{
    http1::{Client, Request},
    playground::id_of,
    sse::Position,
};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::visitor::Shared;

/// Between two events.
const EVERY: Duration = Duration::from_millis(250);

/// An event that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) number: u64,
    /// The name of the log that it is in.
    pub(super) log: String,
}

/// Sends numbered events until `stop`; tells which were accepted. While no process is there, or one is leaving, it goes on
/// trying with the next number.
///
/// # Errors
/// An event is accepted without an id.
pub(super) async fn publish(shared: Arc<Shared>, stop: CancellationToken) -> Result<Vec<Accepted>> {
    let mut client = Client::new(shared.address);
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut accepted = Vec::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(accepted),
            _ = ticks.tick() => {}
        }
        let number = shared.next.fetch_add(1, SeqCst);
        let request = Request::new("POST", "/send?to=all").body(number.to_string());
        match client.request(&request).await {
            Ok(response) if response.head.status == 200 => {
                accepted.push(Accepted { number, log: Position::parse(&id_of(&response))?.log });
            }
            Ok(_) | Err(_) => client = Client::new(shared.address),
        }
    }
}
