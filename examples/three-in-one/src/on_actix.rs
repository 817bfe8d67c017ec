//! The hub behind actix-web.

use std::error::Error;
use std::net::SocketAddr;

use actix_web::error::ErrorInternalServerError;
use actix_web::web::{self, Data, Query};
use actix_web::{App, HttpServer};
use serde::Deserialize;
use ssehub_actix::{Event, Hub, ListenOptions, SseError, SseRequest, SseResponse, listen};

#[derive(Deserialize)]
struct Listener {
    user: String,
}

async fn events(
    hub: Data<Hub>,
    listener: Query<Listener>,
    SseRequest(request): SseRequest,
) -> Result<SseResponse, SseError> {
    Ok(SseResponse(hub.connect(request.user(&listener.user))?))
}

#[derive(Deserialize)]
struct Receiver {
    to: String,
}

async fn send(hub: Data<Hub>, receiver: Query<Receiver>, text: String) -> actix_web::Result<String> {
    let sent = hub.send_to_user(&receiver.to, Event::message(text)).await;
    sent.map(|id| id.to_string()).map_err(ErrorInternalServerError)
}

pub(crate) async fn serve(address: SocketAddr, hub: Hub) -> Result<(), Box<dyn Error>> {
    let data = Data::new(hub.clone());
    let listener = listen(address, ListenOptions::default())?;
    println!("actix-web on http://{}", listener.local_addr()?);
    HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .service(web::resource("/events").get(events).route(web::head().to(events)))
            .route("/send", web::post().to(send))
    })
    .h1_allow_half_closed(false) // or a client that is gone is noticed late
    .shutdown_timeout(1)
    .shutdown_signal(crate::end_of_streams(hub))
    .listen(listener)?
    .run()
    .await?;
    Ok(())
}
