//! What the hub's own steps cost, in time, without a network or a framework.
//!
//! ```sh
//! cargo bench --package ssehub --bench hub                # all of them
//! cargo bench --package ssehub --bench hub -- wake::      # of one module
//! ```
//!
//! Arguments are counts of what is there. Where a name says `amid` or `past`, the time must not grow with them; elsewhere
//! they are the work itself, and the throughput beside the time tells what one of it costs. Compare medians, on a
//! machine with nothing else to do; `cargo xtask instructions` compares on a busy one.

use std::time::Duration;

#[path = "../support/mod.rs"]
mod support;

mod commit;
mod connect;
mod encode;
mod read;
mod resume;
mod wake;

/// How long each is run at least: divan's hundred samples may all be of a cold start.
const LEAST: Duration = Duration::from_millis(300);

fn main() {
    divan::Divan::default().min_time(LEAST).config_with_args().main();
}
