//! `docs/performance.md` and the charts beside it: the figures of a run between two marks, the words around them
//! untouched.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::results::Results;
use crate::{document, plot};

const BEGIN: &str = "<!-- figures: written by `cargo xtask bench --write` -->\n";
const END: &str = "<!-- end of figures -->\n";

/// Replaces the figures on the page, and the charts.
///
/// # Errors
/// The page or its marks are not there, or it can't be written.
pub(crate) fn write(results: &Results) -> Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let (page, charts) = (docs.join("performance.md"), docs.join("performance"));
    let plots = plot::plots(results)?;
    let named = || format!("docs/performance.md, at {}", page.display());
    let text = fs::read_to_string(&page).with_context(named)?;
    let text = replace(&text, &document::markdown(results, &plots)).with_context(named)?;
    write_charts(&charts, &plots).with_context(|| charts.display().to_string())?;
    fs::write(&page, text).with_context(named)
}

fn replace(page: &str, figures: &str) -> Result<String> {
    let (before, rest) = page.split_once(BEGIN).with_context(|| format!("the line {BEGIN:?} is missing"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("the line {END:?} is missing"))?;
    Ok(format!("{before}{BEGIN}\n{figures}\n{END}{after}"))
}

/// Those of earlier runs go: no chart is left that the page does not show.
fn write_charts(directory: &Path, plots: &[plot::Plot]) -> Result<()> {
    fs::create_dir_all(directory)?;
    for file in fs::read_dir(directory)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "svg") {
            fs::remove_file(path)?;
        }
    }
    for plot in plots {
        fs::write(directory.join(&plot.file), &plot.svg)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let page = format!("# Title\n{BEGIN}old\n{END}rest\n");
        let once = replace(&page, "new").unwrap();
        assert_eq!(once, format!("# Title\n{BEGIN}\nnew\n{END}rest\n"));
        assert_eq!(replace(&once, "new").unwrap(), once);
    }

    #[test]
    fn a_page_without_marks_is_left_alone() {
        assert!(replace("# Title\n", "new").is_err());
        assert!(replace(&format!("# Title\n{BEGIN}"), "new").is_err());
    }

    #[test]
    fn charts_of_earlier_runs_go() {
        let directory = tempfile::tempdir().unwrap();
        let plot =
            |file: &str| plot::Plot { work: "", title: String::new(), file: file.to_owned(), svg: String::new() };
        for run in [["old.svg", "both.svg"], ["new.svg", "both.svg"]] {
            write_charts(directory.path(), &run.map(plot)).unwrap();
        }
        let mut files: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        files.sort();
        assert_eq!(files, ["both.svg", "new.svg"]);
    }
}
