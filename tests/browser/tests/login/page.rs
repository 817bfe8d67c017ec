//! The login page: what a person could see and do there, and what the page knows.

use std::time::Duration;

use serde::de::DeserializeOwned;
use thirtyfour::{By, WebDriver};
use tokio::time::{Instant, sleep};

/// How long anything may take that a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The browser's one tab, with the page.
#[derive(Debug)]
pub(crate) struct Page {
    browser: WebDriver,
}

impl Page {
    /// Opens the page, logs in, and waits until the stream is live.
    pub(crate) async fn log_in(browser: &WebDriver, address: &str, user: &str) -> Self {
        browser.goto(address).await.unwrap();
        let page = Self { browser: browser.clone() };
        page.wait_for("the page to run", "return window.login !== undefined").await;
        page.fill_in_and_log_in(user).await;
        page
    }

    /// Logs in on the open page, and waits until the stream is live.
    pub(crate) async fn fill_in_and_log_in(&self, user: &str) {
        self.fill_in("#login [name=user]", user).await;
        self.click("#login [type=submit]").await;
        self.wait_for_state("live").await;
    }

    /// Shows a note in all tabs, and waits until the server has it.
    pub(crate) async fn write(&self, text: &str) {
        self.fill_in("#write [name=text]", text).await;
        self.click("#write [type=submit]").await;
        self.wait_for("the note to be taken", "return document.querySelector('#write [name=text]').value === ''").await;
    }

    /// Waits until the page shows these notes, each once, and no others.
    pub(crate) async fn wait_for_notes(&self, oldest_first: &[&str]) {
        let newest_first: Vec<_> = oldest_first.iter().rev().map(|note| format!("'{note}'")).collect();
        let shown = format!("return login.notes().join() === [{}].join()", newest_first.join(","));
        self.wait_for(&format!("the notes {oldest_first:?}"), &shown).await;
    }

    /// Waits until the stream is in a state.
    pub(crate) async fn wait_for_state(&self, state: &str) {
        self.wait_for(&format!("the stream to be {state}"), &format!("return login.stream?.state === '{state}'")).await;
    }

    /// The connection's id.
    pub(crate) async fn connection(&self) -> String {
        self.get("return login.stream.connection").await
    }

    /// Waits until a script returns true.
    pub(crate) async fn wait_for(&self, what: &str, script: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.get::<bool>(script).await {
            if Instant::now() > deadline {
                let text: String = self.get("return document.body.innerText").await;
                panic!("waited {PATIENCE:?} for {what}; the page says:\n{text}");
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// What a script returns.
    async fn get<T: DeserializeOwned>(&self, script: &str) -> T {
        let found = self.browser.execute(script, Vec::new()).await;
        let found = found.unwrap_or_else(|problem| panic!("`{script}`: {problem}"));
        found.convert().unwrap_or_else(|problem| panic!("`{script}`: {problem}"))
    }

    /// Clicks the element that a selector finds.
    pub(crate) async fn click(&self, selector: &str) {
        self.browser.find(By::Css(selector)).await.unwrap().click().await.unwrap();
    }

    async fn fill_in(&self, selector: &str, text: &str) {
        let field = self.browser.find(By::Css(selector)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }
}
