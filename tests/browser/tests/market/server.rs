//! The market, in a process of its own.

use crate::program::Program;

/// Months a second: a lap takes twelve seconds, so a test sees prices move and rarely a lap end.
const RATE: &str = "10";

/// A running market.
#[derive(Debug)]
pub(crate) struct Server {
    program: &'static str,
    process: Program,
}

impl Server {
    /// Starts a market on a free port.
    pub(crate) async fn start(program: &'static str) -> Self {
        Self::listen(program, "127.0.0.1:0").await
    }

    /// Kills this market without a word and opens another one at its address.
    pub(crate) async fn restart(self) -> Self {
        let address = self.process.address.clone();
        self.process.kill().await;
        Self::listen(self.program, address.trim_start_matches("http://")).await
    }

    async fn listen(program: &'static str, address: &str) -> Self {
        let address_in = |line: &str| line.strip_prefix("open ").map(str::to_owned);
        let process = Program::start(program, &["--listen", address, "--rate", RATE], address_in).await;
        Self { program, process: process.unwrap_or_else(|problem| panic!("{problem}")) }
    }

    /// The page's address for a user and the symbols to watch at first, separated by commas.
    pub(crate) fn page(&self, user: &str, watch: &str) -> String {
        format!("{}/?user={user}&watch={watch}", self.process.address)
    }
}
