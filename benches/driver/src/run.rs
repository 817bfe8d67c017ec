//! One work measured with all subjects, as often as was asked for.

use std::time::Duration;

use anyhow::Result;

use crate::measured::Measured;
use crate::process::{self, Cores, Process};
use crate::results::{SubjectResults, WorkResults};
use crate::subject::Subject;
use crate::work::Work;

/// `load` has deadlines of its own, which are shorter.
const MEASURE_WITHIN: Duration = Duration::from_secs(600);

/// Measures works.
#[derive(Debug)]
pub(crate) struct Runner {
    cores: Cores,
    repeat: u32,
    full: bool,
}

impl Runner {
    /// # Errors
    /// The machine has too few cores, or allows too little.
    pub(crate) fn new(repeat: u32, full: bool) -> Result<Self> {
        process::open_many_files()?;
        Ok(Self { cores: Cores::choose()?, repeat, full })
    }

    /// Measures `work` with each of `subjects` in turn, and all of them again in each repetition.
    pub(crate) fn work(&self, work: &Work, subjects: &[&'static Subject]) -> WorkResults {
        let mut results: Vec<SubjectResults> = subjects.iter().map(|subject| SubjectResults::new(subject)).collect();
        for repetition in 1..=self.repeat {
            for result in &mut results {
                println!("{} {} ({repetition} of {})", work.name, result.name, self.repeat);
                let outcome = self.measure(work, result.subject).map_err(|error| format!("{error:#}"));
                if let Some(fault) = outcome.as_ref().map_or_else(|error| Some(error.clone()), Measured::fault) {
                    println!("  {fault}");
                }
                result.outcomes.push(outcome);
            }
        }
        WorkResults::new(work, self.full, results)
    }

    fn measure(&self, work: &Work, subject: &Subject) -> Result<Measured> {
        let mut args: Vec<String> = subject.args.iter().map(ToString::to_string).collect();
        args.extend(["--listen".to_owned(), "127.0.0.1:0".to_owned()]);
        let mut server = Process::start(subject.program, &args, self.cores.server)?;
        let url = server.listening()?;

        let mut args = work.load_args(self.full);
        args.extend(["--url".to_owned(), url, "--pid".to_owned(), server.id().to_string()]);
        let mut load = Process::start("load", &args, self.cores.load)?;
        let (status, printed) = load.finish(MEASURE_WITHIN)?;
        // Status 1 may tell of events that were lost: then there is a measurement that says how many.
        if printed.trim().is_empty() {
            return Err(load.failure(status));
        }
        Measured::parse(&printed)
    }
}
