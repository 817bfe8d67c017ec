//! actix-web's endless response, on one worker.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{App, HttpResponse, HttpServer, web};
use clap::Parser;
use ssehub_peers::{Address, bare};

/// actix would stop accepting at 25,600.
const MOST_CONNECTIONS: usize = 1_000_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let listener = bare::listen(Address::parse().listen)?;
    HttpServer::new(|| App::new().route("/events", web::get().to(events)))
        .workers(1)
        .max_connections(MOST_CONNECTIONS)
        .h1_allow_half_closed(false)
        // A signal ends it at once: actix itself would wait for streams that do not end.
        .disable_signals()
        .listen(listener)?
        .run()
        .await?;
    Ok(())
}

async fn events() -> HttpResponse<bare::Endless> {
    let mut response = HttpResponse::with_body(StatusCode::OK, bare::Endless::begin());
    let headers = response.headers_mut();
    for (name, value) in bare::RESPONSE_HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}
