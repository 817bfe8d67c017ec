//! Turns for cases that need the machine for themselves.

use std::{fs::File, path::Path, time::Duration};

use crate::wait::within;

/// A turn, until it is dropped.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held for its lock")] File);

/// All load cases of all frameworks are over long before.
const LIMIT: Duration = Duration::from_secs(600);

/// Waits for a turn; the lock is on a file in `folder`, so that it holds between threads and between processes.
///
/// # Panics
/// If the file cannot be locked.
pub async fn turn(folder: &'static str) -> Turn {
    let lock = tokio::task::spawn_blocking(move || {
        let file = File::create(Path::new(folder).join("load-cases.lock"))?;
        file.lock().map(|()| file)
    });
    let file = within(LIMIT, "the other load cases to end", lock).await.expect("locking does not panic");
    Turn(file.expect("a file can be locked"))
}
