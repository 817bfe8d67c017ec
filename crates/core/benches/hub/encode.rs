//! From an application's value to bytes in the log. As nobody reads them, it is this and a commit: compare with
//! `commit::to_a_user`.

use divan::Bencher;
use divan::counter::BytesCount;
use serde::Serialize;
use ssehub::{Audience, Event};

use crate::support::{full_hub, send};

/// Few, so that the largest events reuse memory and none is measured for asking the system for more.
const RETAINED: usize = 100;

#[derive(Serialize)]
struct Tick {
    symbol: &'static str,
    price: f64,
    volume: u64,
}

#[divan::bench]
fn a_short_message(bencher: Bencher<'_, '_>) {
    encode(bencher, 5, || Event::message("hello"));
}

#[divan::bench]
fn json(bencher: Bencher<'_, '_>) {
    let tick = Tick { symbol: "AAPL", price: 213.25, volume: 1_234_567 };
    let event = || Event::json("price", &tick).unwrap_or_else(|_| Event::message(""));
    let bytes = serde_json::to_vec(&tick).map_or(0, |json| json.len());
    encode(bencher, bytes, event);
}

#[divan::bench(args = [1_000, 10_000, 100_000])]
fn one_line_of_bytes(bencher: Bencher<'_, '_>, bytes: usize) {
    let text = "x".repeat(bytes);
    encode(bencher, text.len(), || Event::message(text.as_str()));
}

/// Of 50 bytes each, so that each begins with a `data:` of its own.
#[divan::bench(args = [20, 200, 2_000])]
fn lines(bencher: Bencher<'_, '_>, lines: usize) {
    let text = format!("{}\n", "x".repeat(49)).repeat(lines);
    encode(bencher, text.len(), || Event::message(text.as_str()));
}

fn encode(bencher: Bencher<'_, '_>, bytes: usize, event: impl Fn() -> Event + Sync) {
    let hub = full_hub(RETAINED);
    bencher.counter(BytesCount::new(bytes)).bench(|| send(&hub, Audience::user("alice"), event()));
}
