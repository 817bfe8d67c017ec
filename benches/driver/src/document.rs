//! The run for people: on a terminal, and on a page.

use std::fmt::Write;

use crate::plot::Plot;
use crate::results::Results;
use crate::subject::NOT_MEASURED;
use crate::table::Table;
use crate::work::TARGETED;
use crate::{detail, glance};

/// For a terminal.
pub(crate) fn plain(results: &Results) -> String {
    let mut text = lines(results).join("\n") + "\n";
    for section in sections(results) {
        let _ = write!(text, "\n{}\n{}", section.title, section.body(Table::plain));
    }
    for line in absent(results) {
        let _ = write!(text, "\n{line}");
    }
    text + "\n"
}

/// For a page, which shows the plots.
pub(crate) fn markdown(results: &Results, plots: &[Plot]) -> String {
    let list = |lines: Vec<String>| lines.iter().map(|line| format!("- {line}\n")).collect::<String>();
    let mut text = list(lines(results));
    for section in sections(results) {
        let _ = write!(text, "\n### {}\n\n", section.title);
        for plot in plots.iter().filter(|plot| section.work == Some(plot.work)) {
            let _ = write!(text, "![{}](performance/{})\n\n", plot.title, plot.file);
        }
        text += &section.body(Table::markdown);
    }
    match absent(results) {
        absent if absent.is_empty() => text,
        absent => text + "\n" + &list(absent),
    }
}

struct Section {
    title: String,
    /// Whose plots belong here.
    work: Option<&'static str>,
    table: Table,
    /// Instead of a table.
    words: Option<String>,
}

impl Section {
    fn body(&self, render: impl Fn(&Table) -> String) -> String {
        self.words.as_ref().map_or_else(|| render(&self.table), |words| words.clone() + "\n")
    }
}

fn sections(results: &Results) -> Vec<Section> {
    let section = |title: &str, table| Section { title: title.to_owned(), work: None, table, words: None };
    let mut sections = vec![section("At a glance", glance::table(results))];
    sections.extend(results.works.iter().map(|work| Section {
        title: detail::title(work),
        work: Some(work.name),
        table: detail::work(work),
        words: work.impossible.as_ref().map(|why| format!("Not measured: {why}.")),
    }));
    let growth = format!("Growth of the cost from {} to {}", TARGETED.few, TARGETED.many);
    sections.push(section(&growth, detail::growth(results)));
    sections.push(section("Server CPU a delivery against what the server holds", detail::sweeps(results)));
    sections.retain(|section| section.words.is_some() || !section.table.is_empty());
    sections
}

fn lines(results: &Results) -> Vec<String> {
    let environment = &results.environment;
    let mut lines = vec![
        format!("machine: {}, {} cores, {}", environment.processor, environment.cores, environment.kernel),
        format!("versions: {}", environment.versions.join(", ")),
        format!("commit: {}", environment.commit),
        format!("command: `{}`, which took {:.1} minutes", environment.command, results.minutes),
    ];
    lines.extend((results.repeat > 1).then(|| format!("repetitions: {}", results.repeat)));
    lines
}

fn absent(results: &Results) -> Vec<String> {
    let missing = results.missing().into_iter().map(|(name, fault)| format!("{name}: {fault}"));
    let others = NOT_MEASURED.iter().map(|(name, why)| format!("Not in the table: {name} ({why})."));
    missing.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Fault;
    use crate::plot;
    use crate::results::tests::{done, run};

    #[test]
    fn a_subject_that_is_missing_is_named_with_what_it_lacks() {
        let mut work = done("burst-1k", &[("floor-1", &[1]), ("nchan", &[])]);
        work.subjects[1].outcomes.push(Err(Fault::Missing("install nginx".to_owned())));
        let text = plain(&run(vec![work]));
        assert!(text.contains("\nnchan: missing: install nginx\n"), "{text}");
    }

    #[test]
    fn a_work_that_this_machine_cannot_do_says_why() {
        let mut work = done("targeted-16k", &[]);
        work.impossible = Some("too few files".to_owned());
        let text = plain(&run(vec![work]));
        assert!(
            text.contains("targeted-16k: 16,000 streams, 20,000 events of 96 bytes\nNot measured: too few files.\n"),
            "{text}"
        );
    }

    #[test]
    fn a_page_shows_the_plots_of_a_work_above_its_table() {
        let results = run(vec![done("burst-1k", &[("floor-1", &[1]), ("axum", &[2])])]);
        let page = markdown(&results, &plot::plots(&results).unwrap());
        let (_, after) = page.split_once("### burst-1k").unwrap();
        assert!(after.find("](performance/burst-1k-cpu.svg)").unwrap() < after.find("| figure").unwrap(), "{page}");
    }
}
