//! The programs over sockets, as the benchmark uses them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bare;
mod missing;
mod peers;
mod server;
