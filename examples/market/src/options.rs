//! The command line of the examples.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

/// A stock ticker in the browser: real prices, replayed over one event stream.
#[derive(Clone, Debug, clap::Parser)]
pub struct Options {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,
    /// How many months to replay in a second.
    #[arg(long, value_name = "MONTHS", default_value = "2")]
    pub rate: Rate,
    /// The Redis by which several nodes are one market; without it, this process is all of it.
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
}

/// How fast the prices are replayed: 0.01 to 100 months a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate(f64);

impl Rate {
    /// The time from one month to the next.
    pub(crate) fn period(self) -> Duration {
        Duration::from_secs_f64(self.0.recip())
    }

    pub(crate) fn months_per_second(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let rate: f64 = text.parse().map_err(|_| RateError)?;
        // False for NaN as well.
        if (0.01..=100.0).contains(&rate) { Ok(Self(rate)) } else { Err(RateError) }
    }
}

/// The rate is no number, or out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rate must be a number of months a second, from 0.01 to 100")]
pub struct RateError;

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_has_a_default_for_everything() {
        Options::command().debug_assert();
        let options = Options::try_parse_from(["market"]).unwrap();
        assert_eq!(options.listen.to_string(), "127.0.0.1:3000");
        assert_eq!(options.rate.period(), Duration::from_millis(500));
    }

    #[test]
    fn a_rate_outside_its_range_is_refused() {
        for rate in ["0", "-1", "0.009", "100.1", "NaN", "inf", "fast", ""] {
            assert_eq!(rate.parse::<Rate>(), Err(RateError), "{rate}");
        }
    }
}
