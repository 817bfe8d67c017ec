//! Peers on Node.js: better-sse and @boringnode/transmit.
//!
//! Their programs are in `node/`, with a lock file. The packages are installed from it at the first start. Where Node.js
//! is not there or too old, or the packages cannot be had, this says so and exits with status 3. Otherwise it becomes
//! Node.js.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum};
use rustix::process::{Signal, set_parent_process_death_signal};

/// Something that this needs is not installed.
const MISSING: u8 = 3;

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/node");

const OLDEST: u32 = 20;

/// A server of the benchmark, on Node.js.
#[derive(Debug, Parser)]
struct Options {
    /// The library that sends the events.
    library: Library,
    /// Where to listen; port 0 picks a free port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Library {
    BetterSse,
    Transmit,
}

impl Library {
    fn program(self) -> &'static str {
        match self {
            Self::BetterSse => "better-sse.js",
            Self::Transmit => "transmit.js",
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let directory = Path::new(DIRECTORY);
    if let Err(missing) = check_node().and_then(|()| install(directory)) {
        eprintln!("{missing:#}");
        return ExitCode::from(MISSING);
    }
    let error = become_node(directory, &options);
    eprintln!("peer-node: {error:#}");
    ExitCode::FAILURE
}

/// Returns only where that fails.
fn become_node(directory: &Path, options: &Options) -> anyhow::Error {
    // Whoever started this may be killed.
    if let Err(error) = set_parent_process_death_signal(Some(Signal::TERM)) {
        return error.into();
    }
    let (program, listen) = (directory.join(options.library.program()), options.listen);
    let mut node = Command::new("node");
    node.env("NODE_ENV", "production").arg(program).args([listen.ip().to_string(), listen.port().to_string()]);
    node.exec().into()
}

fn check_node() -> Result<()> {
    let output = Command::new("node").arg("--version").output().context("Node.js is not installed")?;
    let version = String::from_utf8_lossy(&output.stdout);
    match major(&version) {
        Some(major) if major >= OLDEST => Ok(()),
        _ => bail!("Node.js is {}; wanted is {OLDEST} or newer", version.trim()),
    }
}

/// The first number of a version such as `v20.1.0`.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Installs what the lock file names, unless that is done.
fn install(directory: &Path) -> Result<()> {
    // npm writes the second one when it is done.
    let (lock, done) = (directory.join("package-lock.json"), directory.join("node_modules/.package-lock.json"));
    let changed = |file: &Path| -> Option<SystemTime> { file.metadata().ok()?.modified().ok() };
    if changed(&done) >= changed(&lock) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--omit=dev", "--no-audit", "--no-fund"]).current_dir(directory).stdin(Stdio::null());
    let output = npm.output().context("npm is not installed")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("npm ci failed: {}", said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it did not say why"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node_are_read() {
        assert_eq!(major("v20.11.1\n"), Some(20));
        assert_eq!(major("20.11.1"), None);
    }

    #[test]
    fn each_library_has_its_program() {
        for library in Library::value_variants() {
            assert!(Path::new(DIRECTORY).join(library.program()).is_file(), "{library:?}");
        }
    }
}
