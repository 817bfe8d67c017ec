//! The command line, and what follows from it: how often things happen, and how the server is set.

use std::time::Duration;

use clap::Parser;
use ssehub_conformance::subject::Framework;

use super::world::World;
use crate::server::framework;

/// Mixed load against the playground, with every promise checked and memory watched.
///
/// Fails if a promise is broken, or if memory, descriptors or gauges are not what they have to be at the end.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo xtask soak", bin_name = "cargo xtask soak")]
pub struct Options {
    /// How long; fractions are allowed. Memory is judged from 20 minutes on.
    #[arg(long, value_name = "MINUTES", default_value = "60", value_parser = minutes)]
    minutes: Duration,
    /// axum, lean, actix or rocket.
    #[arg(long, value_name = "NAME", default_value = "axum", value_parser = framework)]
    pub(super) framework: Framework,
    /// Readers, each with one stream.
    #[arg(long, value_name = "N", default_value_t = 3000, value_parser = clap::value_parser!(u32).range(20..=50_000))]
    streams: u32,
    /// Decides what readers do, and when.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// How often and how long things happen. Short runs do everything more often, so that everything happens in them.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) duration: Duration,
    /// Between two lines of the report.
    pub(crate) line_every: Duration,
    /// Between two acts of one reader, on average.
    pub(crate) acts_every: Duration,
    /// How long the session of who is away lasts.
    pub(crate) window: Duration,
    /// Who is lost is away for less than this.
    pub(crate) away: Duration,
    /// Who stalls does so for less than this.
    pub(crate) stall: Duration,
    pub(crate) keep_alive: Duration,
}

impl Options {
    /// What `cargo xtask soak` with these options would do.
    #[must_use]
    pub fn new(framework: Framework, duration: Duration, streams: u32) -> Self {
        Self { minutes: duration, framework, streams, seed: 1 }
    }

    pub(super) fn streams(&self) -> usize {
        self.streams as usize
    }

    pub(super) fn plan(&self) -> Plan {
        let (duration, second) = (self.minutes, Duration::from_secs(1));
        let window = (duration / 2).clamp(12 * second, 30 * second);
        Plan {
            seed: self.seed,
            duration,
            line_every: (duration / 10).clamp(5 * second, 60 * second),
            acts_every: (duration / 10).clamp(2 * second, 60 * second),
            window,
            away: window / 10,
            stall: (duration / 4).clamp(3 * second, 20 * second),
            keep_alive: (duration / 10).clamp(second, 5 * second),
        }
    }
}

impl Plan {
    /// Whether there is time for readers to come back when their session is over.
    pub(crate) fn is_long(&self) -> bool {
        self.duration >= 10 * self.window
    }

    /// The playground's options. Some who stall do so beyond what the hub puts up with, and all of them for less than
    /// what is retained.
    pub(super) fn server(&self, world: &World) -> Vec<String> {
        let retained = world.rate() * (2 * self.window).as_secs_f64();
        let lifetime = (self.duration / 4).clamp(Duration::from_secs(3), Duration::from_secs(300));
        [
            ("--keep-alive", self.keep_alive.as_secs_f64().to_string()),
            ("--resume-window", self.window.as_secs_f64().to_string()),
            ("--stall-timeout", (self.stall / 2).as_secs_f64().to_string()),
            ("--max-lifetime", lifetime.as_secs_f64().to_string()),
            ("--history-events", (retained.ceil() as u64).max(1000).to_string()),
            ("--history-bytes", "268435456".to_owned()),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect()
    }
}

fn minutes(text: &str) -> Result<Duration, String> {
    let minutes: f64 = text.parse().map_err(|_| "wanted is a number of minutes, such as 60 or 0.5".to_owned())?;
    let time = Duration::try_from_secs_f64(minutes * 60.0).map_err(|error| error.to_string())?;
    if time.is_zero() { Err("wanted is more than nothing".to_owned()) } else { Ok(time) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
        let options = Options::try_parse_from(["soak", "--minutes", "0.5", "--framework", "rocket"]).unwrap();
        assert_eq!((options.minutes, options.framework), (Duration::from_secs(30), Framework::Rocket));
        assert!(Options::try_parse_from(["soak", "--framework", "warp"]).is_err());
        assert!(Options::try_parse_from(["soak", "--minutes", "-1"]).is_err());
    }

    #[test]
    fn nobody_is_away_or_stalls_for_longer_than_is_retained() {
        for seconds in [1, 12, 30, 600, 3600] {
            let plan = Options::new(Framework::Axum, Duration::from_secs(seconds), 100).plan();
            let retained = 2 * plan.window;
            assert!(2 * plan.away < plan.window && plan.stall < plan.window && plan.stall < retained, "{plan:?}");
        }
    }
}
