//! A client comes back with its `Last-Event-ID`, reads what it missed, and goes.

use divan::Bencher;

use crate::support::Absence;

#[divan::bench(args = [1, 10, 100, 1_000])]
fn behind(bencher: Bencher<'_, '_>, events: usize) {
    come_back(bencher, Absence::new(events, 0, 0));
}

/// As when many come back at once.
#[divan::bench(args = [1, 10, 100, 1_000])]
fn behind_as_others_are(bencher: Bencher<'_, '_>, events: usize) {
    come_back(bencher, Absence::of_two(events, 0, 0));
}

#[divan::bench(args = [1_000, 10_000, 100_000])]
fn behind_by_100_amid_retained_events(bencher: Bencher<'_, '_>, retained: usize) {
    come_back(bencher, Absence::new(100, 0, retained));
}

fn come_back(bencher: Bencher<'_, '_>, mut absence: Absence) {
    bencher.bench_local(|| absence.step());
}
