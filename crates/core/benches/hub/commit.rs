//! A send that wakes nobody: encoding, the lock, the log and its index.

use divan::Bencher;
use ssehub::{Audience, Hub};

use crate::support::{Crowd, RETAINED, full_hub, message, send};

const THREADS: [usize; 2] = [1, 4];

#[divan::bench(threads = THREADS)]
fn to_all(bencher: Bencher<'_, '_>) {
    commit(bencher, &full_hub(RETAINED), &Audience::all());
}

#[divan::bench(threads = THREADS)]
fn to_a_user(bencher: Bencher<'_, '_>) {
    commit(bencher, &full_hub(RETAINED), &Audience::user("alice"));
}

#[divan::bench(threads = THREADS)]
fn to_a_group(bencher: Bencher<'_, '_>) {
    commit(bencher, &full_hub(RETAINED), &Audience::group("news"));
}

#[divan::bench]
fn to_ten_groups_but_a_user(bencher: Bencher<'_, '_>) {
    let groups = Audience::groups((0..10).map(|number| format!("news {number}")));
    commit(bencher, &full_hub(RETAINED), &groups.except_user("alice"));
}

#[divan::bench(args = [1_000, 10_000, 100_000])]
fn amid_retained_events(bencher: Bencher<'_, '_>, retained: usize) {
    commit(bencher, &full_hub(retained), &Audience::user("alice"));
}

#[divan::bench(args = [0, 1_000, 100_000])]
fn amid_streams_of_others(bencher: Bencher<'_, '_>, others: usize) {
    let hub = full_hub(RETAINED);
    let _others = Crowd::of_others(&hub, others);
    commit(bencher, &hub, &Audience::user("alice"));
}

/// They were woken, have not read since, and have lost what they would have read.
#[divan::bench(args = [0, 1_000, 100_000])]
fn past_stalled_streams(bencher: Bencher<'_, '_>, stalled: usize) {
    let hub = full_hub(RETAINED);
    let _stalled = Crowd::of_others(&hub, stalled);
    send(&hub, Audience::all(), message());
    for _ in 0..RETAINED {
        send(&hub, Audience::user("alice"), message());
    }
    commit(bencher, &hub, &Audience::user("alice"));
}

fn commit(bencher: Bencher<'_, '_>, hub: &Hub, audience: &Audience) {
    bencher.bench(|| send(hub, audience.clone(), message()));
}
