//! The peers' command line.

use std::net::SocketAddr;

use clap::Parser;

/// What one writes without a hub: a peer in the benchmark.
#[derive(Debug, Parser)]
pub struct Address {
    /// Where to listen; port 0 picks a free port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
}
