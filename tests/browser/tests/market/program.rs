//! A program that runs for a test, and says when it is ready.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// How long a program may take until it is ready.
const START: Duration = Duration::from_secs(20);

/// A running program; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    /// Kept open: a program may go on writing.
    _stdout: Lines<BufReader<ChildStdout>>,
    /// What it said when it was ready.
    pub(crate) address: String,
}

impl Program {
    /// Starts a program and waits for the line in which `address` finds where it listens.
    pub(crate) async fn start(
        path: &str,
        args: &[&str],
        address: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let mut child = Command::new(path)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{path} cannot be started: {error}"))?;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await.map_err(|error| error.to_string())? {
                if let Some(address) = address(&line) {
                    return Ok(address);
                }
            }
            Err(format!("{path} ended before it was ready; see its words above"))
        };
        let address = timeout(START, ready).await.map_err(|_| format!("{path} was not ready after {START:?}"))??;
        Ok(Self { child, _stdout: lines, address })
    }

    /// Kills the program and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}
