//! `cargo xtask flood`: the floods of `cargo xtask test` in full, against a release build.
//!
//! Ten times as much is 100,000 connects and drops, a million topics once used, and 100,000 streams of HTTP/2 opened and
//! reset, twice. What is asserted is the same; each case prints what it saw.

use anyhow::Result;

use crate::workspace::{self, cargo};

/// The options of `cargo xtask flood`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many times as much as in the tests.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    times: u32,
    /// Floods this framework alone.
    #[arg(long, value_parser = ["axum", "lean", "actix", "rocket"])]
    framework: Option<String>,
}

/// Runs the floods one after the other.
///
/// # Errors
/// The build fails, or a flood leaves something behind.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut floods = cargo("test --release --package ssehub-reliability --test flood -- --nocapture --test-threads=1");
    floods.args(args.framework.as_ref().map(|framework| format!("{framework}::")));
    workspace::run(floods.env("SSEHUB_FLOOD", args.times.to_string()))
}
