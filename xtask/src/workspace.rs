//! Where the workspace is, and how its commands are run: from its root, printing what they run.

use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The root of the checkout this program was built from.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The folder that holds everything built: cargo's, and the tools installed for this checkout alone.
pub(crate) fn target_dir() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(target)
}

/// A call of the cargo that runs this program, so that a toolchain override holds for what it starts. No argument in
/// `args` has a space in it.
pub(crate) fn cargo(args: &str) -> Command {
    let mut command = program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args.split_whitespace());
    command
}

/// A program started from the workspace's root.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// Runs `command` to its end with this program's own output.
///
/// # Errors
/// It can't be started, or ends with anything but success.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = describe(command);
    println!("$ {line}");
    let status = command.status().with_context(|| format!("could not start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// The command as one would type it, with the variables set for it.
fn describe(command: &Command) -> String {
    let mut line = String::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            let _ = write!(line, "{}={:?} ", name.display(), value);
        }
    }
    let name = Path::new(command.get_program());
    line += &name.file_name().unwrap_or(name.as_os_str()).to_string_lossy();
    for arg in command.get_args() {
        let _ = write!(line, " {}", arg.display());
    }
    line
}
