//! A stream comes, is told where it begins, and goes.

use divan::Bencher;

use crate::support::ComeAndGo;

#[divan::bench(args = [0, 1_000, 100_000])]
fn amid_others(bencher: Bencher<'_, '_>, others: usize) {
    come_and_go(bencher, ComeAndGo::new(1, others));
}

#[divan::bench(args = [0, 1, 10, 100, 1_000])]
fn in_groups(bencher: Bencher<'_, '_>, groups: usize) {
    come_and_go(bencher, ComeAndGo::new(groups, 0));
}

fn come_and_go(bencher: Bencher<'_, '_>, mut stream: ComeAndGo) {
    bencher.bench_local(|| stream.step());
}
