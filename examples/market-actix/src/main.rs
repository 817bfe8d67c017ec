//! The market on actix-web: `cargo run -p market-actix`, then open the address it prints.
//!
//! What to look at: how a request becomes a stream ([`events`]), how a refusal becomes an answer ([`Refused`]), and the
//! settings of the server that streams need ([`main`]).

use std::time::Duration;

use actix_web::error::{JsonPayloadError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::web::{self, Data, Json, JsonConfig, Path, Query, QueryConfig, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer, ResponseError};
use anyhow::Context;
use clap::Parser;
use market::page::{self, Asset};
use market::{MAX_BODY, Market, NewOrder, Options, Refusal, Seat, Watch};
use ssehub_actix::{ListenOptions, Shutdown, SseError, SseRequest, SseResponse, listen};

/// How long open streams have to end when the server stops.
const GRACE: Duration = Duration::from_secs(5);

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let market = Market::open(&options).await?;
    let stop = market::stop_signal()?;

    let listener = listen(options.listen, ListenOptions::default())
        .with_context(|| format!("cannot listen on {}", options.listen))?;
    println!("open http://{}", listener.local_addr()?);

    // The market is opened once, out here: the closure runs once in each worker.
    let data = Data::new(market.clone());
    let hub = market.hub().clone();
    let server = HttpServer::new(move || App::new().app_data(data.clone()).configure(routes))
        // Otherwise a client that is gone is noticed only when two writes to it have failed.
        .h1_allow_half_closed(false)
        // actix waits for every response to end, and a stream doesn't end on its own: so the hub ends them first.
        .shutdown_signal(async move {
            stop.await;
            hub.shutdown(Shutdown::within(GRACE)).await;
        })
        .shutdown_timeout(1)
        .listen(listener)?
        .run();
    tokio::select! {
        served = server => Ok(served?),
        failure = market.run() => Err(failure.into()),
    }
}

fn routes(app: &mut ServiceConfig) {
    app.app_data(QueryConfig::default().error_handler(|error, _| Refused::query(&error).into()))
        .app_data(JsonConfig::default().limit(MAX_BODY).error_handler(|error, _| Refused::json(&error).into()))
        .service(web::resource("/").get(index))
        .service(web::resource("/page/{name}").get(asset))
        // actix routes a HEAD only where it is told to; the hub answers it without opening a stream.
        .service(web::resource("/events").get(events).route(web::head().to(events)))
        .service(web::resource("/watch").post(watch).delete(unwatch))
        .service(web::resource("/cut").post(cut))
        .service(web::resource("/orders").post(place))
        .default_service(web::to(nothing_here));
}

/// The stream: what the hub has for the user, the tab and the symbols it watches.
async fn events(
    market: Data<Market>,
    Query(seat): Query<Seat>,
    SseRequest(request): SseRequest,
) -> Result<SseResponse, Refused> {
    Ok(SseResponse(market.connect(request, &seat).await?))
}

async fn watch(market: Data<Market>, Query(watch): Query<Watch>) -> Result<HttpResponse, Refused> {
    market.watch(&watch).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn unwatch(market: Data<Market>, Query(watch): Query<Watch>) -> Result<HttpResponse, Refused> {
    market.unwatch(&watch).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn cut(market: Data<Market>, Query(seat): Query<Seat>) -> Result<HttpResponse, Refused> {
    market.cut(&seat.tab).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn place(market: Data<Market>, Json(order): Json<NewOrder>) -> Result<HttpResponse, Refused> {
    Ok(HttpResponse::Created().json(market.place(order).await?))
}

async fn index() -> HttpResponse {
    file(page::INDEX)
}

async fn asset(name: Path<String>) -> Result<HttpResponse, Refused> {
    page::asset(&name).map(file).ok_or(Refused::Other(Refusal::NothingHere))
}

fn file(asset: Asset) -> HttpResponse {
    HttpResponse::Ok().content_type(asset.content_type).body(asset.body)
}

async fn nothing_here() -> Result<HttpResponse, Refused> {
    Err(Refused::Other(Refusal::NothingHere))
}

/// A refusal as actix's answer.
#[derive(Debug, thiserror::Error)]
enum Refused {
    /// The adapter knows how to say that the hub refused: status, `Retry-After` and JSON.
    #[error(transparent)]
    Stream(SseError),
    #[error(transparent)]
    Other(Refusal),
}

impl Refused {
    fn query(error: &QueryPayloadError) -> Self {
        Self::Other(Refusal::request(error.status_code().as_u16(), error.to_string()))
    }

    fn json(error: &JsonPayloadError) -> Self {
        Self::Other(match error {
            JsonPayloadError::ContentType => Refusal::request(415, "the Content-Type must be application/json"),
            error => Refusal::request(error.status_code().as_u16(), error.to_string()),
        })
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Connect(error) => Self::Stream(SseError(error)),
            refusal => Self::Other(refusal),
        }
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Stream(error) => error.status_code(),
            Self::Other(refusal) => StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Stream(error) => error.error_response(),
            Self::Other(refusal) => {
                HttpResponse::build(self.status_code()).content_type(ContentType::json()).body(refusal.to_json())
            }
        }
    }
}
