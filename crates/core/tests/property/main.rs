//! Random programs, run against the hub and against an obviously right model of it.
//!
//! The model keeps everything ever sent and who was in what when; for each stream it knows which events are due, which
//! may be left out because something newer says it all, and which were forgotten. Every chunk that the hub yields is
//! checked against it, as is who is there after every act, and every wake-up.
//!
//! `PROPTEST_CASES=20000 cargo test -p ssehub --test property` looks longer.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod expected;
mod journal;
mod memberships;
mod program;
mod world;

use proptest::prelude::*;

/// Enough to find what is wrong, in a few seconds of a debug build.
const CASES: u32 = 1000;

fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { CASES };
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 100_000, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_stream_gets_its_events_once_in_order_or_is_told_a_gap(program in program::programs()) {
        world::World::new(&program).run(&program.acts);
    }
}
