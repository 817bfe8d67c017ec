//! `bench`: the benchmark. It starts one subject after the other, has `load` measure each, and compares them.
//!
//! A subject is pinned to one core and the load generator to another. Repetitions are interleaved: each measures all
//! works with all subjects before the next begins, so that what the machine does meanwhile meets all alike. Figures
//! are medians over the repetitions with their spread, and ratios to the floors of the same repetition: bare programs
//! that write the same bytes to the same sockets and have no hub.
//!
//! `cargo xtask bench` builds what this needs and runs it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser};

use crate::growth::Growth;
use crate::results::Results;
use crate::run::{Job, Runner};
use crate::subject::{SUBJECTS, Subject};
use crate::sweep::{SWEEPS, Sweep};
use crate::work::{WORKS, Work};

mod detail;
mod document;
mod environment;
mod glance;
mod growth;
mod metric;
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

/// Measures ssehub beside bare programs and beside what one writes without a hub.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Options {
    #[command(flatten)]
    extent: Extent,
    /// Measures these works alone.
    #[arg(long, value_name = "WORK", value_delimiter = ',', value_parser = PossibleValuesParser::new(WORKS.iter().map(|work| work.name)))]
    only: Vec<String>,
    /// Measures these subjects alone; without `floor-1` and `floor-64` there are no ratios.
    #[arg(long, value_name = "SUBJECT", value_delimiter = ',', value_parser = PossibleValuesParser::new(SUBJECTS.iter().map(|subject| subject.name)))]
    subjects: Vec<String>,
    /// How often each subject is measured with each work.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,
    /// Writes everything that was measured to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the figures into docs/performance.md.
    #[arg(long)]
    write: bool,
}

#[derive(Args, Clone, Copy, Debug)]
#[group(required = true, multiple = false)]
struct Extent {
    /// A few minutes: fewer works and events, the floors and ssehub.
    #[arg(long)]
    quick: bool,
    /// Everything: the peers and the sweeps, too.
    #[arg(long)]
    full: bool,
    /// The sweeps alone: how costs grow with what a server holds.
    #[arg(long)]
    sweep: bool,
}

impl Extent {
    fn option(self) -> &'static str {
        match self {
            Self { full: true, .. } => "--full",
            Self { sweep: true, .. } => "--sweep",
            _ => "--quick",
        }
    }
}

impl Options {
    fn works(&self) -> Vec<&'static Work> {
        let meant = |work: &&Work| match self.only.as_slice() {
            [] => self.extent.full || (self.extent.quick && work.quick_events.is_some()),
            only => only.iter().any(|name| name == work.name),
        };
        WORKS.iter().filter(meant).collect()
    }

    fn subjects(&self) -> Vec<&'static Subject> {
        let meant = |subject: &&Subject| match self.subjects.as_slice() {
            [] => self.extent.full || !subject.is_peer(),
            names => names.iter().any(|name| name == subject.name),
        };
        SUBJECTS.iter().filter(meant).collect()
    }

    /// Works alone leave the sweeps out.
    fn sweeps(&self) -> bool {
        self.extent.sweep || (self.extent.full && self.only.is_empty())
    }

    fn jobs(&self) -> Vec<Job> {
        let subjects = self.subjects();
        let job = |work: &'static Work| Job {
            work,
            subjects: subjects.iter().copied().filter(|subject| work.suits(subject)).collect(),
        };
        self.works().into_iter().map(job).collect()
    }

    /// What one types to measure the same again; where results are written to is left out.
    fn command_line(&self) -> String {
        let mut command = format!("cargo xtask bench {}", self.extent.option());
        for (option, names) in [(" --only ", &self.only), (" --subjects ", &self.subjects)] {
            if !names.is_empty() {
                command += option;
                command += &names.join(",");
            }
        }
        command + " --repeat " + &self.repeat.to_string()
    }
}

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
    let runner = Runner::new(options.repeat, !options.extent.quick)?;
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Options, clap::Error> {
        Options::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn a_run_has_one_extent() {
        assert!(parse("bench").is_err());
        assert!(parse("bench --quick --full").is_err());
        assert!(parse("bench --quick").is_ok());
    }

    #[test]
    fn sweeps_are_part_of_a_full_run_and_a_run_of_their_own() {
        assert!(parse("bench --full").unwrap().sweeps());
        assert!(!parse("bench --full --only burst-1k").unwrap().sweeps());
        let sweep = parse("bench --sweep").unwrap();
        assert!(sweep.sweeps() && sweep.works().is_empty());
        assert!(!parse("bench --quick").unwrap().sweeps());
    }

    #[test]
    fn a_work_is_done_by_those_who_can() {
        let jobs = parse("bench --full --only idle-10k,replay --subjects floor-1,axum,bare-axum").unwrap().jobs();
        let named = |job: &Job| job.subjects.iter().map(|subject| subject.name).collect::<Vec<_>>();
        assert_eq!(jobs.iter().map(named).collect::<Vec<_>>(), [vec!["floor-1", "axum", "bare-axum"], vec!["axum"]]);
    }

    #[test]
    fn a_quick_run_leaves_the_peers_out_unless_they_are_asked_for() {
        assert!(parse("bench --quick").unwrap().subjects().iter().all(|subject| !subject.is_peer()));
        let asked = parse("bench --quick --subjects floor-1,peer-axum").unwrap().subjects();
        assert_eq!(asked.iter().map(|subject| subject.name).collect::<Vec<_>>(), ["floor-1", "peer-axum"]);
        assert_eq!(parse("bench --full").unwrap().subjects().len(), SUBJECTS.len());
    }

    #[test]
    fn the_command_that_is_told_asks_for_the_same_figures() {
        let line = "cargo xtask bench --quick --only burst-1k,idle-10k --subjects floor-1 --repeat 2";
        let asked =
            parse(&format!("{} --write --json figures.json", line.replace("cargo xtask bench", "bench"))).unwrap();
        assert_eq!(asked.command_line(), line);
        assert_eq!(parse("bench --full").unwrap().command_line(), "cargo xtask bench --full --repeat 3");
    }

    #[test]
    fn a_quick_run_takes_fewer_works_unless_they_are_asked_for() {
        let quick = parse("bench --quick").unwrap().works().len();
        assert!(quick > 0 && quick < WORKS.len());
        for work in WORKS {
            let asked = parse(&format!("bench --quick --only {}", work.name)).unwrap().works();
            assert_eq!(asked.iter().map(|work| work.name).collect::<Vec<_>>(), [work.name]);
        }
    }
}
