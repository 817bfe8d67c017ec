//! The programs of a measurement, each kept on one core, and never left behind.
//!
//! They write to files that are read while they run: nothing they print can make them wait, and the last words of
//! one that failed are at hand.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::outcome::Fault;
use crate::subject::MISSING;

/// How long a server may take until it accepts connections.
const START_WITHIN: Duration = Duration::from_secs(30);

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What is read of one program's output at most.
const LONGEST_OUTPUT: usize = 64 * 1024;

/// The cores of a measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) load: usize,
}

impl Cores {
    /// The first two cores that this process may use.
    ///
    /// # Errors
    /// There is only one.
    pub(crate) fn choose() -> Result<Self> {
        let allowed = sched_getaffinity(None).context("could not ask which cores there are")?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        match (cores.next(), cores.next()) {
            (Some(server), Some(load)) => Ok(Self { server, load }),
            _ => bail!("a benchmark takes two cores: one for the server, one for the load generator"),
        }
    }
}

/// Lets this process, and what it starts, open as many files as it may: each stream is one. Tells how many that is.
///
/// # Errors
/// The system refuses.
pub(crate) fn open_many_files() -> Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
        .context("could not raise the limit of files")?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// A running program; it is killed when this goes.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    stdout: File,
    stderr: File,
}

impl Process {
    /// Starts `name`, which was built beside this program, on `core`.
    ///
    /// # Errors
    /// It isn't there, or can't be started.
    pub(crate) fn start(name: &str, args: &[String], core: usize) -> Result<Self> {
        let mut command = Command::new(beside_this(name)?);
        command.args(args);
        Self::spawn(command, core).with_context(|| format!("could not start {name}"))
    }

    fn spawn(mut command: Command, core: usize) -> Result<Self> {
        let (stdout, stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
        command.stdin(Stdio::null()).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
        let child = on_core(core, || command.spawn())??;
        Ok(Self { child, stdout, stderr })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The address that a server prints when it accepts connections.
    ///
    /// # Errors
    /// It lacks something to run with, it ended otherwise, or it takes too long.
    pub(crate) fn listening(&mut self) -> Result<String, Fault> {
        let deadline = Instant::now() + START_WITHIN;
        loop {
            if let Some(url) = listening_line(&read(&self.stdout)?) {
                return Ok(url.to_owned());
            }
            match self.ended()? {
                Some(status) if status.code() == Some(MISSING) => return Err(Fault::Missing(self.last_words())),
                Some(status) => return Err(self.failure(status).into()),
                None if Instant::now() > deadline => {
                    return Err(anyhow!("it printed no address within {START_WITHIN:?}").into());
                }
                None => thread::sleep(LOOK_EVERY),
            }
        }
    }

    /// Waits for the end, and returns how it ended and what it printed.
    ///
    /// # Errors
    /// It takes longer than `limit`.
    pub(crate) fn finish(&mut self, limit: Duration) -> Result<(ExitStatus, String)> {
        match self.wait(limit)? {
            Some(status) => Ok((status, read(&self.stdout)?)),
            None => bail!("it did not end within {limit:?}"),
        }
    }

    /// Asks it to end with SIGTERM, and returns how it ended; none if it did not within `limit`.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn stop(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        if let Some(status) = self.ended()? {
            return Ok(Some(status));
        }
        kill_process(Pid::from_child(&self.child), Signal::TERM).context("could not send SIGTERM")?;
        self.wait(limit)
    }

    /// How it ended; none if it did not within `limit`.
    fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        loop {
            let status = self.ended()?;
            if status.is_some() || Instant::now() > deadline {
                return Ok(status);
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("could not ask whether it has ended")
    }

    /// Why it ended like that, as it says itself.
    pub(crate) fn failure(&self, status: ExitStatus) -> anyhow::Error {
        anyhow!("{status}: {}", self.last_words())
    }

    fn last_words(&self) -> String {
        let said = read(&self.stderr).unwrap_or_default();
        let last = said.lines().map(str::trim).rfind(|line| !line.is_empty());
        last.unwrap_or("it did not say why").to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `start` on `core`: what a thread starts inherits the cores it may use.
fn on_core<T>(core: usize, start: impl FnOnce() -> T) -> Result<T> {
    let before = sched_getaffinity(None)?;
    let mut one = CpuSet::new();
    one.set(core);
    sched_setaffinity(None, &one).with_context(|| format!("could not move to core {core}"))?;
    let started = start();
    sched_setaffinity(None, &before)?;
    Ok(started)
}

fn beside_this(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe().context("could not ask where this program is")?;
    let program = this.with_file_name(name);
    if !program.is_file() {
        bail!("{} was not built", program.display());
    }
    Ok(program)
}

/// Reads at an offset, because the program shares the file's position.
fn read(file: &File) -> Result<String> {
    let mut bytes = vec![0; LONGEST_OUTPUT];
    let length = file.read_at(&mut bytes, 0)?;
    bytes.truncate(length);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn listening_line(output: &str) -> Option<&str> {
    let whole_lines = output.rfind('\n').and_then(|end| output.get(..end))?;
    whole_lines.lines().find_map(|line| line.trim().strip_prefix("listening on ")).filter(|url| !url.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_taken_from_a_whole_line_only() {
        assert_eq!(listening_line("listening on http://127.0.0.1:80"), None);
        assert_eq!(listening_line("listening on http://127.0.0.1:8080\n"), Some("http://127.0.0.1:8080"));
        assert_eq!(listening_line("hello\nlistening on http://[::1]:1\nx"), Some("http://[::1]:1"));
        assert_eq!(listening_line("listening\n"), None);
    }

    #[test]
    fn a_program_that_was_not_built_is_named() {
        let error = Process::start("no-such-subject", &[], 0).unwrap_err();
        assert!(error.to_string().contains("no-such-subject was not built"), "{error}");
    }

    fn shell(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let core = Cores::choose().map_or(0, |cores| cores.server);
        Process::spawn(command, core).unwrap()
    }

    #[test]
    fn a_program_that_lacks_something_is_missing_with_its_last_words() {
        let missing = shell("echo 'install nginx' >&2; exit 3").listening().unwrap_err();
        assert_eq!(missing, Fault::Missing("install nginx".to_owned()));
        let failed = shell("echo 'address in use' >&2; exit 2").listening().unwrap_err();
        assert_eq!(failed, Fault::Failed("exit status: 2: address in use".to_owned()));
    }

    #[test]
    fn a_program_that_is_stopped_tells_how_it_ended() {
        const LONG: Duration = Duration::from_secs(30);
        let mut graceful = shell("trap 'exit 0' TERM; echo listening on here; while :; do sleep 0.01; done");
        graceful.listening().unwrap();
        assert!(graceful.stop(LONG).unwrap().unwrap().success());
        assert!(!shell("exec sleep 60").stop(LONG).unwrap().unwrap().success());
        let mut deaf = shell("trap '' TERM; echo listening on here; while :; do sleep 0.01; done");
        deaf.listening().unwrap();
        assert_eq!(deaf.stop(Duration::from_millis(50)).unwrap(), None);
    }

    #[test]
    fn what_is_started_on_a_core_stays_there() {
        let before = sched_getaffinity(None).unwrap();
        let core = (0..CpuSet::MAX_CPU).rfind(|core| before.is_set(*core)).unwrap();
        let output = on_core(core, || Command::new("cat").arg("/proc/self/status").output()).unwrap().unwrap();
        let status = String::from_utf8(output.stdout).unwrap();
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
        assert_eq!(allowed.trim(), core.to_string());
        assert_eq!(sched_getaffinity(None).unwrap(), before);
    }
}
