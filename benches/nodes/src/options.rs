//! The command line: what is measured, how often, and whether it is written down.

use clap::Parser;
use clap::builder::PossibleValuesParser;

use crate::newcomer::Newcomer;
use crate::work::{WORKS, Work};

/// Measures what a hub costs over several nodes, and on a log that outlives it.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask scale", bin_name = "cargo xtask scale")]
pub(crate) struct Options {
    /// Measures these works alone.
    #[arg(long, value_name = "WORK", value_delimiter = ',', value_parser = PossibleValuesParser::new(WORKS.iter().map(|work| work.name)))]
    only: Vec<String>,
    /// How often each work is measured.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) repeat: u32,
    /// Writes the figures into docs/scaling.md.
    #[arg(long)]
    pub(crate) write: bool,
    /// What this program asks of itself: a node that starts in a process of its own.
    #[command(flatten)]
    pub(crate) newcomer: Option<Newcomer>,
}

impl Options {
    pub(crate) fn works(&self) -> impl Iterator<Item = &'static Work> {
        WORKS.iter().filter(|work| self.only.is_empty() || self.only.iter().any(|name| name == work.name))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn works_can_be_picked_by_their_names() {
        let all = Options::parse_from(["scale"]);
        assert_eq!(all.works().count(), WORKS.len());
        let two = Options::parse_from(["scale", "--only", "late,hubs"]);
        assert_eq!(two.works().map(|work| work.name).collect::<Vec<_>>(), ["hubs", "late"]);
        assert!(Options::try_parse_from(["scale", "--only", "everything"]).is_err());
    }
}
