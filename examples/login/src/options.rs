//! The command line of the examples.

use std::net::SocketAddr;
use std::time::Duration;

/// A page with a login: tickets for its event stream, logins that expire, and a logout that holds.
#[derive(Clone, Debug, clap::Parser)]
pub struct Options {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,
    /// How long a login holds, and the streams that it opens.
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(SECONDS))]
    login_lifetime: u64,
    /// How long a stream goes on before the browser has to come back: short, so that one sees it.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(SECONDS))]
    stream_lifetime: u64,
}

/// Up to a day.
const SECONDS: std::ops::RangeInclusive<u64> = 1..=86_400;

impl Options {
    /// How long a login holds.
    pub(crate) fn login_lifetime(&self) -> Duration {
        Duration::from_secs(self.login_lifetime)
    }

    /// How long a stream goes on.
    pub(crate) fn stream_lifetime(&self) -> Duration {
        Duration::from_secs(self.stream_lifetime)
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_has_a_default_for_everything() {
        Options::command().debug_assert();
        let options = Options::try_parse_from(["login"]).unwrap();
        assert_eq!(options.listen.to_string(), "127.0.0.1:3000");
        assert_eq!(options.login_lifetime(), Duration::from_secs(900));
    }

    #[test]
    fn a_lifetime_is_a_number_of_seconds_up_to_a_day() {
        for seconds in ["0", "86401", "-1", "1.5", "long", ""] {
            assert!(Options::try_parse_from(["login", "--login-lifetime", seconds]).is_err(), "{seconds}");
        }
    }
}
