//! How the cost of a delivery grows with what a server holds: one work at several sizes of one thing, all else equal.

use serde::Serialize;

use crate::metric::Metric;
use crate::results::WorkResults;
use crate::run::Job;
use crate::stats::Spread;
use crate::subject::SUBJECTS;
use crate::work::{Kind, Work, work};

/// Works that differ in one number.
#[derive(Debug)]
pub(crate) struct Sweep {
    /// What the number counts.
    pub(crate) against: &'static str,
    pub(crate) points: &'static [Point],
    /// Who is measured.
    pub(crate) subjects: &'static [&'static str],
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) at: u32,
    pub(crate) work: Work,
}

pub(crate) const SWEEPS: &[Sweep] = &[
    Sweep {
        against: "streams, each event to one of them",
        points: &[
            targeted("targeted at 1k", 1_000),
            targeted("targeted at 2k", 2_000),
            targeted("targeted at 4k", 4_000),
            targeted("targeted at 8k", 8_000),
            targeted("targeted at 16k", 16_000),
        ],
        subjects: &["floor-1", "lean"],
    },
    Sweep {
        against: "groups of each of 100 streams",
        points: &[
            in_groups("groups at 1", 1, &["--shape", "many-groups:1"]),
            in_groups("groups at 10", 10, &["--shape", "many-groups:10"]),
            in_groups("groups at 100", 100, &["--shape", "many-groups:100"]),
            in_groups("groups at 1k", 1_000, &["--shape", "many-groups:1000"]),
        ],
        subjects: &["floor-1", "lean"],
    },
    Sweep {
        against: "retained events, of which each of 100 streams missed 10",
        points: &[
            missed("retained at 1k", 1_000, &[]),
            missed("retained at 10k", 10_000, &["--retained", "9000"]),
            missed("retained at 100k", 100_000, &["--retained", "99000"]),
        ],
        subjects: &["lean"],
    },
    Sweep {
        against: "stalled streams of 1,000",
        points: &[
            stalled("stalled at 0", 0, &["--stalled", "0"]),
            stalled("stalled at 1 %", 10, &["--stalled", "1"]),
            stalled("stalled at 10 %", 100, &["--stalled", "10"]),
        ],
        subjects: &["lean"],
    },
];

const fn targeted(name: &'static str, at: u32) -> Point {
    Point { at, work: work(name, Kind::Targeted, at).events(50_000) }
}

const fn in_groups(name: &'static str, at: u32, load_args: &'static [&'static str]) -> Point {
    Point { at, work: work(name, Kind::ManyGroups, 100).events(10_000).load_args(load_args) }
}

const fn missed(name: &'static str, at: u32, load_args: &'static [&'static str]) -> Point {
    let server_args = &["--history-events", "200000", "--history-bytes", "268435456"];
    Point { at, work: work(name, Kind::Replay, 100).events(1_000).load_args(load_args).server_args(server_args) }
}

const fn stalled(name: &'static str, at: u32, load_args: &'static [&'static str]) -> Point {
    Point { at, work: work(name, Kind::Slow, 1_000).events(5_000).size(1_024).load_args(load_args) }
}

impl Sweep {
    pub(crate) fn jobs(&'static self) -> impl Iterator<Item = Job> {
        let swept = || SUBJECTS.iter().filter(|subject| self.subjects.contains(&subject.name));
        self.points.iter().map(move |point| Job { work: &point.work, subjects: swept().collect() })
    }

    /// What the jobs found out, which come next in `works`.
    pub(crate) fn results(&'static self, works: &mut impl Iterator<Item = WorkResults>) -> SweepResults {
        let points = self.points.iter().zip(works).map(|(point, results)| PointResults { at: point.at, results });
        SweepResults { against: self.against, subjects: self.subjects, points: points.collect() }
    }
}

/// What one sweep found out.
#[derive(Debug, Serialize)]
pub(crate) struct SweepResults {
    pub(crate) against: &'static str,
    #[serde(skip)]
    pub(crate) subjects: &'static [&'static str],
    pub(crate) points: Vec<PointResults>,
}

/// One work of it.
#[derive(Debug, Serialize)]
pub(crate) struct PointResults {
    pub(crate) at: u32,
    pub(crate) results: WorkResults,
}

impl SweepResults {
    /// The cost of a delivery of `subject` at `point`, and how many times it is that at the first point.
    pub(crate) fn cost(&self, point: &PointResults, subject: &str) -> Option<(Spread, Spread)> {
        let series = |point: &PointResults| Some(point.results.subject(subject)?.series(Metric::CpuPerDelivery));
        let cost = series(point)?;
        Some((cost.spread()?, cost.over(&series(self.points.first()?)?).spread()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_swept_can_do_the_work() {
        for sweep in SWEEPS {
            for job in sweep.jobs() {
                assert_eq!(job.subjects.len(), sweep.subjects.len(), "{}", sweep.against);
                assert!(job.subjects.iter().all(|subject| job.work.suits(subject)), "{}", job.work.name);
            }
        }
    }

    #[test]
    fn the_number_that_is_swept_grows() {
        for sweep in SWEEPS {
            assert!(sweep.points.is_sorted_by(|one, next| one.at < next.at), "{}", sweep.against);
        }
    }
}
