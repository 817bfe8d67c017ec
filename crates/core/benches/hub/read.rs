//! A stream reads what it missed, to the end. Its opening is not measured; `resume` measures all.

use divan::Bencher;
use divan::counter::ItemsCount;

use crate::support::Absence;

/// The streams of one sample are open at the same time, and would share what they read.
const ALONE: u32 = 1;

/// Of one topic, for this stream alone: it copies what it found.
#[divan::bench(args = [1, 8, 64, 1_000], sample_size = ALONE)]
fn behind(bencher: Bencher<'_, '_>, events: usize) {
    read(bencher, &Absence::new(events, 0, 0));
}

/// What others have read before from the same place is shared.
#[divan::bench(args = [1, 8, 64, 1_000], sample_size = ALONE)]
fn behind_as_others_are(bencher: Bencher<'_, '_>, events: usize) {
    read(bencher, &Absence::of_two(events, 0, 0));
}

#[divan::bench(args = [0, 1_000, 100_000], sample_size = ALONE)]
fn behind_by_64_amid_events_for_others(bencher: Bencher<'_, '_>, others: usize) {
    read(bencher, &Absence::new(64, 0, others));
}

/// A stream whose events came from several topics merges these.
#[divan::bench(args = [1, 4, 16, 64], sample_size = ALONE)]
fn behind_by_64_in_groups(bencher: Bencher<'_, '_>, groups: usize) {
    read(bencher, &Absence::new(64, groups, 0));
}

/// So few that a stream of many groups looks at each of them instead.
#[divan::bench(args = [1, 8, 64, 1_000], sample_size = ALONE)]
fn behind_by_8_in_groups(bencher: Bencher<'_, '_>, groups: usize) {
    read(bencher, &Absence::new(8, groups, 0));
}

fn read(bencher: Bencher<'_, '_>, absence: &Absence) {
    bencher
        .counter(ItemsCount::new(absence.missed))
        .with_inputs(|| absence.come_back())
        .bench_local_refs(|connection| absence.read(connection));
}
