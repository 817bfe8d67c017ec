//! The response side: a connection as a reader that fills Rocket's chunks.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use rocket::Request;
use rocket::futures::Stream;
use rocket::response::{Responder, Response, Result};
use rocket::tokio::io::{AsyncRead, ReadBuf};
use ssehub::{Connection, RESPONSE_HEADERS};

/// Answers with the stream of a [`Connection`]: status 200 and the headers that keep proxies from storing or
/// holding it.
///
/// The connection lives in the body. When Rocket drops that, for whatever reason, the client is disconnected.
#[derive(Debug)]
pub struct SseResponse(pub Connection);

impl<'r> Responder<'r, 'static> for SseResponse {
    fn respond_to(self, _: &'r Request<'_>) -> Result<'static> {
        let mut response = Response::build();
        for (name, value) in RESPONSE_HEADERS {
            response.raw_header(name, value);
        }
        response.streamed_body(Reader { connection: Some(self.0), rest: Bytes::new() }).max_chunk_size(CHUNK).ok()
    }
}

/// Each chunk goes from one task to another, at about the price of a write: with 4 KiB a burst costs half as much again.
/// With 16 KiB it would cost a quarter less, but hyper queues up to 16 of them for a client that has stopped reading.
const CHUNK: usize = 8 << 10;

/// Rocket sends one chunk for each read, through a channel of one: so each read takes as many ready frames as fit.
struct Reader {
    /// `None` once the stream has ended.
    connection: Option<Connection>,
    /// What of the connection's last item has not been read yet.
    rest: Bytes,
}

impl AsyncRead for Reader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let empty = buffer.filled().len();
        while buffer.remaining() > 0 {
            if self.rest.is_empty() {
                let Some(connection) = &mut self.connection else {
                    break;
                };
                match Pin::new(connection).poll_next(cx) {
                    Poll::Ready(Some(bytes)) => self.rest = bytes,
                    Poll::Ready(None) => self.connection = None,
                    // To Rocket, a read that fills nothing is the end; so wait for the first bytes.
                    Poll::Pending if buffer.filled().len() == empty => return Poll::Pending,
                    Poll::Pending => break,
                }
            }
            let fits = self.rest.len().min(buffer.remaining());
            buffer.put_slice(&self.rest.split_to(fits));
        }
        Poll::Ready(Ok(()))
    }
}
