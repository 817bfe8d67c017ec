//! Everything that was measured: a table for each work, and how costs grow.

use crate::metric::Metric;
use crate::results::{Results, SubjectResults, WorkResults};
use crate::stats::Spread;
use crate::subject::FLOORS;
use crate::table::{Table, grouped};

/// From here on the load generator rather than the server may be what limits a rate.
const BUSY: f64 = 0.95;

pub(crate) fn title(work: &WorkResults) -> String {
    let mut parts = Vec::new();
    if work.streams > 0 {
        let word = if work.streams == 1 { "stream" } else { "streams" };
        parts.push(format!("{} {word}", grouped(f64::from(work.streams))));
    }
    if work.events > 0 {
        parts.push(format!("{} events of {} bytes", grouped(f64::from(work.events)), work.event_size));
    }
    if let Some(rate) = work.rate {
        parts.push(format!("{rate} a second"));
    }
    if !work.work.remark.is_empty() {
        parts.push(work.work.remark.to_owned());
    }
    format!("{}: {}", work.name, parts.join(", "))
}

/// Each figure of each subject. Subjects that are missing are left out.
pub(crate) fn work(work: &WorkResults) -> Table {
    let floors = FLOORS.map(|floor| format!("x {floor}"));
    let header = ["figure", "subject", "median", "min", "max"].map(str::to_owned).into_iter().chain(floors);
    let mut table = Table::new(header.chain(["remark".to_owned()]));
    for (nth, metric) in work.work.metrics().iter().enumerate() {
        let mut name = metric.title();
        for subject in &work.subjects {
            // What is wrong with a subject holds for all its figures and is said once.
            let fault = subject.fault().filter(|_| nth == 0).map(|fault| fault.to_string());
            let remark = fault.or_else(|| limited_by_generator(*metric, subject));
            if let Some(row) = row(name, *metric, subject, remark) {
                table.row(row);
                name = "";
            }
        }
    }
    table
}

fn row(name: &str, metric: Metric, subject: &SubjectResults, remark: Option<String>) -> Option<Vec<String>> {
    let mut row = vec![name.to_owned(), subject.name.to_owned()];
    match subject.figure(metric) {
        Some(figure) => {
            row.extend([figure.value.median, figure.value.min, figure.value.max].map(grouped));
            row.extend(FLOORS.map(|floor| figure.ratios.get(floor).map_or_else(String::new, ratio)));
        }
        None if remark.is_none() => return None,
        None => row.extend(std::iter::repeat_n(String::new(), 3 + FLOORS.len())),
    }
    row.extend(remark);
    Some(row)
}

fn limited_by_generator(metric: Metric, subject: &SubjectResults) -> Option<String> {
    let busy = subject.generator_busy().filter(|busy| metric == Metric::DeliveriesPerSecond && *busy >= BUSY)?;
    Some(format!("load generator busy {:.0} %", busy * 100.0))
}

/// How the cost of an event to one user grows with the number of streams.
pub(crate) fn growth(results: &Results) -> Table {
    let mut table = Table::new(["subject", "growth", "min", "max", "x floor-1's"]);
    for growth in &results.growth {
        let Spread { median, min, max } = growth.growth;
        let mut row = vec![growth.subject.to_owned()];
        row.extend([median, min, max].map(|times| format!("{times:.2}")));
        row.extend(growth.over_floor.as_ref().map(ratio));
        table.row(row);
    }
    table
}

/// How the cost of a delivery grows with what is swept.
pub(crate) fn sweeps(results: &Results) -> Table {
    let mut table = Table::new(["against", "at", "subject", "median, ns", "min", "max", "x the first", "remark"]);
    for sweep in &results.sweeps {
        let mut against = sweep.against;
        for subject in sweep.subjects {
            for point in &sweep.points {
                let mut row = vec![against.to_owned(), grouped(f64::from(point.at)), (*subject).to_owned()];
                if let Some((cost, growth)) = sweep.cost(point, subject) {
                    row.extend([cost.median, cost.min, cost.max].map(grouped));
                    row.push(ratio(&growth));
                } else {
                    row.extend(std::iter::repeat_n(String::new(), 4));
                }
                let fault = point.results.subject(subject).and_then(SubjectResults::fault);
                row.extend(point.results.impossible.clone().or_else(|| Some(fault?.to_string())));
                table.row(row);
                against = "";
            }
        }
    }
    table
}

fn ratio(spread: &Spread) -> String {
    format!("{:.2}", spread.median)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Fault;
    use crate::results::tests::done;

    #[test]
    fn each_subject_has_a_row_with_its_ratios() {
        let text = work(&done("burst-1k", &[("floor-1", &[100, 200, 400]), ("axum", &[200, 800, 1200])])).plain();
        let row = text.lines().find(|line| line.contains("axum")).unwrap();
        assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["axum", "80", "20", "120", "3.00"]);
    }

    #[test]
    fn what_is_wrong_with_a_subject_is_said_once() {
        let mut results = done("burst-1k", &[("floor-1", &[1]), ("peer-axum", &[])]);
        results.subjects[1].outcomes.push(Err(Fault::Failed("no such program".to_owned())));
        let text = work(&results).plain();
        assert_eq!(text.matches("not measured: no such program").count(), 1, "{text}");
    }

    #[test]
    fn a_title_tells_the_sizes() {
        assert_eq!(title(&done("paced-10k-5", &[])), "paced-10k-5: 10,000 streams, 20 events of 96 bytes, 5 a second");
        assert_eq!(
            title(&done("many-groups", &[])),
            "many-groups: 1 stream, 50,000 events of 96 bytes, in 1,000 groups"
        );
    }
}
