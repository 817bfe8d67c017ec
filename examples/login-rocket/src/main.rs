//! The login on Rocket: `cargo run -p login-rocket`, then open the address it prints.
//!
//! What to look at: how a ticket and a cookie open a stream ([`events`]), how a guard tells who asks ([`Bearer`]), and
//! how a refusal becomes an answer ([`Refused`]).

mod refused;

use std::convert::Infallible;
use std::time::Duration;

use clap::Parser;
use login::page::{self, Asset};
use login::{FreshTicket, Login, MAX_BODY, NewLogin, NewNote, Options, Refusal, Site, Visit, bearer};
use rocket::data::{Limits, ToByteUnit};
use rocket::fairing::AdHoc;
use rocket::http::{ContentType, CookieJar, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder, Response};
use rocket::serde::Serialize;
use rocket::serde::json::{self, Json};
use rocket::{Build, Config, Request, Rocket, State, catchers, get, post, routes};
use ssehub_rocket::{Shutdown, SseHub, SseRequest, SseResponse};

use crate::refused::Refused;

/// How long open streams have to end when the server stops.
const GRACE: Duration = Duration::from_secs(5);

#[rocket::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    rocket(&options, Site::open(&options)?).launch().await?;
    Ok(())
}

fn rocket(options: &Options, site: Site) -> Rocket<Build> {
    let config = Config {
        address: options.listen.ip(),
        port: options.listen.port(),
        limits: Limits::default().limit("json", MAX_BODY.bytes()),
        log_level: rocket::config::LogLevel::Off,
        ..Config::default()
    };
    rocket::custom(config)
        .attach(SseHub::fairing(site.hub().clone(), Shutdown::within(GRACE)))
        .attach(AdHoc::on_liftoff("address", |rocket| {
            Box::pin(async move { println!("open http://{}:{}", rocket.config().address, rocket.config().port) })
        }))
        .manage(site)
        .mount("/", routes![index, asset, log_in, ticket, events, write, log_out])
        .register("/", catchers![refused::by_rocket])
}

#[post("/login", data = "<new>")]
fn log_in(site: &State<Site>, new: Result<Json<NewLogin>, json::Error<'_>>) -> Result<Secret<Login>, Refused> {
    let Json(new) = new?;
    Ok(Secret(site.log_in(&new)?))
}

#[post("/ticket")]
async fn ticket(site: &State<Site>, token: Bearer<'_>) -> Result<Secret<FreshTicket>, Refused> {
    Ok(Secret(site.issue_ticket(token.0).await?))
}

/// The stream: let in by a ticket, and when the browser comes back, by the cookie that is set here.
#[get("/events?<ticket>&<session>")]
async fn events(
    site: &State<Site>,
    ticket: Option<String>,
    session: Option<String>,
    jar: &CookieJar<'_>,
    request: SseRequest,
) -> Result<SseResponse, Refused> {
    let visit = Visit { ticket: ticket.unwrap_or_default(), session: session.unwrap_or_default() };
    let cookie = jar.get(&visit.cookie_name()).map(|cookie| cookie.value());
    let opened = site.connect(request.0, &visit, cookie).await?;
    if let Some(cookie) = opened.cookie {
        jar.add(cookie);
    }
    Ok(SseResponse(opened.connection))
}

#[post("/notes", data = "<new>")]
async fn write(
    site: &State<Site>,
    token: Bearer<'_>,
    new: Result<Json<NewNote>, json::Error<'_>>,
) -> Result<Status, Refused> {
    let Json(new) = new?;
    site.write(token.0, &new).await?;
    Ok(Status::NoContent)
}

#[post("/logout")]
async fn log_out(site: &State<Site>, token: Bearer<'_>) -> Result<Status, Refused> {
    site.log_out(token.0).await?;
    Ok(Status::NoContent)
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

/// Who asks, where a header can say so; nobody's if it does not, which is for the site to refuse.
struct Bearer<'r>(&'r str);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Bearer<'r> {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        Outcome::Success(Self(bearer(request.headers().get_one("authorization"))))
    }
}

/// JSON with a secret in it.
struct Secret<T>(T);

impl<'r, T: Serialize> Responder<'r, 'static> for Secret<T> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        Response::build_from(Json(self.0).respond_to(request)?).raw_header("cache-control", "no-store").ok()
    }
}
