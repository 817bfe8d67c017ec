//! When to stop: what the servers of the market and the login are told from outside.

use std::io;

/// Listens for SIGTERM and ctrl-c; the future is done when one of them has come.
///
/// # Errors
///
/// The operating system doesn't let the process listen.
#[cfg(unix)]
pub fn stop_signal() -> io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Listens for ctrl-c; the future is done when it has come.
///
/// # Errors
///
/// The operating system doesn't let the process listen.
#[cfg(windows)]
pub fn stop_signal() -> io::Result<impl Future<Output = ()> + Send> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
