//! What `cargo xtask soak` does for an hour, for some seconds, on all frameworks side by side.

use std::{path::Path, time::Duration};

use ssehub_conformance::subject::Framework;
use ssehub_soak::soak::{Options, run};

/// What readers do within seconds. To come back too late takes longer.
const DONE: [&str; 8] = [
    "lost and resumed",
    "gone for good",
    "joined a room",
    "left a room",
    "stalled",
    "took over",
    "kicked",
    "ended by the server",
];

async fn soak(framework: Framework) {
    let options = Options::new(framework, Duration::from_secs(10), 60);
    let report = run(Path::new(env!("CARGO_BIN_EXE_soak-subject")), &options).await;
    let report = report.unwrap_or_else(|error| panic!("{}: {error:#}", framework.name()));
    assert!(report.flaws().is_empty(), "{report}");
    for what in DONE {
        assert!(report.done().contains_key(what), "nobody {what}: {report}");
    }
    assert!(report.delivered() > 1000, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_soak_breaks_no_promise_and_leaves_nothing_behind() {
    tokio::join!(soak(Framework::Axum), soak(Framework::Lean), soak(Framework::Actix), soak(Framework::Rocket));
}
