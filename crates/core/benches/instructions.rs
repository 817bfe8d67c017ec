//! What the hub's own steps cost, in instructions: a figure that is the same on a busy machine, from commit to commit.
//!
//! ```sh
//! cargo xtask instructions                         # beside those of the last run
//! cargo xtask instructions --save-baseline=main    # keeps them under a name
//! cargo xtask instructions --baseline=main         # beside those
//! cargo xtask instructions '*a_commit*'            # some of them
//! ```
//!
//! Each does its step [`STEPS`] times, under valgrind's callgrind for instructions and for cycles, estimated from them and
//! a simulated cache; and under its DHAT for what is allocated. Counted is what the benchmark's own function and its
//! callees do, on its own thread: neither what was set up before, nor the hub's timer thread, nor the kernel. What a wake
//! costs the task that is woken is not in it, as no task polls these streams. The instructions of two runs of one build
//! differ by [`NOISE`] per cent at most: ids and the seeds of hash tables are random.
#![expect(missing_docs, reason = "what the macros add has none")]

use gungraun::prelude::*;
use gungraun::{Callgrind, CallgrindMetrics, Dhat, DhatMetric, EventKind, OutputFormat};
use ssehub::{Audience, Event, Hub};

mod support;

use support::{Absence, Broadcast, ComeAndGo, RETAINED, Targeted, full_hub, message, send};

/// So often that what is done seldom, such as growing a table, counts with its share.
const STEPS: usize = 100;

#[library_benchmark]
#[bench::to_all(args = (Audience::all(), message()), setup = commit)]
#[bench::to_a_user(args = (Audience::user("alice"), message()), setup = commit)]
#[bench::to_a_group(args = (Audience::group("news"), message()), setup = commit)]
#[bench::of_10_kilobytes_in_200_lines(args = (Audience::user("alice"), lines()), setup = commit)]
fn a_commit(commit: Commit) -> Commit {
    steps(|| {
        send(&commit.hub, commit.audience.clone(), commit.event.clone());
    });
    commit
}

#[library_benchmark]
#[bench::of_one(args = (1), setup = Targeted::new)]
#[bench::of_1000_in_turn(args = (1_000), setup = Targeted::new)]
fn a_delivery_to_a_user(mut targeted: Targeted) -> Targeted {
    steps(|| targeted.step());
    targeted
}

#[library_benchmark]
#[bench::to_10(args = (10), setup = Broadcast::new)]
#[bench::to_100(args = (100), setup = Broadcast::new)]
fn a_broadcast(mut broadcast: Broadcast) -> Broadcast {
    steps(|| broadcast.step());
    broadcast
}

#[library_benchmark]
#[bench::of_64_to_100(args = (100), setup = Broadcast::new)]
fn a_burst(mut broadcast: Broadcast) -> Broadcast {
    steps(|| broadcast.burst(64));
    broadcast
}

#[library_benchmark]
#[bench::in_one_group(args = (1, 100), setup = ComeAndGo::new)]
#[bench::in_ten_groups(args = (10, 100), setup = ComeAndGo::new)]
fn a_stream_that_comes_and_goes(mut stream: ComeAndGo) -> ComeAndGo {
    steps(|| stream.step());
    stream
}

#[library_benchmark]
#[bench::to_one_topic(args = (100, 0, 1_000), setup = Absence::new)]
#[bench::to_one_topic_as_others_do(args = (100, 0, 1_000), setup = Absence::of_two)]
#[bench::to_ten_groups(args = (100, 10, 1_000), setup = Absence::new)]
fn a_resume_by_100_events(mut absence: Absence) -> Absence {
    steps(|| absence.step());
    absence
}

struct Commit {
    hub: Hub,
    audience: Audience,
    event: Event,
}

fn commit(audience: Audience, event: Event) -> Commit {
    let hub = full_hub(RETAINED);
    send(&hub, audience.clone(), event.clone());
    Commit { hub, audience, event }
}

fn lines() -> Event {
    Event::message(format!("{}\n", "x".repeat(49)).repeat(200))
}

fn steps(mut step: impl FnMut()) {
    for _ in 0..STEPS {
        step();
    }
}

/// How many per cent of a difference mean nothing.
const NOISE: f64 = 1.5;

/// An allocation counts if the benchmark's function is among its callers; DHAT records twelve of them by itself, and the
/// hub's, most of them inlined, are more.
const CALLERS: &str = "--num-callers=100";

fn config() -> LibraryBenchmarkConfig {
    let instructions: [CallgrindMetrics; 2] = [EventKind::Ir.into(), EventKind::EstimatedCycles.into()];
    let allocations = [DhatMetric::TotalBytes, DhatMetric::TotalBlocks];
    let mut config = LibraryBenchmarkConfig::default();
    config
        .output_format(OutputFormat::default().tolerance(NOISE))
        .tool(Callgrind::default().format(instructions))
        .tool(Dhat::with_args([CALLERS]).format(allocations));
    config
}

library_benchmark_group!(
    name = hub,
    benchmarks =
        [a_commit, a_delivery_to_a_user, a_broadcast, a_burst, a_stream_that_comes_and_goes, a_resume_by_100_events]
);

main!(config = config(), library_benchmark_groups = hub);
