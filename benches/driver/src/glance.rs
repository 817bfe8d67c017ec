//! The whole run in one table: a row for each figure that matters most, a column for each subject.

use crate::growth::Growth;
use crate::metric::Metric;
use crate::results::{Results, SubjectResults, WorkResults};
use crate::subject::{Kind, SUBJECTS, Subject};
use crate::table::{Table, grouped};
use crate::work::TARGETED;

/// Medians; ratios where a floor has the same figure.
pub(crate) fn table(results: &Results) -> Table {
    let subjects: Vec<&Subject> = SUBJECTS.iter().filter(|subject| took_part(results, subject)).collect();
    let mut table = Table::new(["work", "figure"].into_iter().chain(subjects.iter().map(|subject| subject.name)));
    for work in &results.works {
        for (metric, floor) in work.work.at_a_glance() {
            let cell = |subject: &&Subject| work.subject(subject.name).map(|subject| cell(subject, *metric, *floor));
            let cells = subjects.iter().map(|subject| cell(subject).unwrap_or_default()).collect();
            row(&mut table, work.name, label(*metric, *floor), cells);
        }
        if work.name == TARGETED.many {
            let cells = subjects.iter().map(|subject| growth(results, work, subject)).collect();
            row(&mut table, TARGETED.many, format!("growth of it from {}, x floor-1's", TARGETED.few), cells);
        }
    }
    table
}

fn took_part(results: &Results, subject: &Subject) -> bool {
    // What a bare stream costs is in the row of the hub's own memory.
    subject.kind != Kind::Bare && results.works.iter().any(|work| work.subject(subject.name).is_some())
}

fn row(table: &mut Table, work: &str, figure: String, cells: Vec<String>) {
    if cells.iter().any(|cell| !cell.is_empty()) {
        table.row([work.to_owned(), figure].into_iter().chain(cells).collect());
    }
}

fn label(metric: Metric, floor: Option<&str>) -> String {
    match floor {
        Some(floor) => format!("{}, x {floor}", metric.title().split(", ").next().unwrap_or_default()),
        None => metric.title().to_owned(),
    }
}

fn cell(subject: &SubjectResults, metric: Metric, floor: Option<&str>) -> String {
    if let Some(fault) = subject.fault() {
        return fault.word().to_owned();
    }
    let Some(figure) = subject.figure(metric) else { return String::new() };
    match floor {
        Some(floor) => figure.ratios.get(floor).map_or_else(String::new, |ratio| format!("{:.2}", ratio.median)),
        None => grouped(figure.value.median),
    }
}

fn growth(results: &Results, work: &WorkResults, subject: &Subject) -> String {
    if let Some(fault) = work.subject(subject.name).and_then(SubjectResults::fault) {
        return fault.word().to_owned();
    }
    let of = |growth: &&Growth| growth.subject == subject.name;
    let over_floor = results.growth.iter().find(of).and_then(|growth| growth.over_floor);
    over_floor.map_or_else(String::new, |ratio| format!("{:.2}", ratio.median))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Fault;
    use crate::results::tests::{done, run};

    fn lines(results: &Results) -> Vec<String> {
        let words =
            |line: &str| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join("|");
        table(results).plain().lines().map(words).collect()
    }

    #[test]
    fn each_figure_is_a_ratio_to_the_floor_that_does_the_same() {
        let subjects: &[(&str, &[u64])] = &[("floor-1", &[800]), ("floor-64", &[100]), ("axum", &[400])];
        let works = vec![done("burst-1k", subjects), done("targeted-1k", subjects), done("targeted-10k", subjects)];
        assert_eq!(
            lines(&run(works)),
            [
                "work|figure|floor-1|floor-64|axum",
                "burst-1k|server CPU a delivery, x floor-64|8.00|1.00|4.00",
                "targeted-1k|server CPU a delivery, x floor-1|1.00|0.12|0.50",
                "targeted-10k|server CPU a delivery, x floor-1|1.00|0.12|0.50",
                "targeted-10k|growth of it from targeted-1k, x floor-1's|1.00|1.00|1.00",
            ]
        );
    }

    #[test]
    fn what_does_not_count_is_a_word() {
        let mut work = done("burst-1k", &[("floor-64", &[1]), ("axum", &[1]), ("nchan", &[])]);
        work.subjects[1].outcomes.push(Err(Fault::Failed("why".to_owned())));
        work.subjects[2].outcomes.push(Err(Fault::Missing("why".to_owned())));
        assert_eq!(lines(&run(vec![work]))[1], "burst-1k|server CPU a delivery, x floor-64|1.00|failed|missing");
    }

    #[test]
    fn bare_streams_have_no_column() {
        let work = done("idle-10k", &[("axum", &[1]), ("bare-axum", &[1])]);
        assert_eq!(lines(&run(vec![work]))[0], "work|figure|axum");
    }
}
