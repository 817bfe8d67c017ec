//! `bench`: the benchmark. It starts one subject after the other, has `load` measure each, and compares them.
//!
//! A subject is pinned to one core and the load generator to another. Repetitions are interleaved: each measures all
//! works with all subjects before the next begins, so that what the machine does meanwhile meets all alike. Figures
//! are medians over the repetitions with their spread, and ratios to the floors of the same repetition: bare programs
//! that write the same bytes to the same sockets and have no hub.
//!
//! `cargo xtask bench` builds what this needs and runs it.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;

use crate::growth::Growth;
use crate::options::Options;
use crate::results::Results;
use crate::run::Runner;
use crate::sweep::{SWEEPS, Sweep};

mod detail;
mod document;
mod environment;
mod glance;
mod growth;
mod metric;
mod options;
mod outcome;
mod page;
mod plot;
mod process;
mod results;
mod run;
mod stats;
mod subject;
mod sweep;
mod table;
mod work;

fn main() -> ExitCode {
    match bench(&Options::parse()) {
        Ok(problems) if problems.is_empty() => ExitCode::SUCCESS,
        Ok(problems) => {
            eprintln!("error: figures of the floors or of ssehub that don't count:");
            for problem in problems {
                eprintln!("  {problem}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures, prints and writes; returns what makes the run a failure.
fn bench(options: &Options) -> Result<Vec<String>> {
    let started = Instant::now();
    let runner = Runner::new(options.repeat, !options.is_quick())?;
    let environment = environment::Environment::read(options.command_line());
    let mut jobs = options.jobs();
    let ordinary = jobs.len();
    if options.sweeps() {
        jobs.extend(SWEEPS.iter().flat_map(Sweep::jobs));
    }
    let mut works = runner.run(&jobs);
    let mut swept = works.split_off(ordinary).into_iter();
    let sweeps =
        if options.sweeps() { SWEEPS.iter().map(|sweep| sweep.results(&mut swept)).collect() } else { Vec::new() };
    let growth = Growth::of(&works);
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    let results = Results { environment, repeat: options.repeat, minutes, works, growth, sweeps };

    println!("\n{}", document::plain(&results));
    if let Some(file) = &options.json {
        let json = serde_json::to_string_pretty(&results)?;
        std::fs::write(file, json + "\n").with_context(|| format!("could not write {}", file.display()))?;
    }
    if options.write {
        page::write(&results)?;
    }
    Ok(results.problems())
}
