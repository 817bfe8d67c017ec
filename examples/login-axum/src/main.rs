//! The login on axum: `cargo run -p login-axum`, then open the address it prints.
//!
//! What to look at: how a ticket and a cookie open a stream ([`events`]), and how a refusal becomes an answer
//! ([`Refused`]).

mod refused;

use std::time::Duration;

use anyhow::Context;
use axum::extract::{DefaultBodyLimit, Json, Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, serve};
use clap::Parser;
use login::page::{self, Asset};
use login::{MAX_BODY, NewLogin, NewNote, Options, Refusal, Site, Visit, bearer};
use ssehub_axum::{ListenOptions, Shutdown, SseRequest, SseResponse, listen};
use tokio::net::TcpListener;

use crate::refused::{Asked, Refused, Sent};

/// How long open streams have to end when the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// For answers with a secret in them.
const NO_STORE: [(&str, &str); 1] = [("cache-control", "no-store")];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let site = Site::open(&options)?;
    let stop = login::stop_signal()?;

    let listener = listen(options.listen, ListenOptions::default())
        .with_context(|| format!("cannot listen on {}", options.listen))?;
    println!("open http://{}", listener.local_addr()?);

    let hub = site.hub().clone();
    let server = serve(TcpListener::from_std(listener)?, app(site)).with_graceful_shutdown(async move {
        stop.await;
        hub.shutdown(Shutdown::within(GRACE)).await;
    });
    Ok(server.await?)
}

fn app(site: Site) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/page/{name}", get(asset))
        .route("/login", post(log_in))
        .route("/ticket", post(ticket))
        .route("/events", get(events))
        .route("/notes", post(write))
        .route("/logout", post(log_out))
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(site)
}

async fn log_in(State(site): State<Site>, Sent(new): Sent<NewLogin>) -> Result<impl IntoResponse, Refused> {
    Ok((NO_STORE, Json(site.log_in(&new)?)))
}

async fn ticket(State(site): State<Site>, headers: HeaderMap) -> Result<impl IntoResponse, Refused> {
    Ok((NO_STORE, Json(site.issue_ticket(token(&headers)).await?)))
}

/// The stream: let in by a ticket, and when the browser comes back, by the cookie that is set here.
async fn events(
    State(site): State<Site>,
    Asked(visit): Asked<Visit>,
    headers: HeaderMap,
    SseRequest(request): SseRequest,
) -> Result<impl IntoResponse, Refused> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let opened = site.connect(request, &visit, visit.find_cookie(cookies).as_deref()).await?;
    let set_cookie = opened.cookie.map(|cookie| [(SET_COOKIE, cookie.to_string())]);
    Ok((set_cookie, SseResponse(opened.connection)))
}

async fn write(State(site): State<Site>, headers: HeaderMap, Sent(new): Sent<NewNote>) -> Result<StatusCode, Refused> {
    site.write(token(&headers), &new).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn log_out(State(site): State<Site>, headers: HeaderMap) -> Result<StatusCode, Refused> {
    site.log_out(token(&headers)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn index() -> Response {
    file(page::INDEX)
}

async fn asset(Path(name): Path<String>) -> Result<Response, Refused> {
    page::asset(&name).map(file).ok_or(Refused(Refusal::NothingHere))
}

fn file(asset: Asset) -> Response {
    ([(CONTENT_TYPE, asset.content_type)], asset.body).into_response()
}

async fn nothing_here() -> Refused {
    Refused(Refusal::NothingHere)
}

/// Who asks, where a header can say so; nobody's if it does not.
fn token(headers: &HeaderMap) -> &str {
    bearer(headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()))
}
