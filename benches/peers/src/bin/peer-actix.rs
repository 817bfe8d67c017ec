//! actix-web with a list of channels, as its examples have it: one bounded channel for each stream, behind a mutex,
//! and a map from users to theirs. An event is put into bytes once.
//!
//! A publication waits for the slowest of its receivers, whose channel is full.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, Error, HttpResponse, HttpServer};
use clap::Parser;
use futures::StreamExt;
use futures::future::join_all;
use parking_lot::Mutex;
use serde::Deserialize;
use ssehub_peers::{Address, Query};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Events that wait for one stream.
const CHANNEL: usize = 64;

#[derive(Debug, Default)]
struct Streams {
    all: Mutex<Vec<mpsc::Sender<Bytes>>>,
    users: Mutex<HashMap<String, Vec<mpsc::Sender<Bytes>>>>,
}

impl Streams {
    fn add(&self, user: Option<String>) -> mpsc::Receiver<Bytes> {
        let (sender, receiver) = mpsc::channel(CHANNEL);
        if let Some(user) = user {
            self.users.lock().entry(user).or_default().push(sender.clone());
        }
        self.all.lock().push(sender);
        receiver
    }

    async fn send(&self, user: Option<u64>, frame: Bytes) {
        let receivers = match user {
            None => {
                let mut all = self.all.lock();
                all.retain(|sender| !sender.is_closed());
                all.clone()
            }
            Some(user) => self.users.lock().get(&user.to_string()).cloned().unwrap_or_default(),
        };
        // A stream that has ended meanwhile needs no event.
        join_all(receivers.iter().map(|sender| sender.send(frame.clone()))).await;
    }
}

#[derive(Debug, Deserialize)]
struct Subscriber {
    user: Option<String>,
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let streams = Data::new(Streams::default());
    let app = move || {
        App::new()
            .app_data(streams.clone())
            .route("/events", web::get().to(events))
            .route("/publish", web::post().to(publish))
    };
    // A signal ends it at once: actix itself would wait for streams that do not end.
    let server = HttpServer::new(app).workers(1).disable_signals().bind(Address::parse().listen)?;
    for address in server.addrs() {
        println!("listening on http://{address}");
    }
    server.run().await?;
    Ok(())
}

async fn events(streams: Data<Streams>, subscriber: web::Query<Subscriber>) -> HttpResponse {
    let frames = ReceiverStream::new(streams.add(subscriber.into_inner().user)).map(Ok::<_, Error>);
    HttpResponse::Ok().content_type("text/event-stream").insert_header(("cache-control", "no-cache")).streaming(frames)
}

async fn publish(streams: Data<Streams>, query: web::Query<Query>) -> HttpResponse {
    let published = query
        .into_inner()
        .publish(|user, id, data| streams.send(user, format!("id: {id}\nevent: message\ndata: {data}\n\n").into()))
        .await;
    match published {
        Ok(answer) => HttpResponse::Ok().body(answer),
        Err(refused) => {
            let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::BAD_REQUEST);
            HttpResponse::build(status).body(refused.reason)
        }
    }
}
