//! One process, one hub, three frameworks: whoever listens at any of them gets what is sent by any of them.
//!
//! ```text
//! cargo run -p three-in-one
//! curl -N 'http://127.0.0.1:8001/events?user=alice'
//! curl -d 'hello' 'http://127.0.0.1:8003/send?to=alice'
//! ```
//!
//! A [`Hub`] is a handle: clone it into each server. It does not care which runtime polls a stream: here axum and
//! Rocket share one, and each worker of actix has its own.

mod on_actix;
mod on_axum;
mod on_rocket;

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use ssehub::{Hub, Shutdown};
use tokio::signal::unix::{SignalKind, signal};

/// One hub behind axum, actix-web and Rocket at once.
#[derive(Debug, Parser)]
struct Options {
    /// Where axum listens.
    #[arg(long, default_value = "127.0.0.1:8001")]
    axum: SocketAddr,
    /// Where actix-web listens.
    #[arg(long, default_value = "127.0.0.1:8002")]
    actix: SocketAddr,
    /// Where Rocket listens.
    #[arg(long, default_value = "127.0.0.1:8003")]
    rocket: SocketAddr,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let hub = Hub::new();
    tokio::try_join!(
        on_axum::serve(options.axum, hub.clone()),
        on_actix::serve(options.actix, hub.clone()),
        on_rocket::serve(options.rocket, hub),
    )?;
    Ok(())
}

/// Waits until the process is told to stop, then ends every stream. Each server waits for this before it stops
/// accepting, and has no stream left to wait for afterwards.
async fn end_of_streams(hub: Hub) {
    if let Ok(mut terminate) = signal(SignalKind::terminate()) {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
    hub.shutdown(leave()).await;
}

/// Clients get two seconds to read the end, and come back within the next five.
fn leave() -> Shutdown {
    Shutdown::within(Duration::from_secs(2)).retry(Duration::ZERO..=Duration::from_secs(5))
}
