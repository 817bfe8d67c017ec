//! `soak`: mixed load for as long as one likes, with every promise checked.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;
use ssehub_soak::soak::{self, Options};

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

/// Runs it and prints the verdict; `false` if that is not a good one.
fn run(options: &Options) -> Result<bool> {
    let subject = ssehub_soak::subject_beside()?;
    let report = tokio::runtime::Runtime::new()?.block_on(soak::run(&subject, options))?;
    println!("{report}");
    Ok(report.flaws().is_empty())
}
