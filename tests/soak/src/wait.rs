//! Waiting for a condition that only looking can tell.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until `look` finds what it looks for.
///
/// # Errors
/// It does not within `limit`, or looking fails.
pub(crate) async fn until<T>(
    limit: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("waited {limit:?} for {what}");
        }
        sleep(LOOK_EVERY).await;
    }
}
