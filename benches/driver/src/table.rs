//! The figures for people: one table for each work, aligned, or in Markdown.

use std::fmt::Write;

use crate::measured::Metric;
use crate::results::{Results, SubjectResults, WorkResults};
use crate::subject::{FLOORS, NOT_MEASURED};

/// From here on the load generator rather than the server may be what limits a rate.
const BUSY: f64 = 0.95;

/// For a terminal.
pub(crate) fn plain(results: &Results) -> String {
    let mut text = heading(results);
    for work in &results.works {
        let _ = write!(text, "\n{}\n", title(work));
        for row in aligned(&rows(work)) {
            let _ = writeln!(text, "  {}", row.join("  ").trim_end());
        }
    }
    let _ = write!(text, "\n{}", absent());
    text
}

/// For a page.
pub(crate) fn markdown(results: &Results) -> String {
    let list = |lines: String| lines.lines().map(|line| format!("- {line}\n")).collect::<String>();
    let mut text = list(heading(results));
    for work in &results.works {
        let _ = write!(text, "\n### {}\n\n", title(work));
        for (number, row) in aligned(&rows(work)).iter().enumerate() {
            let _ = writeln!(text, "| {} |", row.join(" | "));
            if number == 0 {
                let rule: Vec<String> = row.iter().map(|cell| "-".repeat(cell.chars().count())).collect();
                let _ = writeln!(text, "| {} |", rule.join(" | "));
            }
        }
    }
    let _ = write!(text, "\n{}", list(absent()));
    text
}

fn heading(results: &Results) -> String {
    let environment = &results.environment;
    format!(
        "machine: {}, {} cores, {}\nbuilt with: {}\ncommit: {}\ncommand: `{}`\nrepetitions: {}\n",
        environment.processor,
        environment.cores,
        environment.kernel,
        environment.rustc,
        environment.commit,
        environment.command,
        results.repeat,
    )
}

fn title(work: &WorkResults) -> String {
    let mut title = format!("{}: {} streams", work.name, grouped(f64::from(work.streams)));
    if work.events > 0 {
        let _ = write!(title, ", {} events of {} bytes", grouped(f64::from(work.events)), work.event_size);
    }
    if let Some(rate) = work.rate {
        let _ = write!(title, ", {rate} a second");
    }
    title
}

fn absent() -> String {
    NOT_MEASURED.iter().map(|(name, why)| format!("Not in the table: {name} ({why}).\n")).collect()
}

fn rows(work: &WorkResults) -> Vec<Vec<String>> {
    let mut header: Vec<String> = ["figure", "subject", "median", "min", "max"].map(str::to_owned).to_vec();
    header.extend(FLOORS.map(|floor| format!("x {floor}")));
    header.push("remark".to_owned());
    let mut rows = vec![header];
    for (number, metric) in work.metrics.iter().enumerate() {
        let mut name = metric.title();
        for subject in &work.subjects {
            // What is wrong with a subject holds for all its figures and is said once.
            let fault = if number == 0 { subject.fault() } else { None };
            let remark = fault.or_else(|| limited_by_generator(*metric, subject));
            rows.push(row(name, *metric, subject, remark.unwrap_or_default()));
            name = "";
        }
    }
    rows
}

fn row(name: &str, metric: Metric, subject: &SubjectResults, remark: String) -> Vec<String> {
    let mut row = vec![name.to_owned(), subject.name.to_owned()];
    match subject.figure(metric) {
        Some(figure) => {
            row.extend([figure.value.median, figure.value.min, figure.value.max].map(grouped));
            let ratio = |floor| figure.ratios.get(floor).map_or_else(dash, |ratio| format!("{:.2}", ratio.median));
            row.extend(FLOORS.map(ratio));
        }
        None => row.extend(std::iter::repeat_with(dash).take(3 + FLOORS.len())),
    }
    row.push(remark);
    row
}

fn limited_by_generator(metric: Metric, subject: &SubjectResults) -> Option<String> {
    let busy = subject.generator_busy().filter(|busy| metric == Metric::DeliveriesPerSecond && *busy >= BUSY)?;
    Some(format!("load generator busy {:.0} %", busy * 100.0))
}

/// All cells of a column padded to one width: text to the left, numbers to the right.
fn aligned(rows: &[Vec<String>]) -> Vec<Vec<String>> {
    const FIRST_NUMBER: usize = 2;
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let pad = |(column, (cell, width)): (usize, (&String, &usize))| match column {
        _ if (FIRST_NUMBER..columns - 1).contains(&column) => format!("{cell:>width$}"),
        _ => format!("{cell:<width$}"),
    };
    rows.iter().map(|row| row.iter().zip(&widths).enumerate().map(pad).collect()).collect()
}

fn dash() -> String {
    "-".to_owned()
}

/// Without a fraction where there are three digits or more, and with the thousands apart.
fn grouped(figure: f64) -> String {
    if figure.abs() < 100.0 && figure.fract() != 0.0 {
        return format!("{figure:.2}");
    }
    let digits = format!("{:.0}", figure.abs());
    let mut text = if figure < 0.0 { "-".to_owned() } else { String::new() };
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::burst;

    #[test]
    fn thousands_are_kept_apart() {
        for (figure, text) in [
            (0.0, "0"),
            (7.25, "7.25"),
            (999.4, "999"),
            (1000.0, "1,000"),
            (1234567.0, "1,234,567"),
            (-4096.0, "-4,096"),
        ] {
            assert_eq!(grouped(figure), text);
        }
    }

    #[test]
    fn each_subject_has_a_row_with_its_ratios() {
        let text = plain(&burst(&[("floor-1", &[100, 200, 400]), ("axum", &[200, 800, 1200])]));
        let row = text.lines().find(|line| line.contains("axum")).unwrap();
        assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["axum", "80", "20", "120", "3.00", "-"]);
    }

    #[test]
    fn what_is_wrong_with_a_subject_is_said_once() {
        let mut results = burst(&[("floor-1", &[1]), ("peer-axum", &[])]);
        results.works[0].subjects[1].outcomes.push(Err("no such program".to_owned()));
        let text = plain(&results);
        assert_eq!(text.matches("not measured: no such program").count(), 1, "{text}");
    }

    #[test]
    fn the_rows_of_a_page_have_the_columns_of_its_header() {
        let page = markdown(&burst(&[("floor-1", &[1]), ("floor-64", &[1]), ("peer-axum", &[])]));
        let bars: Vec<usize> =
            page.lines().filter(|line| line.starts_with('|')).map(|line| line.matches('|').count()).collect();
        assert!(bars.len() > 4);
        assert!(bars.iter().all(|count| *count == 9), "{page}");
    }
}
