//! No case is forgotten: every one that is written is run, once for each framework.

use std::{fs, path::Path};

/// The names after `marker` in all of `text`, up to the end of the identifier.
fn names<'a>(text: &'a str, marker: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(marker).skip(1).map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap())
}

#[test]
fn every_case_is_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lists = ["contract.rs", "load.rs"].map(|list| read(&root.join("tests").join(list))).concat();
    let listed: Vec<_> = lists.lines().filter_map(|line| line.trim().strip_suffix(',')).collect();
    let mut cases = 0;
    for file in fs::read_dir(root.join("src/cases")).unwrap() {
        let text = read(&file.unwrap().path());
        for case in names(&text, "\npub async fn ") {
            let times = listed.iter().filter(|name| **name == case).count();
            assert_eq!(times, 1, "{case} is listed {times} times");
            cases += 1;
        }
    }
    assert_eq!(cases, listed.len(), "every listed case is written");
    assert!(cases > 80, "the cases were found: {cases}");
}
