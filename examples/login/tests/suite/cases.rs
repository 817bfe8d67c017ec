//! The cases. Each has a server of its own.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::suite::client::Page;
use crate::suite::server::Server;

/// As a page draws them.
const SESSION: &str = "00112233445566778899aabbccddeeff";
const OTHER: &str = "ffeeddccbbaa99887766554433221100";

#[tokio::test]
async fn a_ticket_opens_one_stream() {
    let server = Server::start(&[]).await;
    let page = Page::of(&server);
    let mut source = page.source(&page.log_in("alice").await, SESSION).await;
    let url_in_a_log = source.clone();
    let mut stream = page.open(&mut source).await;
    stream.connection().await;

    let refused = page.ask(&url_in_a_log).await;
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").is_some());
    assert!(refused.header("set-cookie").is_none());
    assert!(!refused.error().await.is_empty());
}

#[tokio::test]
async fn a_stream_that_is_cut_comes_back_with_its_cookie_and_misses_nothing() {
    let server = Server::start(&[]).await;
    let page = Page::of(&server);
    let token = page.log_in("alice").await;
    let mut source = page.source(&token, SESSION).await;
    let mut stream = page.open(&mut source).await;
    let connection = stream.connection().await;
    page.write(&token, "before").await;
    assert_eq!(stream.expect("note").await, json!({ "text": "before" }));

    source.last_event_id = Some(stream.last_event_id.clone());
    drop(stream);
    page.write(&token, "meanwhile").await;
    let mut stream = page.open(&mut source).await;
    assert_eq!(stream.connection().await, connection, "the session has its connection again");
    page.write(&token, "after").await;
    assert_eq!(stream.expect("note").await, json!({ "text": "meanwhile" }));
    assert_eq!(stream.expect("note").await, json!({ "text": "after" }));
}

#[tokio::test]
async fn the_cookie_is_for_its_own_stream_and_for_nobody_else() {
    let server = Server::start(&["--login-lifetime", "1000"]).await;
    let page = Page::of(&server);
    let source = page.source(&page.log_in("alice").await, SESSION).await;
    let answer = page.ask(&source).await;
    assert_eq!(answer.status, 200);

    let mut parts = answer.header("set-cookie").unwrap().split("; ");
    let cookie = parts.next().unwrap().to_owned();
    let mut attributes: Vec<_> = parts.collect();
    attributes.sort_unstable();
    let [http_only, max_age, path, same_site] = attributes[..] else { panic!("{attributes:?}") };
    assert_eq!([http_only, path, same_site], ["HttpOnly", "Path=/events", "SameSite=Strict"]);
    let max_age: u64 = max_age.strip_prefix("Max-Age=").unwrap().parse().unwrap();
    assert!((900..=1000).contains(&max_age), "the rest of the login is not {max_age} s");

    let (name, value) = cookie.split_once('=').unwrap();
    assert!(value.len() >= 22, "{} characters can be guessed", value.len());
    let others = name.replace(SESSION, OTHER);
    let mut stolen = source.clone();
    for (session, cookie) in [
        (OTHER, cookie.clone()),
        (SESSION, format!("{others}={value}")),
        (SESSION, format!("{name}={}", "0".repeat(value.len()))),
        (SESSION, format!("{name}=")),
    ] {
        (stolen.session, stolen.cookie) = (session.to_owned(), Some(cookie));
        assert_eq!(page.ask(&stolen).await.status, 401, "{stolen:?}");
    }
    stolen.cookie = Some(format!("theme=dark; {cookie}"));
    assert_eq!(page.ask(&stolen).await.status, 200, "its own cookie among others");
}

#[tokio::test]
async fn a_logout_ends_all_streams_of_the_user_and_stops_their_browsers() {
    let server = Server::start(&[]).await;
    let page = Page::of(&server);
    let (alice, elsewhere, bob) = (page.log_in("alice").await, page.log_in("alice").await, page.log_in("bob").await);
    let (mut here, mut there) = (page.source(&alice, SESSION).await, page.source(&elsewhere, OTHER).await);
    let unused = page.source(&alice, OTHER).await;
    let mut bobs = page.source(&bob, SESSION).await;
    let (mut first, mut second, mut third) =
        (page.open(&mut here).await, page.open(&mut there).await, page.open(&mut bobs).await);
    for stream in [&mut first, &mut second, &mut third] {
        stream.connection().await;
    }

    assert_eq!(page.post("/logout", Some(&alice), None).await.status, 204);
    for stream in [first, second] {
        assert_eq!(stream.end().await, "logged-out");
    }
    for source in [&here, &there] {
        let answer = page.ask(source).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("content-type"), None);
        assert_eq!(answer.text().await, "");
    }
    assert_eq!(page.ask(&unused).await.status, 401, "a ticket from before the logout");
    for (path, token) in [("/ticket", &alice), ("/ticket", &elsewhere), ("/logout", &alice), ("/notes", &elsewhere)] {
        let refused = page.post(path, Some(token), Some(json!({ "text": "x" }))).await;
        assert_eq!(refused.status, 401, "{path}");
        assert!(refused.header("www-authenticate").is_some());
    }

    page.write(&bob, "still here").await;
    assert_eq!(third.expect("note").await, json!({ "text": "still here" }));

    let mut again = page.source(&page.log_in("alice").await, SESSION).await;
    let mut stream = page.open(&mut again).await;
    stream.connection().await;
    assert_eq!(page.ask(&here).await.status, 204, "the old cookie stays worthless");
}

#[tokio::test]
async fn a_stream_ends_with_its_login() {
    let server = Server::start(&["--login-lifetime", "5"]).await;
    let page = Page::of(&server);
    let before = Instant::now();
    let token = page.log_in("alice").await;
    let after = Instant::now();
    let mut source = page.source(&token, SESSION).await;
    let mut stream = page.open(&mut source).await;
    stream.connection().await;

    assert_eq!(stream.end().await, "expired");
    assert!(before.elapsed() >= Duration::from_secs(5), "{:?} after the login", before.elapsed());
    // A second, and what a busy machine adds.
    assert!(after.elapsed() < Duration::from_secs(15), "{:?} after the login", after.elapsed());
    assert_eq!(page.ask(&source).await.status, 401);
    assert_eq!(page.post("/ticket", Some(&token), None).await.status, 401);
}

#[tokio::test]
async fn a_note_is_shown_in_all_tabs_of_its_user_and_in_no_other() {
    let server = Server::start(&[]).await;
    let page = Page::of(&server);
    let (alice, bob) = (page.log_in("alice").await, page.log_in("bob").await);
    let mut first = page.open(&mut page.source(&alice, SESSION).await).await;
    let mut second = page.open(&mut page.source(&alice, OTHER).await).await;
    let mut bobs = page.open(&mut page.source(&bob, SESSION).await).await;
    for stream in [&mut first, &mut second, &mut bobs] {
        stream.connection().await;
    }
    page.write(&alice, "for alice").await;
    page.write(&bob, "for bob").await;
    for stream in [&mut first, &mut second] {
        assert_eq!(stream.expect("note").await, json!({ "text": "for alice" }));
    }
    assert_eq!(bobs.expect("note").await, json!({ "text": "for bob" }));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_reason() {
    let server = Server::start(&[]).await;
    let page = Page::of(&server);
    let token = page.log_in("alice").await;
    for (path, token, body, status, reason) in [
        ("/login", None, Some(json!({})), 400, "`user` must be"),
        ("/login", None, Some(json!({ "user": "a b" })), 400, "`user` must be"),
        ("/login", None, Some(json!({ "user": "x".repeat(5000) })), 413, ""),
        ("/notes", Some(&token), Some(json!({ "text": " " })), 400, "`text` must be"),
        ("/ticket", None, None, 401, ""),
        ("/nothing", None, None, 404, "there is nothing here"),
    ] {
        let answer = page.post(path, token.map(String::as_str), body).await;
        assert_eq!(answer.status, status, "{path}");
        let error = answer.error().await;
        assert!(error.starts_with(reason) && !error.is_empty(), "{path}: {error}");
    }

    let mut source = page.source(&token, "short").await;
    let answer = page.ask(&source).await;
    assert_eq!(answer.status, 400);
    assert!(answer.error().await.starts_with("`session` must be"));
    source.session = SESSION.to_owned();
    assert_eq!(page.ask(&source).await.status, 200, "the ticket was not used up");
}

#[tokio::test]
async fn the_page_and_all_its_files_are_served() {
    let server = Server::start(&[]).await;
    let page = Page::of(&server);
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/page/style.css", "text/css; charset=utf-8"),
        ("/page/main.js", "text/javascript; charset=utf-8"),
    ] {
        let answer = page.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(content_type)), "{path}");
        assert!(!answer.text().await.is_empty(), "{path}");
    }
    assert_eq!(page.get("/page/nothing.js").await.status, 404);
}
