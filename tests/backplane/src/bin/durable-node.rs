//! A hub on a durable log, as a process of its own that a test can kill.
//!
//! `durable-node FOLDER` says where it listens. A client sends lines: `send TEXT` is answered by `taken ID`, `refused` or
//! `uncertain`, and `read` or `read ID` by the stream, to its end.

use std::{env, error::Error, io::Write as _, sync::Arc};

use futures::StreamExt as _;
use ssehub::{History, Hub};
use ssehub_backplane_tests::load::{Node, Outcome};
use ssehub_durable::DurableLog;
use tokio::{
    io::{self, AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os().nth(1).ok_or("usage: durable-node FOLDER")?;
    let log = DurableLog::open(folder)?;
    let hub = Hub::builder().history(History::default().events(1_000_000).bytes(1 << 30)).backplane(log).build()?;
    let hub: Arc<dyn Node> = Arc::new(hub);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    loop {
        let (client, _) = listener.accept().await?;
        let hub = Arc::clone(&hub);
        tokio::spawn(async move {
            let _the_client_is_gone = serve(&*hub, client).await;
        });
    }
}

async fn serve(hub: &dyn Node, client: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut client = BufReader::new(client);
    let mut line = String::new();
    while client.read_line(&mut line).await? > 0 {
        match line.trim_end().split_once(' ').unwrap_or((line.trim_end(), "")) {
            ("send", text) => {
                let answer = match hub.send(text).await {
                    Outcome::Taken(id) => format!("taken {id}\n"),
                    Outcome::Refused => "refused\n".to_owned(),
                    Outcome::Uncertain => "uncertain\n".to_owned(),
                };
                client.write_all(answer.as_bytes()).await?;
            }
            ("read", last) => {
                let stream = hub.stream(Some(last).filter(|last| !last.is_empty())).await;
                let mut stream = stream.ok_or(io::ErrorKind::ConnectionRefused)?;
                while let Some(chunk) = stream.next().await {
                    client.write_all(&chunk).await?;
                }
                return Ok(());
            }
            (other, _) => return Err(io::Error::other(format!("no such command: {other}"))),
        }
        line.clear();
    }
    Ok(())
}
