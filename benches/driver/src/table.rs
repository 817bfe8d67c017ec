//! A table of text, aligned for a terminal, or in Markdown.

use std::iter::once;

/// Rows of cells below a header. Columns in which nothing is said are left out.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<S: Into<String>>(header: impl IntoIterator<Item = S>) -> Self {
        Self { header: header.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row; cells that it lacks are empty.
    pub(crate) fn row(&mut self, mut cells: Vec<String>) {
        cells.resize(self.header.len(), String::new());
        self.rows.push(cells);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn plain(&self) -> String {
        let columns = self.columns();
        let line = |row: &Vec<String>| format!("  {}", cells(row, &columns).join("  ")).trim_end().to_owned() + "\n";
        once(&self.header).chain(&self.rows).map(line).collect()
    }

    pub(crate) fn markdown(&self) -> String {
        let columns = self.columns();
        let line = |row: &Vec<String>| format!("| {} |\n", cells(row, &columns).join(" | "));
        let rule = |column: &Column| "-".repeat(column.width - 1) + if column.numbers { ":" } else { "-" };
        let rule = format!("| {} |\n", columns.iter().map(rule).collect::<Vec<_>>().join(" | "));
        once(line(&self.header)).chain(once(rule)).chain(self.rows.iter().map(line)).collect()
    }

    fn columns(&self) -> Vec<Column> {
        let column = |(place, title): (usize, &String)| {
            let cells = || self.rows.iter().filter_map(move |row| row.get(place)).filter(|cell| !cell.is_empty());
            let widest = cells().map(|cell| cell.chars().count()).max()?;
            let numbers = place > 0 && cells().any(|cell| is_number(cell));
            Some(Column { place, width: widest.max(title.chars().count()).max(2), numbers })
        };
        self.header.iter().enumerate().filter_map(column).collect()
    }
}

struct Column {
    place: usize,
    width: usize,
    /// Numbers stand to the right.
    numbers: bool,
}

/// The cells of a row that are shown, padded.
fn cells(row: &[String], columns: &[Column]) -> Vec<String> {
    let cell = |&Column { place, width, numbers }: &Column| {
        let cell = row.get(place).map_or("", String::as_str);
        if numbers { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
    };
    columns.iter().map(cell).collect()
}

fn is_number(cell: &str) -> bool {
    cell.trim_start_matches('-').starts_with(|first: char| first.is_ascii_digit())
}

/// Without a fraction where there are three digits or more, and with the thousands apart.
pub(crate) fn grouped(figure: f64) -> String {
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

    fn table() -> Table {
        let mut table = Table::new(["subject", "cost", "remark"]);
        table.row(vec!["floor".to_owned(), "1,000".to_owned()]);
        table.row(vec!["a hub".to_owned(), "7".to_owned(), "lost".to_owned()]);
        table
    }

    #[test]
    fn text_stands_to_the_left_and_numbers_to_the_right() {
        assert_eq!(table().plain(), "  subject   cost  remark\n  floor    1,000\n  a hub        7  lost\n");
    }

    #[test]
    fn markdown_has_a_rule_that_aligns_likewise() {
        let text = table().markdown();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "| subject |  cost | remark |",
                "| ------- | ----: | ------ |",
                "| floor   | 1,000 |        |",
                "| a hub   |     7 | lost   |"
            ]
        );
    }

    #[test]
    fn columns_in_which_nothing_is_said_are_left_out() {
        let mut table = Table::new(["subject", "remark", "cost"]);
        table.row(vec!["floor".to_owned(), String::new(), "1".to_owned()]);
        assert_eq!(table.plain(), "  subject  cost\n  floor       1\n");
    }

    #[test]
    fn thousands_are_kept_apart() {
        for (figure, text) in [
            (0.0, "0"),
            (7.25, "7.25"),
            (999.4, "999"),
            (1000.0, "1,000"),
            (1_234_567.0, "1,234,567"),
            (-4096.0, "-4,096"),
        ] {
            assert_eq!(grouped(figure), text);
        }
    }
}
