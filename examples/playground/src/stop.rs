//! When to stop, and how long that may take.

use std::io;
use std::time::Duration;

use ssehub::{Hub, Shutdown};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::sleep;

/// How long streams may take to read their last bytes.
const STREAMS: Duration = Duration::from_secs(2);

/// How long the framework may take after that.
const FRAMEWORK: Duration = Duration::from_millis(500);

/// Tells when SIGTERM or SIGINT has come. Clones tell the same.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// From here on, the signals no longer kill the process.
    pub(crate) fn on_signals() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            sender.send_replace(true);
        });
        Ok(Self(receiver))
    }

    /// Completes when a signal has come.
    pub(crate) async fn requested(mut self) {
        // An error means that the task above is gone, and with it the runtime.
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// Runs a server; after the signal it has only so long to finish, whatever its clients do.
    pub(crate) async fn bound<T>(self, server: impl Future<Output = T>) -> Option<T> {
        let overdue = async {
            self.requested().await;
            sleep(STREAMS + FRAMEWORK).await;
        };
        tokio::select! {
            outcome = server => Some(outcome),
            () = overdue => None,
        }
    }
}

/// How the hub ends its streams: soon, and clients come back spread over a few seconds.
pub(crate) fn shutdown() -> Shutdown {
    Shutdown::within(STREAMS).retry(Duration::from_secs(1)..=Duration::from_secs(5))
}

/// Waits for the signal, then ends all streams of `hub`.
pub(crate) async fn end_streams(stop: Stop, hub: Hub) {
    stop.requested().await;
    hub.shutdown(shutdown()).await;
}
