//! What one measurement came to: a report, or why there is none.

use std::fmt;

use serde::Serialize;
use ssehub_load::Report;

pub(crate) type Outcome = Result<Report, Fault>;

/// Why the figures of a measurement don't count.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fault {
    /// The subject lacks something to run with, which can be installed.
    Missing(String),
    /// There are no figures.
    Failed(String),
    /// Events were lost or came twice, or streams ended: what is not delivered costs nothing.
    Flawed(String),
}

impl Fault {
    /// What is wrong with `outcome`.
    pub(crate) fn of(outcome: &Outcome) -> Option<Self> {
        match outcome {
            Ok(report) => flaws(report).map(Self::Flawed),
            Err(fault) => Some(fault.clone()),
        }
    }

    /// In a word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Failed(_) => "failed",
            Self::Flawed(_) => "lost",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(why) => write!(f, "missing: {why}"),
            Self::Failed(why) => write!(f, "not measured: {why}"),
            Self::Flawed(flaws) => f.write_str(flaws),
        }
    }
}

impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(format!("{error:#}"))
    }
}

fn flaws(report: &Report) -> Option<String> {
    let flaws = [("LOST", report.lost), ("DUPLICATES", report.duplicates), ("ENDED", report.ended)];
    let mut named: Vec<String> =
        flaws.iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{what} {count}")).collect();
    if named.is_empty() && report.deliveries != report.expected {
        named.push(format!("MISCOUNTED {} of {}", report.deliveries, report.expected));
    }
    (!named.is_empty()).then(|| named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::report;

    #[test]
    fn a_lost_or_repeated_event_is_a_fault() {
        let good = report(50, 1);
        assert_eq!(flaws(&good), None);
        let lost = Report { lost: 3, deliveries: 47, ..good.clone() };
        assert_eq!(flaws(&lost).as_deref(), Some("LOST 3"));
        let all = Report { lost: 1, duplicates: 2, ended: 3, ..good.clone() };
        assert_eq!(flaws(&all).as_deref(), Some("LOST 1, DUPLICATES 2, ENDED 3"));
        let miscounted = Report { deliveries: 49, ..good };
        assert_eq!(flaws(&miscounted).as_deref(), Some("MISCOUNTED 49 of 50"));
    }
}
