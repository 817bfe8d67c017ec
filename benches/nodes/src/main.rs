//! `scale`: what a hub costs whose log is in Redis or on disk, and what each further node adds.
//!
//! Nodes are hubs in this process, without sockets; Redis is a process of its own that this one starts. What a node costs
//! is told apart by its threads. Repetitions are interleaved: each measures all subjects of a work before the next
//! begins. Figures are medians with their spread, and ratios to the first subject of the same repetition.
//!
//! `cargo xtask scale` builds this and runs it.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use tokio::runtime::Runtime;

use crate::figures::Figures;
use crate::options::Options;
use crate::page::Section;

mod cpu;
mod figures;
mod load;
mod newcomer;
mod node;
mod options;
mod page;
mod server;
mod work;

// How figures are told is the same as in the other benchmark, which is a program too.
#[path = "../../driver/src/environment.rs"]
mod environment;
#[path = "../../driver/src/stats.rs"]
#[cfg_attr(not(test), expect(dead_code, reason = "here nothing is subtracted"))]
mod stats;
#[path = "../../driver/src/table.rs"]
#[expect(dead_code, reason = "here no table is empty")]
mod table;

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match &options.newcomer {
        Some(newcomer) => newcomer::run(newcomer),
        None => scale(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures, prints and writes.
fn scale(options: &Options) -> Result<()> {
    let runtime = Runtime::new().context("there is no runtime to send from")?;
    for work in options.works() {
        let started = Instant::now();
        let mut figures = Figures::default();
        for repetition in 1..=options.repeat {
            eprintln!("{}: {repetition} of {}", work.name, options.repeat);
            let measured = (work.measure)(&runtime, &mut figures);
            measured.with_context(|| format!("{} could not be measured", work.name))?;
        }
        let section = Section::new(work, &figures.table(), options.repeat, started.elapsed());
        println!("\n{}: {}\n{}", work.name, work.title, figures.table().plain());
        if options.write {
            section.write()?;
        }
    }
    Ok(())
}
