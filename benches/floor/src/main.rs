//! The floor as a program: prints `listening on http://ADDRESS` when it accepts connections.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use ssehub_floor::{Batch, serve};

/// Sends the same event to many sockets with no hub in between: the unit of the benchmark.
#[derive(Debug, Parser)]
#[command(name = "floor", version)]
struct Options {
    /// Where to listen; port 0 picks a free port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The most events of one target in one send(2).
    #[arg(long, value_name = "EVENTS", default_value = "1")]
    batch: Batch,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {}: {error}", options.listen);
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    // Each stream is a descriptor.
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    let listener = TcpListener::bind(options.listen)?;
    let mut stdout = io::stdout();
    writeln!(stdout, "listening on http://{}", listener.local_addr()?)?;
    stdout.flush()?;
    serve(&listener, options.batch)
}
