//! What can be seen of the hub: who is there, what has happened, how much there is of it.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};
use ssehub::{Refusals, Stats};

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
        ["stats"] => Answer::json(&Figures::of(playground)),
        ["metrics"] => Answer::metrics(prometheus(&Figures::of(playground))),
        ["healthz"] if hub.is_ready() => Answer::json(&json!({ "ready": true })),
        ["healthz"] => Answer::error(503, "not ready: the hub is shutting down or its backplane is away"),
        _ => return None,
    })
}

/// All that the hub counts.
#[derive(Serialize)]
struct Figures {
    #[serde(flatten)]
    stats: Stats,
    #[serde(flatten)]
    backplane: Option<Backplane>,
    refused: Refusals,
}

/// How the backplane is, where there is one.
#[derive(Serialize)]
struct Backplane {
    /// Whether the hub follows it. Not while the hub shuts down.
    #[serde(rename = "backplane_up")]
    up: bool,
    #[serde(rename = "backplane_skipped")]
    skipped: u64,
}

impl Figures {
    fn of(playground: &Playground) -> Self {
        let Playground { hub, log, .. } = playground;
        let stats = hub.stats();
        let backplane = Backplane { up: hub.is_ready(), skipped: stats.skipped + log.skipped() };
        Self { stats, backplane: log.is_backplane().then_some(backplane), refused: hub.refusals() }
    }
}

/// Name, type, help and value of a metric.
type Metric = (&'static str, &'static str, &'static str, u64);

fn prometheus(figures: &Figures) -> String {
    let Figures { stats, backplane, refused } = figures;
    let metrics: [Metric; 14] = [
        ("connections", "gauge", "Streams that are open, and those that are parked.", stats.connections as u64),
        ("connections_elsewhere", "gauge", "Those of other nodes.", stats.connections_elsewhere as u64),
        ("parked", "gauge", "Connections without a transport whose session may be resumed.", stats.parked as u64),
        ("users", "gauge", "Users with at least one stream.", stats.users as u64),
        ("groups", "gauge", "Groups with at least one stream.", stats.groups as u64),
        ("history_events", "gauge", "Events kept for replay.", stats.history_events as u64),
        ("history_bytes", "gauge", "Bytes of the events kept for replay.", stats.history_bytes as u64),
        ("state_keys", "gauge", "Keys whose latest event is kept.", stats.state_keys as u64),
        ("state_bytes", "gauge", "Bytes of the events kept for their keys.", stats.state_bytes as u64),
        ("tickets", "gauge", "Tickets that were issued and not redeemed.", stats.tickets as u64),
        ("nodes", "gauge", "Nodes of the hub that are alive, this one included.", stats.nodes as u64),
        ("published_total", "counter", "Events committed.", stats.published),
        ("delivered_total", "counter", "Events handed to streams.", stats.delivered),
        ("lagged_total", "counter", "Times a stream lagged past retention.", stats.lagged),
    ];
    let backplane = backplane.iter().flat_map(|Backplane { up, skipped }| -> [Metric; 2] {
        [
            ("backplane_up", "gauge", "Whether the backplane is followed.", u64::from(*up)),
            ("backplane_skipped_total", "counter", "Entries of the backplane that could not be read.", *skipped),
        ]
    });
    // Writing to a string does not fail.
    let mut text = String::new();
    for (name, kind, help, value) in metrics.into_iter().chain(backplane) {
        let _ = write!(text, "# HELP ssehub_{name} {help}\n# TYPE ssehub_{name} {kind}\nssehub_{name} {value}\n");
    }
    text += "# HELP ssehub_refused_total What the hub has refused.\n# TYPE ssehub_refused_total counter\n";
    for (reason, count) in refused.iter() {
        let _ = writeln!(text, "ssehub_refused_total{{reason=\"{reason}\"}} {count}");
    }
    text
}
