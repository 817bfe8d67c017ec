//! axum's endless response, served by `axum::serve`.

use clap::Parser;
use ssehub_peers::{Address, bare};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let listener = TcpListener::from_std(bare::listen(Address::parse().listen)?)?;
    axum::serve(listener, bare::router()).await?;
    Ok(())
}
