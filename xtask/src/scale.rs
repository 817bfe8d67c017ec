//! `cargo xtask scale`: what a hub costs over several nodes, and on a log that outlives it.
//!
//! The options are those of the program `scale` in `benches/nodes`, which does all the work: `cargo xtask scale --help` shows
//! them.

use anyhow::Result;

use crate::passed_on::PassedOn;
use crate::workspace::{self, cargo, program, target_dir};

/// Builds for release and measures.
///
/// # Errors
/// The build fails, or something cannot be measured.
pub(crate) fn run(options: &PassedOn) -> Result<()> {
    workspace::run(&mut cargo("build --release --package ssehub-node-bench --bins"))?;
    workspace::run(program(target_dir().join("release/scale")).args(&options.args))
}
