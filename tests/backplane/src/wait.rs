//! Waiting for conditions: every wait has a deadline and says what it waited for.

use std::{
    fmt::Debug,
    thread,
    time::{Duration, Instant},
};

/// How long a condition may take that should hold at once.
///
/// It bounds a failing test, not a passing one, and leaves room for a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How long a whole case may take, whatever it waits for.
pub const CASE: Duration = Duration::from_secs(240);

/// The pause between two looks at a condition that only looking can tell.
const LOOK: Duration = Duration::from_millis(5);

/// Waits for `future`.
///
/// # Panics
/// If it is not ready within `limit`.
pub async fn within<F: Future>(limit: Duration, what: &str, future: F) -> F::Output {
    match tokio::time::timeout(limit, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited {limit:?} for {what}"),
    }
}

/// Looks until `look` gives something else than an error, and returns it.
///
/// # Panics
/// If that does not happen within `limit`; the message tells what the last look saw.
pub async fn until<T, E: Debug>(limit: Duration, what: &str, mut look: impl AsyncFnMut() -> Result<T, E>) -> T {
    let start = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => assert!(start.elapsed() < limit, "waited {limit:?} for {what}; last seen: {seen:?}"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The same, blocking the thread.
///
/// # Panics
/// If that does not happen within `limit`; the message tells what the last look saw.
pub fn until_blocking<T, E: Debug>(limit: Duration, what: &str, mut look: impl FnMut() -> Result<T, E>) -> T {
    let start = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => assert!(start.elapsed() < limit, "waited {limit:?} for {what}; last seen: {seen:?}"),
        }
        thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_is_looked_at_until_it_holds() {
        let mut looks = 0;
        let mut look = || {
            looks += 1;
            if looks % 3 == 0 { Ok(looks) } else { Err(looks) }
        };
        assert_eq!(until(PATIENCE, "the third look", async || look()).await, 3);
        assert_eq!(until_blocking(PATIENCE, "the sixth look", look), 6);
    }

    #[tokio::test]
    #[should_panic(expected = "waited 30ms for a miracle; last seen: 7")]
    async fn a_wait_ends_and_says_what_it_waited_for() {
        until(Duration::from_millis(30), "a miracle", async || Err::<(), _>(7)).await;
    }

    #[test]
    #[should_panic(expected = "waited 30ms for a miracle; last seen: 7")]
    fn so_does_one_that_blocks() {
        until_blocking(Duration::from_millis(30), "a miracle", || Err::<(), _>(7));
    }

    #[tokio::test]
    #[should_panic(expected = "waited 1ms for nothing")]
    async fn a_future_that_is_never_ready_is_given_up() {
        within(Duration::from_millis(1), "nothing", std::future::pending::<()>()).await;
    }
}
