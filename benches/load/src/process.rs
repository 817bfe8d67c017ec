//! What a server has used, as Linux tells it: the process and all its descendants together.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};

/// Nanoseconds on a core since the start, of `pid` and its descendants. What threads used that have ended is not in it,
/// and of a thread that is running just now the time since the last tick of the clock is missing.
pub(crate) fn cpu_ns(pid: u32) -> Result<u64> {
    let tasks = family(pid)?.into_iter().flat_map(tasks);
    let time = |task: PathBuf| first_number(&fs::read_to_string(task.join("schedstat")).ok()?);
    let times: Vec<u64> = tasks.filter_map(time).collect();
    ensure!(!times.is_empty(), "Linux tells no times of process {pid}");
    Ok(times.into_iter().sum())
}

/// Bytes of memory of `pid` and its descendants; pages that several share are counted in parts (Pss).
pub(crate) fn memory(pid: u32) -> Result<u64> {
    let pss = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        text.lines().find_map(|line| first_number(line.strip_prefix("Pss:")?))
    };
    let kib: u64 = family(pid)?.into_iter().filter_map(pss).sum();
    ensure!(kib > 0, "Linux tells no memory of process {pid}");
    Ok(kib * 1024)
}

/// `pid` and its descendants. Descendants may end at any time: what cannot be read of one is nothing.
fn family(pid: u32) -> Result<Vec<u32>> {
    ensure!(!tasks(pid).is_empty(), "there is no process {pid}");
    let mut family = vec![pid];
    let mut asked = 0;
    while let Some(&parent) = family.get(asked) {
        asked += 1;
        for task in tasks(parent) {
            let children = fs::read_to_string(task.join("children")).unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    Ok(family)
}

/// The threads of one process; none when it has ended.
fn tasks(pid: u32) -> Vec<PathBuf> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    tasks.filter_map(|task| Some(task.ok()?.path())).collect()
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio, id};

    use super::*;

    #[test]
    fn a_process_that_works_uses_time_and_memory() {
        let before = cpu_ns(id()).unwrap();
        let mut work = Vec::new();
        while cpu_ns(id()).unwrap() < before + 20_000_000 {
            work.push(vec![1_u8; 4096]);
        }
        assert!(memory(id()).unwrap() > work.len() as u64 * 4096);
    }

    #[test]
    fn descendants_belong_to_it() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let family = family(id()).unwrap();
        assert!(family.contains(&child.id()), "{family:?}");
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(cpu_ns(u32::MAX).is_err());
        assert!(memory(u32::MAX).is_err());
    }
}
