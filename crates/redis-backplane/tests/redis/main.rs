//! The backplane on a real `redis-server`, which Debian's package of that name has.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod connect;
mod faults;
mod follower;
mod log;
mod others;
mod sentinel;
