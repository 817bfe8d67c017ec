//! Everything a run found out, and what follows from it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::environment::Environment;
use crate::measured::{Measured, Metric};
use crate::stats::Spread;
use crate::subject::{FLOORS, Kind, Subject};
use crate::work::{self, EVENT_SIZE, Work};

/// A whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) environment: Environment,
    pub(crate) repeat: u32,
    pub(crate) works: Vec<WorkResults>,
}

/// One work, with all subjects.
#[derive(Debug, Serialize)]
pub(crate) struct WorkResults {
    pub(crate) name: &'static str,
    pub(crate) kind: work::Kind,
    pub(crate) streams: u32,
    pub(crate) events: u32,
    pub(crate) rate: Option<u32>,
    pub(crate) event_size: u32,
    #[serde(skip)]
    pub(crate) metrics: &'static [Metric],
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

/// What one measurement found, or why there is none.
pub(crate) type Outcome = Result<Measured, String>;

/// One metric over all repetitions.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) metric: &'static str,
    pub(crate) value: Spread,
    /// How many times a floor's figure it is; floors that were not measured are left out.
    pub(crate) ratios: BTreeMap<&'static str, Spread>,
}

impl Results {
    /// What makes the run a failure: a floor or ssehub that lost events or could not be measured. A peer that does is
    /// a row of the table.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for work in &self.works {
            for subject in work.subjects.iter().filter(|subject| subject.kind != Kind::Peer) {
                problems.extend(subject.fault().map(|fault| format!("{} {}: {fault}", work.name, subject.name)));
            }
        }
        problems
    }
}

impl WorkResults {
    /// Works the figures out.
    pub(crate) fn new(work: &Work, full: bool, mut subjects: Vec<SubjectResults>) -> Self {
        let metrics = work.metrics();
        let figures: Vec<Vec<Figure>> = subjects
            .iter()
            .map(|subject| metrics.iter().filter_map(|metric| figure(*metric, subject, &subjects)).collect())
            .collect();
        for (subject, figures) in subjects.iter_mut().zip(figures) {
            subject.figures = figures;
        }
        Self {
            name: work.name,
            kind: work.kind,
            streams: work.streams,
            events: work.events(full),
            rate: work.rate,
            event_size: EVENT_SIZE,
            metrics,
            subjects,
        }
    }
}

fn figure(metric: Metric, of: &SubjectResults, all: &[SubjectResults]) -> Option<Figure> {
    let value = Spread::of(of.values(metric).into_iter().flatten())?;
    let ratio = |floor: &'static str| {
        let floors = all.iter().find(|subject| subject.name == floor)?.values(metric);
        let pairs = of.values(metric).into_iter().zip(floors);
        // Both of one repetition, so that what the machine did meanwhile cancels out.
        let ratios = pairs.filter_map(|(own, floor)| Some(own? / floor.filter(|floor| *floor > 0.0)?));
        Some((floor, Spread::of(ratios)?))
    };
    Some(Figure { metric: metric.title(), value, ratios: FLOORS.into_iter().filter_map(ratio).collect() })
}

impl SubjectResults {
    pub(crate) fn new(subject: &'static Subject) -> Self {
        Self { subject, name: subject.name, kind: subject.kind, outcomes: Vec::new(), figures: Vec::new() }
    }

    pub(crate) fn figure(&self, metric: Metric) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.metric == metric.title())
    }

    /// The first thing that was wrong in any repetition.
    pub(crate) fn fault(&self) -> Option<String> {
        self.outcomes.iter().find_map(|outcome| match outcome {
            Ok(measured) => measured.fault(),
            Err(why) => Some(format!("not measured: {why}")),
        })
    }

    /// The part of the time for which the load generator worked, in the repetition in which that was most.
    pub(crate) fn generator_busy(&self) -> Option<f64> {
        self.measured().flatten().filter_map(Measured::generator_busy).max_by(f64::total_cmp)
    }

    fn values(&self, metric: Metric) -> Vec<Option<f64>> {
        self.measured().map(|measured| metric.of(measured?)).collect()
    }

    fn measured(&self) -> impl Iterator<Item = Option<&Measured>> {
        self.outcomes.iter().map(|outcome| outcome.as_ref().ok())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::measured::tests::measured;
    use crate::subject::SUBJECTS;
    use crate::work::WORKS;

    /// What the subjects of these names did in a burst, given the CPU time of each repetition.
    pub(crate) fn burst(subjects: &[(&str, &[u64])]) -> Results {
        let subjects = subjects.iter().map(|(name, cpu)| {
            let mut results = SubjectResults::new(SUBJECTS.iter().find(|subject| subject.name == *name).unwrap());
            results.outcomes.extend(cpu.iter().map(|cpu| Ok(measured(10, *cpu))));
            results
        });
        let works = vec![WorkResults::new(&WORKS[0], false, subjects.collect())];
        Results { environment: Environment::read("a test".to_owned()), repeat: 3, works }
    }

    #[test]
    fn a_ratio_compares_what_one_repetition_measured() {
        let results = burst(&[("floor-1", &[100, 200, 400]), ("axum", &[200, 800, 1200])]);
        let figure = results.works[0].subjects[1].figure(Metric::CpuPerDelivery).unwrap();
        assert_eq!(figure.value, Spread { median: 80.0, min: 20.0, max: 120.0 });
        assert_eq!(figure.ratios["floor-1"], Spread { median: 3.0, min: 2.0, max: 4.0 });
        assert!(!figure.ratios.contains_key("floor-64"));
        assert!(results.problems().is_empty());
    }

    #[test]
    fn a_repetition_that_failed_leaves_the_ratios_of_the_others_in_step() {
        let mut results = burst(&[("floor-1", &[100, 200, 400]), ("axum", &[200, 800, 1200])]);
        let mut subjects = std::mem::take(&mut results.works[0].subjects);
        subjects[0].outcomes[1] = Err("gone".to_owned());
        let work = WorkResults::new(&WORKS[0], false, subjects);
        let figure = work.subjects[1].figure(Metric::CpuPerDelivery).unwrap();
        assert_eq!(figure.ratios["floor-1"], Spread { median: 2.5, min: 2.0, max: 3.0 });
    }

    #[test]
    fn a_lost_event_fails_the_run_for_ssehub_but_not_for_a_peer() {
        let mut results = burst(&[("axum", &[1]), ("peer-axum", &[1])]);
        for subject in &mut results.works[0].subjects {
            subject.outcomes.push(Ok(Measured { lost: 2, deliveries: 8, ..measured(10, 1) }));
        }
        assert_eq!(results.problems(), ["burst-1k axum: LOST 2"]);
        assert_eq!(results.works[0].subjects[1].fault().as_deref(), Some("LOST 2"));
    }
}
