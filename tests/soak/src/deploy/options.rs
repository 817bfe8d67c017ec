//! The command line.

use clap::Parser;
use ssehub_conformance::subject::Framework;

use crate::server::{FRAMEWORKS, framework};

/// A restart under load: SIGTERM, and the next process at the same address.
///
/// Half of the clients come back at once, whatever they are told, the others after the time that they are told.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo xtask deploy", bin_name = "cargo xtask deploy")]
pub struct Options {
    /// axum, lean, actix or rocket; all of them if it is left out.
    #[arg(long, value_name = "NAME", value_parser = framework)]
    framework: Option<Framework>,
    /// Open streams.
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(2..=50_000))]
    streams: u32,
}

impl Options {
    /// What is restarted, one after the other.
    #[must_use]
    pub fn frameworks(&self) -> Vec<Framework> {
        self.framework.map_or_else(|| FRAMEWORKS.to_vec(), |framework| vec![framework])
    }

    /// How many streams there are.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams as usize
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
        let options = Options::try_parse_from(["deploy", "--framework", "lean"]).unwrap();
        assert_eq!((options.frameworks(), options.streams()), (vec![Framework::Lean], 5000));
        assert_eq!(Options::try_parse_from(["deploy"]).unwrap().frameworks(), FRAMEWORKS);
    }
}
