//! One suite for every backplane, and a real Redis to break.
//!
//! [`redis::RedisServer`] is Debian's `redis-server`, started by the test on a free port: it can be killed, restarted with
//! or without its data, paused, replicated and promoted. [`proxy::Proxy`] is a link in front of it that can be cut,
//! stalled and slowed.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "all of this is test code: a panic is how it tells what it found"
)]

pub mod certificate;
pub mod child;
pub mod port;
pub mod proxy;
pub mod redis;
pub mod wait;
