//! The steps of `cargo xtask test`, cheapest first.

use std::process::Command;

use anyhow::Result;

use crate::tools::{self, DebianPackage};
use crate::workspace::{self, program, run, target_dir};

/// One named check.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) checks: &'static str,
    pub(super) run: fn() -> Result<Outcome>,
}

/// How a step that didn't fail ended.
pub(super) enum Outcome {
    Passed,
    /// Passed, but for this, which could not be looked at from here.
    Unchecked(&'static str),
}

/// All steps, in the order they run.
pub(super) const STEPS: &[Step] = &[
    Step { name: "fmt", checks: "the code is formatted", run: fmt },
    Step { name: "clippy", checks: "no lint fires, in any target, with every feature", run: clippy },
    Step { name: "doc", checks: "the documentation builds and its links lead somewhere", run: doc },
    Step { name: "alone", checks: "each published crate builds with only the features it asks for itself", run: alone },
    Step { name: "test", checks: "unit, integration, conformance, fault and documentation tests", run: test },
    Step { name: "model", checks: "the core under randomised thread schedules (shuttle)", run: model },
    Step { name: "browser", checks: "the examples' page in a real browser (chromium)", run: browser },
    Step { name: "deny", checks: "licences, sources, duplicates and advisories of all dependencies", run: deny },
];

/// The crates that applications depend on.
const PUBLISHED: &[&str] =
    &["ssehub", "ssehub-axum", "ssehub-actix", "ssehub-rocket", "ssehub-durable", "ssehub-redis"];

/// The core's test target that runs under shuttle.
const MODEL_TEST: &str = "model";

/// A call of cargo that keeps nothing for the next build: what would let a later one compile parts of a crate fills
/// more of the disk than all programs together, and a run of everything compiles each crate once.
fn cargo(args: &str) -> Command {
    let mut command = workspace::cargo(args);
    command.env("CARGO_INCREMENTAL", "0");
    command
}

fn fmt() -> Result<Outcome> {
    run(&mut cargo("fmt --all --check"))?;
    Ok(Outcome::Passed)
}

fn clippy() -> Result<Outcome> {
    run(&mut cargo("clippy --workspace --all-targets --all-features --keep-going -- -D warnings"))?;
    Ok(Outcome::Passed)
}

fn doc() -> Result<Outcome> {
    run(cargo("doc --workspace --all-features --no-deps --keep-going").env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Outcome::Passed)
}

/// In a build of the whole workspace, a dependency's features are what all members ask for together, which hides a
/// feature that one of them forgot; so each crate is also built as its users build it.
fn alone() -> Result<Outcome> {
    for package in PUBLISHED {
        run(cargo("check --package").arg(package))?;
    }
    Ok(Outcome::Passed)
}

fn test() -> Result<Outcome> {
    // Clients vanish behind a cut cable, and stall behind a proxy; a log is in Redis, which is killed and cut off.
    tools::require_debian(&[
        DebianPackage { name: "iproute2", program: "ip" },
        DebianPackage { name: "nginx", program: "nginx" },
        DebianPackage { name: "redis-server", program: "redis-server" },
        DebianPackage { name: "util-linux", program: "unshare" },
    ])?;
    run(&mut cargo("test --workspace --no-fail-fast"))?;
    Ok(Outcome::Passed)
}

/// A target folder of its own, because `--cfg` would otherwise rebuild everything twice in each run.
fn model() -> Result<Outcome> {
    let mut models = cargo("test --release --package ssehub --test");
    models.arg(MODEL_TEST).arg("--target-dir").arg(target_dir().join("shuttle"));
    run(models.env("RUSTFLAGS", "--cfg shuttle"))?;
    Ok(Outcome::Passed)
}

fn browser() -> Result<Outcome> {
    tools::require_debian(&[
        DebianPackage { name: "chromium", program: "chromium" },
        DebianPackage { name: "chromium-driver", program: "chromedriver" },
    ])?;
    run(&mut cargo("test --package ssehub-browser --features browser"))?;
    Ok(Outcome::Passed)
}

fn deny() -> Result<Outcome> {
    let cargo_deny = tools::cargo_deny()?;
    run(program(&cargo_deny).args(["check", "bans", "licenses", "sources"]))?;
    if run(program(&cargo_deny).args(["fetch", "db"])).is_err() {
        let what = "security advisories: their database could not be fetched, see above";
        return Ok(Outcome::Unchecked(what));
    }
    run(program(&cargo_deny).args(["check", "--disable-fetch", "advisories"]))?;
    Ok(Outcome::Passed)
}
