//! What a soak came to, and whether that is good.

use std::{collections::BTreeMap, fmt, process::ExitStatus, time::Duration};

use super::{
    sample::{Gauges, Sample},
    tally::Fault,
};
use crate::server::Usage;

/// In shorter runs memory is not judged: history, tables and the allocator's own reserves are still being filled.
const MEMORY_IS_JUDGED_FROM: Duration = Duration::from_secs(20 * 60);

/// Memory may differ by so much, and by a twentieth.
const SLACK_KIB: u64 = 16 * 1024;

/// What a soak came to.
#[derive(Debug)]
pub struct Report {
    pub(super) what: String,
    pub(super) duration: Duration,
    pub(super) samples: Vec<Sample>,
    pub(super) sent: u64,
    pub(super) delivered: u64,
    pub(super) done: BTreeMap<&'static str, u64>,
    pub(super) faults: BTreeMap<Fault, u64>,
    pub(super) told: Vec<String>,
    /// Before the first reader came.
    pub(super) before: Usage,
    /// After the last one had left.
    pub(super) after: Usage,
    pub(super) left: Gauges,
    pub(super) exit: ExitStatus,
}

impl Report {
    /// What is not as it has to be; nothing if all is well.
    #[must_use]
    pub fn flaws(&self) -> Vec<String> {
        let mut flaws: Vec<String> = self.faults.iter().map(|(fault, count)| format!("{fault}: {count}")).collect();
        flaws.extend(self.told.iter().map(|told| format!("  {told}")));
        if let Some((second, last)) = self.memory()
            && last > allowed(second)
        {
            flaws.push(format!("memory rose from {} to {}", mib(second), mib(last)));
        }
        if self.after.files > self.before.files {
            flaws.push(format!("{} files are open where there were {}", self.after.files, self.before.files));
        }
        if !self.left.are_zero() {
            flaws.push(format!("after all have left there are: {}", self.left));
        }
        if !self.exit.success() {
            flaws.push(format!("the server ended with {}", self.exit));
        }
        flaws
    }

    /// How often readers did what readers do, by name.
    #[must_use]
    pub fn done(&self) -> &BTreeMap<&'static str, u64> {
        &self.done
    }

    /// How many events have come to readers.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// The memory in the second quarter and in the last, if the run was long enough to judge it.
    fn memory(&self) -> Option<(u64, u64)> {
        if self.duration < MEMORY_IS_JUDGED_FROM {
            return None;
        }
        let quarter = self.samples.len() / 4;
        let median = |from: usize, to: usize| {
            let mut sizes: Vec<u64> =
                self.samples.get(from..to)?.iter().map(|sample| sample.usage.resident_kib).collect();
            sizes.sort_unstable();
            sizes.get(sizes.len() / 2).copied()
        };
        Some((median(quarter, 2 * quarter)?, median(self.samples.len() - quarter, self.samples.len())?))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "\n{}: {} events sent, {} delivered", self.what, self.sent, self.delivered)?;
        let done: Vec<String> = self.done.iter().map(|(what, count)| format!("{what} {count}")).collect();
        writeln!(formatter, "readers: {}", done.join(", "))?;
        let kept: Vec<String> =
            Fault::ALL.map(|fault| format!("{fault} {}", self.faults.get(&fault).unwrap_or(&0))).into();
        writeln!(formatter, "broken promises: {}", kept.join(", "))?;
        match self.memory() {
            Some((second, last)) => writeln!(
                formatter,
                "memory: {} in the second quarter, {} in the last; allowed were {}",
                mib(second),
                mib(last),
                mib(allowed(second))
            )?,
            None => {
                writeln!(formatter, "memory: judged in runs from {} minutes on", MEMORY_IS_JUDGED_FROM.as_secs() / 60)?
            }
        }
        let (before, after) = (self.before, self.after);
        writeln!(
            formatter,
            "after all had left: {}; {} files (before: {}), {} threads ({}), {} ({})",
            self.left,
            after.files,
            before.files,
            after.threads,
            before.threads,
            mib(after.resident_kib),
            mib(before.resident_kib),
        )?;
        let flaws = self.flaws();
        if flaws.is_empty() {
            return write!(formatter, "verdict: every promise kept, and nothing left behind");
        }
        write!(formatter, "verdict: FAILED\n  {}", flaws.join("\n  "))
    }
}

fn allowed(kib: u64) -> u64 {
    kib + kib / 20 + SLACK_KIB
}

fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(mib: u64) -> Sample {
        let gauges = Gauges { connections: 20, parked: 0, users: 10, groups: 4 };
        let usage = Usage { resident_kib: mib * 1024, threads: 5, files: 40 };
        let p99 = Duration::from_millis(3);
        Sample { minute: 1.0, gauges, held: 20..=20, sent: 1.0, delivered: 20.0, p99, usage, faults: 0 }
    }

    fn report(sizes: &[u64]) -> Report {
        let usage = Usage { resident_kib: 20_000, threads: 5, files: 12 };
        Report {
            what: "axum with 20 readers".to_owned(),
            duration: MEMORY_IS_JUDGED_FROM,
            samples: sizes.iter().map(|mib| sample(*mib)).collect(),
            sent: 10,
            delivered: 200,
            done: BTreeMap::from([("kicked", 3)]),
            faults: BTreeMap::new(),
            told: Vec::new(),
            before: usage,
            after: usage,
            left: Gauges { connections: 0, parked: 0, users: 0, groups: 0 },
            exit: ExitStatus::default(),
        }
    }

    #[test]
    fn a_run_that_kept_everything_and_left_nothing_is_good() {
        let report = report(&[10, 20, 50, 100, 100, 100, 100, 120]);
        assert_eq!(report.flaws(), [""; 0]);
        assert!(report.to_string().contains("verdict: every promise kept"), "{report}");
    }

    #[test]
    fn memory_that_rises_beyond_the_slack_is_told() {
        assert_eq!(
            report(&[10, 10, 100, 100, 100, 100, 120, 125]).flaws(),
            ["memory rose from 100.0 MiB to 125.0 MiB"]
        );
        let short = Report { duration: Duration::from_secs(60), ..report(&[10, 10, 100, 100, 100, 100, 120, 125]) };
        assert_eq!(short.flaws(), [""; 0]);
    }

    #[test]
    fn whatever_is_left_behind_or_broken_is_told() {
        let good = report(&[]);
        let usage = Usage { files: 13, ..good.after };
        let left = Gauges { parked: 1, ..good.left };
        let bad = Report {
            faults: BTreeMap::from([(Fault::Lost, 2)]),
            told: vec!["lost: reader 1".to_owned()],
            after: usage,
            left,
            ..good
        };
        let flaws = bad.flaws();
        assert_eq!(flaws.len(), 4, "{flaws:?}");
        assert!(bad.to_string().contains("verdict: FAILED\n  lost: 2\n"), "{bad}");
    }
}
