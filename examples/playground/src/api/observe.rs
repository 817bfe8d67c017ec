//! What can be seen of the hub: who is there, what has happened, how much there is of it.

use std::fmt::Write;

use serde_json::{Value, json};
use ssehub::Stats;

use crate::Playground;
use crate::answer::Answer;

/// Answers a request that only looks; `None` where there is nothing at this path.
pub(super) fn observe(playground: &Playground, path: &[&str]) -> Option<Answer> {
    let hub = &playground.hub;
    Some(match path {
        ["connections"] => {
            let shown = hub.connections().into_iter().map(|connection| {
                json!({ "connection": connection.id, "user": connection.user, "groups": connection.groups })
            });
            Answer::json(&shown.collect::<Vec<Value>>())
        }
        ["users", user] => {
            Answer::json(&json!({ "online": hub.is_online(user), "connections": hub.connections_of(user) }))
        }
        ["lifecycle"] => Answer::json(&playground.lifecycle.calls()),
        ["stats"] => Answer::json(&hub.stats()),
        ["metrics"] => Answer::metrics(prometheus(&hub.stats())),
        ["healthz"] if hub.is_ready() => Answer::json(&json!({ "ready": true })),
        ["healthz"] => Answer::error(503, "not ready: the hub is shutting down or its backplane is away"),
        _ => return None,
    })
}

fn prometheus(stats: &Stats) -> String {
    let metrics = [
        ("connections", "gauge", "Streams that are open.", stats.connections as u64),
        ("users", "gauge", "Users with at least one stream.", stats.users as u64),
        ("groups", "gauge", "Groups with at least one stream.", stats.groups as u64),
        ("history_events", "gauge", "Events kept for replay.", stats.history_events as u64),
        ("history_bytes", "gauge", "Bytes of the events kept for replay.", stats.history_bytes as u64),
        ("state_keys", "gauge", "Keys whose latest event is kept.", stats.state_keys as u64),
        ("state_bytes", "gauge", "Bytes of the events kept for their keys.", stats.state_bytes as u64),
        ("published_total", "counter", "Events committed.", stats.published),
        ("delivered_total", "counter", "Events handed to streams.", stats.delivered),
        ("lagged_total", "counter", "Times a stream lagged past retention.", stats.lagged),
    ];
    let mut text = String::new();
    for (name, kind, help, value) in metrics {
        // Writing to a string does not fail.
        let _ = write!(text, "# HELP ssehub_{name} {help}\n# TYPE ssehub_{name} {kind}\nssehub_{name} {value}\n");
    }
    text
}
