//! `cargo xtask bench`: builds what the benchmark runs, and runs it.
//!
//! The options are those of the program `bench`, which does all the work: `cargo xtask bench --help` shows them.

use anyhow::Result;

use crate::passed_on::PassedOn;
use crate::workspace::{self, cargo, program, target_dir};

/// The packages of the programs that a run starts, and of the one that starts them.
const PACKAGES: &[&str] = &["ssehub-bench", "ssehub-load", "ssehub-floor", "ssehub-playground", "ssehub-peers"];

/// Builds all programs for release and runs the benchmark.
///
/// # Errors
/// The build fails, or the benchmark.
pub(crate) fn run(options: &PassedOn) -> Result<()> {
    let mut build = cargo("build --release --bins");
    for package in PACKAGES {
        build.args(["--package", package]);
    }
    workspace::run(&mut build)?;
    workspace::run(program(target_dir().join("release/bench")).args(&options.args))
}
