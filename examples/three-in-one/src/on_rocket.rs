//! The hub behind Rocket, which listens for the signals itself.

use std::error::Error;
use std::net::SocketAddr;

use rocket::config::{Config, LogLevel};
use rocket::fairing::AdHoc;
use rocket::{State, get, post, routes};
use ssehub_rocket::{Event, Hub, SseError, SseHub, SseRequest, SseResponse};

#[get("/events?<user>")]
fn events(hub: &State<Hub>, user: &str, request: SseRequest) -> Result<SseResponse, SseError> {
    let SseRequest(request) = request;
    Ok(SseResponse(hub.connect(request.user(user))?))
}

#[post("/send?<to>", data = "<text>")]
async fn send(hub: &State<Hub>, to: &str, text: String) -> Result<String, String> {
    let sent = hub.send_to_user(to, Event::message(text)).await;
    sent.map(|id| id.to_string()).map_err(|error| error.to_string())
}

pub(crate) async fn serve(address: SocketAddr, hub: Hub) -> Result<(), Box<dyn Error>> {
    let config = Config { address: address.ip(), port: address.port(), log_level: LogLevel::Off, ..Config::default() };
    let announce = AdHoc::on_liftoff("announce", |rocket| {
        Box::pin(async move { println!("Rocket on http://{}:{}", rocket.config().address, rocket.config().port) })
    });
    rocket::custom(config)
        .attach(SseHub::fairing(hub, crate::leave()))
        .attach(announce)
        .mount("/", routes![events, send])
        .launch()
        .await?;
    Ok(())
}
