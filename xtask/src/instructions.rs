//! `cargo xtask instructions`: counts the instructions of the hub's own steps, under valgrind.
//!
//! What is counted stands in `crates/core/benches/instructions.rs`. The options are those of gungraun's runner:
//! `cargo xtask instructions --help` shows them.

use anyhow::Result;

use crate::passed_on::PassedOn;
use crate::tools::{self, DebianPackage};
use crate::workspace::{self, cargo};

/// Gets what is needed, and runs the benchmarks of the target `instructions`.
///
/// # Errors
/// valgrind is missing and can't be installed from here, gungraun's runner can't be built, or the benchmarks fail.
pub(crate) fn run(options: &PassedOn) -> Result<()> {
    tools::require_debian(&[DebianPackage { name: "valgrind", program: "valgrind" }])?;
    let runner = tools::gungraun_runner()?;
    let mut benchmarks = cargo("bench --package ssehub --bench instructions --");
    workspace::run(benchmarks.args(&options.args).env("GUNGRAUN_RUNNER", runner))
}
