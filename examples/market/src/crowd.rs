//! How many watch, on all nodes: told to everybody when it changes, and never more than a few times a second.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use ssehub::{ConnectionInfo, DisconnectReason, Event, HookResult, Hooks, Hub};
use tokio::sync::Notify;

use crate::Failure;
use crate::floor::Floor;
use crate::prices::Prices;
use crate::replay::is_away;

/// The shortest time between two counts.
const PAUSE: Duration = Duration::from_millis(300);

/// How many there are.
#[derive(Debug, PartialEq, Serialize)]
struct Crowd {
    users: usize,
    tabs: usize,
    watching: BTreeMap<&'static str, usize>,
}

impl Crowd {
    fn count(hub: &Hub, prices: &Prices) -> Self {
        let connections = hub.connections();
        // The nodes' own streams are nobody's.
        let users: Vec<&str> = connections.iter().filter_map(|connection| connection.user.as_deref()).collect();
        let symbols = prices.stocks().iter().map(|stock| stock.symbol);
        Self {
            users: users.iter().collect::<HashSet<_>>().len(),
            tabs: users.len(),
            watching: symbols.map(|symbol| (symbol, hub.member_count(symbol))).collect(),
        }
    }
}

/// Counts whenever `changed` says so, and tells everybody what nobody has told yet.
pub(crate) async fn announce(
    hub: &Hub,
    prices: &Prices,
    floor: &Floor,
    changed: &Notify,
) -> Result<Infallible, Failure> {
    loop {
        changed.notified().await;
        let crowd = serde_json::to_string(&Crowd::count(hub, prices))?;
        if !floor.has_been_told(&crowd) {
            match hub.send_to_all(Event::text("crowd", crowd)?.key("crowd")).await {
                Err(error) if !is_away(&error) => return Err(error.into()),
                _ => {}
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Has the crowd counted again when a stream opens or ends.
#[derive(Debug)]
pub(crate) struct Doorbell(pub(crate) Arc<Notify>);

#[async_trait]
impl Hooks for Doorbell {
    async fn connected(&self, _: &ConnectionInfo) -> HookResult {
        self.0.notify_one();
        Ok(())
    }

    async fn disconnected(&self, _: &ConnectionInfo, _: &DisconnectReason) -> HookResult {
        self.0.notify_one();
        Ok(())
    }
}
