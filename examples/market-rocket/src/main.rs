//! The market on Rocket: `cargo run -p market-rocket`, then open the address it prints.
//!
//! What to look at: how a request becomes a stream ([`events`]), how a refusal becomes an answer ([`Refused`]), and the
//! fairing that makes the hub stop with Rocket ([`rocket()`]).

use std::time::Duration;

use clap::Parser;
use market::page::{self, Asset};
use market::{MAX_BODY, Market, NewOrder, Options, Order, Refusal, Seat, Watch};
use rocket::data::{Limits, ToByteUnit};
use rocket::fairing::AdHoc;
use rocket::http::{ContentType, Status};
use rocket::response::{self, Responder};
use rocket::serde::json::{self, Json};
use rocket::{Build, Config, Request, Rocket, State, catch, catchers, delete, get, post, routes, tokio};
use ssehub_rocket::{Shutdown, SseError, SseHub, SseRequest, SseResponse};

/// How long open streams have to end when the server stops.
const GRACE: Duration = Duration::from_secs(5);

#[rocket::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let market = Market::open(&options).await?;
    tokio::select! {
        launched = rocket(&options, market.clone()).launch() => launched.map(drop).map_err(Into::into),
        failure = market.run() => Err(failure.into()),
    }
}

fn rocket(options: &Options, market: Market) -> Rocket<Build> {
    let config = Config {
        address: options.listen.ip(),
        port: options.listen.port(),
        limits: Limits::default().limit("json", MAX_BODY.bytes()),
        log_level: rocket::config::LogLevel::Off,
        ..Config::default()
    };
    let hub = market.hub().clone();
    rocket::custom(config)
        // Rocket stops on SIGTERM and ctrl-c by itself; with the fairing, it ends all streams first.
        .attach(SseHub::fairing(hub, Shutdown::within(GRACE)))
        .attach(AdHoc::on_liftoff("address", |rocket| {
            Box::pin(async move { println!("open http://{}:{}", rocket.config().address, rocket.config().port) })
        }))
        .manage(market)
        .mount("/", routes![index, asset, events, watch, unwatch, cut, place])
        .register("/", catchers![other])
}

/// The stream: what the hub has for the user, the tab and the symbols it watches.
#[get("/events?<user>&<tab>")]
async fn events(
    market: &State<Market>,
    user: Option<String>,
    tab: Option<String>,
    request: SseRequest,
) -> Result<SseResponse, Refused> {
    let seat = Seat { user: user.unwrap_or_default(), tab: tab.unwrap_or_default() };
    Ok(SseResponse(market.connect(request.0, &seat).await?))
}

#[post("/watch?<tab>&<symbol>")]
async fn watch(market: &State<Market>, tab: Option<String>, symbol: Option<String>) -> Result<Status, Refused> {
    let watch = Watch { tab: tab.unwrap_or_default(), symbol: symbol.unwrap_or_default() };
    market.watch(&watch).await?;
    Ok(Status::NoContent)
}

#[delete("/watch?<tab>&<symbol>")]
async fn unwatch(market: &State<Market>, tab: Option<String>, symbol: Option<String>) -> Result<Status, Refused> {
    let watch = Watch { tab: tab.unwrap_or_default(), symbol: symbol.unwrap_or_default() };
    market.unwatch(&watch).await?;
    Ok(Status::NoContent)
}

#[post("/cut?<tab>")]
async fn cut(market: &State<Market>, tab: Option<&str>) -> Result<Status, Refused> {
    market.cut(tab.unwrap_or_default()).await?;
    Ok(Status::NoContent)
}

#[post("/orders", data = "<order>")]
async fn place(
    market: &State<Market>,
    order: Result<Json<NewOrder>, json::Error<'_>>,
) -> Result<(Status, Json<Order>), Refused> {
    let Json(order) = order?;
    Ok((Status::Created, Json(market.place(order).await?)))
}

#[get("/")]
fn index() -> (ContentType, &'static str) {
    file(page::INDEX)
}

#[get("/page/<name>")]
fn asset(name: &str) -> Result<(ContentType, &'static str), Refused> {
    page::asset(name).map(file).ok_or(Refused(Refusal::NothingHere))
}

fn file(asset: Asset) -> (ContentType, &'static str) {
    (ContentType::parse_flexible(asset.content_type).unwrap_or(ContentType::Plain), asset.body)
}

/// What Rocket itself refuses, as JSON too.
#[catch(default)]
fn other(status: Status, _: &Request<'_>) -> Refused {
    Refused(match status {
        Status::NotFound => Refusal::NothingHere,
        status => Refusal::request(status.code, status.to_string()),
    })
}

/// A refusal as Rocket's answer.
struct Refused(Refusal);

impl<'r> Responder<'r, 'static> for Refused {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        match self.0 {
            // The adapter knows how to say that the hub refused: status, `Retry-After` and JSON.
            Refusal::Connect(error) => SseError(error).respond_to(request),
            refusal => (Status::new(refusal.status()), (ContentType::JSON, refusal.to_json())).respond_to(request),
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<json::Error<'_>> for Refused {
    fn from(error: json::Error<'_>) -> Self {
        let status = match error {
            // Rocket cuts what is too long, which leaves it without its end.
            json::Error::Io(_) => Status::PayloadTooLarge,
            json::Error::Parse(..) => Status::BadRequest,
        };
        Self(Refusal::request(status.code, error.to_string()))
    }
}
