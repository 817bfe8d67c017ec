//! HTTP/2 in clear text, with prior knowledge.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream, client};
use http::Request;
use tokio::{net::TcpStream, task::JoinHandle};

use crate::{
    http1::{Ending, Read},
    wait::{PATIENCE, within},
};

/// One request and its response, alone on a connection.
#[derive(Debug)]
pub struct Exchange {
    /// The response's status.
    pub status: u16,
    request: SendStream<Bytes>,
    response: RecvStream,
    driver: JoinHandle<Result<(), h2::Error>>,
}

impl Exchange {
    /// Connects, sends a `GET` and reads the response's head.
    ///
    /// # Errors
    /// If the server does not speak HTTP/2 in clear text.
    ///
    /// # Panics
    /// If nothing listens, or the head does not come in time.
    pub async fn start(address: SocketAddr, target: &str) -> Result<Self, h2::Error> {
        within(PATIENCE, "a response over HTTP/2", async {
            let socket = TcpStream::connect(address).await.expect("the playground listens");
            let (sender, connection) = client::handshake(socket).await?;
            let driver = tokio::spawn(connection);
            let mut sender = sender.ready().await?;
            let request = Request::get(format!("http://{address}{target}"))
                .header("accept", "text/event-stream")
                .body(())
                .expect("the target is a valid one");
            let (response, request) = sender.send_request(request, true)?;
            let response = response.await?;
            Ok(Self { status: response.status().as_u16(), request, response: response.into_body(), driver })
        })
        .await
    }

    /// Reads the next DATA frame.
    pub async fn read(&mut self, output: &mut Vec<u8>) -> Read {
        match self.response.data().await {
            Some(Ok(bytes)) => {
                output.extend_from_slice(&bytes);
                match self.response.flow_control().release_capacity(bytes.len()) {
                    Ok(()) => Read::More,
                    Err(_) => Read::End(Ending::Reset),
                }
            }
            Some(Err(error)) if error.is_reset() => Read::End(Ending::Reset),
            Some(Err(_)) => Read::End(Ending::Truncated),
            None => Read::End(Ending::Finished),
        }
    }

    /// Sends RST_STREAM with CANCEL; the connection stays.
    pub fn cancel(&mut self) {
        self.request.send_reset(Reason::CANCEL);
    }
}

/// Closes the connection: without its driver nobody holds the socket.
impl Drop for Exchange {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
