//! The hub behind axum.

use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::{get, post};
use serde::Deserialize;
use ssehub_axum::{Event, Hub, ListenOptions, SseError, SseRequest, SseResponse, listen};

#[derive(Deserialize)]
struct Listener {
    user: String,
}

async fn events(
    State(hub): State<Hub>,
    Query(Listener { user }): Query<Listener>,
    SseRequest(request): SseRequest,
) -> Result<SseResponse, SseError> {
    Ok(SseResponse(hub.connect(request.user(user))?))
}

#[derive(Deserialize)]
struct Receiver {
    to: String,
}

async fn send(State(hub): State<Hub>, Query(Receiver { to }): Query<Receiver>, text: String) -> Result<String, String> {
    let sent = hub.send_to_user(to, Event::message(text)).await;
    sent.map(|id| id.to_string()).map_err(|error| error.to_string())
}

pub(crate) async fn serve(address: SocketAddr, hub: Hub) -> Result<(), Box<dyn Error>> {
    let router = Router::new().route("/events", get(events)).route("/send", post(send)).with_state(hub.clone());
    let listener = tokio::net::TcpListener::from_std(listen(address, ListenOptions::default())?)?;
    println!("axum on http://{}", listener.local_addr()?);
    axum::serve(listener, router).with_graceful_shutdown(crate::end_of_streams(hub)).await?;
    Ok(())
}
