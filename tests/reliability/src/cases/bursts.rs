//! Bursts to others: a reader that keeps up is never outrun by what is not even for it.

use std::time::{Duration, Instant};

use ssehub_conformance::subject::Subject;

use crate::bystander::Bystander;

/// For how long there is one burst after the other.
const BURSTS: Duration = Duration::from_secs(2);

/// Bursts that replace all history many times a second, and a reader that is woken by keep-alives all the time.
///
/// Whatever wakes a reader, publishers wait for it: one that is woken by a keep-alive at the beginning of a burst has to
/// be back in time for an event of its own in the middle of it.
pub async fn bursts_outrun_no_reader_that_a_keep_alive_has_woken(subject: Subject) {
    let hub = subject.start(&["--keep-alive", "0.01", "--history-events", "20"]).await;
    let bystander = Bystander::watch(&hub).await;
    let start = Instant::now();
    let mut events = 0;
    while start.elapsed() < BURSTS {
        hub.publish("group:others", 2000, 50).await;
        events += 2000;
    }
    assert_eq!(hub.stat("lagged").await, 0);
    println!("{}: {events} events to others; {}", subject.name(), bystander.end().await);
}
