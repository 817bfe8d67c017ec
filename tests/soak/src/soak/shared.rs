//! What all readers and publishers share.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Result;
use ssehub_conformance::http1::{Request, Response};
use tokio::{
    sync::{RwLock, Semaphore, SemaphorePermit},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{options::Plan, tally::Tally, world::World};
use crate::api;

/// So many requests are under way at a time.
const DOORS: usize = 64;

/// What all readers and publishers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) address: SocketAddr,
    pub(crate) plan: Plan,
    pub(crate) world: World,
    pub(crate) tally: Tally,
    /// Read by whoever is just changing what the server's gauges show; written by whoever compares them.
    pub(crate) acting: Arc<RwLock<()>>,
    /// Publishers are to stop.
    pub(crate) quiet: CancellationToken,
    /// Readers are to see that they have everything, and leave.
    pub(crate) settle: CancellationToken,
    doors: Semaphore,
}

impl Shared {
    pub(crate) fn new(address: SocketAddr, plan: Plan, world: World) -> Result<Self> {
        Ok(Self {
            address,
            plan,
            world,
            tally: Tally::new()?,
            acting: Arc::default(),
            quiet: CancellationToken::new(),
            settle: CancellationToken::new(),
            doors: Semaphore::new(DOORS),
        })
    }

    /// Waits until a request may be made, and lets others in when it is dropped.
    pub(crate) async fn door(&self) -> Result<SemaphorePermit<'_>> {
        Ok(self.doors.acquire().await?)
    }

    /// A request to the server's API.
    pub(crate) async fn call(&self, request: Request, status: u16) -> Result<Response> {
        let _door = self.door().await?;
        api::call(self.address, request, status).await
    }

    /// Waits for so long, or until everybody is to settle.
    pub(crate) async fn pause(&self, time: Duration) {
        tokio::select! {
            () = self.settle.cancelled() => {}
            () = sleep(time) => {}
        }
    }
}
