//! `deploy`: a restart under load, with every promise checked.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;
use ssehub_soak::deploy::{self, Options};

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Restarts each framework in turn and prints what came of it; `false` if a promise was broken.
fn run(options: &Options) -> Result<bool> {
    let subject = ssehub_soak::subject_beside()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let mut good = true;
    for framework in options.frameworks() {
        let report = runtime.block_on(deploy::run(&subject, framework, options.streams()))?;
        println!("{report}\n");
        good &= report.flaws().is_empty();
    }
    Ok(good)
}
