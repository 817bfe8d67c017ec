//! What the adapter adds to the core: the request read, the response's head, the refusals, the lean server.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "this is test code: a panic is how it tells what it found"
)]

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use http_body_util::BodyExt;
use ssehub_axum::{
    ConnectError, ConnectRequest, Connection, Event, Hub, Identity, Shutdown, SseError, SseRequest, SseResponse,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tower::ServiceExt;
use tower_http::compression::{CompressionLayer, Predicate};

const DEADLINE: Duration = Duration::from_secs(10);

async fn events(State(hub): State<Hub>, SseRequest(request): SseRequest) -> Result<SseResponse, SseError> {
    Ok(SseResponse(hub.connect(request.user("alice"))?))
}

async fn by_ticket(
    State(hub): State<Hub>,
    Path(ticket): Path<String>,
    SseRequest(request): SseRequest,
) -> Result<SseResponse, SseError> {
    let identity = hub.redeem_ticket(&ticket).await?;
    Ok(SseResponse(hub.connect(request.identity(identity))?))
}

fn router(hub: &Hub) -> Router {
    Router::new()
        .route("/events", get(events).post(events))
        .route("/tickets/{ticket}", get(by_ticket))
        .route("/unauthorized", get(async || SseError(ConnectError::unauthorized())))
        .route("/forbidden", get(async || SseError(ConnectError::forbidden())))
        .route("/stop", get(async || SseError(ConnectError::stop())))
        .with_state(hub.clone())
}

fn request(method: Method, headers: &[(&str, &str)]) -> Request<Body> {
    let request = Request::builder().method(method).uri("/events");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::empty()).unwrap()
}

async fn respond(router: Router, method: Method, headers: &[(&str, &str)]) -> Response {
    router.oneshot(request(method, headers)).await.unwrap()
}

async fn first_frame(response: Response) -> (String, Body) {
    let mut body = response.into_body();
    let frame = timeout(DEADLINE, body.frame()).await.expect("no first frame").expect("no frame at all").unwrap();
    (String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap(), body)
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[test]
fn what_crosses_threads_is_send() {
    fn is_send<T: Send + 'static>() {}
    is_send::<SseRequest>();
    is_send::<SseResponse>();
    is_send::<SseError>();
    is_send::<(Connection, ConnectRequest, ConnectError)>();
}

#[tokio::test]
async fn a_stream_begins_at_once_with_the_headers_that_keep_it_moving() {
    let hub = Hub::new();
    for method in [Method::GET, Method::POST] {
        let response = respond(router(&hub), method, &[]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "content-type"), Some("text/event-stream"));
        assert_eq!(header(&response, "cache-control"), Some("no-store, no-transform"));
        assert_eq!(header(&response, "x-accel-buffering"), Some("no"));
        let (frame, _body) = first_frame(response).await;
        assert!(frame.contains("event: hub:connected\n"), "{frame}");
    }
}

#[tokio::test]
async fn dropping_the_body_disconnects() {
    let hub = Hub::new();
    let response = respond(router(&hub), Method::GET, &[]).await;
    assert!(hub.is_online("alice"));
    drop(response);
    assert!(!hub.is_online("alice"));
}

#[tokio::test]
async fn the_last_event_id_header_resumes_the_stream() {
    let hub = Hub::new();
    let seen = hub.send_to_user("alice", Event::message("seen")).await.unwrap();
    hub.send_to_user("alice", Event::message("missed")).await.unwrap();
    let response = respond(router(&hub), Method::GET, &[("last-event-id", &seen.to_string())]).await;
    let (mut text, mut body) = first_frame(response).await;
    while !text.contains("data: missed\n") {
        let frame = timeout(DEADLINE, body.frame()).await.expect("the missed event did not come");
        text += std::str::from_utf8(&frame.unwrap().unwrap().into_data().unwrap()).unwrap();
    }
    assert!(!text.contains("data: seen\n"), "{text}");
}

#[tokio::test]
async fn head_answers_the_headers_and_registers_nothing() {
    let hub = Hub::builder().max_connections(1).build().unwrap();
    let response = respond(router(&hub), Method::HEAD, &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "content-type"), Some("text/event-stream"));
    assert_eq!(hub.stats().connections, 0);
    let body = timeout(DEADLINE, response.into_body().collect()).await.expect("the body of a HEAD did not end");
    assert!(body.unwrap().to_bytes().is_empty());
}

#[tokio::test]
async fn a_refusal_has_status_retry_after_and_a_json_body() {
    let hub = Hub::builder().max_connections_per_user(1).retry_after(Duration::from_millis(1500)).build().unwrap();

    let refused = respond(router(&hub), Method::GET, &[("accept", "application/json")]).await;
    assert_eq!(refused.status(), StatusCode::NOT_ACCEPTABLE);
    assert_eq!(header(&refused, "retry-after"), None);

    let _open = respond(router(&hub), Method::GET, &[]).await;
    let refused = respond(router(&hub), Method::GET, &[]).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&refused, "retry-after"), Some("2"));
    assert_eq!(header(&refused, "content-type"), Some("application/json"));
    let body = refused.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(br#"{"error":""#), "{body:?}");
}

async fn refusal(path: &str) -> (StatusCode, Response) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router(&Hub::new()).oneshot(request).await.unwrap();
    assert_eq!(header(&response, "cache-control"), Some("no-store"));
    (response.status(), response)
}

async fn body(response: Response) -> String {
    let body = timeout(DEADLINE, response.into_body().collect()).await.expect("the body did not end");
    String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn what_the_application_refuses_is_answered_as_it_says() {
    let (status, response) = refusal("/unauthorized").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(header(&response, "www-authenticate"), Some("Bearer"));
    assert_eq!(header(&response, "content-type"), Some("application/json"));
    assert!(body(response).await.starts_with(r#"{"error":""#));

    let (status, response) = refusal("/forbidden").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(header(&response, "www-authenticate"), None);
    assert!(body(response).await.starts_with(r#"{"error":""#));
}

#[tokio::test]
async fn a_stream_that_is_over_is_answered_with_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // What of a 204 goes over the wire is hyper's to say: axum itself adds a length to it.
    let server = tokio::spawn(ssehub_axum::lean::serve(listener, router(&Hub::new()), std::future::pending()));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /stop HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    timeout(DEADLINE, client.read_to_string(&mut text)).await.expect("the answer did not end").unwrap();
    server.abort();
    let text = text.to_ascii_lowercase();
    assert!(text.starts_with("http/1.1 204 ") && text.ends_with("\r\n\r\n"), "{text}");
    assert!(text.contains("cache-control: no-store\r\n"), "{text}");
    assert!(!["content-type", "content-length", "transfer-encoding"].iter().any(|name| text.contains(name)), "{text}");
}

#[tokio::test]
async fn a_ticket_opens_one_stream_and_is_a_401_afterwards() {
    let hub = Hub::new();
    let ticket = hub.issue_ticket(Identity::user("bob")).await.unwrap();
    let request = || Request::get(format!("/tickets/{ticket}")).body(Body::empty()).unwrap();
    let open = router(&hub).oneshot(request()).await.unwrap();
    assert_eq!(open.status(), StatusCode::OK);
    assert!(hub.is_online("bob"));
    let refused = router(&hub).oneshot(request()).await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(header(&refused, "www-authenticate"), Some("Bearer"));
}

/// Compresses whatever it is given, as a predicate of one's own may.
#[derive(Clone)]
struct Everything;

impl Predicate for Everything {
    fn should_compress<B: http_body::Body>(&self, _: &axum::http::Response<B>) -> bool {
        true
    }
}

#[tokio::test]
async fn no_compression_layer_touches_a_stream() {
    let hub = Hub::new();
    let layer = CompressionLayer::new().compress_when(Everything);
    let router = router(&hub).route("/json", get(async || Json("x".repeat(1000)))).layer(layer);
    let gzip = [("accept-encoding", "gzip")];

    let response = respond(router.clone(), Method::GET, &gzip).await;
    assert_ne!(header(&response, "content-encoding"), Some("gzip"));
    let (frame, _body) = first_frame(response).await;
    assert!(frame.contains("event: hub:connected\n"), "{frame}");

    // The layer does compress what lets it.
    let json = Request::builder().uri("/json").header("accept-encoding", "gzip").body(Body::empty()).unwrap();
    let response = router.oneshot(json).await.unwrap();
    assert_eq!(header(&response, "content-encoding"), Some("gzip"));
}

#[tokio::test]
async fn the_lean_server_ends_its_streams_as_finished_responses() {
    let hub = Hub::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let leaving = hub.clone();
    let server = tokio::spawn(ssehub_axum::lean::serve(listener, router(&hub), async move {
        let _ = stopped.await;
        leaving.shutdown(Shutdown::within(DEADLINE)).await;
    }));

    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /events HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains("event: hub:connected\n") {
        let read = timeout(DEADLINE, client.read_buf(&mut text)).await.expect("the stream did not open");
        assert_ne!(read.unwrap(), 0, "the connection was closed");
    }
    stop.send(()).unwrap();
    timeout(DEADLINE, client.read_to_end(&mut text)).await.expect("the connection was not closed").unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("event: hub:closing\n") && text.ends_with("\r\n0\r\n\r\n"), "{text}");
    timeout(DEADLINE, server).await.expect("the server did not stop").unwrap();
}
