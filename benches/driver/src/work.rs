//! What is measured: each work with its sizes, and what `load` and the server are told for it.

use serde::Serialize;

use crate::metric::Metric;
use crate::subject::{self, Subject};

/// One work at one size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) streams: u32,
    /// Bytes of data in each event.
    pub(crate) size: u32,
    /// Events a second; as fast as they are taken where it is absent.
    pub(crate) rate: Option<u32>,
    /// Events in a full run.
    pub(crate) full_events: u32,
    /// Events in a quick run; it leaves out works that have none.
    pub(crate) quick_events: Option<u32>,
    /// What is particular about it, for its title.
    pub(crate) remark: &'static str,
    pub(crate) peers: bool,
    /// What `load` is told besides.
    pub(crate) load_args: &'static [&'static str],
    /// What ssehub is told besides.
    pub(crate) server_args: &'static [&'static str],
}

/// What happens in a work.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Every stream gets every event, as fast as it goes.
    Burst,
    /// Every stream gets every event, at a rate.
    Paced,
    /// Each event goes to one user, in turn.
    Targeted,
    /// Each event goes to one group, in turn; a stream is in one.
    Groups,
    /// Each event goes to one group, in turn; a stream is in all, and maybe others in one.
    ManyGroups,
    /// Every stream gets every event, but some don't read.
    Slow,
    /// Streams are opened and nothing is sent.
    Idle,
    /// Streams come back for what they missed.
    Replay,
    /// Events are sent, and there is no stream.
    Commit,
}

/// A burst has to last to be measured. Who writes each event by itself takes half a minute for what others do in a
/// second, and is measured as well with this part of it.
const PART_OF_A_BURST: u32 = 10;
const FEWER_EVENTS: &str = "a tenth of them for floor-1 and the peers";

/// All works, the short ones of a kind first.
pub(crate) const WORKS: &[Work] = &[
    work("burst-1k", Kind::Burst, 1_000).events(10_000).quick(10_000).remark(FEWER_EVENTS),
    work("burst-10k", Kind::Burst, 10_000).events(1_000).quick(1_000).remark(FEWER_EVENTS),
    work("paced-10k-5", Kind::Paced, 10_000).rate(5).events(30).quick(20),
    work("paced-10k-20", Kind::Paced, 10_000).rate(20).events(100),
    work(TARGETED.few, Kind::Targeted, 1_000).events(30_000),
    // Some peers would take hours.
    work(TARGETED.many, Kind::Targeted, 10_000).events(30_000).quick(30_000).load_args(&["--deadline", "40"]),
    work("targeted-16k", Kind::Targeted, 16_000).events(20_000).without_peers(),
    work("groups", Kind::Groups, 10_000).events(20_000).load_args(&["--groups", "1000"]).remark("1,000 groups of 10"),
    work("many-groups", Kind::ManyGroups, 1)
        .events(50_000)
        .load_args(&["--shape", "many-groups:1000"])
        .remark("in 1,000 groups"),
    work("one-in-all", Kind::ManyGroups, 1_001)
        .events(50_000)
        .load_args(&["--shape", "one-in-all:1000"])
        .remark("one in 1,000 groups and another in each"),
    // More than the 4 MB that Linux takes for a stream that is not read.
    work("slow", Kind::Slow, 200)
        .events(5_000)
        .size(1_024)
        .load_args(&["--stalled", "1"])
        .remark("1 % of them stalled"),
    work("slow-paced", Kind::Slow, 200)
        .rate(60)
        .events(400)
        .size(16_384)
        .load_args(&["--stalled", "1"])
        .remark("1 % of them stalled"),
    work("idle-10k", Kind::Idle, 10_000).quick(0),
    work("replay", Kind::Replay, 1_000)
        .events(100_000)
        .server_args(&["--history-events", "200000", "--history-bytes", "268435456"])
        .remark("each 100 behind, all come back at once"),
    work("commit-1", Kind::Commit, 0).events(500_000).quick(200_000).load_args(&["--publishers", "1"]),
    work("commit-4", Kind::Commit, 0).events(500_000).load_args(&["--publishers", "4"]).remark("4 at a time"),
];

/// The works that tell how the cost of an event to one user grows with the number of streams.
pub(crate) const TARGETED: Growth = Growth { few: "targeted-1k", many: "targeted-10k" };

/// Two works that differ in the number of streams.
#[derive(Debug)]
pub(crate) struct Growth {
    pub(crate) few: &'static str,
    pub(crate) many: &'static str,
}

/// A work of no events, which are small.
pub(crate) const fn work(name: &'static str, kind: Kind, streams: u32) -> Work {
    Work {
        name,
        kind,
        streams,
        size: 96,
        rate: None,
        full_events: 0,
        quick_events: None,
        remark: "",
        peers: true,
        load_args: &[],
        server_args: &[],
    }
}

/// How a work is put together.
impl Work {
    pub(crate) const fn events(self, full_events: u32) -> Self {
        Self { full_events, ..self }
    }

    const fn quick(self, events: u32) -> Self {
        Self { quick_events: Some(events), ..self }
    }

    pub(crate) const fn size(self, size: u32) -> Self {
        Self { size, ..self }
    }

    const fn rate(self, rate: u32) -> Self {
        Self { rate: Some(rate), ..self }
    }

    const fn without_peers(self) -> Self {
        Self { peers: false, ..self }
    }

    const fn remark(self, remark: &'static str) -> Self {
        Self { remark, ..self }
    }

    pub(crate) const fn load_args(self, load_args: &'static [&'static str]) -> Self {
        Self { load_args, ..self }
    }

    pub(crate) const fn server_args(self, server_args: &'static [&'static str]) -> Self {
        Self { server_args, ..self }
    }
}

/// What follows from it.
impl Work {
    pub(crate) fn count(&self, full: bool) -> u32 {
        if full { self.full_events } else { self.quick_events.unwrap_or(self.full_events) }
    }

    pub(crate) fn suits(&self, subject: &Subject) -> bool {
        subject.works.contains(&self.kind) && (self.peers || !subject.is_peer())
    }

    /// What tells the subjects apart in this work.
    pub(crate) fn metrics(&self) -> &'static [Metric] {
        match self.kind {
            Kind::Burst | Kind::Targeted | Kind::Groups | Kind::ManyGroups => {
                &[Metric::CpuPerDelivery, Metric::DeliveriesPerSecond]
            }
            Kind::Slow if self.rate.is_none() => &[Metric::CpuPerDelivery, Metric::DeliveriesPerSecond],
            Kind::Paced | Kind::Slow => {
                &[Metric::CpuPerDelivery, Metric::LatencyP50, Metric::LatencyP99, Metric::LastReceiverP50]
            }
            Kind::Idle => &[Metric::MemoryPerStream, Metric::OwnMemoryPerStream, Metric::ConnectsPerSecond],
            Kind::Replay => &[Metric::CpuPerDelivery, Metric::WallTime],
            Kind::Commit => &[Metric::CpuPerSend, Metric::SendsPerSecond],
        }
    }

    /// The figures that are worth a line at a glance, each with the floor that it is a ratio to, if to any.
    pub(crate) fn at_a_glance(&self) -> &'static [(Metric, Option<&'static str>)] {
        match self.kind {
            Kind::Burst => &[(Metric::CpuPerDelivery, Some("floor-64"))],
            Kind::Slow if self.rate.is_none() => &[(Metric::CpuPerDelivery, Some("floor-64"))],
            Kind::Targeted | Kind::Groups | Kind::ManyGroups => &[(Metric::CpuPerDelivery, Some("floor-1"))],
            Kind::Paced | Kind::Slow => {
                &[(Metric::CpuPerDelivery, Some("floor-1")), (Metric::LastReceiverP50, Some("floor-1"))]
            }
            Kind::Idle => &[
                (Metric::MemoryPerStream, None),
                (Metric::OwnMemoryPerStream, None),
                (Metric::ConnectsPerSecond, None),
            ],
            Kind::Replay => &[(Metric::CpuPerDelivery, None)],
            Kind::Commit => &[(Metric::SendsPerSecond, None)],
        }
    }

    /// The command line of `load`, but for the server.
    pub(crate) fn load_command(&self, subject: &Subject, full: bool) -> Vec<String> {
        let mut args = vec![self.kind.word().to_owned()];
        let mut option = |name: &str, value: u32| args.extend([name.to_owned(), value.to_string()]);
        option("--size", self.size);
        if self.streams > 0 {
            option("--streams", self.streams);
        }
        if self.kind != Kind::Idle {
            let part = if self.kind == Kind::Burst && !subject.writes_many_at_once() { PART_OF_A_BURST } else { 1 };
            option("--events", self.count(full) / part);
        }
        if let Some(rate) = self.rate {
            option("--rate", rate);
        }
        // A floor would wait for a stalled reader for ever.
        let nobody_stalls = self.kind == Kind::Slow && subject.kind == subject::Kind::Floor;
        let work_args = if nobody_stalls { &["--stalled", "0"] } else { self.load_args };
        args.extend(work_args.iter().chain(subject.load_args).map(ToString::to_string));
        args
    }

    /// The command line of a subject, but for where it listens.
    pub(crate) fn server_command(&self, subject: &Subject) -> Vec<String> {
        let further = if subject.kind == subject::Kind::Ssehub { self.server_args } else { &[] };
        subject.args.iter().chain(further).map(ToString::to_string).collect()
    }
}

impl Kind {
    /// What `load` calls it.
    fn word(self) -> &'static str {
        match self {
            Self::Burst => "burst",
            Self::Paced => "paced",
            Self::Targeted => "targeted",
            Self::Groups | Self::ManyGroups => "groups",
            Self::Slow => "slow",
            Self::Idle => "idle",
            Self::Replay => "replay",
            Self::Commit => "commit",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::SUBJECTS;

    fn named(name: &str) -> (&'static Work, fn(&str) -> &'static Subject) {
        let subject = |name: &str| SUBJECTS.iter().find(|subject| subject.name == name).unwrap();
        (WORKS.iter().find(|work| work.name == name).unwrap(), subject)
    }

    #[test]
    fn load_is_told_everything_that_makes_the_work() {
        let (paced, subject) = named("paced-10k-5");
        let command = |full| paced.load_command(subject("axum"), full).join(" ");
        assert_eq!(command(false), "paced --size 96 --streams 10000 --events 20 --rate 5");
        assert_eq!(command(true), "paced --size 96 --streams 10000 --events 30 --rate 5");
        let (commit, _) = named("commit-4");
        let command = commit.load_command(subject("axum"), true).join(" ");
        assert_eq!(command, "commit --size 96 --events 500000 --publishers 4");
    }

    #[test]
    fn a_floor_has_no_stalled_readers() {
        let (slow, subject) = named("slow");
        let command = |name| slow.load_command(subject(name), true).join(" ");
        assert!(command("floor-1").ends_with("--stalled 0"));
        assert!(command("axum").ends_with("--stalled 1"));
    }

    #[test]
    fn only_ssehub_is_told_what_a_work_needs_of_it() {
        let (replay, subject) = named("replay");
        assert!(replay.server_command(subject("axum")).contains(&"--history-events".to_owned()));
        assert!(replay.server_command(subject("nchan")).is_empty());
    }

    #[test]
    fn who_writes_each_event_by_itself_is_measured_with_fewer() {
        let (burst, subject) = named("burst-1k");
        let command = |name| burst.load_command(subject(name), true).join(" ");
        assert_eq!(command("lean"), "burst --size 96 --streams 1000 --events 10000");
        assert_eq!(command("floor-64"), command("lean"));
        assert_eq!(command("floor-1"), "burst --size 96 --streams 1000 --events 1000");
        assert_eq!(command("peer-rocket"), command("floor-1"));
    }

    #[test]
    fn a_work_without_a_quick_size_that_is_asked_for_is_done_in_full() {
        let full_only = WORKS.iter().find(|work| work.quick_events.is_none()).unwrap();
        assert_eq!(full_only.count(false), full_only.full_events);
    }

    #[test]
    fn the_works_that_are_compared_are_works() {
        for name in [TARGETED.few, TARGETED.many] {
            assert!(WORKS.iter().any(|work| work.name == name));
        }
    }
}
