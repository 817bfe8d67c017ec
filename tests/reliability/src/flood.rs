//! How much of a flood there is: a little with every test run, all of it with `cargo xtask flood`.

/// What sets how many times as much a flood is.
const TIMES: &str = "SSEHUB_FLOOD";

/// How many times as much as usual is asked for.
///
/// # Panics
/// If that is no whole number above 0.
pub fn times() -> u32 {
    let Ok(times) = std::env::var(TIMES) else { return 1 };
    let times = times.parse().ok().filter(|times| *times > 0);
    times.unwrap_or_else(|| panic!("{TIMES} is to be a whole number above 0"))
}
