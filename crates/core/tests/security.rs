//! SECURITY.md: each line of defence points to tests that are there.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What is said to be defended, up to the next chapter.
const DEFENCE: &str = "\n## What the hub defends\n";

fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("the crate is two folders deep")
}

/// The tests that a text links to, as ``[`name`](file)``.
fn tests(text: &str) -> Vec<(&str, &str)> {
    let links = text.split("[`").skip(1).filter_map(|rest| rest.split_once("`]("));
    links.filter_map(|(name, rest)| Some((name, rest.split_once(')')?.0))).collect()
}

#[test]
fn every_line_of_defence_names_tests_that_exist() {
    let page = fs::read_to_string(root().join("SECURITY.md")).expect("there is a SECURITY.md");
    let (_, defence) = page.split_once(DEFENCE).expect("it says what is defended");
    let defence = defence.split("\n## ").next().expect("a split has a first part");
    let lines: Vec<&str> = defence.split("\n- **").skip(1).collect();
    assert!(lines.len() > 15, "only {} lines of defence were found", lines.len());
    let untested: Vec<_> = lines.iter().filter(|line| tests(line).is_empty()).collect();
    assert!(untested.is_empty(), "no test is named for: {untested:#?}");

    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    let mut missing = Vec::new();
    for (name, file) in tests(&page) {
        let code = files.entry(file).or_insert_with(|| fs::read_to_string(root().join(file)).unwrap_or_default());
        if !code.contains(&format!("fn {name}(")) {
            missing.push(format!("{name} in {file}"));
        }
    }
    assert!(missing.is_empty(), "these tests are not there: {missing:#?}");
}
