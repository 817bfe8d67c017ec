//! The playground on actix-web: HTTP/1.1.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_LENGTH};
use actix_web::web::{self, Data, Payload};
use actix_web::{App, Either, HttpRequest, HttpResponse, HttpServer, Responder};
use ssehub_actix::{SseError, SseRequest, SseResponse};

use crate::answer::Answer;
use crate::api;
use crate::options::Options;
use crate::stop::{Stop, end_streams};
use crate::{Playground, announce, stream};

/// The hub's own limits are the ones that count; actix would stop accepting at 25 600 in each worker.
const MAX_CONNECTIONS_PER_WORKER: usize = 1_000_000;

/// Serves until it is told to stop.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    // actix starts a thread and a runtime for each worker itself.
    super::run(super::runtime(1)?, serve(options))
}

async fn serve(options: &Options) -> Result<(), String> {
    let stop = Stop::on_signals().map_err(|error| error.to_string())?;
    let playground = Playground::new(options).await?;
    let hub = playground.hub.clone();
    let playground = Data::new(playground);

    let listener = super::listen(options)?;
    announce(listener.local_addr().map_err(|error| error.to_string())?)?;
    let server = HttpServer::new(move || {
        let events = web::resource("/events")
            .get(events)
            .post(events)
            .route(web::head().to(events))
            .default_service(web::to(answer));
        App::new().app_data(playground.clone()).service(events).default_service(web::to(answer))
    })
    .workers(options.workers())
    .max_connections(MAX_CONNECTIONS_PER_WORKER)
    .h1_allow_half_closed(false)
    .shutdown_timeout(1)
    .shutdown_signal(end_streams(stop.clone(), hub))
    .listen(listener)
    .map_err(|error| super::cannot_listen(options, &error))?
    .run();
    stop.bound(server).await.unwrap_or(Ok(())).map_err(|error| error.to_string())
}

async fn events(
    playground: Data<Playground>,
    http: HttpRequest,
    SseRequest(request): SseRequest,
) -> Either<Answer, Result<SseResponse, SseError>> {
    match stream::open(&playground.hub, request, http.uri().query()).await {
        Ok(opened) => Either::Right(opened.map(SseResponse).map_err(SseError)),
        Err(answer) => Either::Left(answer),
    }
}

async fn answer(playground: Data<Playground>, http: HttpRequest, body: Payload) -> Answer {
    let length = http.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let request = api::Request {
        method: http.method().as_str(),
        path: http.uri().path(),
        query: http.uri().query(),
        length,
        body,
    };
    api::answer(&playground, request).await
}

impl Responder for Answer {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        if let Some(allow) = self.allow {
            response.insert_header((ALLOW, allow));
        }
        if status == StatusCode::NO_CONTENT {
            return response.finish();
        }
        response.content_type(self.content_type).body(self.body)
    }
}
