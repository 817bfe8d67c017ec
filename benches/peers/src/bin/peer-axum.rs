//! axum's `Sse` on one `tokio::sync::broadcast` channel, as its users are shown it: each stream takes every event
//! and passes on those that are for its user.
//!
//! A stream that falls behind by a whole channel loses events and does not notice.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{self, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::{get, post};
use clap::Parser;
use futures::future::ready;
use futures::{Stream, StreamExt};
use serde::Deserialize;
use ssehub_peers::{Address, Query};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

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

#[derive(Debug, Deserialize)]
struct Subscriber {
    user: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let listener = TcpListener::bind(Address::parse().listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let (channel, _) = broadcast::channel(CHANNEL);
    let app = Router::new().route("/events", get(events)).route("/publish", post(publish)).with_state(channel);
    axum::serve(listener, app).await?;
    Ok(())
}

async fn events(
    State(channel): State<Channel>,
    extract::Query(subscriber): extract::Query<Subscriber>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let messages = BroadcastStream::new(channel.subscribe()).filter_map(move |message| {
        let mine = message.ok().filter(|message| message.user.is_none() || message.user == subscriber.user);
        ready(mine.map(|message| Ok(Event::default().id(&message.id).event("message").data(&message.data))))
    });
    Sse::new(messages).keep_alive(KeepAlive::default())
}

async fn publish(State(channel): State<Channel>, extract::Query(query): extract::Query<Query>) -> (StatusCode, String) {
    let published = query
        .publish(|user, id, data| {
            let message = Message { user: user.map(|user| user.to_string()), id: id.to_string(), data };
            // It fails where nobody is connected.
            let _ = channel.send(Arc::new(message));
            ready(())
        })
        .await;
    match published {
        Ok(answer) => (StatusCode::OK, answer),
        Err(refused) => {
            let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::BAD_REQUEST);
            (status, refused.reason)
        }
    }
}
