//! A browser's part: requests as the page makes them, and streams as an `EventSource` opens them.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::suite::server::Server;
use crate::suite::stream::Stream;

/// How long an answer may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A page, and the browser around it.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    client: Client,
    address: String,
}

/// What an `EventSource` was opened with. The browser opens it again with the same.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) ticket: String,
    pub(crate) session: String,
    /// What the browser holds for `/events`.
    pub(crate) cookie: Option<String>,
    pub(crate) last_event_id: Option<String>,
}

/// An answer that is no stream.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) response: Response,
}

impl Page {
    pub(crate) fn of(server: &Server) -> Self {
        // Without pooled connections a stream that is dropped is a connection that is closed.
        let client = Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        Self { client, address: server.address.clone() }
    }

    /// Logs in and returns the token.
    pub(crate) async fn log_in(&self, user: &str) -> String {
        let answer = self.post("/login", None, Some(json!({ "user": user }))).await;
        answer.assert_secret();
        let login = answer.json().await;
        assert_eq!(login["user"], user);
        login["token"].as_str().unwrap().to_owned()
    }

    /// A source with a fresh ticket and a session of its own.
    pub(crate) async fn source(&self, token: &str, session: &str) -> Source {
        let answer = self.post("/ticket", Some(token), None).await;
        answer.assert_secret();
        let ticket = answer.json().await["ticket"].as_str().unwrap().to_owned();
        Source { ticket, session: session.to_owned(), cookie: None, last_event_id: None }
    }

    /// Shows a note in all tabs of a user.
    pub(crate) async fn write(&self, token: &str, text: &str) {
        assert_eq!(self.post("/notes", Some(token), Some(json!({ "text": text }))).await.status, 204);
    }

    /// A request with a token and a body, or without.
    pub(crate) async fn post(&self, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let mut request = self.client.post(format!("{}{path}", self.address));
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        answer(request).await
    }

    /// What is at a path.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.client.get(format!("{}{path}", self.address))).await
    }

    /// Asks for a stream, and takes whatever comes.
    pub(crate) async fn ask(&self, source: &Source) -> Answer {
        let Source { ticket, session, cookie, last_event_id } = source;
        let url = format!("{}/events?ticket={ticket}&session={session}", self.address);
        let mut request = self.client.get(url).header(ACCEPT, "text/event-stream");
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        answer(request).await
    }

    /// Opens a stream, and keeps the cookie that comes with it, as a browser does.
    pub(crate) async fn open(&self, source: &mut Source) -> Stream {
        let answer = self.ask(source).await;
        assert_eq!(answer.status, 200);
        if let Some(set) = answer.header(SET_COOKIE.as_str()) {
            source.cookie = set.split(';').next().map(str::to_owned);
        }
        Stream::new(answer.response)
    }
}

async fn answer(request: RequestBuilder) -> Answer {
    let response = timeout(PATIENCE, request.send()).await.expect("waited in vain for an answer").unwrap();
    Answer { status: response.status().as_u16(), response }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) async fn text(self) -> String {
        timeout(PATIENCE, self.response.text()).await.expect("waited in vain for the end of an answer").unwrap()
    }

    pub(crate) async fn json(self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// What is wrong, as JSON says it.
    pub(crate) async fn error(self) -> String {
        assert_eq!(self.header(CONTENT_TYPE.as_str()), Some("application/json"));
        self.json().await["error"].as_str().unwrap().to_owned()
    }

    /// There is a secret in it, which nobody is to store.
    fn assert_secret(&self) {
        assert_eq!(self.status, 200);
        assert_eq!(self.header(CACHE_CONTROL.as_str()), Some("no-store"));
    }
}
