//! Rocket's `EventStream!` on one `tokio::sync::broadcast` channel, as its chat example has it: each stream takes
//! every event and passes on those that are for its user.
//!
//! A stream that falls behind by a whole channel loses events and does not notice.

use std::future::ready;
use std::sync::Arc;

use clap::Parser;
use rocket::http::Status;
use rocket::response::stream::{Event, EventStream};
use rocket::{State, get, post, routes};
use ssehub_peers::{Address, Query, rocket_on};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// As many events as the hub keeps by default.
const CHANNEL: usize = 10_000;

type Channel = broadcast::Sender<Arc<Message>>;

#[derive(Debug)]
struct Message {
    /// For all where it is absent.
    user: Option<String>,
    id: String,
    data: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let (channel, _): (Channel, _) = broadcast::channel(CHANNEL);
    rocket_on(Address::parse().listen).manage(channel).mount("/", routes![events, publish]).launch().await?;
    Ok(())
}

#[get("/events?<user>")]
fn events(channel: &State<Channel>, user: Option<String>) -> EventStream![] {
    let mut messages = channel.subscribe();
    EventStream! {
        loop {
            let message = match messages.recv().await {
                Ok(message) => message,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => break,
            };
            if message.user.is_none() || message.user == user {
                yield Event::data(message.data.clone()).event("message").id(message.id.clone());
            }
        }
    }
}

#[post("/publish?<to>&<users>&<groups>&<count>&<size>&<rate>")]
async fn publish(
    channel: &State<Channel>,
    to: Option<String>,
    users: Option<u64>,
    groups: Option<u64>,
    count: u64,
    size: usize,
    rate: Option<f64>,
) -> (Status, String) {
    let query = Query { to, users, groups, count, size, rate };
    let published = query
        .publish(|user, id, data| {
            let message = Message { user: user.map(|user| user.to_string()), id: id.to_string(), data };
            // It fails where nobody is connected.
            let _ = channel.send(Arc::new(message));
            ready(())
        })
        .await;
    match published {
        Ok(answer) => (Status::Ok, answer),
        Err(refused) => (Status::new(refused.status), refused.reason),
    }
}
