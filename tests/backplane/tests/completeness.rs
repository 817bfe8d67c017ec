//! No case is forgotten: every one that is written is run, once for each kind of backplane.

use ssehub_backplane_tests::completeness::assert_every_case_is_run;

#[test]
fn every_case_is_run() {
    assert_every_case_is_run(env!("CARGO_MANIFEST_DIR"), &["contract.rs"], 50);
}
