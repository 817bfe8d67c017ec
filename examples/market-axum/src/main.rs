//! The market on axum: `cargo run -p market-axum`, then open the address it prints.
//!
//! What to look at: how a request becomes a stream ([`events`]), how a refusal becomes an answer ([`Refused`]), and how
//! the server stops although streams are open ([`main`]).

use std::time::Duration;

use anyhow::Context;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Json, Path, Query, State};
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, serve};
use clap::Parser;
use market::page::{self, Asset};
use market::{MAX_BODY, Market, NewOrder, Options, Order, Refusal, Seat, Watch};
use ssehub_axum::{ListenOptions, Shutdown, SseError, SseRequest, SseResponse, listen};
use tokio::net::TcpListener;

/// How long open streams have to end when the server stops.
const GRACE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let market = Market::open(&options).await?;
    let stop = market::stop_signal()?;

    let listener = listen(options.listen, ListenOptions::default())
        .with_context(|| format!("cannot listen on {}", options.listen))?;
    println!("open http://{}", listener.local_addr()?);

    // axum waits for every response to end, and a stream doesn't end on its own: so the hub ends them first.
    let hub = market.hub().clone();
    let server = serve(TcpListener::from_std(listener)?, app(market.clone())).with_graceful_shutdown(async move {
        stop.await;
        hub.shutdown(Shutdown::within(GRACE)).await;
    });
    tokio::select! {
        served = server.into_future() => Ok(served?),
        failure = market.run() => Err(failure.into()),
    }
}

fn app(market: Market) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/page/{name}", get(asset))
        .route("/events", get(events))
        .route("/watch", post(watch).delete(unwatch))
        .route("/cut", post(cut))
        .route("/orders", post(place))
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(market)
}

/// The stream: what the hub has for the user, the tab and the symbols it watches.
async fn events(
    State(market): State<Market>,
    Asked(seat): Asked<Seat>,
    SseRequest(request): SseRequest,
) -> Result<SseResponse, Refused> {
    Ok(SseResponse(market.connect(request, &seat).await?))
}

async fn watch(State(market): State<Market>, Asked(watch): Asked<Watch>) -> Result<StatusCode, Refused> {
    market.watch(&watch).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unwatch(State(market): State<Market>, Asked(watch): Asked<Watch>) -> Result<StatusCode, Refused> {
    market.unwatch(&watch).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn cut(State(market): State<Market>, Asked(seat): Asked<Seat>) -> Result<StatusCode, Refused> {
    market.cut(&seat.tab).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn place(
    State(market): State<Market>,
    Sent(order): Sent<NewOrder>,
) -> Result<(StatusCode, Json<Order>), Refused> {
    Ok((StatusCode::CREATED, Json(market.place(order).await?)))
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

/// A query as `T`, or a refusal as JSON.
#[derive(FromRequestParts)]
#[from_request(via(Query), rejection(Refused))]
struct Asked<T>(T);

/// A JSON body as `T`, or a refusal as JSON.
#[derive(FromRequest)]
#[from_request(via(Json), rejection(Refused))]
struct Sent<T>(T);

/// A refusal as axum's answer.
struct Refused(Refusal);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self.0 {
            // The adapter knows how to say that the hub refused: status, `Retry-After` and JSON.
            Refusal::Connect(error) => SseError(error).into_response(),
            refusal => {
                let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                (status, [(CONTENT_TYPE, "application/json")], refusal.to_json()).into_response()
            }
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<QueryRejection> for Refused {
    fn from(rejection: QueryRejection) -> Self {
        Self(Refusal::request(rejection.status().as_u16(), rejection.body_text()))
    }
}

impl From<JsonRejection> for Refused {
    fn from(rejection: JsonRejection) -> Self {
        Self(Refusal::request(rejection.status().as_u16(), rejection.body_text()))
    }
}
