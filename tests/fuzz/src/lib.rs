//! What has to hold for any input: each target takes some bytes, makes of them what a client, an application or a
//! backplane might do, and panics where the hub does not keep a promise.
//!
//! libFuzzer runs them (`cargo xtask fuzz`, by way of `fuzz/fuzz_targets`). What it found worth keeping stands in
//! `corpus`, and `cargo test -p ssehub-fuzz-targets` replays that, and some random inputs, on any toolchain.
//!
//! A target compares with something simpler than what it tests: a second parser, a list of what was sent, a model of who
//! is there. None of them waits for time to pass, and each depends on its input alone.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "all of this is test code: a panic is how it tells what it found"
)]

mod accept;
mod api;
mod audience;
mod backplane;
mod encoding;
mod hub;
mod last_event_id;
mod query;
mod reader;
mod record;
mod reply;
mod script;
mod wire;

pub use accept::accept;
pub use api::api;
pub use audience::audience;
pub use backplane::backplane;
pub use hub::hub;
pub use last_event_id::last_event_id;
pub use query::query;
pub use record::record;
pub use wire::wire;

/// A fuzz target: a name, and what takes the input.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Names the file in `fuzz/fuzz_targets` and the folder in `corpus`.
    pub name: &'static str,
    /// Panics where the input shows that something does not hold.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "accept", run: accept },
    Target { name: "api", run: api },
    Target { name: "audience", run: audience },
    Target { name: "backplane", run: backplane },
    Target { name: "hub", run: hub },
    Target { name: "last_event_id", run: last_event_id },
    Target { name: "query", run: query },
    Target { name: "record", run: record },
    Target { name: "wire", run: wire },
];
