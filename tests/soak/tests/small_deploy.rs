//! What `cargo xtask deploy` does with thousands of streams, with some hundreds, on all frameworks side by side.

use std::path::Path;

use ssehub_conformance::subject::Framework;
use ssehub_soak::deploy::run;

const STREAMS: usize = 200;

async fn restart(framework: Framework) {
    let report = run(Path::new(env!("CARGO_BIN_EXE_soak-subject")), framework, STREAMS).await;
    let report = report.unwrap_or_else(|error| panic!("{}: {error:#}", framework.name()));
    assert!(report.flaws().is_empty(), "{report}");
    assert_eq!(report.visits(), STREAMS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_under_load_loses_nothing_without_a_word() {
    tokio::join!(
        restart(Framework::Axum),
        restart(Framework::Lean),
        restart(Framework::Actix),
        restart(Framework::Rocket),
    );
}
