//! A node on a durable log that is killed in mid-load, again and again.
//!
//! Its clients are sockets, as its publishers are: what they know is all that counts.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::Stdio,
    sync::{Arc, Mutex, mpsc},
    thread,
};

use bytes::Bytes;
use futures::{StreamExt as _, stream, stream::BoxStream};
use ssehub::async_trait;
use ssehub_backplane_tests::{
    child::{self, Owned},
    load::{Crowd, Node, Outcome},
    wait::PATIENCE,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufStream},
    net::TcpStream,
};

/// How often it is killed.
const KILLS: usize = 4;

/// A node as a process.
#[derive(Debug)]
struct DurableNode {
    folder: TempDir,
    running: Mutex<Option<(Owned, SocketAddr)>>,
}

impl DurableNode {
    fn start() -> Arc<Self> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let node = Arc::new(Self { folder, running: Mutex::default() });
        node.restart();
        node
    }

    /// Kills it with SIGKILL if it runs, and starts it again on what is on the disk.
    fn restart(&self) {
        let mut running = self.running.lock().expect("nothing panics under this lock");
        *running = None;
        let mut command = child::dies_with_us(env!("CARGO_BIN_EXE_durable-node"));
        command.arg(self.folder.path().join("log")).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = child::start(command).expect("the node starts");
        let stdout = process.child().stdout.take().expect("stdout is piped");
        let (say, said) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _bytes = BufReader::new(stdout).read_line(&mut line);
            let _who_asked_is_gone = say.send(line);
        });
        let line = said.recv_timeout(PATIENCE).expect("the node says in time where it listens");
        let address =
            line.trim_end().parse().unwrap_or_else(|_| panic!("the node ends instead of listening: {line:?}"));
        *running = Some((process, address));
    }

    async fn ask(&self, line: String) -> Result<BufStream<TcpStream>, Outcome> {
        let address =
            self.running.lock().expect("nothing panics under this lock").as_ref().map(|(_, address)| *address);
        let connected = TcpStream::connect(address.ok_or(Outcome::Refused)?).await;
        let mut client = BufStream::new(connected.map_err(|_| Outcome::Refused)?);
        client.write_all(line.as_bytes()).await.map_err(|_| Outcome::Uncertain)?;
        client.flush().await.map_err(|_| Outcome::Uncertain)?;
        Ok(client)
    }
}

#[async_trait]
impl Node for DurableNode {
    async fn send(&self, text: &str) -> Outcome {
        let mut client = match self.ask(format!("send {text}\n")).await {
            Ok(client) => client,
            Err(outcome) => return outcome,
        };
        let mut answer = String::new();
        if client.read_line(&mut answer).await.is_err() {
            return Outcome::Uncertain;
        }
        match answer.strip_suffix('\n') {
            Some("refused") => Outcome::Refused,
            Some(answer) => match answer.strip_prefix("taken ").map(str::parse) {
                Some(Ok(id)) => Outcome::Taken(id),
                _ => Outcome::Uncertain,
            },
            // Killed before it was answered whole.
            None => Outcome::Uncertain,
        }
    }

    async fn stream(&self, last: Option<&str>) -> Option<BoxStream<'static, Bytes>> {
        let client = self.ask(format!("read {}\n", last.unwrap_or_default())).await.ok()?;
        let blocks = stream::unfold(client, |mut client| async {
            let mut block = Vec::new();
            while !block.ends_with(b"\n\n") {
                // A block that is not whole is none, as in a browser.
                if client.read_until(b'\n', &mut block).await.ok()? == 0 {
                    return None;
                }
            }
            Some((Bytes::from(block), client))
        });
        Some(blocks.boxed())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_in_mid_load_loses_nothing_and_repeats_nothing() {
    let node = DurableNode::start();
    let crowd = Crowd::gather(vec![node.clone()]).await;
    for _ in 0..KILLS {
        crowd.publish(150).await;
        // The publishers go on while it is killed.
        node.restart();
    }
    crowd.publish(150).await;
    let verdict = crowd.disperse().await;
    verdict.is_perfect();
}
