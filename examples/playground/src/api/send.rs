//! `POST /send`: one event to an audience.

use serde_json::json;
use ssehub::{Audience, Event, Hub};

use crate::answer::Answer;
use crate::query::Query;
use crate::target;

/// Who gets what kind of event.
#[derive(Debug)]
pub(super) struct Order {
    audience: Audience,
    event: Option<String>,
    key: Option<String>,
    retract: Option<String>,
    ephemeral: bool,
}

impl Order {
    pub(super) fn parse(query: &mut Query) -> Result<Self, Answer> {
        let order = Self {
            audience: target::audience(query)?,
            event: query.one("event")?,
            key: query.one("key")?,
            retract: query.one("retract")?,
            ephemeral: query.flag("ephemeral")?,
        };
        if order.key.is_some() && order.retract.is_some() {
            return Err(Answer::bad("an event sets a key or retracts one; give key or retract, not both"));
        }
        Ok(order)
    }
}

/// Sends `data` as the event of `order`.
pub(super) async fn send(hub: &Hub, order: Order, data: String) -> Result<Answer, Answer> {
    let mut event = match &order.event {
        Some(name) => Event::text(name, data)?,
        None => Event::message(data),
    };
    if let Some(key) = order.key {
        event = event.key(key);
    }
    if let Some(key) = order.retract {
        event = event.retract(key);
    }
    if order.ephemeral {
        event = event.ephemeral();
    }
    let id = hub.send(order.audience, event).await?;
    Ok(Answer::json(&json!({ "id": id.to_string() })))
}
