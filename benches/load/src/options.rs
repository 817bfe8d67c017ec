//! The command line.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use ssehub_order::{Order, RATES};

use crate::publish::{How, Template, To};
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
    /// Streams to open. Each work has some but `commit`, which has none.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=100_000))]
    pub(crate) streams: u64,
    /// Events to publish.
    #[arg(long, value_name = "E", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) events: u64,
    /// Bytes of data in each event.
    #[arg(long, value_name = "BYTES", default_value_t = 96, value_parser = size)]
    size: usize,
    /// Events a second; as fast as the server takes them where it is absent, but paced work always has a rate.
    #[arg(long, value_name = "R", default_value_if("work", "paced", "20"), value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// Groups that the streams of the work `groups` are spread over.
    #[arg(long, value_name = "G", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    groups: u64,
    /// What each stream asks for, where not what is usual for the work: all, user, group:K (stream i is in group
    /// i mod K), many-groups:G (each stream is in all of G groups) or one-in-all:G (only the first is, and stream i of
    /// the others in group i mod G).
    #[arg(long)]
    shape: Option<Shape>,
    /// Of each hundred streams, so many read nothing, of the work `slow`.
    #[arg(long, value_name = "PERCENT", default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=50))]
    pub(crate) stalled: u64,
    /// Events to a user who never connects that the server has to keep besides, of the work `replay`.
    #[arg(long, value_name = "R", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=1_000_000_000))]
    pub(crate) retained: u64,
    /// How the server is made to publish.
    #[arg(long, value_enum, value_name = "HOW", default_value = "endpoint")]
    publish: Publish,
    /// Where each event is posted; {target} stands for all, user:ID or group:NAME.
    #[arg(long, value_name = "PATH", required_if_eq("publish", "post"))]
    post_path: Option<Template>,
    /// Requests to publish that are under way at a time, of the work `commit`; they share the events.
    #[arg(long, value_name = "P", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) publishers: u64,
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
    /// Every event to every stream, of which some read nothing.
    Slow,
    /// Streams that wait, and nothing published.
    Idle,
    /// Each event to one user, all while the streams are away; then all come back for what they missed.
    Replay,
    /// Events that nobody receives.
    Commit,
}

/// How a server can be made to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Publish {
    /// One POST /publish tells how many events it is to make.
    Endpoint,
    /// One POST for each event.
    Post,
}

impl Options {
    /// Refuses what does not go together.
    pub(crate) fn check(&self) -> Result<()> {
        let commits = self.work == Work::Commit;
        ensure!(commits == (self.streams == 0), "the work commit has no streams, and every other work has some");
        ensure!(commits || self.publishers == 1, "only the work commit has more than one publisher");
        Ok(())
    }

    /// How the server is made to publish.
    pub(crate) fn how(&self) -> How {
        match (self.publish, &self.post_path) {
            (Publish::Post, Some(template)) => How::Posts(template.clone()),
            _ => How::Endpoint,
        }
    }

    /// `events` events, as fast as the server takes them.
    pub(crate) fn order(&self, events: u64) -> Order<To> {
        let receivers = self.shape().receivers(self.streams);
        Order { receivers, count: events, size: self.size, rate: None }
    }

    /// What each stream asks for.
    pub(crate) fn shape(&self) -> Shape {
        match (self.shape, self.work) {
            (Some(shape), _) => shape,
            (None, Work::Burst | Work::Paced | Work::Slow | Work::Idle | Work::Commit) => Shape::All,
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
    let rate = text.parse().ok().filter(|rate| RATES.contains(rate));
    rate.ok_or_else(|| "wanted are events a second, 0.001 to 10000000".to_owned())
}

fn size(text: &str) -> Result<usize, String> {
    let size = text.parse().ok().filter(|size| (32..=1_000_000).contains(size));
    size.ok_or_else(|| "wanted are bytes, 32 to 1000000".to_owned())
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
    fn only_the_work_commit_has_no_streams_and_several_publishers() {
        let check = |line: &str| parse(line).unwrap().check();
        for good in ["commit", "commit --publishers 4", "burst --streams 1"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["commit --streams 1", "burst", "burst --streams 0", "burst --streams 1 --publishers 2"] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn events_are_posted_to_a_path_with_their_target() {
        assert!(matches!(parse("burst --streams 1").unwrap().how(), How::Endpoint));
        assert!(matches!(
            parse("burst --streams 1 --publish post --post-path /a/{target}").unwrap().how(),
            How::Posts(_)
        ));
        for bad in ["", " --post-path /a", " --post-path {target}"] {
            assert!(parse(&format!("burst --streams 1 --publish post{bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for bad in ["rest --streams 1", "burst --streams 1 --rate 0", "burst --streams 1 --size 1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(address("127.0.0.1:80").is_err());
    }
}
