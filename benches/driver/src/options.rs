//! The command line: what is measured, how often, and where the figures go.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser};

use crate::run::Job;
use crate::subject::{SUBJECTS, Subject};
use crate::work::{WORKS, Work};

/// Measures ssehub beside bare programs and beside what one writes without a hub.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
pub(crate) struct Options {
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
    pub(crate) repeat: u32,
    /// Writes everything that was measured to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Writes the figures into docs/performance.md.
    #[arg(long)]
    pub(crate) write: bool,
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
    /// Whether works are done with few events.
    pub(crate) fn is_quick(&self) -> bool {
        self.extent.quick
    }

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
    pub(crate) fn sweeps(&self) -> bool {
        self.extent.sweep || (self.extent.full && self.only.is_empty())
    }

    pub(crate) fn jobs(&self) -> Vec<Job> {
        let subjects = self.subjects();
        let job = |work: &'static Work| Job {
            work,
            subjects: subjects.iter().copied().filter(|subject| work.suits(subject)).collect(),
        };
        self.works().into_iter().map(job).collect()
    }

    /// What one types to measure the same again; where results are written to is left out.
    pub(crate) fn command_line(&self) -> String {
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
