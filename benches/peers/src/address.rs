//! The peers' command line.

use std::net::SocketAddr;

use clap::Parser;

/// A server of the benchmark, without a hub.
#[derive(Debug, Parser)]
pub struct Address {
    /// Where to listen; port 0 picks a free port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
}
