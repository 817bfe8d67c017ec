//! The durable log as its hub sees it, over restarts, crashes and damage.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;
mod damage;
mod full;
mod kills;
mod model;
mod support;
