//! What the adapter adds to the core: the request read, the response's head, the refusals.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "this is test code: a panic is how it tells what it found"
)]

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::{Pin, pin};
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Compress;
use actix_web::rt::time::timeout;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{self, Data};
use actix_web::{App, HttpServer};
use ssehub_actix::{ConnectError, ConnectRequest, Connection, Event, Hub, Identity, SseError, SseRequest, SseResponse};

const DEADLINE: Duration = Duration::from_secs(10);

async fn events(hub: Data<Hub>, SseRequest(request): SseRequest) -> Result<SseResponse, SseError> {
    Ok(SseResponse(hub.connect(request.user("alice"))?))
}

async fn by_ticket(
    hub: Data<Hub>,
    ticket: web::Path<String>,
    SseRequest(request): SseRequest,
) -> Result<SseResponse, SseError> {
    let identity = hub.redeem_ticket(&ticket).await?;
    Ok(SseResponse(hub.connect(request.identity(identity))?))
}

async fn refuse(path: web::Path<String>) -> Result<SseResponse, SseError> {
    Err(SseError(match path.as_str() {
        "unauthorized" => ConnectError::unauthorized(),
        "forbidden" => ConnectError::forbidden(),
        _ => ConnectError::stop(),
    }))
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/events", web::to(events))
        .route("/tickets/{ticket}", web::get().to(by_ticket))
        .route("/refuse/{how}", web::get().to(refuse))
        .route("/text", web::get().to(async || "x".repeat(1000)));
}

/// Answers one request through an app that compresses whatever lets it.
async fn respond(hub: &Hub, method: Method, path: &str, headers: &[(&str, &str)]) -> ServiceResponse<BoxBody> {
    let app = App::new().app_data(Data::new(hub.clone())).wrap(Compress::default()).configure(routes);
    let app = init_service(app).await;
    let request = TestRequest::with_uri(path).method(method);
    let request = headers.iter().fold(request, |request, header| request.insert_header(*header));
    app.call(request.to_request()).await.unwrap().map_into_boxed_body()
}

/// Reads the body until it holds `wanted`.
async fn read_until(body: &mut (impl MessageBody + Unpin), wanted: &str) -> String {
    let mut text = String::new();
    while !text.contains(wanted) {
        let chunk = poll_fn(|cx| Pin::new(&mut *body).poll_next(cx));
        let chunk = timeout(DEADLINE, chunk).await.unwrap_or_else(|_| panic!("{wanted:?} did not come after {text:?}"));
        let chunk = chunk.unwrap_or_else(|| panic!("the body ended without {wanted:?}: {text:?}"));
        let chunk = chunk.unwrap_or_else(|_| panic!("the body failed"));
        text += std::str::from_utf8(&chunk).expect("the body is text, not compressed");
    }
    text
}

fn header<'a>(response: &'a ServiceResponse<BoxBody>, name: &str) -> Option<&'a str> {
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

#[actix_web::test]
async fn a_stream_begins_at_once_with_the_headers_that_keep_it_moving() {
    let hub = Hub::new();
    for method in [Method::GET, Method::POST] {
        let response = respond(&hub, method, "/events", &[]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "content-type"), Some("text/event-stream"));
        assert_eq!(header(&response, "cache-control"), Some("no-store, no-transform"));
        assert_eq!(header(&response, "x-accel-buffering"), Some("no"));
        read_until(&mut response.into_body(), "event: hub:connected\n").await;
    }
}

#[actix_web::test]
async fn dropping_the_body_disconnects() {
    let hub = Hub::new();
    let response = respond(&hub, Method::GET, "/events", &[]).await;
    assert!(hub.is_online("alice"));
    drop(response);
    assert!(!hub.is_online("alice"));
}

#[actix_web::test]
async fn the_last_event_id_header_resumes_the_stream() {
    let hub = Hub::new();
    let seen = hub.send_to_user("alice", Event::message("seen")).await.unwrap().to_string();
    hub.send_to_user("alice", Event::message("missed")).await.unwrap();
    let response = respond(&hub, Method::GET, "/events", &[("last-event-id", &seen)]).await;
    let text = read_until(&mut response.into_body(), "data: missed\n").await;
    assert!(!text.contains("data: seen\n"), "{text}");
}

#[actix_web::test]
async fn head_answers_the_headers_and_registers_nothing() {
    let hub = Hub::new();
    let response = respond(&hub, Method::HEAD, "/events", &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "content-type"), Some("text/event-stream"));
    assert_eq!(hub.stats().connections, 0);
    let mut body = pin!(response.into_body());
    let chunk = timeout(DEADLINE, poll_fn(|cx| body.as_mut().poll_next(cx))).await;
    assert!(chunk.expect("the body of a HEAD did not end").is_none());
}

#[actix_web::test]
async fn a_refusal_has_status_retry_after_and_a_json_body() {
    let hub = Hub::builder().max_connections_per_user(1).retry_after(Duration::from_millis(1500)).build().unwrap();

    let refused = respond(&hub, Method::GET, "/events", &[("accept", "application/json")]).await;
    assert_eq!(refused.status(), StatusCode::NOT_ACCEPTABLE);
    assert_eq!(header(&refused, "retry-after"), None);

    let _open = respond(&hub, Method::GET, "/events", &[]).await;
    let refused = respond(&hub, Method::GET, "/events", &[]).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&refused, "retry-after"), Some("2"));
    assert_eq!(header(&refused, "content-type"), Some("application/json"));
    read_until(&mut refused.into_body(), r#"{"error":""#).await;
}

async fn refusal(path: &str) -> ServiceResponse<BoxBody> {
    let response = respond(&Hub::new(), Method::GET, path, &[]).await;
    assert_eq!(header(&response, "cache-control"), Some("no-store"));
    response
}

#[actix_web::test]
async fn what_the_application_refuses_is_answered_as_it_says() {
    let response = refusal("/refuse/unauthorized").await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(header(&response, "www-authenticate"), Some("Bearer"));
    assert_eq!(header(&response, "content-type"), Some("application/json"));
    read_until(&mut response.into_body(), r#"{"error":""#).await;

    let response = refusal("/refuse/forbidden").await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(header(&response, "www-authenticate"), None);
    read_until(&mut response.into_body(), r#"{"error":""#).await;
}

#[actix_web::test]
async fn a_stream_that_is_over_is_answered_with_nothing() {
    let response = refusal("/refuse/stop").await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!((header(&response, "content-type"), header(&response, "content-length")), (None, None));
    let mut body = pin!(response.into_body());
    let chunk = timeout(DEADLINE, poll_fn(|cx| body.as_mut().poll_next(cx))).await;
    assert!(chunk.expect("the body did not end").is_none());
}

#[actix_web::test]
async fn a_ticket_opens_one_stream_and_is_a_401_afterwards() {
    let hub = Hub::new();
    let ticket = hub.issue_ticket(Identity::user("bob")).await.unwrap();
    let path = format!("/tickets/{ticket}");
    let open = respond(&hub, Method::GET, &path, &[]).await;
    assert_eq!(open.status(), StatusCode::OK);
    assert!(hub.is_online("bob"));
    let refused = respond(&hub, Method::GET, &path, &[]).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(header(&refused, "www-authenticate"), Some("Bearer"));
}

#[actix_web::test]
async fn the_compress_middleware_leaves_a_stream_alone() {
    let hub = Hub::new();
    let gzip = [("accept-encoding", "gzip")];
    let response = respond(&hub, Method::GET, "/events", &gzip).await;
    assert_ne!(header(&response, "content-encoding"), Some("gzip"));
    read_until(&mut response.into_body(), "event: hub:connected\n").await;

    // It does compress what lets it.
    let response = respond(&hub, Method::GET, "/text", &gzip).await;
    assert_eq!(header(&response, "content-encoding"), Some("gzip"));
}

#[actix_web::test]
async fn a_client_of_http_1_0_gets_no_chunks_and_a_closed_connection() {
    let hub = Hub::new();
    let data = Data::new(hub.clone());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = HttpServer::new(move || App::new().app_data(data.clone()).configure(routes))
        .workers(1)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
    let handle = server.handle();
    actix_web::rt::spawn(server);

    let client = actix_web::rt::task::spawn_blocking(move || {
        let mut client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        client.write_all(b"GET /events HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").unwrap();
        let mut text = Vec::new();
        while !String::from_utf8_lossy(&text).contains("event: hub:connected\n") {
            let mut buffer = [0; 4096];
            let read = client.read(&mut buffer).expect("the stream did not open");
            assert_ne!(read, 0, "the connection was closed");
            text.extend_from_slice(&buffer[..read]);
        }
        (client, text)
    });
    let (mut client, text) = client.await.unwrap();
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(!head.contains("transfer-encoding") && !head.contains("keep-alive"), "{head}");
    assert!(body.starts_with("event:") || body.starts_with("retry:") || body.starts_with("id:"), "{body}");

    assert_eq!(hub.disconnect(ssehub_actix::Topic::All, "over").await.unwrap(), 1);
    let rest = actix_web::rt::task::spawn_blocking(move || {
        let mut rest = String::new();
        client.read_to_string(&mut rest).expect("the connection was not closed");
        rest
    });
    assert!(rest.await.unwrap().contains("event: hub:closing\n"));
    handle.stop(false).await;
}
