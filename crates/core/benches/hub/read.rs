//! A stream reads what it missed, to the end. Its opening is not measured; `resume` measures all.

use divan::Bencher;
use divan::counter::ItemsCount;

use crate::support::Absence;

/// Of one topic, in blocks that the first who reads them assembles for all at the same place.
#[divan::bench(args = [1, 8, 64, 1_000])]
fn behind(bencher: Bencher<'_, '_>, events: usize) {
    read(bencher, events, 0, 0);
}

#[divan::bench(args = [0, 1_000, 100_000])]
fn behind_by_64_amid_events_for_others(bencher: Bencher<'_, '_>, others: usize) {
    read(bencher, 64, 0, others);
}

/// A stream of its own mix of topics merges them and copies what it found.
#[divan::bench(args = [1, 4, 16, 64])]
fn behind_by_64_in_groups(bencher: Bencher<'_, '_>, groups: usize) {
    read(bencher, 64, groups, 0);
}

/// Eight events, of which few are enough to look at each.
#[divan::bench(args = [1, 8, 64, 1_000])]
fn behind_by_8_in_groups(bencher: Bencher<'_, '_>, groups: usize) {
    read(bencher, 8, groups, 0);
}

fn read(bencher: Bencher<'_, '_>, missed: usize, groups: usize, others: usize) {
    let absence = Absence::new(missed, groups, others);
    bencher
        .counter(ItemsCount::new(missed))
        .with_inputs(|| absence.come_back())
        .bench_local_refs(|connection| absence.read(connection));
}
