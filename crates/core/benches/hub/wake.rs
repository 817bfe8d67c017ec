//! A send to whom it wakes, and the reads that follow: the hub's whole part in a delivery.

use divan::Bencher;
use divan::counter::ItemsCount;
use ssehub::{Audience, ConnectRequest};

use crate::support::{Broadcast, Crowd, RETAINED, Targeted, full_hub, message, send};

#[divan::bench(args = [0, 1_000, 100_000])]
fn a_user_amid_others(bencher: Bencher<'_, '_>, others: usize) {
    let hub = full_hub(RETAINED);
    let _others = Crowd::of_others(&hub, others);
    let mut alice = Crowd::open(&hub, 1, |_| ConnectRequest::new().user("alice"));
    bencher.bench_local(|| {
        send(&hub, Audience::user("alice"), message());
        alice.read()
    });
}

/// Their state is in no cache when there are many: what grows is that.
#[divan::bench(args = [1, 1_000, 10_000, 100_000])]
fn users_in_turn(bencher: Bencher<'_, '_>, users: usize) {
    let mut targeted = Targeted::new(users);
    bencher.bench_local(|| targeted.step());
}

#[divan::bench(args = [0, 1_000, 100_000])]
fn a_group_of_10_amid_others(bencher: Bencher<'_, '_>, others: usize) {
    let hub = full_hub(RETAINED);
    let _others = Crowd::of_others(&hub, others);
    let mut members = Crowd::open(&hub, 10, |_| ConnectRequest::new().group("ten"));
    bencher.counter(ItemsCount::new(10_usize)).bench_local(|| {
        send(&hub, Audience::group("ten"), message());
        members.read()
    });
}

/// It is sent to one of them.
#[divan::bench(args = [1, 10, 100, 1_000])]
fn a_stream_amid_its_groups(bencher: Bencher<'_, '_>, groups: usize) {
    let hub = full_hub(RETAINED);
    let group = |number| format!("group {number}");
    let mut member = Crowd::open(&hub, 1, |_| ConnectRequest::new().groups((0..groups).map(group)));
    bencher.bench_local(|| {
        send(&hub, Audience::group("group 0"), message());
        member.read()
    });
}

#[divan::bench(args = [100, 1_000, 10_000])]
fn everybody(bencher: Bencher<'_, '_>, readers: usize) {
    let mut broadcast = Broadcast::new(readers);
    bencher.counter(ItemsCount::new(readers)).bench_local(|| broadcast.step());
}

/// 64 events before anybody reads.
#[divan::bench(args = [100, 1_000, 10_000])]
fn everybody_in_bursts(bencher: Bencher<'_, '_>, readers: usize) {
    let mut broadcast = Broadcast::new(readers);
    bencher.counter(ItemsCount::new(64 * readers)).bench_local(|| broadcast.burst(64));
}

/// A hundred that read, beside those that do not: each of these is looked at, and that is all.
#[divan::bench(args = [0, 100, 1_000, 10_000])]
fn a_hundred_beside_stalled(bencher: Bencher<'_, '_>, stalled: usize) {
    let mut broadcast = Broadcast::past_stalled(100, stalled);
    bencher.bench_local(|| broadcast.step());
}
