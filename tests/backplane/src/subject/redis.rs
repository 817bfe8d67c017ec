//! Hubs by different names on one Redis of the test's own.

use std::sync::atomic::{AtomicUsize, Ordering};

use ssehub::{History, async_trait};
use ssehub_redis::RedisBackplane;

use super::{Line, Log, Subject};
use crate::redis::RedisServer;

/// Hubs by different names on one Redis.
#[derive(Debug)]
pub struct Redis {
    server: RedisServer,
    hubs: AtomicUsize,
}

struct OneHub {
    url: String,
    name: String,
    history: History,
}

impl Default for Redis {
    fn default() -> Self {
        // What has to outlive a power cut is not asked here.
        let server = RedisServer::options().setting("appendfsync", "no").start();
        Self { server, hubs: AtomicUsize::new(0) }
    }
}

#[async_trait]
impl Subject for Redis {
    async fn log(&self, history: History) -> Box<dyn Log> {
        let number = self.hubs.fetch_add(1, Ordering::Relaxed);
        Box::new(OneHub { url: self.server.url(), name: format!("hub-{number}"), history })
    }
}

#[async_trait]
impl Log for OneHub {
    async fn line(&mut self) -> Line {
        let backplane = RedisBackplane::builder(&self.url).hub(&self.name).connect().await;
        Line::new(backplane.expect("the server is there"), &self.history)
    }

    async fn reopen(&mut self) -> Line {
        self.line().await
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn keeps_passing(&self) -> bool {
        true
    }
}
