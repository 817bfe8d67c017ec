//! How many watch: told to everybody when it changes, and never more than a few times a second.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use ssehub::{ConnectionInfo, DisconnectReason, Event, HookResult, Hooks, Hub};
use tokio::sync::Notify;

use crate::Failure;
use crate::prices::Prices;

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
        let stats = hub.stats();
        let symbols = prices.stocks().iter().map(|stock| stock.symbol);
        Self {
            users: stats.users,
            tabs: stats.connections,
            watching: symbols.map(|symbol| (symbol, hub.member_count(symbol))).collect(),
        }
    }
}

/// Counts whenever `changed` says so, and tells everybody what is new.
pub(crate) async fn announce(hub: &Hub, prices: &Prices, changed: &Notify) -> Result<Infallible, Failure> {
    let mut told = None;
    loop {
        changed.notified().await;
        let crowd = Crowd::count(hub, prices);
        if told.as_ref() != Some(&crowd) {
            hub.send_to_all(Event::json("crowd", &crowd)?.key("crowd")).await?;
            told = Some(crowd);
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
