//! The server: the playground as a process of its own, and what Linux tells of it.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use ssehub_conformance::subject::Framework;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// How long a server may take until it accepts connections.
const START_WITHIN: Duration = Duration::from_secs(30);

/// All frameworks, in the order in which they are named everywhere.
pub(crate) const FRAMEWORKS: [Framework; 4] = [Framework::Axum, Framework::Lean, Framework::Actix, Framework::Rocket];

/// Where a server listens if it may choose.
pub(crate) const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Files that are open beside the streams: API calls, the runtime's own.
const OTHER_FILES: u64 = 500;

/// The framework of that name, for the command line.
pub(crate) fn framework(name: &str) -> Result<Framework, String> {
    let names = FRAMEWORKS.map(Framework::name).join(", ");
    FRAMEWORKS.into_iter().find(|framework| framework.name() == name).ok_or(format!("allowed are {names}"))
}

/// The playground that was built beside this program.
///
/// # Errors
/// It is not there.
pub fn subject_beside() -> Result<PathBuf> {
    let this = std::env::current_exe().context("this program does not know where it is")?;
    let subject = this.with_file_name("soak-subject");
    ensure!(subject.is_file(), "{} was not built", subject.display());
    Ok(subject)
}

/// Lets this process, and what it starts, open a file for each of so many streams.
///
/// # Errors
/// The system allows fewer.
pub(crate) fn open_many_files(streams: usize) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
        .context("the limit of open files could not be raised")?;
    let most = limit.maximum.unwrap_or(u64::MAX).saturating_sub(OTHER_FILES);
    ensure!(streams as u64 <= most, "{streams} streams take as many files; allowed are {most} (ulimit -Hn)");
    Ok(())
}

/// A running playground; it is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

/// What a process holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) resident_kib: u64,
    pub(crate) threads: u64,
    pub(crate) files: u64,
}

impl Server {
    /// Starts the playground at `program` and waits until it listens.
    ///
    /// # Errors
    /// It can't be started, ends, or takes too long.
    pub(crate) async fn start(
        program: &Path,
        framework: Framework,
        listen: SocketAddr,
        options: &[String],
    ) -> Result<Self> {
        let mut child = Command::new(program)
            .args(["--framework", framework.name(), "--listen", &listen.to_string()])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} could not be started", program.display()))?;
        let stdout = child.stdout.take().context("the server has no stdout")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = timeout(START_WITHIN, lines.next_line()).await.context("the server did not say where it listens")?;
        let line = line?.context("the server ended instead of listening")?;
        let address = line.strip_prefix("listening on http://").and_then(|address| address.parse().ok());
        let address = address.with_context(|| format!("the server printed {line:?} instead of its address"))?;
        Ok(Self { child, address })
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(self.pid()?, signal).with_context(|| format!("{signal:?} could not be sent"))
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// It still runs after `limit`.
    pub(crate) async fn exit(&mut self, limit: Duration) -> Result<ExitStatus> {
        let status = timeout(limit, self.child.wait()).await;
        status.with_context(|| format!("the server did not end within {limit:?}"))?.context("the server is lost")
    }

    /// What it holds now.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let folder = format!("/proc/{}", self.pid()?.as_raw_nonzero());
        let status = fs::read_to_string(format!("{folder}/status")).context("the server has ended")?;
        let number = |name: &str| number(&status, name).with_context(|| format!("{folder}/status tells no {name}"));
        let files = fs::read_dir(format!("{folder}/fd")).context("the server has ended")?.count() as u64;
        Ok(Usage { resident_kib: number("VmRSS:")?, threads: number("Threads:")?, files })
    }

    fn pid(&self) -> Result<Pid> {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        pid.ok_or_else(|| anyhow!("the server has ended"))
    }
}

/// The number behind `name` in `/proc/PID/status`.
fn number(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_framework_is_known_by_its_name() {
        for known in FRAMEWORKS {
            assert_eq!(framework(known.name()), Ok(known));
        }
        assert_eq!(framework("warp").unwrap_err(), "allowed are axum, lean, actix, rocket");
    }

    #[test]
    fn numbers_are_read_from_a_status() {
        let status = "Name:\tx\nVmRSS:\t   10240 kB\nThreads:\t7\n";
        assert_eq!((number(status, "VmRSS:"), number(status, "Threads:")), (Some(10_240), Some(7)));
        assert_eq!(number(status, "VmSwap:"), None);
    }
}
