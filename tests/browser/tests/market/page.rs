//! The market page in one tab of the browser: what a person could see and do there, and what the page knows.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use thirtyfour::{By, Key, WebDriver, WindowHandle};
use tokio::time::{Instant, sleep};

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A month in a chart.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub(crate) struct Point {
    pub(crate) tick: usize,
    pub(crate) close: f64,
}

/// A tab with the page.
#[derive(Debug)]
pub(crate) struct Page {
    browser: WebDriver,
    window: WindowHandle,
}

impl Page {
    /// Opens the page in a new tab and waits until its stream is live.
    pub(crate) async fn open(browser: &WebDriver, address: &str) -> Self {
        let window = browser.new_tab().await.unwrap();
        let page = Self { browser: browser.clone(), window };
        page.show().await;
        browser.goto(address).await.unwrap();
        page.wait_for("the stream to be live", "return window.market?.stream.state === 'live'").await;
        page
    }

    /// Brings the tab to the front, which is where WebDriver works.
    async fn show(&self) {
        self.browser.switch_to_window(self.window.clone()).await.unwrap();
    }

    /// What a script returns.
    pub(crate) async fn get<T: DeserializeOwned>(&self, script: &str) -> T {
        self.show().await;
        let found = self.browser.execute(script, Vec::new()).await;
        let found = found.unwrap_or_else(|problem| panic!("`{script}`: {problem}"));
        found.convert().unwrap_or_else(|problem| panic!("`{script}`: {problem}"))
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

    /// What is written in the element that a selector finds.
    pub(crate) async fn text(&self, selector: &str) -> String {
        self.show().await;
        self.browser.find(By::Css(selector)).await.unwrap().text().await.unwrap()
    }

    /// Clicks the element that a selector finds.
    pub(crate) async fn click(&self, selector: &str) {
        self.show().await;
        self.browser.find(By::Css(selector)).await.unwrap().click().await.unwrap();
    }

    /// The chart of a symbol, oldest month first.
    pub(crate) async fn points(&self, symbol: &str) -> Vec<Point> {
        self.get(&format!("return market.points('{symbol}')")).await
    }

    /// The last month in the chart of a symbol.
    pub(crate) async fn last_tick(&self, symbol: &str) -> usize {
        self.points(symbol).await.last().unwrap_or_else(|| panic!("{symbol} has no chart")).tick
    }

    /// Waits until the chart of a symbol has a month of a later tick.
    pub(crate) async fn wait_for_tick(&self, symbol: &str, tick: usize) {
        let script = format!("return (market.points('{symbol}').at(-1)?.tick ?? 0) > {tick}");
        self.wait_for(&format!("{symbol} to be past tick {tick}"), &script).await;
    }

    /// Fills in the ticket for an order and places it.
    pub(crate) async fn order(&self, side: &str, symbol: &str, limit: &str) {
        self.click(&format!("#ticket input[value={side}] + span")).await;
        self.get::<()>(&format!("document.querySelector('#ticket').symbol.value = '{symbol}'")).await;
        let field = self.browser.find(By::Css("#ticket [name=limit]")).await.unwrap();
        field.send_keys(Key::Control + "a").await.unwrap();
        field.send_keys(limit).await.unwrap();
        self.click("#ticket [type=submit]").await;
    }

    /// The user's orders as the page lists them, newest first: what was ordered, and its status.
    pub(crate) async fn orders(&self) -> Vec<(String, String)> {
        let script = "return [...document.querySelectorAll('#orders li')]\
                      .map((item) => [item.querySelector('.what').textContent, item.dataset.status])";
        self.get(script).await
    }

    /// Waits until the page lists an order with this text and status.
    pub(crate) async fn wait_for_order(&self, order: &str, status: &str) {
        let script = format!(
            "return [...document.querySelectorAll('#orders li[data-status={status}] .what')]\
             .some((what) => what.textContent === '{order}')"
        );
        self.wait_for(&format!("`{order}` to be {status}"), &script).await;
    }
}
