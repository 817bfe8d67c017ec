//! Nodes on one log that is killed, stalled, cut off, wiped and replaced, while publishers never pause.
//!
//! What is asserted is always the same: each event that was taken comes once and in order to every reader, on whatever
//! node; where the log itself has lost something, readers are told a gap at that place, and nothing is missing silently.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod chance;
mod memory;
mod nodes;
mod others;
mod redis;
mod state;
