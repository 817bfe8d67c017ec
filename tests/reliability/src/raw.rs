//! Requests over HTTP/1 that no client should send, and whatever comes back.

use std::net::SocketAddr;

use ssehub_conformance::wait::{PATIENCE, within};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// No answer that is looked at is longer.
const MOST: u64 = 64 * 1024;

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered with this status and what follows the status line.
    Answered(u16, String),
    /// The connection was closed without an answer that was seen. Who closes a socket with unread bytes in it resets it,
    /// and a reset may overtake the answer.
    Closed,
}

impl Outcome {
    /// Whether it was refused as the client's mistake, or the connection closed.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Answered(400..=499, _) | Self::Closed)
    }
}

/// Sends `request` on a connection of its own, and reads what comes back until `enough` of it, or the end.
///
/// # Panics
/// If neither comes in time.
pub async fn send(address: SocketAddr, what: &str, request: &[u8], enough: impl Fn(&str) -> bool) -> Outcome {
    let what = format!("the answer to {what}, or the end of the connection");
    within(PATIENCE, &what, async {
        let socket = TcpStream::connect(address).await.expect("the playground listens");
        let (reader, mut writer) = socket.into_split();
        let mut reader = reader.take(MOST);
        let mut answer = Vec::new();
        let read = async {
            loop {
                match reader.read_buf(&mut answer).await {
                    Ok(length) if length > 0 && !enough(&String::from_utf8_lossy(&answer)) => {}
                    _ => return,
                }
            }
        };
        let write = async {
            // Who has seen enough stops listening before all is written.
            let _refused_already = writer.write_all(request).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = read => {}
            () = write => {}
        }
        parse(&String::from_utf8_lossy(&answer))
    })
    .await
}

fn parse(answer: &str) -> Outcome {
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    match (status, answer.split_once("\r\n")) {
        (Some(status), Some((_, rest))) => Outcome::Answered(status, rest.to_owned()),
        _ => Outcome::Closed,
    }
}

/// The head of a `GET` for an event stream, without the empty line at its end.
pub fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: playground\r\naccept: text/event-stream\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_status_line_is_an_answer() {
        assert_eq!(parse("HTTP/1.1 431 No\r\na: b\r\n\r\n"), Outcome::Answered(431, "a: b\r\n\r\n".into()));
        for text in ["", "HTTP/1.1 431 No", "HTTP/1.1 4x1 No\r\n", "junk\r\n"] {
            assert_eq!(parse(text), Outcome::Closed, "{text:?}");
        }
        assert!(Outcome::Closed.is_refusal() && Outcome::Answered(431, String::new()).is_refusal());
        assert!(!Outcome::Answered(200, String::new()).is_refusal());
        assert!(!Outcome::Answered(500, String::new()).is_refusal());
    }
}
