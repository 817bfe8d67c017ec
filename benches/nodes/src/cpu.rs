//! What the processor has done for this process, and for some of its threads.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};

/// The numbers of the threads of this process.
pub(crate) fn threads() -> Result<BTreeSet<u32>> {
    let tasks = fs::read_dir("/proc/self/task").context("the threads of this process cannot be listed")?;
    tasks.map(|task| task?.file_name().to_string_lossy().parse().context("a thread without a number")).collect()
}

/// What these threads have taken. One that has ended counts for nothing.
pub(crate) fn of_threads(threads: &BTreeSet<u32>) -> Result<Duration> {
    threads.iter().map(|thread| of_thread(*thread)).sum()
}

fn of_thread(thread: u32) -> Result<Duration> {
    let path = format!("/proc/self/task/{thread}/schedstat");
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Duration::ZERO),
        text => text.with_context(|| format!("{path} cannot be read"))?,
    };
    let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse().ok());
    nanos.map(Duration::from_nanos).with_context(|| format!("{path} does not say how long the thread has run"))
}

/// What this process has taken, threads that have ended included.
pub(crate) fn of_process() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// What this process has in memory, in bytes.
pub(crate) fn resident() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("/proc/self/status cannot be read")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024).context("/proc/self/status has no VmRSS")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Instant;

    use rustix::thread::gettid;

    use super::*;

    #[test]
    fn the_time_of_a_thread_is_told_apart() {
        const BUSY: Duration = Duration::from_millis(50);
        let (says, said) = mpsc::channel();
        let (ends, end) = mpsc::channel::<()>();
        let worker = std::thread::spawn(move || {
            let start = Instant::now();
            while start.elapsed() < BUSY {}
            says.send(u32::try_from(gettid().as_raw_nonzero().get()).unwrap()).unwrap();
            end.recv().unwrap_err();
        });
        let own = BTreeSet::from([said.recv().unwrap()]);
        assert!(threads().unwrap().is_superset(&own));
        let taken = of_threads(&own).unwrap();
        assert!(!taken.is_zero() && taken <= of_process(), "{taken:?}");
        drop(ends);
        worker.join().unwrap();
    }

    #[test]
    fn this_process_has_something_in_memory() {
        assert!(resident().unwrap() > 0);
    }
}
