//! What has happened in all runs together, so that nothing passes for tested that was never drawn.

use std::collections::BTreeMap;

use parking_lot::Mutex;

#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<String, u64>>);

impl Tally {
    pub(crate) fn add(&self, what: &str, count: usize) {
        *self.0.lock().entry(what.to_owned()).or_default() += count as u64;
    }

    /// Tells what was seen: `--nocapture` shows it. Each of these must have been, ten times at least.
    pub(crate) fn check(&self, expected: &[&str]) {
        let seen = self.0.lock();
        for (what, count) in seen.iter() {
            println!("{count:>8} {what}");
        }
        let rare = expected.iter().filter(|what| seen.get(**what).is_none_or(|count| *count < 10));
        assert_eq!(rare.collect::<Vec<_>>(), [&""; 0], "hardly ever seen");
    }
}
