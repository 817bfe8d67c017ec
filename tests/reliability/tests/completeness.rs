//! No case is forgotten: every one that is written is run, once for each framework.

use std::{fs, path::Path};

#[test]
fn every_case_is_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lists = ["contract.rs", "flood.rs", "cut.rs"].map(|list| read(&root.join("tests").join(list)));
    let lists = lists.concat();
    let listed: Vec<_> = lists.lines().filter_map(|line| line.trim().strip_suffix(',')).collect();
    let mut cases = 0;
    for file in fs::read_dir(root.join("src/cases")).unwrap() {
        let text = read(&file.unwrap().path());
        for line in text.lines().filter_map(|line| line.strip_prefix("pub async fn ")) {
            let (case, _) = line.split_once('(').unwrap();
            let times = listed.iter().filter(|name| **name == case).count();
            assert_eq!(times, 1, "{case} is listed {times} times");
            cases += 1;
        }
    }
    assert_eq!(cases, listed.len(), "every listed case is written");
    assert!(cases > 10, "the cases were found: {cases}");
}
