//! Everything a run found out, and what follows from it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::environment::Environment;
use crate::growth::Growth;
use crate::metric::Metric;
use crate::outcome::{Fault, Outcome};
use crate::stats::{Series, Spread};
use crate::subject::{FLOORS, Kind, Subject};
use crate::sweep::SweepResults;
use crate::work::{self, Work};

/// A whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) environment: Environment,
    pub(crate) repeat: u32,
    /// How long it took.
    pub(crate) minutes: f64,
    pub(crate) works: Vec<WorkResults>,
    pub(crate) growth: Vec<Growth>,
    pub(crate) sweeps: Vec<SweepResults>,
}

/// One work, with all subjects.
#[derive(Debug, Serialize)]
pub(crate) struct WorkResults {
    #[serde(skip)]
    pub(crate) work: &'static Work,
    pub(crate) name: &'static str,
    pub(crate) kind: work::Kind,
    pub(crate) streams: u32,
    pub(crate) events: u32,
    pub(crate) rate: Option<u32>,
    pub(crate) event_size: u32,
    /// Why this machine can't do it.
    pub(crate) impossible: Option<String>,
    pub(crate) subjects: Vec<SubjectResults>,
}

/// One subject in one work.
#[derive(Debug, Serialize)]
pub(crate) struct SubjectResults {
    #[serde(skip)]
    pub(crate) subject: &'static Subject,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// One for each repetition.
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) figures: Vec<Figure>,
}

/// One metric over all repetitions.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) metric: &'static str,
    pub(crate) value: Spread,
    /// How many times a floor's figure it is; floors that were not measured are left out.
    pub(crate) ratios: BTreeMap<&'static str, Spread>,
}

impl Results {
    /// What makes the run a failure: anything wrong with a subject of this project. A peer's is only told.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for work in self.all_works() {
            for subject in work.subjects.iter().filter(|subject| subject.kind != Kind::Peer) {
                problems.extend(subject.fault().map(|fault| format!("{} {}: {fault}", work.name, subject.name)));
            }
        }
        problems
    }

    /// The subjects that lack something, each once with what it lacks.
    pub(crate) fn missing(&self) -> BTreeMap<&'static str, Fault> {
        let subjects = self.all_works().flat_map(|work| &work.subjects);
        let faults = subjects.filter_map(|subject| Some((subject.name, subject.fault()?)));
        faults.filter(|(_, fault)| matches!(fault, Fault::Missing(_))).collect()
    }

    fn all_works(&self) -> impl Iterator<Item = &WorkResults> {
        let swept = self.sweeps.iter().flat_map(|sweep| &sweep.points).map(|point| &point.results);
        self.works.iter().chain(swept)
    }
}

impl WorkResults {
    /// Works the figures out.
    pub(crate) fn new(work: &'static Work, full: bool, subjects: Vec<SubjectResults>) -> Self {
        let mut results = Self {
            work,
            name: work.name,
            kind: work.kind,
            streams: work.streams,
            events: work.count(full),
            rate: work.rate,
            event_size: work.size,
            impossible: None,
            subjects,
        };
        let figures = |subject| work.metrics().iter().filter_map(|metric| results.work_out(*metric, subject)).collect();
        let figures: Vec<Vec<Figure>> = results.subjects.iter().map(figures).collect();
        for (subject, figures) in results.subjects.iter_mut().zip(figures) {
            subject.figures = figures;
        }
        results
    }

    /// A work that was not done, and why.
    pub(crate) fn impossible(work: &'static Work, full: bool, why: String) -> Self {
        Self { impossible: Some(why), ..Self::new(work, full, Vec::new()) }
    }

    pub(crate) fn subject(&self, name: &str) -> Option<&SubjectResults> {
        self.subjects.iter().find(|subject| subject.name == name)
    }

    fn work_out(&self, metric: Metric, subject: &SubjectResults) -> Option<Figure> {
        let own = self.series(metric, subject)?;
        let ratio = |floor| {
            let unit = self.series(metric, self.subject(floor)?)?;
            Some((floor, own.over(&unit).spread()?))
        };
        let ratios = FLOORS.into_iter().filter_map(ratio).collect();
        Some(Figure { metric: metric.title(), value: own.spread()?, ratios })
    }

    fn series(&self, metric: Metric, subject: &SubjectResults) -> Option<Series> {
        if metric != Metric::OwnMemoryPerStream {
            return Some(subject.series(metric));
        }
        let bare = self.subject(subject.subject.bare()?)?;
        Some(subject.series(Metric::MemoryPerStream).less(&bare.series(Metric::MemoryPerStream)))
    }
}

impl SubjectResults {
    pub(crate) fn new(subject: &'static Subject) -> Self {
        Self { subject, name: subject.name, kind: subject.kind, outcomes: Vec::new(), figures: Vec::new() }
    }

    pub(crate) fn figure(&self, metric: Metric) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.metric == metric.title())
    }

    /// The first thing that was wrong in any repetition.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.outcomes.iter().find_map(Fault::of)
    }

    /// The part of the time for which the load generator worked, in the repetition in which that was most.
    pub(crate) fn generator_busy(&self) -> Option<f64> {
        self.outcomes.iter().flatten().map(|report| report.own_busy).max_by(f64::total_cmp)
    }

    /// What the repetitions tell by themselves.
    pub(crate) fn series(&self, metric: Metric) -> Series {
        self.outcomes.iter().map(|outcome| metric.of(outcome.as_ref().ok()?)).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use ssehub_load::Report;

    use super::*;
    use crate::metric::tests::report;
    use crate::subject::SUBJECTS;
    use crate::work::WORKS;

    /// What the subjects of these names did in the work of that name, given the CPU time of each repetition.
    pub(crate) fn done(work: &str, subjects: &[(&str, &[u64])]) -> WorkResults {
        let subjects = subjects.iter().map(|(name, cpu)| {
            let mut results = SubjectResults::new(SUBJECTS.iter().find(|subject| subject.name == *name).unwrap());
            results.outcomes.extend(cpu.iter().map(|cpu| Ok(report(10, *cpu))));
            results
        });
        let work = WORKS.iter().find(|named| named.name == work).unwrap();
        WorkResults::new(work, false, subjects.collect())
    }

    pub(crate) fn run(works: Vec<WorkResults>) -> Results {
        let environment = Environment::read("a test".to_owned());
        let growth = Growth::of(&works);
        Results { environment, repeat: 3, minutes: 1.0, works, growth, sweeps: Vec::new() }
    }

    #[test]
    fn a_ratio_compares_what_one_repetition_measured() {
        let work = done("burst-1k", &[("floor-1", &[100, 200, 400]), ("axum", &[200, 800, 1200])]);
        let figure = work.subjects[1].figure(Metric::CpuPerDelivery).unwrap();
        assert_eq!(figure.value, Spread { median: 80.0, min: 20.0, max: 120.0 });
        assert_eq!(figure.ratios["floor-1"], Spread { median: 3.0, min: 2.0, max: 4.0 });
        assert!(!figure.ratios.contains_key("floor-64"));
        assert!(run(vec![work]).problems().is_empty());
    }

    #[test]
    fn the_hubs_own_memory_is_what_is_beyond_that_of_a_bare_stream() {
        let work = done("idle-10k", &[("axum", &[1, 1]), ("actix", &[1]), ("bare-axum", &[1, 1])]);
        let mut subjects = work.subjects;
        for outcome in &mut subjects[2].outcomes {
            *outcome = Ok(Report { server_rss_after: 5096, ..report(10, 1) });
        }
        let work = WorkResults::new(work.work, false, subjects);
        let own = |name| Some(work.subject(name)?.figure(Metric::OwnMemoryPerStream)?.value.median);
        assert!((own("axum").unwrap() - 309.6).abs() < 1e-6);
        assert_eq!(own("actix"), None, "there is nothing to compare it with");
        assert_eq!(own("bare-axum"), None);
    }

    #[test]
    fn a_lost_event_fails_the_run_for_ssehub_but_not_for_a_peer() {
        let mut work = done("burst-1k", &[("axum", &[1]), ("peer-axum", &[1])]);
        for subject in &mut work.subjects {
            subject.outcomes.push(Ok(Report { lost: 2, deliveries: 8, ..report(10, 1) }));
        }
        let results = run(vec![work]);
        assert_eq!(results.problems(), ["burst-1k axum: LOST 2"]);
        assert_eq!(results.works[0].subjects[1].fault(), Some(Fault::Flawed("LOST 2".to_owned())));
    }

    #[test]
    fn a_subject_that_is_missing_is_named_once() {
        let mut works = vec![done("burst-1k", &[("nchan", &[])]), done("burst-10k", &[("nchan", &[])])];
        for work in &mut works {
            work.subjects[0].outcomes.push(Err(Fault::Missing("install nginx".to_owned())));
        }
        let missing = run(works).missing();
        assert_eq!(
            missing.into_values().map(|fault| fault.to_string()).collect::<Vec<_>>(),
            ["missing: install nginx"]
        );
    }
}
