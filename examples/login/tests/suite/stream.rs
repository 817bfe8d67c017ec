//! An event stream, read as it comes.

use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

use crate::suite::client::PATIENCE;

/// A stream that a page has open. Dropping it cuts the connection.
#[derive(Debug)]
pub(crate) struct Stream {
    response: Response,
    /// What has come and is not looked at yet.
    text: String,
    /// As the browser keeps it.
    pub(crate) last_event_id: String,
}

/// One event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: Value,
}

impl Stream {
    pub(crate) fn new(response: Response) -> Self {
        Self { response, text: String::new(), last_event_id: String::new() }
    }

    /// The next event; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if let Some(event) = self.read(&block) {
                    return Some(event);
                }
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for an event after {self:?}"));
            self.text += std::str::from_utf8(&chunk.unwrap()?).unwrap();
        }
    }

    /// One block, which may be no event but an id.
    fn read(&mut self, block: &str) -> Option<Event> {
        let (mut name, mut data) = (None, None);
        for line in block.lines() {
            match line.split_once(": ") {
                Some(("id", id)) => self.last_event_id = id.to_owned(),
                Some(("event", event)) => name = Some(event.to_owned()),
                Some(("data", text)) => data = Some(serde_json::from_str(text).unwrap()),
                _ => {}
            }
        }
        Some(Event { name: name?, data: data? })
    }

    /// The next event, which must have this name.
    pub(crate) async fn expect(&mut self, name: &str) -> Value {
        let event = self.next().await.unwrap_or_else(|| panic!("the stream ended before `{name}`"));
        assert_eq!(event.name, name, "{event:?}");
        event.data
    }

    /// The connection's id, which opens every stream.
    pub(crate) async fn connection(&mut self) -> String {
        self.expect("hub:connected").await["connection"].as_str().unwrap().to_owned()
    }

    /// Waits for the end that the server makes, and returns its reason.
    pub(crate) async fn end(mut self) -> String {
        let reason = self.expect("hub:closing").await["reason"].as_str().unwrap().to_owned();
        let after = self.next().await;
        assert!(after.is_none(), "after the end: {after:?}");
        reason
    }
}
