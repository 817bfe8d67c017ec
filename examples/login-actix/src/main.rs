//! The login on actix-web: `cargo run -p login-actix`, then open the address it prints.
//!
//! What to look at: how a ticket and a cookie open a stream ([`events`]), and how a refusal becomes an answer
//! ([`Refused`]).

mod refused;

use std::time::Duration;

use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, SET_COOKIE};
use actix_web::web::{self, Data, Json, JsonConfig, Path, Query, QueryConfig, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, Responder};
use anyhow::Context;
use clap::Parser;
use login::page::{self, Asset};
use login::{MAX_BODY, NewLogin, NewNote, Options, Refusal, Site, Visit, bearer};
use ssehub_actix::{ListenOptions, Shutdown, SseRequest, SseResponse, listen};

use crate::refused::Refused;

/// How long open streams have to end when the server stops.
const GRACE: Duration = Duration::from_secs(5);

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let site = Data::new(Site::open(&options)?);
    let stop = login::stop_signal()?;

    let listener = listen(options.listen, ListenOptions::default())
        .with_context(|| format!("cannot listen on {}", options.listen))?;
    println!("open http://{}", listener.local_addr()?);

    let hub = site.hub().clone();
    let server = HttpServer::new(move || App::new().app_data(site.clone()).configure(routes))
        // Otherwise a client that is gone is noticed only when two writes to it have failed.
        .h1_allow_half_closed(false)
        .shutdown_signal(async move {
            stop.await;
            hub.shutdown(Shutdown::within(GRACE)).await;
        })
        .shutdown_timeout(1)
        .listen(listener)?
        .run();
    Ok(server.await?)
}

fn routes(app: &mut ServiceConfig) {
    app.app_data(QueryConfig::default().error_handler(|error, _| Refused::query(&error).into()))
        .app_data(JsonConfig::default().limit(MAX_BODY).error_handler(|error, _| Refused::json(&error).into()))
        .service(web::resource("/").get(index))
        .service(web::resource("/page/{name}").get(asset))
        .service(web::resource("/login").post(log_in))
        .service(web::resource("/ticket").post(ticket))
        // actix routes a HEAD only where it is told to; the hub answers it without opening a stream.
        .service(web::resource("/events").get(events).route(web::head().to(events)))
        .service(web::resource("/notes").post(write))
        .service(web::resource("/logout").post(log_out))
        .default_service(web::to(nothing_here));
}

async fn log_in(site: Data<Site>, Json(new): Json<NewLogin>) -> Result<HttpResponse, Refused> {
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(site.log_in(&new)?))
}

async fn ticket(site: Data<Site>, http: HttpRequest) -> Result<HttpResponse, Refused> {
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(site.issue_ticket(token(&http)).await?))
}

/// The stream: let in by a ticket, and when the browser comes back, by the cookie that is set here.
async fn events(
    site: Data<Site>,
    Query(visit): Query<Visit>,
    http: HttpRequest,
    SseRequest(request): SseRequest,
) -> Result<impl Responder, Refused> {
    let cookies = http.headers().get_all(COOKIE).filter_map(|value| value.to_str().ok());
    let opened = site.connect(request, &visit, visit.find_cookie(cookies).as_deref()).await?;
    let response = SseResponse(opened.connection).customize();
    Ok(match opened.cookie {
        Some(cookie) => response.insert_header((SET_COOKIE, cookie.to_string())),
        None => response,
    })
}

async fn write(site: Data<Site>, http: HttpRequest, Json(new): Json<NewNote>) -> Result<HttpResponse, Refused> {
    site.write(token(&http), &new).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn log_out(site: Data<Site>, http: HttpRequest) -> Result<HttpResponse, Refused> {
    site.log_out(token(&http)).await?;
    Ok(HttpResponse::NoContent().finish())
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

/// Who asks, where a header can say so; nobody's if it does not.
fn token(http: &HttpRequest) -> &str {
    bearer(http.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()))
}
