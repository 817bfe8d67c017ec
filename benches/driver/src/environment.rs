//! Where and of what the figures were measured.

use std::fs;
use std::process::Command;

use serde::Serialize;

const UNKNOWN: &str = "unknown";

/// What one has to know to compare the figures with others.
#[derive(Debug, Serialize)]
pub(crate) struct Environment {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// Of the compiler, and of what peers run on.
    pub(crate) versions: Vec<String>,
    /// With ` and changes` where files differ from it.
    pub(crate) commit: String,
    /// What asks for these figures.
    pub(crate) command: String,
}

impl Environment {
    /// Asks the machine; what it does not tell is `unknown`.
    pub(crate) fn read(command: String) -> Self {
        let changes = output("git", &["status", "--porcelain"]);
        let commit = output("git", &["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(unknown);
        Self {
            processor: processor().unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .map_or_else(|_| unknown(), |kernel| format!("Linux {}", kernel.trim())),
            versions: versions(),
            commit: if changes.is_some_and(|changes| !changes.is_empty()) { commit + " and changes" } else { commit },
            command,
        }
    }
}

fn versions() -> Vec<String> {
    let rustc = output("rustc", &["--version"]).unwrap_or_else(|| format!("rustc {UNKNOWN}"));
    let node = output("node", &["--version"]).map(|version| format!("node {version}"));
    let nchan = output("dpkg-query", &["--show", "--showformat", "${Package} ${Version}", "libnginx-mod-nchan"]);
    [Some(rustc), node, nchan].into_iter().flatten().collect()
}

fn processor() -> Option<String> {
    let described = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = described.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn unknown() -> String {
    UNKNOWN.to_owned()
}
