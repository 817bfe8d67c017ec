//! Works measured with their subjects, as often as was asked for.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use ssehub_load::Report;

use crate::outcome::{Fault, Outcome};
use crate::process::{self, Cores, Process};
use crate::results::{SubjectResults, WorkResults};
use crate::subject::{Kind, Subject};
use crate::work::Work;

/// `load` has deadlines of its own, which are shorter.
const MEASURE_WITHIN: Duration = Duration::from_secs(600);

/// How long ssehub may take to shut down when all streams have gone.
const SHUT_DOWN_WITHIN: Duration = Duration::from_secs(10);

/// How long other servers may take to end before they are killed.
const END_WITHIN: Duration = Duration::from_secs(1);

/// Files that a server needs besides one for each stream.
const OTHER_FILES: u64 = 200;

/// Measures works.
#[derive(Debug)]
pub(crate) struct Runner {
    cores: Cores,
    /// What one process may have open.
    files: u64,
    repeat: u32,
    full: bool,
}

/// A work, and who does it.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) work: &'static Work,
    pub(crate) subjects: Vec<&'static Subject>,
}

impl Runner {
    /// # Errors
    /// The machine has too few cores, or allows too little.
    pub(crate) fn new(repeat: u32, full: bool) -> Result<Self> {
        Ok(Self { cores: Cores::choose()?, files: process::open_many_files()?, repeat, full })
    }

    /// Measures each work with each of its subjects in turn, and all that went well again in each repetition.
    pub(crate) fn run(&self, jobs: &[Job]) -> Vec<WorkResults> {
        let results = |subject: &&'static Subject| SubjectResults::new(subject);
        let mut results: Vec<Vec<SubjectResults>> =
            jobs.iter().map(|job| job.subjects.iter().map(results).collect()).collect();
        let possible = |job: &Job| self.files_lacking(job.work).is_none();
        let once: usize = jobs.iter().filter(|job| possible(job)).map(|job| job.subjects.len()).sum();
        let all = once * self.repeat as usize;
        let mut measurement = 0;
        for _ in 0..self.repeat {
            for (job, results) in jobs.iter().zip(&mut results).filter(|(job, _)| possible(job)) {
                for result in results {
                    measurement += 1;
                    // Its figures don't count any more.
                    if result.fault().is_some() {
                        continue;
                    }
                    let started = Instant::now();
                    let outcome = self.measure(job.work, result.subject);
                    let fault = Fault::of(&outcome).map_or_else(String::new, |fault| format!(": {fault}"));
                    let seconds = started.elapsed().as_secs_f64();
                    println!("{measurement} of {all}: {} {}, {seconds:.1} s{fault}", job.work.name, result.name);
                    result.outcomes.push(outcome);
                }
            }
        }
        let done = |(job, results): (&Job, _)| match self.files_lacking(job.work) {
            Some(why) => WorkResults::impossible(job.work, self.full, why),
            None => WorkResults::new(job.work, self.full, results),
        };
        jobs.iter().zip(results).map(done).collect()
    }

    fn files_lacking(&self, work: &Work) -> Option<String> {
        let needed = u64::from(work.streams) + OTHER_FILES;
        let allowed = self.files;
        (allowed < needed)
            .then(|| format!("a process may have {allowed} files open (`ulimit -Hn`), and {needed} are needed"))
    }

    fn measure(&self, work: &Work, subject: &Subject) -> Outcome {
        let mut args = work.server_command(subject);
        args.extend(["--listen".to_owned(), "127.0.0.1:0".to_owned()]);
        let mut server = Process::start(subject.program, &args, self.cores.server)?;
        let url = server.listening()?;
        let report = self.load(work, subject, &url, &server)?;
        if subject.kind == Kind::Ssehub {
            shut_down(server.stop(SHUT_DOWN_WITHIN)?)?;
        } else {
            server.stop(END_WITHIN)?;
        }
        Ok(report)
    }

    fn load(&self, work: &Work, subject: &Subject, url: &str, server: &Process) -> Result<Report> {
        let mut args = work.load_command(subject, self.full);
        args.extend(["--url".to_owned(), url.to_owned(), "--pid".to_owned(), server.id().to_string()]);
        let mut load = Process::start("load", &args, self.cores.load)?;
        let (status, printed) = load.finish(MEASURE_WITHIN)?;
        // Status 1 may tell of events that were lost: then there is a measurement that says how many.
        if printed.trim().is_empty() {
            return Err(load.failure(status));
        }
        serde_json::from_str(&printed).with_context(|| format!("load printed {printed:?}"))
    }
}

/// A graceful shutdown is part of what is measured here: figures of a server that can't are worth nothing.
fn shut_down(ended: Option<ExitStatus>) -> Result<()> {
    match ended {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(anyhow!("after SIGTERM it ended with {status}")),
        None => Err(anyhow!("it did not end within {SHUT_DOWN_WITHIN:?} of SIGTERM")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::WORKS;

    #[test]
    fn a_work_that_needs_more_files_than_there_may_be_says_so() {
        let work = WORKS.iter().find(|work| work.streams == 16_000).unwrap();
        let runner = |files| Runner { cores: Cores { server: 0, load: 1 }, files, repeat: 1, full: true };
        assert_eq!(runner(20_000).files_lacking(work), None);
        let results = runner(1_024).run(&[Job { work, subjects: Vec::new() }]);
        let why = results[0].impossible.as_deref().unwrap();
        assert!(why.contains("1024 files") && why.contains("16200 are needed"), "{why}");
    }
}
