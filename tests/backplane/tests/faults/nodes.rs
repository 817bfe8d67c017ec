//! Hubs on one backplane.

use std::sync::Arc;

use ssehub::{Backplane, History, Hub};
use ssehub_backplane_tests::{
    load::Node,
    wait::{PATIENCE, until},
};

/// More than any of the tests sends.
pub(crate) fn everything() -> History {
    History::default().events(1_000_000).bytes(1 << 30)
}

/// A hub that retains this and has heard of everything on its backplane.
pub(crate) async fn hub(backplane: impl Backplane, history: History) -> Hub {
    let hub = Hub::builder().history(history).backplane(backplane).build().expect("the options are in range");
    is_ready(&hub).await;
    hub
}

/// Waits until a hub follows its backplane.
pub(crate) async fn is_ready(hub: &Hub) {
    until(PATIENCE, "the hub to be ready", async || if hub.is_ready() { Ok(()) } else { Err(hub.stats()) }).await;
}

/// The hubs as those see them who send and read.
pub(crate) fn nodes(hubs: &[Hub]) -> Vec<Arc<dyn Node>> {
    hubs.iter().map(|hub| Arc::new(hub.clone()) as Arc<dyn Node>).collect()
}
