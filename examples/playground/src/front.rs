//! The three front ends. Each builds its server, routes `/events` through its adapter and everything else to
//! [`api`](crate::api).

pub(crate) mod actix;
pub(crate) mod axum;
pub(crate) mod rocket;

use std::io;

use ssehub::ListenOptions;
use tokio::runtime::{Builder, Runtime};

use crate::options::Options;

/// A runtime with so many workers. One worker is this very thread: a wake within it costs less
/// than a wake that has to look for other threads.
fn runtime(workers: usize) -> Result<Runtime, String> {
    let mut builder = match workers {
        1 => Builder::new_current_thread(),
        workers => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(workers);
            builder
        }
    };
    builder.enable_all().build().map_err(|error| format!("cannot start a runtime: {error}"))
}

/// Runs a server, and leaves behind what does not end by itself.
fn run(runtime: Runtime, server: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let served = runtime.block_on(server);
    runtime.shutdown_background();
    served
}

fn listen(options: &Options) -> Result<std::net::TcpListener, String> {
    let sockets = ListenOptions::default().user_timeout(Some(options.user_timeout));
    ssehub::listen(options.listen, sockets).map_err(|error| cannot_listen(options, &error))
}

fn cannot_listen(options: &Options, error: &io::Error) -> String {
    format!("cannot listen on {}: {error}", options.listen)
}
