//! No case is forgotten: every one that is written is run, once for each kind of what it is run on.

use std::{fs, path::Path};

/// Asserts that each function in `src/cases` of the crate at `root` is named once in one of its test files, and that there
/// are more than `least`.
///
/// # Panics
/// If one is not, or a file cannot be read.
pub fn assert_every_case_is_run(root: &str, lists: &[&str], least: usize) {
    let root = Path::new(root);
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lists: String = lists.iter().map(|list| read(&root.join("tests").join(list))).collect();
    let listed: Vec<_> = lists.lines().filter_map(|line| line.trim().strip_suffix(',')).collect();
    let mut cases = 0;
    for file in fs::read_dir(root.join("src/cases")).expect("the cases have a folder") {
        let text = read(&file.expect("the folder can be listed").path());
        for line in text.lines().filter_map(|line| line.strip_prefix("pub async fn ")) {
            let (case, _) = line.split_once('(').expect("a function has parameters");
            let times = listed.iter().filter(|name| **name == case).count();
            assert_eq!(times, 1, "{case} is listed {times} times");
            cases += 1;
        }
    }
    assert_eq!(cases, listed.len(), "every listed case is written");
    assert!(cases > least, "the cases were found: {cases}");
}
