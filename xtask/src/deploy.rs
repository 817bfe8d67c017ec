//! `cargo xtask deploy`: restarts the playground under load, on each framework.
//!
//! The options are those of the program `deploy` in `tests/soak`, which does all the work: `cargo xtask deploy --help`
//! shows them.

use anyhow::Result;

use crate::passed_on::PassedOn;
use crate::workspace::{self, cargo, program, target_dir};

/// Builds for release and runs the restarts.
///
/// # Errors
/// The build fails, or a promise was broken.
pub(crate) fn run(options: &PassedOn) -> Result<()> {
    workspace::run(&mut cargo("build --release --package ssehub-soak --bins"))?;
    workspace::run(program(target_dir().join("release/deploy")).args(&options.args))
}
