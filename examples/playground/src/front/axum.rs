//! The playground on axum: HTTP/1.1 and HTTP/2 without TLS, in axum's own loop or in the adapter's lean one.

use std::future::IntoFuture;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{RawQuery, Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ssehub_axum::{SseError, SseRequest, SseResponse, lean};
use tokio::net::TcpListener;

use crate::answer::Answer;
use crate::api;
use crate::options::Options;
use crate::stop::{Stop, end_streams};
use crate::{Playground, announce, stream};

/// What runs the router.
pub(crate) enum Loop {
    Axum,
    Lean,
}

/// Serves until it is told to stop.
pub(crate) fn run(options: &Options, server: Loop) -> Result<(), String> {
    super::run(super::runtime(options.workers())?, serve(options, server))
}

async fn serve(options: &Options, server: Loop) -> Result<(), String> {
    let stop = Stop::on_signals().map_err(|error| error.to_string())?;
    let playground = Playground::new(options).await?;
    let hub = playground.hub.clone();
    let router = Router::new()
        .route("/events", get(events).post(events).fallback(answer))
        .fallback(answer)
        .with_state(playground);

    let listener = TcpListener::from_std(super::listen(options)?).map_err(|error| error.to_string())?;
    announce(listener.local_addr().map_err(|error| error.to_string())?)?;
    let streams = end_streams(stop.clone(), hub);
    let served = match server {
        Loop::Axum => stop.bound(axum::serve(listener, router).with_graceful_shutdown(streams).into_future()).await,
        Loop::Lean => stop.bound(lean::serve(listener, router, streams)).await.map(Ok),
    };
    served.unwrap_or(Ok(())).map_err(|error| error.to_string())
}

async fn events(
    State(playground): State<Playground>,
    RawQuery(query): RawQuery,
    SseRequest(request): SseRequest,
) -> Result<Result<SseResponse, SseError>, Answer> {
    let opened = stream::open(&playground.hub, request, query.as_deref()).await?;
    Ok(opened.map(SseResponse).map_err(SseError))
}

async fn answer(State(playground): State<Playground>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let length = body.size_hint().exact();
    let request = api::Request {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query(),
        length,
        body: body.into_data_stream(),
    };
    api::answer(&playground, request).await
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if status != StatusCode::NO_CONTENT {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}
