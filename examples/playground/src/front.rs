//! The three front ends. Each builds its server, routes `/events` through its adapter and everything else to
//! [`api`](crate::api).

pub(crate) mod actix;
pub(crate) mod axum;
pub(crate) mod rocket;

use std::io;

use ssehub::ListenOptions;
use tokio::runtime::{Builder, Runtime};

use crate::options::Options;

/// A runtime with the number of workers that was asked for.
fn runtime(mut builder: Builder, options: &Options) -> Result<Runtime, String> {
    let builder = builder.worker_threads(options.workers()).enable_all();
    builder.build().map_err(|error| format!("cannot start a runtime: {error}"))
}

fn listen(options: &Options) -> Result<std::net::TcpListener, String> {
    ssehub::listen(options.listen, ListenOptions::default()).map_err(|error| cannot_listen(options, &error))
}

fn cannot_listen(options: &Options, error: &io::Error) -> String {
    format!("cannot listen on {}: {error}", options.listen)
}
