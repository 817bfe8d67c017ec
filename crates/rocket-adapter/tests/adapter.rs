//! What the adapter adds to the core: the guard, the response's head, the refusals, the fairing.
#![expect(clippy::unwrap_used, reason = "this is test code: a panic is how it tells what it found")]

use std::future::ready;
use std::time::Duration;

use rocket::error::ErrorKind;
use rocket::futures::FutureExt;
use rocket::http::{Header, Status};
use rocket::local::asynchronous::{Client, LocalResponse};
use rocket::tokio::io::{AsyncReadExt, AsyncWriteExt};
use rocket::tokio::net::TcpStream;
use rocket::tokio::sync::mpsc;
use rocket::tokio::time::timeout;
use rocket::{Build, Config, Rocket, State, async_test, get, post, routes, tokio};
use ssehub_rocket::{
    ConnectError, ConnectRequest, Connection, Event, Hub, Identity, Shutdown, SseError, SseHub, SseRequest, SseResponse,
};

const DEADLINE: Duration = Duration::from_secs(10);

#[get("/events")]
fn get_events(hub: &State<Hub>, request: SseRequest) -> Result<SseResponse, SseError> {
    Ok(SseResponse(hub.connect(request.0.user("alice"))?))
}

#[post("/events")]
fn post_events(hub: &State<Hub>, request: SseRequest) -> Result<SseResponse, SseError> {
    get_events(hub, request)
}

#[get("/tickets/<ticket>")]
async fn by_ticket(hub: &State<Hub>, ticket: &str, request: SseRequest) -> Result<SseResponse, SseError> {
    let identity = hub.redeem_ticket(ticket).await?;
    Ok(SseResponse(hub.connect(request.0.identity(identity))?))
}

#[get("/refuse/<how>")]
fn refuse(how: &str) -> SseError {
    SseError(match how {
        "unauthorized" => ConnectError::unauthorized(),
        "forbidden" => ConnectError::forbidden(),
        _ => ConnectError::stop(),
    })
}

/// A Rocket whose grace is longer than any test: it must not be needed.
fn rocket(hub: &Hub) -> Rocket<Build> {
    let mut config = Config { port: 0, log_level: rocket::config::LogLevel::Off, ..Config::debug_default() };
    config.shutdown.ctrlc = false;
    config.shutdown.grace = 60;
    config.shutdown.mercy = 60;
    rocket::custom(config)
        .attach(SseHub::fairing(hub.clone(), Shutdown::within(DEADLINE)))
        .mount("/", routes![get_events, post_events, by_ticket, refuse])
}

async fn client(hub: &Hub) -> Client {
    Client::untracked(rocket(hub)).await.unwrap()
}

fn header<'a>(response: &'a LocalResponse<'_>, name: &str) -> Option<&'a str> {
    response.headers().get_one(name)
}

/// Reads the body until it holds `wanted`.
async fn read_until(response: &mut LocalResponse<'_>, wanted: &str) -> String {
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains(wanted) {
        let read = timeout(DEADLINE, response.read_buf(&mut text)).await;
        let read = read.unwrap_or_else(|_| panic!("{wanted:?} did not come after {text:?}"));
        assert_ne!(read.unwrap(), 0, "the body ended without {wanted:?}: {text:?}");
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn what_crosses_threads_is_send() {
    fn is_send<T: Send + 'static>() {}
    is_send::<SseRequest>();
    is_send::<SseResponse>();
    is_send::<SseError>();
    is_send::<(Connection, ConnectRequest, ConnectError)>();
}

#[async_test]
async fn a_stream_begins_at_once_with_the_headers_that_keep_it_moving() {
    let hub = Hub::new();
    let client = client(&hub).await;
    for request in [client.get("/events"), client.post("/events")] {
        let mut response = request.dispatch().await;
        assert_eq!(response.status(), Status::Ok);
        assert_eq!(header(&response, "content-type"), Some("text/event-stream"));
        assert_eq!(header(&response, "cache-control"), Some("no-store, no-transform"));
        assert_eq!(header(&response, "x-accel-buffering"), Some("no"));
        assert_eq!(header(&response, "content-encoding"), Some("identity"));
        read_until(&mut response, "event: hub:connected\n").await;
    }
}

#[async_test]
async fn dropping_the_response_disconnects() {
    let hub = Hub::new();
    let client = client(&hub).await;
    let response = client.get("/events").dispatch().await;
    assert!(hub.is_online("alice"));
    drop(response);
    assert!(!hub.is_online("alice"));
}

#[async_test]
async fn the_last_event_id_header_resumes_the_stream() {
    let hub = Hub::new();
    let seen = hub.send_to_user("alice", Event::message("seen")).await.unwrap();
    hub.send_to_user("alice", Event::message("missed")).await.unwrap();
    let client = client(&hub).await;
    let request = client.get("/events").header(Header::new("last-event-id", seen.to_string()));
    let text = read_until(&mut request.dispatch().await, "data: missed\n").await;
    assert!(!text.contains("data: seen\n"), "{text}");
}

#[async_test]
async fn all_of_a_long_event_arrives_however_it_is_cut() {
    let hub = Hub::new();
    let client = client(&hub).await;
    let mut response = client.get("/events").dispatch().await;
    read_until(&mut response, "event: hub:connected\n").await;
    let long = "x".repeat(100_000);
    hub.send_to_user("alice", Event::message(&long)).await.unwrap();
    hub.send_to_user("alice", Event::message("end")).await.unwrap();
    let text = read_until(&mut response, "data: end\n").await;
    assert!(text.contains(&format!("data: {long}\n")));
}

#[async_test]
async fn head_answers_the_headers_and_registers_nothing() {
    // One connection at most: it would be refused if the first counted.
    let hub = Hub::builder().max_connections(1).build().unwrap();
    let client = client(&hub).await;
    let _open = client.get("/events").dispatch().await;
    let response = client.head("/events").dispatch().await;
    assert_eq!(response.status(), Status::Ok);
    assert_eq!(header(&response, "content-type"), Some("text/event-stream"));
    assert_eq!(hub.stats().connections, 1);
}

#[async_test]
async fn a_refusal_has_status_retry_after_and_a_json_body() {
    let hub = Hub::builder().max_connections_per_user(1).retry_after(Duration::from_millis(1500)).build().unwrap();
    let client = client(&hub).await;

    let refused = client.get("/events").header(Header::new("accept", "application/json")).dispatch().await;
    assert_eq!(refused.status(), Status::NotAcceptable);
    assert_eq!(header(&refused, "retry-after"), None);

    let _open = client.get("/events").dispatch().await;
    let refused = client.get("/events").dispatch().await;
    assert_eq!(refused.status(), Status::TooManyRequests);
    assert_eq!(header(&refused, "retry-after"), Some("2"));
    assert_eq!(header(&refused, "content-type"), Some("application/json"));
    assert!(refused.into_string().await.unwrap().starts_with(r#"{"error":""#));
}

#[async_test]
async fn what_the_application_refuses_is_answered_as_it_says() {
    let client = client(&Hub::new()).await;
    let response = client.get("/refuse/unauthorized").dispatch().await;
    assert_eq!(response.status(), Status::Unauthorized);
    assert_eq!(header(&response, "www-authenticate"), Some("Bearer"));
    assert_eq!(header(&response, "content-type"), Some("application/json"));
    assert_eq!(header(&response, "cache-control"), Some("no-store"));
    assert!(response.into_string().await.unwrap().starts_with(r#"{"error":""#));

    let response = client.get("/refuse/forbidden").dispatch().await;
    assert_eq!(response.status(), Status::Forbidden);
    assert_eq!(header(&response, "www-authenticate"), None);
    assert!(response.into_string().await.unwrap().starts_with(r#"{"error":""#));
}

#[async_test]
async fn a_stream_that_is_over_is_answered_with_nothing() {
    let client = client(&Hub::new()).await;
    let response = client.get("/refuse/stop").dispatch().await;
    assert_eq!(response.status(), Status::NoContent);
    assert_eq!((header(&response, "content-type"), header(&response, "content-length")), (None, None));
    assert_eq!(header(&response, "cache-control"), Some("no-store"));
    assert_eq!(response.into_bytes().await, None);
}

#[async_test]
async fn a_ticket_opens_one_stream_and_is_a_401_afterwards() {
    let hub = Hub::new();
    let ticket = hub.issue_ticket(Identity::user("bob")).await.unwrap();
    let client = client(&hub).await;
    let open = client.get(format!("/tickets/{ticket}")).dispatch().await;
    assert_eq!(open.status(), Status::Ok);
    assert!(hub.is_online("bob"));
    let refused = client.get(format!("/tickets/{ticket}")).dispatch().await;
    assert_eq!(refused.status(), Status::Unauthorized);
    assert_eq!(header(&refused, "www-authenticate"), Some("Bearer"));
}

#[async_test]
async fn a_route_that_streams_does_not_launch_without_the_fairing() {
    let launch = rocket::custom(Config { log_level: rocket::config::LogLevel::Off, ..Config::debug_default() })
        .manage(Hub::new())
        .mount("/", routes![get_events])
        .ignite()
        .await;
    assert!(matches!(launch.unwrap_err().kind(), ErrorKind::SentinelAborts(_)));
}

#[async_test]
async fn a_second_hub_does_not_launch() {
    let launch = rocket(&Hub::new()).manage(Hub::new()).ignite().await;
    assert!(matches!(launch.unwrap_err().kind(), ErrorKind::FailedFairings(_)));
}

#[async_test]
async fn shutdown_finishes_the_streams_and_needs_no_grace() {
    let hub = Hub::new();
    let (ports, mut port) = mpsc::channel(1);
    let announce = rocket::fairing::AdHoc::on_liftoff("port", move |rocket| {
        ports.try_send(rocket.config().port).unwrap();
        ready(()).boxed()
    });
    let rocket = rocket(&hub).attach(announce).ignite().await.unwrap();
    let shutdown = rocket.shutdown();
    let server = tokio::spawn(rocket.launch());

    let port = timeout(DEADLINE, port.recv()).await.expect("no liftoff").unwrap();
    let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    client.write_all(b"GET /events HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains("event: hub:connected\n") {
        let read = timeout(DEADLINE, client.read_buf(&mut text)).await.expect("the stream did not open");
        assert_ne!(read.unwrap(), 0, "the connection was closed");
    }
    shutdown.notify();
    timeout(DEADLINE, client.read_to_end(&mut text)).await.expect("the connection was not closed").unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("event: hub:closing\n") && text.ends_with("\r\n0\r\n\r\n"), "{text}");
    let launched = timeout(DEADLINE, server).await.expect("Rocket waited for its grace period").unwrap();
    assert!(launched.is_ok(), "Rocket says that its shutdown failed");
}
