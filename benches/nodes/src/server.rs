//! The Redis of a measurement, and what it has used.

use anyhow::{Context, Result};
use ssehub_backplane_tests::redis::RedisServer;

/// How surely Redis has a write on disk when it answers: its `appendfsync`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fsync {
    Always,
    EverySecond,
    No,
}

impl Fsync {
    /// As in `redis.conf`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::EverySecond => "everysec",
            Self::No => "no",
        }
    }

    /// A server of its own, with no data.
    pub(crate) fn start(self) -> RedisServer {
        RedisServer::options().setting("appendfsync", self.name()).start()
    }
}

/// What a server has used up to some moment, or between two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use {
    /// Seconds of CPU, the system's part included.
    pub(crate) cpu: f64,
    /// Bytes over its sockets.
    pub(crate) received: f64,
    pub(crate) sent: f64,
}

impl Use {
    pub(crate) fn of(server: &RedisServer) -> Result<Self> {
        let info: String = server.try_command("INFO", &["cpu", "stats"])?;
        Ok(Self {
            cpu: field(&info, "used_cpu_user")? + field(&info, "used_cpu_sys")?,
            received: field(&info, "total_net_input_bytes")?,
            sent: field(&info, "total_net_output_bytes")?,
        })
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self { cpu: self.cpu - before.cpu, received: self.received - before.received, sent: self.sent - before.sent }
    }
}

fn field(info: &str, name: &str) -> Result<f64> {
    let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok());
    value.with_context(|| format!("Redis does not tell its {name}"))
}
