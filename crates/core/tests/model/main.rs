//! Where commit, read, wake and drop meet, under schedules that a model checker chooses.
//!
//! ```text
//! RUSTFLAGS="--cfg shuttle" CARGO_TARGET_DIR=target/shuttle cargo test --release -p ssehub --test model
//! ```
//!
//! A reader that sleeps through what it should read is a deadlock, which the checker reports. Each model runs under
//! random schedules and under PCT, which finds bugs that need few switches at the right places; the seeds are fixed.
//! `SHUTTLE_RANDOM_SEED` sets another one, and a failure prints the one to set.

#![cfg(shuttle)]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod cost;
mod groups;
mod leaving;
mod pace;
mod reading;
mod resuming;
mod revoking;
mod sessions;

use std::future::poll_fn;
use std::task::Poll;

use shuttle::future::block_on;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread::JoinHandle;
use shuttle::{Config, Runner};
use ssehub::{Audience, Event, Hub};
use support::{Received, Tab};

/// How many schedules of each kind a model runs under.
const SCHEDULES: usize = 10_000;

const SEED: u64 = 0x55E;

/// How many switches PCT places: most bugs of this kind need two or three.
const DEPTH: usize = 3;

/// Runs a model under many schedules.
fn check(model: impl Fn() + Send + Sync + 'static) {
    let model = std::sync::Arc::new(model);
    let schedulers: [Box<dyn Scheduler + Send>; 2] = [
        Box::new(RandomScheduler::new_from_seed(SEED, SCHEDULES)),
        Box::new(PctScheduler::new_from_seed(SEED, DEPTH, SCHEDULES)),
    ];
    for scheduler in schedulers {
        let mut config = Config::default();
        config.stack_size = 256 << 10;
        let model = std::sync::Arc::clone(&model);
        assert_eq!(Runner::new(scheduler, config).run(move || model()), SCHEDULES);
    }
}

fn join_all<T, const N: usize>(threads: [JoinHandle<T>; N]) -> [T; N] {
    threads.map(|thread| thread.join().expect("it does not panic"))
}

/// Waits for the next write and returns its events; none when the stream is over.
fn next(tab: &mut Tab) -> Option<Vec<Received>> {
    block_on(poll_fn(|cx| match tab.read_one_with(cx.waker()) {
        true => Poll::Ready(Some(tab.take())),
        false if tab.over => Poll::Ready(None),
        false => Poll::Pending,
    }))
}

/// Reads until an event has come that says so, and returns the application's events before it.
fn read_until(tab: &mut Tab, end: &str) -> Vec<Received> {
    let mut events = Vec::new();
    loop {
        events.extend(next(tab).expect("the stream goes on"));
        if let Some(place) = events.iter().position(|event| event.data == end) {
            assert_eq!(place + 1, events.len(), "{end} is the last");
            events.truncate(place);
            events.retain(|event| event.name == "message");
            return events;
        }
    }
}

/// Reads so many of the application's events.
fn read_messages(tab: &mut Tab, count: usize) -> Vec<Received> {
    let mut events = Vec::new();
    while events.len() < count {
        let more = next(tab).expect("the stream goes on");
        events.extend(more.into_iter().filter(|event| event.name == "message"));
    }
    events
}

/// Reads to the end of the stream and returns every event, those of the hub too.
fn read_to_end(tab: &mut Tab) -> Vec<Received> {
    let mut events = Vec::new();
    while let Some(more) = next(tab) {
        events.extend(more);
    }
    events
}

fn data(events: &[Received]) -> Vec<&str> {
    events.iter().map(|event| event.data.as_str()).collect()
}

/// Ids grow, and no event comes twice.
fn assert_in_order(events: &[Received]) {
    let ids: Vec<ssehub::EventId> =
        events.iter().map(|event| event.id.as_deref().expect("an event has an id").parse().expect("an id")).collect();
    assert!(ids.is_sorted_by_key(|id| (id.ms(), id.seq())), "{events:?}");
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{events:?}");
}

/// Sends a message without giving way.
fn send(hub: &Hub, audience: impl Into<Audience>, data: &str) {
    send_event(hub, audience, Event::message(data));
}

fn send_event(hub: &Hub, audience: impl Into<Audience>, event: Event) {
    block_on(hub.send_unpaced(audience, event)).expect("the event is taken");
}
