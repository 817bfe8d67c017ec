//! HTTP/2 in clear text, frame by frame: for what no comfortable client would send, or leave unread.
//!
//! Header blocks are written without Huffman coding and without the dynamic table (RFC 7541, sections 5.2 and 6.2.2),
//! unless a case writes its own.

use std::io;

use bytes::{Buf as _, BytesMut};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// The types of frames (RFC 9113, section 6).
pub mod kind {
    /// A part of a body.
    pub const DATA: u8 = 0;
    /// The beginning of a header block.
    pub const HEADERS: u8 = 1;
    /// The end of a stream by one side's will.
    pub const RST_STREAM: u8 = 3;
    /// What the sender asks of its peer.
    pub const SETTINGS: u8 = 4;
    /// A question that is answered at once.
    pub const PING: u8 = 6;
    /// The end of the connection.
    pub const GOAWAY: u8 = 7;
    /// How much more may be sent.
    pub const WINDOW_UPDATE: u8 = 8;
    /// The rest of a header block.
    pub const CONTINUATION: u8 = 9;
}

/// The flags of frames.
pub mod flag {
    /// The sender sends nothing more on this stream.
    pub const END_STREAM: u8 = 1;
    /// This answers a PING or SETTINGS.
    pub const ACK: u8 = 1;
    /// The header block is complete.
    pub const END_HEADERS: u8 = 4;
}

/// The window that a stream has unless its receiver says otherwise.
pub const USUAL_WINDOW: u32 = 65_535;

/// The widest window there is: no flow control at all.
pub const WIDEST_WINDOW: u32 = (1 << 31) - 1;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADER: usize = 9;
const INITIAL_WINDOW_SIZE: u16 = 4;
const CANCEL: u32 = 8;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// The stream it belongs to; 0 is the connection.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Whether this is the last frame that the sender sends on the stream, whatever the reason.
    pub fn ends_stream(&self) -> bool {
        match self.kind {
            kind::DATA | kind::HEADERS => self.flags & flag::END_STREAM != 0,
            kind::RST_STREAM => true,
            _ => false,
        }
    }

    /// Whether this is the head of a response with status 200.
    pub fn is_ok(&self) -> bool {
        // The static table's entry 8, which stands before all other fields.
        self.kind == kind::HEADERS && self.payload.first() == Some(&0x88)
    }
}

/// A frame as it is on the wire.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is no larger than 16 MiB").to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A whole `GET` for an event stream.
pub fn get(stream: u32, target: &str) -> Vec<u8> {
    frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &get_fields(target))
}

/// The header block of [`get`].
pub fn get_fields(target: &str) -> Vec<u8> {
    // Of the static table: `:method: GET` and `:scheme: http`, then the names `:path`, `:authority` and `accept`.
    let mut block = vec![0x82, 0x86];
    field(&mut block, &[4], target);
    field(&mut block, &[1], "playground");
    field(&mut block, &[15, 19 - 15], "text/event-stream");
    block
}

/// Adds a field whose name is given by its number, and that is not to be remembered.
fn field(block: &mut Vec<u8>, name: &[u8], value: &str) {
    block.extend_from_slice(name);
    string(block, value.as_bytes());
}

/// Adds a string with its length.
pub fn string(block: &mut Vec<u8>, text: &[u8]) {
    const PREFIX: usize = 127;
    match text.len().checked_sub(PREFIX) {
        None => block.push(u8::try_from(text.len()).expect("it is below 127")),
        Some(mut rest) => {
            block.push(127);
            while rest > 127 {
                block.push((rest & 127) as u8 | 128);
                rest >>= 7;
            }
            block.push(rest as u8);
        }
    }
    block.extend_from_slice(text);
}

/// A stream cancelled by its client.
pub fn cancel(stream: u32) -> Vec<u8> {
    frame(kind::RST_STREAM, 0, stream, &CANCEL.to_be_bytes())
}

/// So much more may be sent; stream 0 is all of them together.
pub fn window_update(stream: u32, bytes: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
}

/// Writes the beginning of a connection whose streams have windows of so many bytes.
///
/// # Errors
/// If the server has closed it.
pub async fn begin(socket: TcpStream, window: u32) -> io::Result<(Reader, OwnedWriteHalf)> {
    socket.set_nodelay(true)?;
    let (reader, mut writer) = socket.into_split();
    let mut bytes = PREFACE.to_vec();
    let settings = [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &window.to_be_bytes()].concat();
    bytes.extend_from_slice(&frame(kind::SETTINGS, 0, 0, &settings));
    if window > USUAL_WINDOW {
        bytes.extend_from_slice(&window_update(0, window - USUAL_WINDOW));
    }
    writer.write_all(&bytes).await?;
    Ok((Reader { socket: reader, input: BytesMut::new() }, writer))
}

/// Reads frames.
#[derive(Debug)]
pub struct Reader {
    socket: OwnedReadHalf,
    input: BytesMut,
}

impl Reader {
    /// The next frame; nothing is lost when it is cancelled.
    ///
    /// # Errors
    /// If the connection has ended or was reset.
    pub async fn next(&mut self) -> io::Result<Frame> {
        loop {
            if let Some(frame) = self.take() {
                return Ok(frame);
            }
            if self.socket.read_buf(&mut self.input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn take(&mut self) -> Option<Frame> {
        let head: [u8; HEADER] = self.input.get(..HEADER)?.try_into().ok()?;
        let [high, middle, low, kind, flags, stream @ ..] = head;
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        if self.input.len() < HEADER + length {
            return None;
        }
        self.input.advance(HEADER);
        let payload = self.input.split_to(length).to_vec();
        Some(Frame { kind, flags, stream: u32::from_be_bytes(stream) & !(1 << 31), payload })
    }
}

/// What a polite client answers to `frame`, if anything.
pub fn answer(frame: &Frame) -> Option<Vec<u8>> {
    match (frame.kind, frame.flags & flag::ACK) {
        (kind::SETTINGS, 0) => Some(self::frame(kind::SETTINGS, flag::ACK, 0, &[])),
        (kind::PING, 0) => Some(self::frame(kind::PING, flag::ACK, 0, &frame.payload)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let (mut reader, mut writer) = begin(client, USUAL_WINDOW).await.unwrap();
        let mut begun = vec![0; PREFACE.len() + HEADER + 6];
        server.read_exact(&mut begun).await.unwrap();
        assert!(begun.ends_with(b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\xff\xff"));

        writer.write_all(&get(7, "/x")).await.unwrap();
        let mut sent = vec![0; 2];
        server.read_exact(&mut sent).await.unwrap();
        server.write_all(&sent).await.unwrap();
        let (mut from, mut to) = server.split();
        let echo = tokio::io::copy(&mut from, &mut to);
        let seen = tokio::select! {
            seen = reader.next() => seen.unwrap(),
            _ = echo => panic!("the connection has ended"),
        };
        assert_eq!((seen.kind, seen.flags, seen.stream), (kind::HEADERS, 5, 7));
        assert_eq!(&seen.payload[..5], b"\x82\x86\x04\x02/");
        assert!(seen.ends_stream() && !seen.is_ok());
    }

    #[test]
    fn long_strings_have_long_lengths() {
        let encoded = |length| {
            let mut block = Vec::new();
            string(&mut block, &vec![b'x'; length]);
            block.truncate(block.len() - length);
            block
        };
        assert_eq!(encoded(5), [5]);
        assert_eq!(encoded(127), [127, 0]);
        assert_eq!(encoded(1337), [127, 0xba, 0x09]);
    }
}
