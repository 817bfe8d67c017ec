//! `cargo xtask soak`: mixed load on the playground for an hour, or for as long as it is asked to.
//!
//! The options are those of the program `soak` in `tests/soak`, which does all the work: `cargo xtask soak --help` shows
//! them.

use anyhow::Result;

use crate::passed_on::PassedOn;
use crate::workspace::{self, cargo, program, target_dir};

/// Builds for release and runs the load.
///
/// # Errors
/// The build fails, or the verdict is not a good one.
pub(crate) fn run(options: &PassedOn) -> Result<()> {
    workspace::run(&mut cargo("build --release --package ssehub-soak --bins"))?;
    workspace::run(program(target_dir().join("release/soak")).args(&options.args))
}
