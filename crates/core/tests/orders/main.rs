//! Every order of events: ten thousand runs of a small hub through its public API, each drawn by a seed.
//!
//! Three actors with two clients each open streams, read and drop them, come back, take over, send, join, leave, end,
//! revoke, redeem tickets, and may shut the hub down in the middle of it all. In one kind of run they take turns on one
//! thread, and after each act a model says who must be there; in the other each is a thread, and time goes by: keep-alives,
//! lifetimes, stalls, identities that expire. When everybody is gone, each run is looked through: nothing is left in the
//! hub, hooks came in pairs, and every stream was given each event of its audience once and in order, or was told a gap.
//!
//! `SSEHUB_SEED=… cargo test -p ssehub --test orders` runs one seed again. Its acts are the same each time. How threads
//! meet is the system's to say, so theirs is run a thousand times. `SSEHUB_RUNS=100000` makes so many runs of each kind.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod act;
mod actor;
mod diary;
mod ending;
mod journal;
mod model;
mod settings;
mod span;
mod tally;
mod tickets;
mod world;

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use act::Act;
use actor::Actor;
use model::Model;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use settings::Settings;
use tally::Tally;
use world::World;

/// How many runs there are in which the actors take turns.
const IN_TURN: u64 = 6_000;

/// And in which they act at once.
const AT_ONCE: u64 = 4_000;

/// How often a run of threads is repeated when its seed was asked for.
const REPEATS: usize = 1_000;

const FIRST_SEED: u64 = 0x055E_0000;

const ACTORS: usize = 3;

/// Clients of each actor.
const CLIENTS: usize = 2;

const USERS: u8 = 2;

const GROUPS: u8 = 2;

/// What all runs of either kind come upon.
const SEEN: &[&str] = &[
    "streams taken over",
    "streams dropped before they began",
    "streams dropped",
    "streams ended by the application",
    "streams ended by a shutdown",
    "streams superseded",
    "gaps",
    "connect_full",
    "connect_shutting_down",
    "connect_too_many_connections",
    "group_unknown_connection",
    "send_shutting_down",
    "ticket_invalid",
];

/// And what only time or threads bring about.
const SEEN_AT_ONCE: &[&str] = &[
    "connect_expired",
    "streams ended by their identity's expiry",
    "streams ended by their lifetime",
    "streams ended by a stall",
];

#[test]
fn whatever_happens_in_whatever_order_leaves_no_ghost_and_loses_nothing() {
    run_all(IN_TURN, 1, 4, in_turn, SEEN);
}

#[test]
fn whatever_happens_at_once_leaves_no_ghost_and_loses_nothing() {
    run_all(AT_ONCE, REPEATS, 4, at_once, &[SEEN, SEEN_AT_ONCE].concat());
}

/// The actors take turns, in an order that is drawn too.
fn in_turn(seed: u64, tally: &Tally) {
    let mut rng = StdRng::seed_from_u64(seed);
    let settings = Settings::draw(&mut rng, false);
    let (world, mut actors) = set_up(&mut rng, settings);
    let mut model = Model::new(&world);
    for _ in 0..rng.random_range(1..40) {
        let (actor, act) = (rng.random_range(0..ACTORS), Act::draw(&mut rng));
        world.trace(actor, &act);
        let news = actors[actor].act(&world, act);
        model.follow(news);
        model.check(&world);
    }
    ending::end(&world, actors, &mut rng, tally);
}

/// Each actor is a thread.
fn at_once(seed: u64, tally: &Tally) {
    let mut rng = StdRng::seed_from_u64(seed);
    let settings = Settings::draw(&mut rng, true);
    let (world, actors) = set_up(&mut rng, settings);
    let plans = [(); ACTORS].map(|()| (0..rng.random_range(1..20)).map(|_| Act::draw(&mut rng)).collect::<Vec<_>>());
    let start = Barrier::new(ACTORS);
    let actors = thread::scope(|scope| {
        let act = |(number, (mut actor, plan)): (usize, (Actor, Vec<Act>))| {
            let (world, start) = (&world, &start);
            scope.spawn(move || {
                start.wait();
                for act in plan {
                    world.trace(number, &act);
                    actor.act(world, act);
                }
                actor
            })
        };
        let threads: Vec<_> = actors.into_iter().zip(plans).enumerate().map(act).collect();
        threads.into_iter().map(|thread| thread.join().expect("an actor does not panic")).collect()
    });
    ending::end(&world, actors, &mut rng, tally);
}

fn set_up(rng: &mut StdRng, settings: Settings) -> (World, Vec<Actor>) {
    let world = World::new(settings, rng.random());
    let actors = (0..ACTORS).map(|number| Actor::draw(rng, number)).collect();
    (world, actors)
}

/// Runs every seed, several at a time because a run waits more than it works.
fn run_all(runs: u64, repeats: usize, workers: usize, run: fn(u64, &Tally), seen: &[&str]) {
    let (seeds, seen): (Vec<u64>, _) = match number("SSEHUB_SEED") {
        Some(seed) => (vec![seed; repeats], &[][..]),
        None => ((FIRST_SEED..FIRST_SEED + number("SSEHUB_RUNS").unwrap_or(runs)).collect(), seen),
    };
    let tally = Tally::default();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let _failure = OnFailure { seed, next: &next, last: seeds.len() };
                    run(seed, &tally);
                }
            });
        }
    });
    tally.add("runs", seeds.len());
    tally.check(seen);
}

/// What a variable of the environment is set to, if it is.
fn number(variable: &str) -> Option<u64> {
    let value = std::env::var_os(variable)?;
    let number = value.to_str().and_then(|value| value.parse().ok());
    Some(number.unwrap_or_else(|| panic!("{variable} is a number, not {value:?}")))
}

/// Tells how to see a failure again, and has the other workers stop.
struct OnFailure<'r> {
    seed: u64,
    next: &'r AtomicUsize,
    last: usize,
}

impl Drop for OnFailure<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.next.store(self.last, Ordering::Relaxed);
            eprintln!("to run it again: SSEHUB_SEED={} cargo test -p ssehub --test orders", self.seed);
        }
    }
}
