//! The playground on Rocket: HTTP/1.1 and HTTP/2 without TLS.

use std::io::Cursor;
use std::net::SocketAddr;
use std::time::Duration;

use rocket::config::{Config, LogLevel, Shutdown};
use rocket::data::ByteUnit;
use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;
use rocket::http::uri::Origin;
use rocket::http::{Method, Status};
use rocket::response::{self, Responder, Response};
use rocket::route::{Handler, Outcome, Route};
use rocket::{Build, Data, Request, Rocket, State, catch, catchers, get, post, routes};
use ssehub_rocket::{SseError, SseHub, SseRequest, SseResponse};
use tokio::time::sleep;
use tokio_util::io::ReaderStream;

use crate::answer::Answer;
use crate::api;
use crate::options::Options;
use crate::stop::{self, Stop, end_streams};
use crate::{Playground, announce, stream};

/// What has left the hub has still to leave Rocket's tasks.
const LET_TASKS_END: Duration = Duration::from_millis(100);

/// Serves until it is told to stop.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    super::run(super::runtime(options.workers())?, serve(options))
}

async fn serve(options: &Options) -> Result<(), String> {
    let stop = Stop::on_signals().map_err(|error| error.to_string())?;
    let playground = Playground::new(options).await?;
    let hub = playground.hub.clone();
    let rocket = build(options, playground);
    let rocket = rocket.ignite().await.map_err(|error| failure(options, &error))?;

    let rocket_shutdown = rocket.shutdown();
    let signal = stop.clone();
    tokio::spawn(async move {
        // Before Rocket hears of it: where that finds its accept loop at work, it may leave without its fairings.
        end_streams(signal, hub).await;
        sleep(LET_TASKS_END).await;
        rocket_shutdown.notify();
    });
    match stop.bound(Box::pin(rocket.launch())).await {
        Some(Err(error)) => match error.kind() {
            // Clients that read nothing have kept their connections beyond Rocket's mercy.
            ErrorKind::Shutdown(..) => Ok(()),
            _ => Err(failure(options, &error)),
        },
        Some(Ok(_)) | None => Ok(()),
    }
}

fn build(options: &Options, playground: Playground) -> Rocket<Build> {
    let config = Config {
        address: options.listen.ip(),
        port: options.listen.port(),
        workers: options.workers(),
        log_level: LogLevel::Off,
        // The signals are handled here. The fairing ends all streams, and Rocket may not cut them off before.
        shutdown: Shutdown { ctrlc: false, signals: [].into(), grace: 2, mercy: 1, ..Shutdown::default() },
        ..Config::default()
    };
    let api = [Method::Get, Method::Post, Method::Put, Method::Delete, Method::Patch, Method::Options]
        .map(|method| Route::ranked(1, method, "/<path..>", Api(playground.clone())));
    rocket::custom(config)
        .attach(SseHub::fairing(playground.hub.clone(), stop::shutdown()))
        .attach(AdHoc::on_liftoff("announce", |rocket| {
            Box::pin(async move {
                let config = rocket.config();
                if announce(SocketAddr::new(config.address, config.port)).is_err() {
                    rocket.shutdown().notify();
                }
            })
        }))
        .manage(playground)
        .mount("/", routes![get_events, post_events])
        .mount("/", api)
        .register("/", catchers![otherwise])
}

/// What made Rocket fail, in one line. Looking at the kind keeps the error from panicking when it is dropped.
fn failure(options: &Options, error: &rocket::Error) -> String {
    match error.kind() {
        ErrorKind::Bind(error) | ErrorKind::Io(error) => super::cannot_listen(options, error),
        other => other.to_string(),
    }
}

type Events = Result<Result<SseResponse, SseError>, Answer>;

#[get("/events")]
async fn get_events(playground: &State<Playground>, uri: &Origin<'_>, request: SseRequest) -> Events {
    let SseRequest(request) = request;
    let opened = stream::open(&playground.hub, request, uri.query().map(|query| query.as_str())).await?;
    Ok(opened.map(SseResponse).map_err(SseError))
}

#[post("/events")]
async fn post_events(playground: &State<Playground>, uri: &Origin<'_>, request: SseRequest) -> Events {
    get_events(playground, uri, request).await
}

/// Hands everything else to the API, path and query as they came.
#[derive(Clone)]
struct Api(Playground);

#[rocket::async_trait]
impl Handler for Api {
    async fn handle<'r>(&self, http: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        let request = api::Request {
            method: http.method().as_str(),
            path: http.uri().path().as_str(),
            query: http.uri().query().map(|query| query.as_str()),
            length: http.headers().get_one("content-length").and_then(|length| length.parse().ok()),
            body: ReaderStream::new(data.open(ByteUnit::max_value())),
        };
        Outcome::from(http, api::answer(&self.0, request).await)
    }
}

/// What Rocket itself refuses, such as a method it has never heard of.
#[catch(default)]
fn otherwise(status: Status, _: &Request<'_>) -> Answer {
    Answer::error(status.code, &status.reason_lossy())
}

impl<'r> Responder<'r, 'static> for Answer {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Response::build();
        response.status(Status::new(self.status));
        if let Some(allow) = self.allow {
            response.raw_header("allow", allow);
        }
        if self.status != Status::NoContent.code {
            response.raw_header("content-type", self.content_type);
            response.sized_body(self.body.len(), Cursor::new(self.body));
        }
        response.ok()
    }
}
