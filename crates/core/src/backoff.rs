//! Waiting before something is tried again that a backplane has refused.

use std::time::Duration;

use rand::RngExt as _;

/// The first wait; it doubles up to [`MAX_WAIT`], and each is drawn at random from its upper half.
const MIN_WAIT: Duration = Duration::from_millis(50);

/// The longest wait: the backplane is heard again within two seconds of its return.
const MAX_WAIT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(MIN_WAIT)
    }
}

impl Backoff {
    /// Waits, longer than the last time.
    pub(crate) async fn wait(&mut self) {
        tokio::time::sleep(self.0.mul_f64(rand::rng().random_range(0.5..=1.0))).await;
        self.0 = (self.0 * 2).min(MAX_WAIT);
    }

    /// It went well: the next wait is a first one.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}
