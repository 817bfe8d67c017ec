//! axum's endless response, served by the axum adapter's own loop.

use std::future::pending;

use clap::Parser;
use ssehub_axum::lean;
use ssehub_peers::{Address, bare};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let listener = TcpListener::from_std(bare::listen(Address::parse().listen)?)?;
    lean::serve(listener, bare::router(), pending()).await;
    Ok(())
}
