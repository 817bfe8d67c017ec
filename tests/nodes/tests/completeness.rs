//! No case is forgotten: every one that is written is run, on each of its nodes.

use ssehub_conformance::completeness::assert_every_case_is_run;

#[test]
fn every_case_is_run() {
    assert_every_case_is_run(env!("CARGO_MANIFEST_DIR"), &["together.rs", "alone.rs", "fire.rs"], 40);
}
