//! `docs/performance.md`: the figures of a run between two marks, the words around them untouched.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::results::Results;
use crate::table;

const BEGIN: &str = "<!-- figures: written by `cargo xtask bench --write` -->\n";
const END: &str = "<!-- end of figures -->\n";

/// Replaces the figures on the page.
///
/// # Errors
/// The page or its marks are not there, or it can't be written.
pub(crate) fn write(results: &Results) -> Result<()> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/performance.md");
    let named = || format!("docs/performance.md, at {}", page.display());
    let text = fs::read_to_string(&page).with_context(named)?;
    let text = replace(&text, &table::markdown(results)).with_context(named)?;
    fs::write(&page, text).with_context(named)
}

fn replace(page: &str, figures: &str) -> Result<String> {
    let (before, rest) = page.split_once(BEGIN).with_context(|| format!("the line {BEGIN:?} is missing"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("the line {END:?} is missing"))?;
    Ok(format!("{before}{BEGIN}\n{figures}\n{END}{after}"))
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
}
