//! Requests to the playground's API, each on a connection of its own: one that was kept could be closed by the server
//! just when it is used again.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use ssehub_conformance::http1::{Client, Request, Response};

/// Sends a request that is to be answered with `status`.
///
/// # Errors
/// The connection is refused or breaks, or the answer is another.
pub(crate) async fn call(address: SocketAddr, request: Request, status: u16) -> Result<Response> {
    let what = format!("{request:?}");
    let answer = Client::new(address).request(&request.header("connection", "close")).await;
    let response = answer.with_context(|| format!("no answer to {what}"))?;
    let body = String::from_utf8_lossy(&response.body);
    ensure!(response.head.status == status, "{what} was answered with {}: {body}", response.head.status);
    Ok(response)
}
