//! Where the hub's log is: in this process, in a Redis that several nodes share, or on the disk.

use std::error::Error;
use std::fmt::Write;

use ssehub::HubBuilder;
use ssehub_durable::DurableLog;
use ssehub_redis::RedisBackplane;

use crate::options::{Options, Place};

/// The hub's log. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) enum Log {
    #[default]
    Memory,
    Redis(RedisBackplane),
    Disk(DurableLog),
}

impl Log {
    /// Connects to what the options name, or opens it; the error is one line.
    pub(crate) async fn open(options: &Options) -> Result<Self, String> {
        match options.place() {
            Place::Memory => Ok(Self::Memory),
            Place::Redis { url, hub } => {
                let connected = RedisBackplane::builder(url).hub(hub).connect().await;
                connected.map(Self::Redis).map_err(|error| one_line("cannot use --redis", &error))
            }
            Place::Disk { path, flush_every } => {
                let log = DurableLog::builder(path);
                let log = match flush_every {
                    Some(interval) => log.flush_every(interval),
                    None => log,
                };
                log.open().map(Self::Disk).map_err(|error| one_line("cannot use --data-dir", &error))
            }
        }
    }

    /// Gives it to a hub.
    pub(crate) fn give_to(&self, hub: HubBuilder) -> HubBuilder {
        match self {
            Self::Memory => hub,
            Self::Redis(backplane) => hub.backplane(backplane.clone()),
            Self::Disk(log) => hub.backplane(log.clone()),
        }
    }

    /// Whether it is outside of the hub, so that it may be away.
    pub(crate) fn is_backplane(&self) -> bool {
        !matches!(self, Self::Memory)
    }

    /// Entries that no hub has made, and that were passed over before the hub saw them.
    pub(crate) fn skipped(&self) -> u64 {
        match self {
            Self::Redis(backplane) => backplane.skipped_entries(),
            Self::Memory | Self::Disk(_) => 0,
        }
    }
}

/// An error with its causes, as far as each says something new.
fn one_line(what: &str, error: &dyn Error) -> String {
    let mut line = format!("{what}: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !line.contains(&said) {
            // Writing to a string does not fail.
            let _ = write!(line, ": {said}");
        }
        cause = error.source();
    }
    line.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Failed(&'static str, #[source] io::Error);

    #[test]
    fn an_error_is_told_in_one_line_with_its_causes_and_nothing_twice() {
        let refused = || io::Error::other("refused\nby the peer");
        assert_eq!(one_line("no", &Failed("it failed", refused())), "no: it failed: refused by the peer");
        assert_eq!(one_line("no", &Failed("refused\nby the peer", refused())), "no: refused by the peer");
    }
}
