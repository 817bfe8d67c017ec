//! A node that starts in a process of its own, so that what it has in memory is its own alone.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use ssehub_backplane_tests::redis::RedisServer;
use tokio::runtime::Builder;

use crate::cpu;
use crate::node::{Node, until};

/// What the process is told.
#[derive(clap::Args, Debug)]
pub(crate) struct Newcomer {
    #[arg(long, hide = true, required = false, requires_all = ["hub", "elsewhere"])]
    redis: String,
    #[arg(long, hide = true, required = false)]
    hub: String,
    /// How many connections it is to know of.
    #[arg(long, hide = true, required = false)]
    elsewhere: usize,
}

/// What it has found.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Found {
    /// Until it knew all connections, in milliseconds.
    pub(crate) ms: f64,
    /// What its memory grew by, in bytes.
    pub(crate) bytes: u64,
    /// What it took of the processor until then, in milliseconds.
    pub(crate) cpu_ms: f64,
}

/// Starts a node of the hub of this name in another process, and waits until it knows so many connections.
///
/// # Errors
/// It cannot be started, or does not get to know them.
pub(crate) fn start(server: &RedisServer, hub: &str, elsewhere: usize) -> Result<Found> {
    let this = std::env::current_exe().context("could not ask where this program is")?;
    let mut command = Command::new(this);
    command.args(["--redis", &server.url(), "--hub", hub, "--elsewhere", &elsewhere.to_string()]);
    let output = command.output().context("a node could not be started")?;
    if !output.status.success() {
        bail!("a node ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("a node did not say what it found")
}

/// Is that process.
pub(crate) fn run(newcomer: &Newcomer) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (start, bytes, cpu) = (Instant::now(), cpu::resident()?, cpu::of_process());
    let found = runtime.block_on(async {
        let node = Node::on_url(&newcomer.redis, &newcomer.hub).await?;
        until("the node knows the other and its connections", || {
            let stats = node.hub.stats();
            stats.nodes == 2 && stats.connections_elsewhere >= newcomer.elsewhere
        })
        .await?;
        anyhow::Ok(Found {
            ms: start.elapsed().as_secs_f64() * 1e3,
            bytes: cpu::resident()?.saturating_sub(bytes),
            cpu_ms: (cpu::of_process() - cpu).as_secs_f64() * 1e3,
        })
    })?;
    println!("{}", serde_json::to_string(&found)?);
    Ok(())
}
