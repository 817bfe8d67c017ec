//! The project's own commands: `cargo xtask COMMAND`.
//!
//! A command is a variant of [`Command`] and a module of the same name. They run cargo and the tools they need as
//! child processes, so what they print is what those print.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::passed_on::PassedOn;

mod bench;
mod deploy;
mod flood;
mod fuzz;
mod instructions;
mod passed_on;
mod scale;
mod soak;
mod test;
mod tools;
mod workspace;

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures the hub beside bare programs and beside what one writes without it.
    Bench(PassedOn),
    /// Restarts the playground under load, on each framework.
    Deploy(PassedOn),
    /// Floods the server with all that comes and goes.
    Flood(flood::Args),
    /// Throws inputs at the fuzz targets.
    Fuzz(fuzz::Args),
    /// Counts the instructions of the hub's own steps.
    Instructions(PassedOn),
    /// Measures what a hub costs over several nodes, and on a log that outlives it.
    Scale(PassedOn),
    /// Puts the playground under mixed load for an hour and watches what it holds.
    Soak(PassedOn),
    /// Runs everything that has to hold before a change lands.
    Test(test::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Bench(options) => bench::run(&options),
        Command::Deploy(options) => deploy::run(&options),
        Command::Flood(args) => flood::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Instructions(options) => instructions::run(&options),
        Command::Scale(options) => scale::run(&options),
        Command::Soak(options) => soak::run(&options),
        Command::Test(args) => test::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_step_that_does_not_exist_is_refused_with_the_steps_that_do() {
        let error = Cli::try_parse_from(["xtask", "test", "--only", "everything"]).unwrap_err();
        assert!(error.to_string().contains("[possible values: fmt, clippy,"), "{error}");
    }
}
