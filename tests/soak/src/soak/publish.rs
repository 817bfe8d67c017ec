//! Publishers: each sends the events of its sequences in turn, one after the other, at its pace.

use std::{iter::repeat_n, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use ssehub_conformance::http1::{Client, Request};
use tokio::time::{MissedTickBehavior, interval};

use super::{
    shared::Shared,
    tally::{Fault, now},
    world::Publisher,
};

/// Servers close connections that are idle for some seconds: one that rests longer than this is not used again.
const KEPT: Duration = Duration::from_secs(1);

/// Sends until it is to be quiet.
pub(crate) async fn publish(shared: Arc<Shared>, publisher: Publisher) {
    let mut client = Client::new(shared.address);
    let mut ticks = interval(publisher.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut turns = publisher.sequences.clone().cycle();
    loop {
        tokio::select! {
            biased;
            () = shared.quiet.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if publisher.every >= KEPT {
            client = Client::new(shared.address);
        }
        for sequence in turns.by_ref().take(publisher.batch) {
            if let Err(error) = send(&shared, &mut client, sequence, publisher.size).await {
                shared.tally.fault(Fault::Answer, 1, || format!("an event of sequence {sequence}: {error:#}"));
                client = Client::new(shared.address);
            }
        }
    }
}

/// Sends the next event of a sequence: `SEQUENCE NUMBER NANOSECONDS …`.
async fn send(shared: &Shared, client: &mut Client, number: usize, size: usize) -> Result<()> {
    let sequence = shared.world.sequence(number).context("there is no such sequence")?;
    let mut data = format!("{number} {} {} ", sequence.begin(), now());
    data.extend(repeat_n('x', size.saturating_sub(data.len())));
    let response = client.request(&Request::new("POST", format!("/send{}", sequence.query)).body(data)).await?;
    ensure!(response.head.status == 200, "answered with {}", response.head.status);
    sequence.end();
    shared.tally.count_sent();
    Ok(())
}
