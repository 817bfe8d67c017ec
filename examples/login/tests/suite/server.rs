//! The example, in a process of its own.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// How long the program may take until it is ready.
const START: Duration = Duration::from_secs(30);

/// A running example; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    _child: Child,
    /// Kept open: the program may go on writing.
    _stdout: Lines<BufReader<ChildStdout>>,
    /// `http://` and where it listens.
    pub(crate) address: String,
}

impl Server {
    /// Starts the example on a free port, with these options.
    pub(crate) async fn start(options: &[&str]) -> Self {
        let mut child = Command::new(crate::PROGRAM)
            .args(["--listen", "127.0.0.1:0"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = timeout(START, lines.next_line()).await;
        let first = first.unwrap_or_else(|_| panic!("the program was not ready after {START:?}")).unwrap();
        let first = first.unwrap_or_else(|| panic!("the program ended before it was ready; see its words above"));
        let address = first.strip_prefix("open ").unwrap_or_else(|| panic!("the program said `{first}`")).to_owned();
        Self { _child: child, _stdout: lines, address }
    }
}
