//! The load generator of the benchmark.
//!
//! One thread opens many event streams to a server, asks it to publish, and reads. It does no more for an event than
//! to count it, to check that it is the one that was to come next, and to take its time, so that the server is what
//! is measured. What is to come follows from the work, never from what came: a server that loses an event or sends
//! one twice cannot look good. It prints one JSON object, a [`Report`](ssehub_load::Report).

mod answers;
mod chunked;
mod connect;
mod generator;
mod head;
mod options;
mod process;
mod publish;
mod response;
mod scan;
mod shape;
mod share;
mod stream;
mod times;
mod work;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::options::Options;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Prints the report; `false` when it is not flawless.
fn run(options: &Options) -> Result<bool> {
    options.check()?;
    if let Some(core) = options.cpu {
        let mut cores = CpuSet::new();
        anyhow::ensure!(core < CpuSet::MAX_CPU, "there is no core {core}");
        cores.set(core);
        sched_setaffinity(None, &cores).with_context(|| format!("core {core}"))?;
    }
    // Each stream is a descriptor.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    let report = work::run(options)?;
    let mut stdout = io::stdout();
    serde_json::to_writer(&mut stdout, &report)?;
    writeln!(stdout)?;
    Ok(report.is_flawless())
}
