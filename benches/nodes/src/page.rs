//! `docs/scaling.md`: the figures of each work between marks of its own, the words around them untouched.
//!
//! So one work can be measured again, and the page says for each of them when that was.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::environment::Environment;
use crate::table::Table;
use crate::work::Work;

/// What the page has of one work.
#[derive(Debug)]
pub(crate) struct Section {
    name: &'static str,
    text: String,
}

impl Section {
    pub(crate) fn new(work: &Work, table: &Table, repeat: u32, took: Duration) -> Self {
        let environment = Environment::read(format!("cargo xtask scale --only {}", work.name));
        let rustc = environment.versions.iter().filter(|version| version.starts_with("rustc")).cloned();
        let versions = rustc.chain(redis_version()).collect::<Vec<_>>().join(", ");
        let text = format!(
            "{}\n{}, {} cores, {}; {versions}; commit {}; `{}`, {repeat} repetitions, {:.0} s.\n",
            table.markdown(),
            environment.processor,
            environment.cores,
            environment.kernel,
            environment.commit,
            environment.command,
            took.as_secs_f64(),
        );
        Self { name: work.name, text }
    }

    /// Replaces what the page has.
    ///
    /// # Errors
    /// The page or the work's marks are not there, or it can't be written.
    pub(crate) fn write(&self) -> Result<()> {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scaling.md");
        let named = || format!("docs/scaling.md, at {}", page.display());
        let text = fs::read_to_string(&page).with_context(named)?;
        fs::write(&page, self.replace(&text).with_context(named)?).with_context(named)
    }

    fn replace(&self, page: &str) -> Result<String> {
        let begin = format!("<!-- {}: written by `cargo xtask scale --write` -->\n", self.name);
        let end = format!("<!-- end of {} -->\n", self.name);
        let (before, rest) = page.split_once(&begin).with_context(|| format!("the line {begin:?} is missing"))?;
        let (_, after) = rest.split_once(&end).with_context(|| format!("the line {end:?} is missing"))?;
        Ok(format!("{before}{begin}\n{}\n{end}{after}", self.text))
    }
}

fn redis_version() -> Option<String> {
    let output = Command::new("redis-server").arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().find_map(|word| word.strip_prefix("v="))?;
    Some(format!("redis-server {version}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::WORKS;

    #[test]
    fn only_what_is_between_the_marks_of_the_work_is_replaced() {
        let marks = |name: &str, text: &str| {
            format!("<!-- {name}: written by `cargo xtask scale --write` -->\n{text}<!-- end of {name} -->\n")
        };
        let page = format!("# Title\n{}words\n{}", marks("nodes", "old\n"), marks("hubs", "kept\n"));
        let section = Section { name: "nodes", text: "new\n".to_owned() };
        let once = section.replace(&page).unwrap();
        assert_eq!(once, format!("# Title\n{}words\n{}", marks("nodes", "\nnew\n\n"), marks("hubs", "kept\n")));
        assert_eq!(section.replace(&once).unwrap(), once);
        assert!(section.replace("# Title\n").is_err());
    }

    #[test]
    fn the_page_has_room_for_each_work() {
        let page = include_str!("../../../docs/scaling.md");
        for work in WORKS {
            Section { name: work.name, text: String::new() }.replace(page).unwrap();
        }
    }
}
