//! What the repetitions of a work have found: a row for each figure of each subject.

use crate::stats::Series;
use crate::table::{Table, grouped};

/// The figures of one work, in the order in which they first came.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    figures: Vec<Figure>,
    /// Where the next one stands that is new: behind the one before.
    next: usize,
}

#[derive(Debug)]
struct Figure {
    name: String,
    /// One for each subject.
    rows: Vec<(String, Vec<f64>)>,
}

impl Figures {
    /// Notes what one repetition has found for a subject.
    pub(crate) fn note(&mut self, figure: &str, subject: &str, value: f64) {
        let known = self.figures.iter().position(|known| known.name == figure).unwrap_or_else(|| {
            self.figures.insert(self.next, Figure { name: figure.to_owned(), rows: Vec::new() });
            self.next
        });
        self.next = known + 1;
        let Some(figure) = self.figures.get_mut(known) else { return };
        match figure.rows.iter_mut().find(|(known, _)| known == subject) {
            Some((_, values)) => values.push(value),
            None => figure.rows.push((subject.to_owned(), vec![value])),
        }
    }

    /// Medians, their spread, and ratios to the first subject.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new(["figure", "of", "median", "min", "max", "x the first"]);
        for figure in &self.figures {
            let Some((_, first)) = figure.rows.first() else { continue };
            let mut name = figure.name.as_str();
            for (subject, values) in &figure.rows {
                let spread = series(values).spread();
                let ratio = series(values).over(&series(first)).spread();
                let number = |number: Option<f64>| number.map(grouped).unwrap_or_default();
                table.row(vec![
                    std::mem::take(&mut name).to_owned(),
                    subject.clone(),
                    number(spread.map(|spread| spread.median)),
                    number(spread.map(|spread| spread.min)),
                    number(spread.map(|spread| spread.max)),
                    ratio.map(|ratio| times(ratio.median)).unwrap_or_default(),
                ]);
            }
        }
        table
    }
}

/// A ratio, of which something is left where it is small.
fn times(ratio: f64) -> String {
    match ratio {
        0.1..100.0 => format!("{ratio:.2}"),
        0.0..0.1 => format!("{ratio:.4}"),
        _ => grouped(ratio),
    }
}

fn series(values: &[f64]) -> Series {
    values.iter().copied().map(Some).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_is_a_ratio_to_its_first_subject_in_the_same_repetition() {
        let mut figures = Figures::default();
        for (repetition, factor) in [(1.0, 2.0), (10.0, 2.0), (4.0, 3.0)] {
            figures.note("cost", "one", repetition);
            figures.note("cost", "two", repetition * factor);
        }
        assert_eq!(
            figures.table().plain(),
            "  figure  of   median  min  max  x the first\n  \
               cost    one       4    1   10         1.00\n          \
                       two      12    2   20         2.00\n"
        );
    }

    #[test]
    fn a_figure_that_only_later_subjects_have_stands_where_they_have_it() {
        let mut figures = Figures::default();
        for figure in ["a", "c"] {
            figures.note(figure, "one", 1.0);
        }
        for figure in ["a", "b", "c"] {
            figures.note(figure, "two", 1.0);
        }
        let names: Vec<_> = figures.figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[test]
    fn a_small_ratio_keeps_its_digits() {
        assert_eq!([0.000_66, 0.5, 12.0, 1311.0].map(times), ["0.0007", "0.50", "12.00", "1,311"]);
    }
}
