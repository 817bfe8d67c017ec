//! `cargo xtask test`: everything that has to hold before a change lands, as named steps.
//!
//! The steps run one after the other and the first that fails stops the run. A step never passes without having
//! checked something: what it lacks is installed, or it fails and says what to install. The one thing that may stay
//! unchecked is what needs a host that can't be reached; the last line then says so.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use clap::builder::PossibleValuesParser;

use self::steps::{Outcome, STEPS, Step};

mod steps;

/// The options of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Runs this step alone; may be repeated.
    #[arg(long, value_name = "STEP", value_parser = PossibleValuesParser::new(STEPS.iter().map(|step| step.name)))]
    only: Vec<String>,
    /// Lists the steps and what each checks.
    #[arg(long, conflicts_with = "only")]
    list: bool,
}

/// Lists or runs the steps.
///
/// # Errors
/// The first step that fails, with how to run it again alone.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.list {
        for step in STEPS {
            println!("{:<10} {}", step.name, step.checks);
        }
        return Ok(());
    }

    let chosen: Vec<&Step> =
        STEPS.iter().filter(|step| args.only.is_empty() || args.only.iter().any(|name| name == step.name)).collect();
    let started = Instant::now();
    let mut unchecked = Vec::new();
    for (number, step) in chosen.iter().enumerate() {
        println!("\n== {} ({} of {}): {}", step.name, number + 1, chosen.len(), step.checks);
        let started = Instant::now();
        let outcome = (step.run)().map_err(|error| failure(step, started.elapsed(), &error))?;
        if let Outcome::Unchecked(what) = outcome {
            println!("NOT CHECKED: {what}");
            unchecked.push(what);
        }
        println!("== {} passed in {}", step.name, seconds(started.elapsed()));
    }

    println!("\nall {} steps passed in {}", chosen.len(), seconds(started.elapsed()));
    for what in unchecked {
        println!("NOT CHECKED: {what}");
    }
    Ok(())
}

fn failure(step: &Step, after: Duration, error: &anyhow::Error) -> anyhow::Error {
    anyhow!(
        "step {name} failed after {after}: {error:#}\nto run it alone: cargo xtask test --only {name}",
        name = step.name,
        after = seconds(after),
    )
}

fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    if whole < 60 { format!("{:.1} s", time.as_secs_f64()) } else { format!("{} min {:02} s", whole / 60, whole % 60) }
}
