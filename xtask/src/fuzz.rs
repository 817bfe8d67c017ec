//! `cargo xtask fuzz`: throws inputs at the fuzz targets for as long as asked, guided by what code each of them reaches.
//!
//! The targets stand in `tests/fuzz`, with the inputs that `cargo test` replays. What a run finds besides is kept in
//! `target/fuzz/corpus` and is where the next run goes on; `--keep` makes the smallest set of all that reaches the same
//! code the one that is replayed.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::tools::{self, DebianPackage};
use crate::workspace::{self, program, root, target_dir};

/// Inputs are no longer than this, in bytes: long enough for some dozens of acts, short enough to read.
const LONGEST: u32 = 1024;

/// An input that takes longer than that hangs, in seconds: each should take microseconds.
const HANGS: u32 = 30;

/// A target that needs more memory than that has a leak, in MiB.
const MOST_MEMORY: u32 = 1024;

/// The options of `cargo xtask fuzz`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long each target runs.
    #[arg(long, value_name = "MINUTES", default_value = "10", value_parser = minutes)]
    minutes: Duration,
    /// Fuzzes this target alone; may be repeated.
    #[arg(long, value_name = "TARGET")]
    target: Vec<String>,
    /// Makes the smallest set of inputs that reaches as much code the one that `cargo test` replays.
    #[arg(long)]
    keep: bool,
}

/// Builds the targets and runs them, one after the other.
///
/// # Errors
/// There is no such target; something is missing and can't be installed from here; or an input was found on which a
/// target fails.
pub(crate) fn run(args: &Args) -> Result<()> {
    let targets = chosen(&args.target)?;
    tools::require_debian(&[DebianPackage { name: "g++", program: "c++" }])?;
    let fuzzer = Fuzzer::new()?;
    for target in &targets {
        fuzzer.run(target, args.minutes)?;
        if args.keep {
            fuzzer.keep(target)?;
        }
    }
    Ok(())
}

/// The targets to run: all, if none was asked for.
fn chosen(asked: &[String]) -> Result<Vec<String>> {
    let files = fs::read_dir(root().join("fuzz/fuzz_targets")).context("no fuzz targets")?;
    let files: Vec<PathBuf> = files.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
    let stems = files.iter().filter_map(|file| file.file_stem().and_then(OsStr::to_str));
    let mut targets: Vec<String> = stems.map(str::to_owned).collect();
    targets.sort_unstable();
    if let Some(unknown) = asked.iter().find(|name| !targets.contains(name)) {
        bail!("no target is called {unknown}; there are: {}", targets.join(", "));
    }
    Ok(if asked.is_empty() { targets } else { asked.to_vec() })
}

/// cargo-fuzz, and what to compile with.
struct Fuzzer {
    cargo_fuzz: PathBuf,
    is_nightly: bool,
}

impl Fuzzer {
    fn new() -> Result<Self> {
        // The same versions as everywhere else; cargo adds what only the fuzzer needs.
        fs::copy(root().join("Cargo.lock"), root().join("fuzz/Cargo.lock")).context("could not copy Cargo.lock")?;
        let is_nightly = has_nightly();
        if !is_nightly {
            println!("without the address sanitizer, which needs nightly (rustup toolchain install nightly)");
        }
        Ok(Self { cargo_fuzz: tools::cargo_fuzz()?, is_nightly })
    }

    /// `cargo fuzz run TARGET`, up to what it hands on to libFuzzer.
    fn command(&self, target: &str, folders: &[&Path]) -> Command {
        let mut command = if self.is_nightly {
            let mut rustup = program("rustup");
            rustup.args(["run", "nightly"]).arg(&self.cargo_fuzz);
            rustup
        } else {
            let mut stable = program(&self.cargo_fuzz);
            stable.env("RUSTC_BOOTSTRAP", "1");
            stable
        };
        let sanitizer = if self.is_nightly { "address" } else { "none" };
        command.args(["run", "--sanitizer", sanitizer, "--target-dir"]);
        command.arg(target_dir().join("fuzz/build")).arg(target).args(folders).arg("--");
        // What the hub retains looks like a leak to the sanitizer, which would search for it after each input. What grows
        // meets the limit on memory.
        command.args([format!("-max_len={LONGEST}"), "-detect_leaks=0".to_owned()]);
        command
    }

    fn run(&self, target: &str, time: Duration) -> Result<()> {
        let found = found(target);
        fs::create_dir_all(&found).with_context(|| format!("could not make {}", found.display()))?;
        let mut command = self.command(target, &[&found, &kept(target)]);
        command.args([format!("-max_total_time={}", time.as_secs().max(1)), format!("-timeout={HANGS}")]);
        // Inputs are long from the start: a short one is no story.
        command.args([&*format!("-rss_limit_mb={MOST_MEMORY}"), "-len_control=0", "-print_final_stats=1"]);
        workspace::run(&mut command)
    }

    /// Replaces what is replayed by as few inputs that reach as much code. Those that somebody has named stay.
    fn keep(&self, target: &str) -> Result<()> {
        let (kept, smallest) = (kept(target), target_dir().join("fuzz/smallest").join(target));
        empty(&smallest)?;
        copy(&kept, &smallest, |name| !is_hash(name))?;
        let mut merge = self.command(target, &[&smallest, &found(target), &kept]);
        workspace::run(merge.args(["-set_cover_merge=1", "-use_counters=0"]))?;
        empty(&kept)?;
        copy(&smallest, &kept, |_| true)
    }
}

/// Makes an empty folder, whatever was there.
fn empty(folder: &Path) -> Result<()> {
    let what = || format!("could not empty {}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(what)?;
    }
    fs::create_dir_all(folder).with_context(what)
}

/// Copies the files of a folder whose names are wanted.
fn copy(from: &Path, to: &Path, wanted: fn(&str) -> bool) -> Result<()> {
    let what = || format!("could not copy {}", from.display());
    for file in fs::read_dir(from).with_context(what)? {
        let file = file.with_context(what)?;
        if file.file_name().to_str().is_some_and(wanted) {
            fs::copy(file.path(), to.join(file.file_name())).with_context(what)?;
        }
    }
    Ok(())
}

/// What libFuzzer calls its files.
fn is_hash(name: &str) -> bool {
    name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What `cargo test` replays.
fn kept(target: &str) -> PathBuf {
    root().join("tests/fuzz/corpus").join(target)
}

/// What runs on this machine have found.
fn found(target: &str) -> PathBuf {
    target_dir().join("fuzz/corpus").join(target)
}

fn has_nightly() -> bool {
    let rustc = program("rustup").args(["run", "nightly", "rustc", "--version"]).output();
    rustc.is_ok_and(|output| output.status.success())
}

fn minutes(value: &str) -> Result<Duration, String> {
    let minutes: f64 = value.parse().map_err(|_| "wanted is a number of minutes, such as 10 or 0.5".to_owned())?;
    Duration::try_from_secs_f64(minutes * 60.0).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_does_not_exist_is_refused_with_those_that_do() {
        let error = chosen(&["everything".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("everything; there are: accept, "), "{error}");
        assert_eq!(chosen(&["wire".to_owned()]).unwrap(), ["wire"]);
        assert!(chosen(&[]).unwrap().len() > 1);
    }

    #[test]
    fn minutes_may_have_a_fraction_but_no_sign() {
        assert_eq!(minutes("0.5"), Ok(Duration::from_secs(30)));
        for bad in ["-1", "nan", "ten", ""] {
            assert!(minutes(bad).is_err(), "{bad:?} was taken for a number of minutes");
        }
    }
}
