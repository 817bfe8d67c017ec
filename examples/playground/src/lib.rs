//! The playground: every capability of the hub behind plain HTTP, in whichever framework is asked for.
//!
//! `ssehub-playground --framework axum|lean|actix|rocket` is for trying the hub with `curl`, and for the tests and
//! benchmarks that meet each adapter as a browser does: over a socket. It vouches for whoever asks (`?user=`), so
//! it is **no server for real users**. It holds no delivery logic: `api` says what each request does, the three
//! `front` ends carry requests to it, and `GET /events` is theirs alone, by way of their adapter.

mod answer;
mod api;
mod front;
mod lifecycle;
mod log;
mod offline;
mod options;
mod query;
mod stop;
mod stream;
mod target;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use ssehub::Hub;

pub use crate::offline::{Offline, Reply};

use crate::lifecycle::Lifecycle;
use crate::log::Log;
use crate::options::{Framework, Options, Parsed};

/// What every front end serves.
#[derive(Clone, Debug)]
struct Playground {
    hub: Hub,
    log: Log,
    lifecycle: Lifecycle,
    max_event_bytes: usize,
}

/// Runs the playground with the options of the command line until it is told to stop.
///
/// Status 0 after a stop by SIGTERM or SIGINT; 2, and one line on stderr, where it could not start.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Options::from_command_line() {
        Ok(Parsed::Run(options)) => run(&options),
        Ok(Parsed::Show(text)) => print(&text),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if stderr is closed.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    match options.framework {
        Framework::Axum => front::axum::run(options, front::axum::Loop::Axum),
        Framework::Lean => front::axum::run(options, front::axum::Loop::Lean),
        Framework::Actix => front::actix::run(options),
        Framework::Rocket => front::rocket::run(options),
    }
}

impl Playground {
    /// Must be called on the runtime that is to carry the hub's own tasks.
    async fn new(options: &Options) -> Result<Self, String> {
        let lifecycle = Lifecycle::default();
        let log = Log::open(options).await?;
        let hub = log.give_to(options.hub(lifecycle.clone()));
        let hub = hub.build().map_err(|error| error.to_string())?;
        Ok(Self { hub, log, lifecycle, max_event_bytes: options.max_event_bytes })
    }
}

/// Tells whoever started the playground where it is; they wait for this line.
fn announce(address: SocketAddr) -> Result<(), String> {
    print(&format!("listening on http://{address}\n"))
}

fn print(text: &str) -> Result<(), String> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| format!("cannot write to stdout: {error}"))
}
