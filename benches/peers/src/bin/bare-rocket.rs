//! Rocket's endless response.

use clap::Parser;
use rocket::response::{self, Responder, Response};
use rocket::{Request, get, routes};
use ssehub_peers::{Address, bare, rocket_on};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    rocket_on(Address::parse().listen).mount("/", routes![events]).launch().await?;
    Ok(())
}

struct Events;

#[get("/events")]
fn events() -> Events {
    Events
}

impl<'r> Responder<'r, 'static> for Events {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Response::build();
        for (name, value) in bare::RESPONSE_HEADERS {
            response.raw_header(name, value);
        }
        response.streamed_body(bare::Endless::begin()).ok()
    }
}
