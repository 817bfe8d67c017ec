//! What the steps need besides Rust: found, or installed where that is allowed, or asked for by name.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::workspace::{cargo, program, run, target_dir};

/// A program and the Debian package it comes from.
pub(crate) struct DebianPackage {
    pub(crate) name: &'static str,
    pub(crate) program: &'static str,
}

/// Makes sure that these programs are there; as root on Debian, what is missing is installed.
///
/// # Errors
/// One is missing and can't be installed from here: the error names what to install.
pub(crate) fn require_debian(packages: &[DebianPackage]) -> Result<()> {
    let missing: Vec<&str> =
        packages.iter().filter(|package| find(package.program).is_none()).map(|package| package.name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !is_root() || find("apt-get").is_none() {
        bail!("missing from this machine; on Debian: sudo apt-get install {}", missing.join(" "));
    }
    run(program("apt-get").arg("update"))?;
    run(program("apt-get")
        .args(["install", "--yes", "--no-install-recommends"])
        .args(missing)
        .env("DEBIAN_FRONTEND", "noninteractive"))
}

fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    // Where programs of the system are that only root looks for by itself.
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// The release of cargo-deny that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// The release of cargo-fuzz whose options are known here.
const CARGO_FUZZ: &str = "0.13.2";

/// The release of the crate `gungraun` in `Cargo.toml`: its runner takes no other.
const GUNGRAUN: &str = "0.20.0";

/// A cargo-deny of the right release.
///
/// # Errors
/// It can't be built.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    cargo_tool("cargo-deny", CARGO_DENY)
}

/// A cargo-fuzz of the right release.
///
/// # Errors
/// It can't be built.
pub(crate) fn cargo_fuzz() -> Result<PathBuf> {
    cargo_tool("cargo-fuzz", CARGO_FUZZ)
}

/// The program that counts instructions for benchmarks built with gungraun.
///
/// # Errors
/// It can't be built.
pub(crate) fn gungraun_runner() -> Result<PathBuf> {
    cargo_tool("gungraun-runner", GUNGRAUN)
}

/// A program in this very release: the user's own, or one built into the target folder, which takes some minutes the
/// first time.
fn cargo_tool(name: &str, release: &str) -> Result<PathBuf> {
    let tools = target_dir().join("tools");
    let own = tools.join("bin").join(name);
    let known = find(name).into_iter().chain([own.clone()]).find(|program| is_release(program, name, release));
    if let Some(program) = known {
        return Ok(program);
    }
    run(cargo("install --locked").args([name, "--version", release, "--root"]).arg(tools))?;
    Ok(own)
}

fn is_release(program: &Path, name: &str, release: &str) -> bool {
    let Ok(output) = Command::new(program).arg("--version").output() else {
        return false;
    };
    let version = String::from_utf8_lossy(&output.stdout);
    version.trim() == format!("{name} {release}")
}
