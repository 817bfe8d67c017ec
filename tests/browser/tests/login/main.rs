//! The login page in a real browser, with the browser's own `EventSource`: what lets it in again, and what stops it.
//!
//! Between the browser and the server is a proxy that cuts connections and notes each request, so that what is tested
//! is what the browser does and not what the page believes.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test, also outside the test functions")]

#[path = "../market/browser.rs"]
mod browser;
mod page;
#[path = "../market/program.rs"]
mod program;
mod proxy;

use std::time::Duration;

use tokio::time::sleep;

use crate::page::Page;
use crate::program::Program;
use crate::proxy::Proxy;

/// Starts the example on axum.
async fn start() -> Program {
    let address_in = |line: &str| line.strip_prefix("open ").map(str::to_owned);
    // No stream ends by itself while a test looks at it.
    let args = ["--listen", "127.0.0.1:0", "--stream-lifetime", "3600"];
    let program = Program::start(env!("CARGO_BIN_EXE_login-axum-under-test"), &args, address_in).await;
    program.unwrap_or_else(|problem| panic!("{problem}"))
}

#[tokio::test]
async fn a_stream_that_is_cut_comes_back_by_its_cookie() {
    let server = start().await;
    let proxy = Proxy::before(&server.address).await;
    browser::with(async move |browser| {
        let page = Page::log_in(&browser, &proxy.address, "alice").await;
        let connection = page.connection().await;
        page.write("before").await;
        page.wait_for_notes(&["before"]).await;

        proxy.cut();
        page.write("meanwhile").await;
        let [first, second] = proxy.wait_for("/events").await;
        assert_eq!((first.status, first.has_cookie), (200, false));
        assert_eq!((second.status, second.has_cookie), (200, true));
        assert_eq!(second.path, first.path, "the URL, with its ticket that is used up");
        page.wait_for_notes(&["before", "meanwhile"]).await;
        page.wait_for_state("live").await;
        assert_eq!(page.connection().await, connection);
        assert_eq!(proxy.seen("/ticket").len(), 1, "no other ticket was asked for");
    })
    .await;
}

#[tokio::test]
async fn a_stream_whose_cookie_is_lost_comes_back_with_a_new_ticket() {
    let server = start().await;
    let proxy = Proxy::before(&server.address).await;
    browser::with(async move |browser| {
        let page = Page::log_in(&browser, &proxy.address, "alice").await;
        let connection = page.connection().await;
        page.write("before").await;
        page.wait_for_notes(&["before"]).await;

        proxy.hide_cookies();
        proxy.cut();
        page.write("meanwhile").await;
        let [first, second, third] = proxy.wait_for("/events").await;
        assert_eq!([first.status, second.status, third.status], [200, 401, 200]);
        assert_eq!(second.path, first.path);
        assert_ne!(third.path, first.path, "a new ticket");
        page.wait_for_notes(&["before", "meanwhile"]).await;
        page.wait_for_state("live").await;
        assert_eq!(page.connection().await, connection, "the session is the same");
        assert_eq!(proxy.seen("/ticket").len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_logout_stops_the_browser_for_good_and_a_new_login_works() {
    let server = start().await;
    let proxy = Proxy::before(&server.address).await;
    browser::with(async move |browser| {
        let page = Page::log_in(&browser, &proxy.address, "alice").await;
        page.click("#log-out").await;
        page.wait_for_state("over").await;
        let [opened, stopped] = proxy.wait_for("/events").await;
        assert_eq!([opened.status, stopped.status], [200, 204]);
        assert_eq!(stopped.path, opened.path);

        // That nothing comes can only be waited for: thrice the second after which a browser comes back.
        sleep(Duration::from_secs(3)).await;
        assert_eq!(proxy.seen("/events").len(), 2, "the browser came back after a 204");
        assert_eq!(proxy.seen("/ticket").len(), 1, "the page asked for a ticket after the logout");

        page.fill_in_and_log_in("alice").await;
        page.write("back").await;
        page.wait_for_notes(&["back"]).await;
        let [.., again] = proxy.wait_for::<3>("/events").await;
        assert_eq!(again.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_login_that_the_server_no_longer_knows_is_over() {
    let server = start().await;
    let proxy = Proxy::before(&server.address).await;
    browser::with(async move |browser| {
        let page = Page::log_in(&browser, &proxy.address, "alice").await;
        server.kill().await;
        let next = start().await;
        proxy.lead_to(&next.address);
        page.wait_for_state("over").await;
        page.wait_for("the login form", "return !document.querySelector('#login').hidden").await;
        assert_eq!(proxy.wait_for::<2>("/events").await.map(|request| request.status), [200, 401]);
        assert_eq!(proxy.wait_for::<2>("/ticket").await.map(|request| request.status), [200, 401]);
    })
    .await;
}
