//! The command line.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::shape::Shape;

/// Opens many event streams to one server, has it publish, and tells as JSON what came and what it cost.
///
/// The exit status is 1 when an event was lost or came twice or a stream ended, and 2 when nothing could be measured.
#[derive(Debug, Parser)]
#[command(name = "load", version)]
pub(crate) struct Options {
    /// What to do.
    #[arg(value_enum)]
    pub(crate) work: Work,
    /// Where the server listens.
    #[arg(long, value_name = "http://IP:PORT", value_parser = address)]
    pub(crate) url: SocketAddr,
    /// The server's process; its descendants are counted with it.
    #[arg(long)]
    pub(crate) pid: u32,
    /// Streams to open.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) streams: u64,
    /// Events to publish.
    #[arg(long, value_name = "E", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) events: u64,
    /// Bytes of data in each event.
    #[arg(long, value_name = "BYTES", default_value_t = 96, value_parser = clap::value_parser!(u64).range(32..=1_000_000))]
    pub(crate) size: u64,
    /// Events a second; as fast as the server takes them where it is absent, but paced work always has a rate.
    #[arg(long, value_name = "R", default_value_if("work", "paced", "20"), value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// Groups that the streams of the work `groups` are spread over.
    #[arg(long, value_name = "G", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    groups: u64,
    /// What each stream asks for, where not what is usual for the work: all, user, group:K (stream i is in group
    /// i mod K) or many-groups:G (each stream is in all of G groups).
    #[arg(long)]
    shape: Option<Shape>,
    /// Runs on this core only.
    #[arg(long, value_name = "CORE")]
    pub(crate) cpu: Option<usize>,
    /// How long to wait for what was published, beyond the time that the rate asks for; what has not come then is lost.
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    pub(crate) deadline: Duration,
    /// What has not come is lost, too, when everything is published and nothing comes for that long.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) quiet: Duration,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// Every event to every stream, as fast as the server takes them.
    Burst,
    /// Every event to every stream, at a rate.
    Paced,
    /// Each event to one user with one stream, the users in turn.
    Targeted,
    /// Each event to one group, the groups in turn.
    Groups,
    /// A burst of which the last of each hundred streams reads nothing.
    Slow,
    /// Streams that wait, and nothing published.
    Idle,
    /// Each event to one user, all while the streams are away; then all come back for what they missed.
    Replay,
}

impl Options {
    /// What each stream asks for.
    pub(crate) fn shape(&self) -> Shape {
        match (self.shape, self.work) {
            (Some(shape), _) => shape,
            (None, Work::Burst | Work::Paced | Work::Slow | Work::Idle) => Shape::All,
            (None, Work::Targeted | Work::Replay) => Shape::User,
            (None, Work::Groups) => Shape::Group(self.groups),
        }
    }
}

fn address(url: &str) -> Result<SocketAddr, String> {
    let address = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    address.and_then(|address| address.parse().ok()).ok_or_else(|| "wanted is http://IP:PORT".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.001..=10_000_000.0).contains(rate));
    rate.ok_or_else(|| "wanted are events a second, 0.001 to 10000000".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.001..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "wanted are seconds, 0.001 to 86400".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, clap::Error> {
        let server = "--url http://127.0.0.1:80 --pid 1";
        Options::try_parse_from(format!("load {line} {server}").split(' '))
    }

    #[test]
    fn a_work_has_its_usual_shape_unless_another_is_asked_for() {
        let shape = |line: &str| parse(line).unwrap().shape();
        assert_eq!(shape("burst --streams 10"), Shape::All);
        assert_eq!(shape("targeted --streams 10"), Shape::User);
        assert_eq!(shape("groups --streams 10 --groups 5"), Shape::Group(5));
        assert_eq!(shape("groups --streams 1 --shape many-groups:7"), Shape::ManyGroups(7));
    }

    #[test]
    fn only_paced_work_has_a_rate_of_its_own() {
        assert_eq!(parse("paced --streams 1").unwrap().rate, Some(20.0));
        assert_eq!(parse("paced --streams 1 --rate 5").unwrap().rate, Some(5.0));
        assert_eq!(parse("burst --streams 1").unwrap().rate, None);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for bad in ["burst", "burst --streams 0", "rest --streams 1", "burst --streams 1 --rate 0", "burst --size 1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(address("127.0.0.1:80").is_err());
    }
}
