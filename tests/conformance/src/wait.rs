//! Waiting for conditions: every wait has a deadline and says what it waited for.

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// How long a condition may take that should hold at once.
///
/// It bounds a failing test, not a passing one, and leaves room for a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How long a whole case may take, whatever it waits for.
pub const CASE: Duration = Duration::from_secs(240);

/// The pause between two looks at a condition that only polling can tell.
const LOOK: Duration = Duration::from_millis(15);

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
pub async fn until<T, E: std::fmt::Debug>(
    limit: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let start = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => assert!(start.elapsed() < limit, "waited {limit:?} for {what}; last seen: {seen:?}"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_is_looked_at_until_it_holds() {
        let mut looks = 0;
        let found = until(PATIENCE, "the third look", async || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err(looks) }
        })
        .await;
        assert_eq!(found, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "waited 30ms for a miracle; last seen: 7")]
    async fn a_wait_ends_and_says_what_it_waited_for() {
        until(Duration::from_millis(30), "a miracle", async || Err::<(), _>(7)).await;
    }

    #[tokio::test]
    #[should_panic(expected = "waited 1ms for nothing")]
    async fn a_future_that_is_never_ready_is_given_up() {
        within(Duration::from_millis(1), "nothing", std::future::pending::<()>()).await;
    }
}
