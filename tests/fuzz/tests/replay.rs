//! Every target takes every input that was kept, and some that are made up: random ones, and mutants of those kept. They
//! are the same in each run.
//!
//! A failure prints the input in hexadecimal digits. `SSEHUB_FUZZ_INPUTS=50000 cargo test -p ssehub-fuzz-targets` makes up more
//! of them.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use ssehub_fuzz_targets::{TARGETS, Target};

/// How many inputs are made up for each target, half of them mutants, where nobody asks for more.
const MADE_UP: usize = 400;

/// The longest of them, in bytes.
const LONGEST: usize = 400;

/// What the corpora may take together, in bytes: they are part of every checkout.
const MOST_BYTES: u64 = 1 << 20;

/// One test for each target, so that they run side by side and a failure names it.
macro_rules! replay {
    ($($name:ident)*) => {
        mod what_has_to_hold_holds_for_every_input {
            $(
                #[test]
                fn $name() {
                    super::replay(stringify!($name));
                }
            )*
        }
    };
}

replay! { accept api audience backplane hub last_event_id query record wire }

#[test]
fn every_target_is_replayed_here_and_run_by_the_fuzzer() {
    let names: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    let replayed = include_str!("replay.rs").lines().find_map(|line| line.strip_prefix("replay! { "));
    let replayed = replayed.and_then(|line| line.strip_suffix(" }")).expect("the line above is there");
    assert_eq!(replayed.split(' ').map(str::to_owned).collect::<BTreeSet<_>>(), names);
    assert_eq!(stems(&here().join("corpus")), names);
    assert_eq!(stems(&here().join("../../fuzz/fuzz_targets")), names);
    let manifest = fs::read_to_string(here().join("../../fuzz/Cargo.toml")).unwrap();
    for name in &names {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml knows no {name}");
    }
}

#[test]
fn what_was_kept_is_small() {
    let files = TARGETS.iter().flat_map(|target| files(&corpus(target)));
    let bytes: u64 = files.map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(bytes <= MOST_BYTES, "the corpora have {bytes} bytes, and may have {MOST_BYTES}");
}

fn replay(name: &str) {
    watch_the_hubs_threads();
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let kept: Vec<(PathBuf, Vec<u8>)> =
        files(&corpus(target)).into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect();
    assert!(!kept.is_empty(), "nothing was kept for {}", target.name);
    for (file, input) in &kept {
        run(target, input, &file.display().to_string());
    }
    let mut random = StdRng::seed_from_u64(1);
    for number in 0..made_up() / 2 {
        run(target, &noise(&mut random), &format!("random input {number}"));
        let (file, input) = &kept[random.random_range(0..kept.len())];
        let other = &kept[random.random_range(0..kept.len())].1;
        run(target, &mutant(&mut random, input, other), &format!("mutant {number} of {}", file.display()));
    }
}

fn made_up() -> usize {
    env::var("SSEHUB_FUZZ_INPUTS").map_or(MADE_UP, |asked| asked.parse().unwrap())
}

/// Gives one input to a target; if that fails, says which it was.
fn run(target: &Target, input: &[u8], origin: &str) {
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    if let Err(panic) = outcome {
        eprintln!("{} fails on {origin}:\n{}", target.name, hex(input));
        panic::resume_unwind(panic);
    }
    let panics = HUB_PANICS.load(Ordering::SeqCst);
    assert_eq!(panics, 0, "a thread of a hub has panicked, see above; {} had {origin}:\n{}", target.name, hex(input));
}

fn noise(random: &mut StdRng) -> Vec<u8> {
    let mut input = vec![0; random.random_range(0..=LONGEST)];
    random.fill_bytes(&mut input);
    input
}

/// A few of the things a fuzzer does to an input.
fn mutant(random: &mut StdRng, input: &[u8], other: &[u8]) -> Vec<u8> {
    let mut mutant = input.to_vec();
    for _ in 0..random.random_range(1..=4) {
        let place = random.random_range(0..=mutant.len());
        match random.random_range(0..5) {
            0 => mutant.truncate(place),
            1 => mutant.insert(place, random.random()),
            2 => drop(mutant.splice(place.., other.iter().skip(place).copied())),
            3 if place < mutant.len() => mutant[place] ^= 1 << random.random_range(0..8),
            _ if place < mutant.len() => mutant[place] = random.random(),
            _ => {}
        }
    }
    mutant.truncate(4 * LONGEST);
    mutant
}

/// Panics of threads that the hubs have started, which nobody would hear of.
static HUB_PANICS: AtomicUsize = AtomicUsize::new(0);

fn watch_the_hubs_threads() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            tell(panic);
            if thread::current().name().is_some_and(|name| name.starts_with("ssehub-")) {
                HUB_PANICS.fetch_add(1, Ordering::SeqCst);
            }
        }));
    });
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn corpus(target: &Target) -> PathBuf {
    here().join("corpus").join(target.name)
}

/// The files of a folder, in the same order everywhere.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort_unstable();
    files
}

fn stems(folder: &Path) -> BTreeSet<String> {
    let stems = files(folder).into_iter().map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned());
    stems.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
