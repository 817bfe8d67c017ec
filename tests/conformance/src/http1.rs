//! HTTP/1 over a bare socket, read strictly.
//!
//! A comfortable client would hide what is asserted here: whether a chunked body was brought to its end or just
//! broke off, what a HEAD or an HTTP/1.0 request is answered, and what the server does when the socket is
//! reset, half closed or not read at all.

use std::{io, net::SocketAddr, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use crate::{
    sse::{Malformed, malformed},
    wait::{PATIENCE, within},
};

/// A request, written as it is given.
#[derive(Debug, Clone)]
pub struct Request {
    method: &'static str,
    target: String,
    version: &'static str,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
    receive_buffer: Option<u32>,
    patience: Duration,
}

impl Request {
    /// A request with this method for this path and query.
    pub fn new(method: &'static str, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            version: "1.1",
            headers: Vec::new(),
            body: Vec::new(),
            receive_buffer: None,
            patience: PATIENCE,
        }
    }

    /// A `GET`.
    pub fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    /// Adds a header; the same name may be added again.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sends this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Speaks HTTP/1.0.
    #[must_use]
    pub fn http10(mut self) -> Self {
        self.version = "1.0";
        self
    }

    /// Connects with a receive buffer of this size, so that a reader that stops reading is soon felt.
    #[must_use]
    pub fn receive_buffer(mut self, bytes: u32) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// Gives the answer so long, instead of [`PATIENCE`].
    #[must_use]
    pub fn patience(mut self, limit: Duration) -> Self {
        self.patience = limit;
        self
    }

    /// What is waited for when it has been sent.
    fn answer(&self) -> String {
        format!("the answer to {} {}", self.method, self.target)
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/{}\r\n", self.method, self.target, self.version).into_bytes();
        if self.version == "1.1" {
            bytes.extend_from_slice(b"host: playground\r\n");
        }
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        if !self.body.is_empty() || self.method != "GET" && self.method != "HEAD" {
            bytes.extend_from_slice(format!("content-length: {}\r\n", self.body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Status line and headers of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// `1.0` or `1.1`.
    pub version: String,
    headers: Vec<(String, String)>,
}

impl Head {
    /// The only value of this header (its name in lower case), if there is one.
    ///
    /// # Panics
    /// If the header was sent twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(header, _)| header == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} was sent twice: {self:?}");
        value
    }

    fn parse(text: &str) -> Result<Self, Malformed> {
        let mut lines = text.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let mut words = status_line.splitn(3, ' ');
        let version = words.next().and_then(|word| word.strip_prefix("HTTP/"));
        let status = words.next().filter(|word| word.len() == 3).and_then(|word| word.parse().ok());
        let (Some(version @ ("1.0" | "1.1")), Some(status)) = (version, status) else {
            return malformed(format!("the status line is {status_line:?}"));
        };
        let mut headers = Vec::new();
        for line in lines {
            match line.split_once(':') {
                Some((name, value))
                    if !name.is_empty() && !name.contains([' ', '\t']) && !value.contains(['\r', '\n']) =>
                {
                    headers.push((name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned()));
                }
                _ => return malformed(format!("a header line is {line:?}")),
            }
        }
        Ok(Self { status, version: version.to_owned(), headers })
    }

    fn framing(&self, method: &str) -> Result<Body, Malformed> {
        let length = self.header("content-length").map(str::parse::<usize>);
        match (self.header("transfer-encoding"), length) {
            _ if method == "HEAD" || self.status == 204 => Ok(Body::Length(0)),
            (Some("chunked"), None) => Ok(Body::Chunked(Chunk::Size(Vec::new()))),
            (None, Some(Ok(length))) => Ok(Body::Length(length)),
            (None, None) => Ok(Body::UntilClose),
            _ => malformed(format!("the framing is ambiguous: {self:?}")),
        }
    }
}

/// How far a body has been read.
#[derive(Debug)]
enum Body {
    Chunked(Chunk),
    Length(usize),
    UntilClose,
}

/// How far a chunked body has been read.
#[derive(Debug)]
enum Chunk {
    /// Inside the line that gives the size.
    Size(Vec<u8>),
    /// So many bytes of the chunk are missing.
    Data(usize),
    /// This is missing before the next size line, and belongs to the last chunk or not.
    Break { missing: &'static [u8], last: bool },
    /// The last chunk has been read.
    Done,
}

impl Body {
    /// Reads the body's bytes out of `input`, which is left empty or at the body's end.
    fn read(&mut self, input: &mut BytesMut, output: &mut Vec<u8>) -> Result<(), Malformed> {
        match self {
            Self::UntilClose => output.extend_from_slice(&input.split()),
            Self::Length(missing) => {
                let length = input.len().min(*missing);
                output.extend_from_slice(&input.split_to(length));
                *missing -= length;
            }
            Self::Chunked(chunk) => {
                while !input.is_empty() && !matches!(chunk, Chunk::Done) {
                    chunk.read(input, output)?;
                }
            }
        }
        Ok(())
    }

    /// Whether the body says by itself that it has been read to its end.
    fn is_complete(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Done))
    }
}

impl Chunk {
    fn read(&mut self, input: &mut BytesMut, output: &mut Vec<u8>) -> Result<(), Malformed> {
        match self {
            Self::Size(line) => {
                let byte = input.split_to(1);
                line.extend_from_slice(&byte);
                if let Some(digits) = line.strip_suffix(b"\r\n") {
                    *self = match chunk_size(digits)? {
                        0 => Self::Break { missing: b"\r\n", last: true },
                        size => Self::Data(size),
                    };
                } else if line.len() > 18 || line.ends_with(b"\n") {
                    return malformed(format!("a chunk's size line is {:?}", String::from_utf8_lossy(line)));
                }
            }
            Self::Data(missing) => {
                let length = input.len().min(*missing);
                output.extend_from_slice(&input.split_to(length));
                *missing -= length;
                if *missing == 0 {
                    *self = Self::Break { missing: b"\r\n", last: false };
                }
            }
            Self::Break { missing, last } => {
                let byte = input.split_to(1);
                match missing.strip_prefix(byte.as_ref()) {
                    Some([]) if *last => *self = Self::Done,
                    Some([]) => *self = Self::Size(Vec::new()),
                    Some(rest) => *missing = rest,
                    None => return malformed(format!("a chunk is followed by {byte:?} instead of {missing:?}")),
                }
            }
            Self::Done => {}
        }
        Ok(())
    }
}

fn chunk_size(digits: &[u8]) -> Result<usize, Malformed> {
    let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    match digits.map(|digits| usize::from_str_radix(digits, 16)) {
        Some(Ok(size)) => Ok(size),
        _ => malformed(format!("a chunk's size is {digits:?}")),
    }
}

/// What one read of a body gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// Some bytes, or none yet.
    More,
    /// The end of the body.
    End(Ending),
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By its own framing: the server finished the response.
    Finished,
    /// By the end of the connection, and the framing knows no other end (HTTP/1.0).
    Closed,
    /// By the end of the connection in the middle of the body.
    Truncated,
    /// By a reset.
    Reset,
}

/// One request and its response on a socket.
#[derive(Debug)]
pub struct Exchange {
    /// The response's head.
    pub head: Head,
    socket: TcpStream,
    input: BytesMut,
    body: Body,
}

impl Exchange {
    /// Connects, sends the request and reads the response's head.
    ///
    /// # Errors
    /// If the connection is refused or breaks before the head is complete.
    ///
    /// # Panics
    /// If the head is malformed or does not come in time.
    pub async fn start(address: SocketAddr, request: &Request) -> io::Result<Self> {
        within(request.patience, &request.answer(), async {
            let socket = TcpSocket::new_v4()?;
            if let Some(bytes) = request.receive_buffer {
                socket.set_recv_buffer_size(bytes)?;
            }
            let socket = socket.connect(address).await?;
            socket.set_nodelay(true)?;
            Self::on(socket, BytesMut::new(), request).await
        })
        .await
    }

    /// The same on a socket that is connected already.
    ///
    /// # Errors
    /// If the connection breaks before the head is complete.
    ///
    /// # Panics
    /// If the head is malformed or does not come in time.
    pub async fn over(socket: TcpStream, request: &Request) -> io::Result<Self> {
        within(request.patience, &request.answer(), Self::on(socket, BytesMut::new(), request)).await
    }

    /// Sends the request on a connected socket.
    async fn on(mut socket: TcpStream, mut input: BytesMut, request: &Request) -> io::Result<Self> {
        socket.write_all(&request.encode()).await?;
        let end = loop {
            if let Some(end) = memchr::memmem::find(&input, b"\r\n\r\n") {
                break end;
            }
            if socket.read_buf(&mut input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let text = String::from_utf8_lossy(&input.split_to(end)).into_owned();
        let _empty_line = input.split_to(4);
        let head = Head::parse(&text).unwrap_or_else(|error| panic!("{error}"));
        let body = head.framing(request.method).unwrap_or_else(|error| panic!("{error}"));
        Ok(Self { head, socket, input, body })
    }

    /// Reads what has come of the body, waiting for at least one byte; never loses bytes when it is cancelled.
    ///
    /// # Panics
    /// If the framing is malformed, or bytes follow its end.
    pub async fn read(&mut self, output: &mut Vec<u8>) -> Read {
        if !self.body.is_complete() && self.input.is_empty() {
            match self.socket.read_buf(&mut self.input).await {
                Ok(0) if matches!(self.body, Body::UntilClose) => return Read::End(Ending::Closed),
                Ok(0) => return Read::End(Ending::Truncated),
                Ok(_) => {}
                Err(_) => return Read::End(Ending::Reset),
            }
        }
        self.body.read(&mut self.input, output).unwrap_or_else(|error| panic!("{error}"));
        if !self.body.is_complete() {
            return Read::More;
        }
        assert!(self.input.is_empty(), "after the body's end comes {:?}", self.input);
        Read::End(Ending::Finished)
    }

    /// Takes at most so many bytes out of the socket, as a slow reader does, and keeps them for [`Self::read`].
    ///
    /// # Errors
    /// If the server has reset the connection.
    pub async fn take(&mut self, most: usize) -> io::Result<usize> {
        let mut taken = vec![0; most];
        let length = self.socket.read(&mut taken).await?;
        self.input.extend_from_slice(&taken[..length]);
        Ok(length)
    }

    /// Reads the body to its end.
    pub async fn read_to_end(&mut self, output: &mut Vec<u8>) -> Ending {
        loop {
            if let Read::End(ending) = self.read(output).await {
                return ending;
            }
        }
    }

    /// Sends bytes that belong to no request that the server has to answer now.
    ///
    /// # Errors
    /// If the server has closed the connection.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes).await
    }

    /// Closes the sending half and goes on reading.
    ///
    /// # Errors
    /// If the server has closed the connection.
    pub async fn half_close(&mut self) -> io::Result<()> {
        self.socket.shutdown().await
    }

    /// Closes the connection with FIN, whatever is still unread.
    ///
    /// Closing a socket with unread bytes sends RST instead, so the sending half is closed first and what has
    /// come is read away.
    pub async fn fin(mut self) {
        let _gone_already = self.socket.shutdown().await;
        let mut rest = [0; 4096];
        while self.socket.try_read(&mut rest).is_ok_and(|length| length > 0) {}
    }

    /// Closes the connection with RST.
    pub fn reset(self) {
        let _gone_already = socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
    }
}

/// A whole response.
#[derive(Debug)]
pub struct Response {
    /// Its head.
    pub head: Head,
    /// Its body.
    pub body: Vec<u8>,
}

impl Response {
    /// The body as JSON.
    ///
    /// # Panics
    /// If it is anything else.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error}: {} with {:?}", self.head.status, String::from_utf8_lossy(&self.body))
        })
    }
}

/// A connection for one request after the other, opened when it is needed.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    idle: Option<(TcpStream, BytesMut)>,
}

impl Client {
    /// A client of the server at `address`.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, idle: None }
    }

    /// Sends a request and reads the whole response.
    ///
    /// # Errors
    /// If the connection is refused or breaks.
    ///
    /// # Panics
    /// If the response is malformed or does not come in time.
    pub async fn request(&mut self, request: &Request) -> io::Result<Response> {
        let what = format!("the whole answer to {} {}", request.method, request.target);
        within(request.patience, &what, async {
            let mut exchange = match self.idle.take() {
                Some((socket, input)) => Exchange::on(socket, input, request).await?,
                None => Exchange::start(self.address, request).await?,
            };
            let mut body = Vec::new();
            let ending = exchange.read_to_end(&mut body).await;
            if matches!(ending, Ending::Truncated | Ending::Reset) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let stays_open = exchange.head.version == "1.1" && exchange.head.header("connection") != Some("close");
            if ending == Ending::Finished && stays_open {
                self.idle = Some((exchange.socket, exchange.input));
            }
            Ok(Response { head: exchange.head, body })
        })
        .await
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn decode(wire: &[u8], piece: usize) -> Result<(Vec<u8>, bool), Malformed> {
        let mut body = Body::Chunked(Chunk::Size(Vec::new()));
        let mut output = Vec::new();
        for piece in wire.chunks(piece) {
            let mut input = BytesMut::from(piece);
            body.read(&mut input, &mut output)?;
            if !input.is_empty() {
                return malformed("bytes after the end");
            }
        }
        Ok((output, body.is_complete()))
    }

    #[test]
    fn chunks_are_joined_and_the_end_is_told() {
        for piece in [1, 2, 3, 100] {
            assert_eq!(
                decode(b"5\r\nhello\r\nA\r\n 234567890\r\n0\r\n\r\n", piece).unwrap(),
                (b"hello 234567890".to_vec(), true)
            );
            assert_eq!(decode(b"5\r\nhello\r\n", piece).unwrap(), (b"hello".to_vec(), false));
            assert_eq!(decode(b"5\r\nhel", piece).unwrap(), (b"hel".to_vec(), false));
            assert_eq!(decode(b"1\r\nx\r\n0\r\n", piece).unwrap(), (b"x".to_vec(), false));
        }
    }

    #[test]
    fn bad_chunks_are_refused() {
        for wire in [
            &b"5;x\r\nhello\r\n"[..],
            b"\r\n",
            b"g\r\n",
            b"+1\r\nx\r\n",
            b"1\nx",
            b"1\r\nxy\r\n",
            b"0\r\n\r\nx",
            b"0\r\nfoo: bar\r\n\r\n",
            b"11111111111111111111\r\n",
        ] {
            assert!(decode(wire, 1).is_err(), "{:?} was accepted", String::from_utf8_lossy(wire));
        }
    }

    #[test]
    fn heads_are_read_strictly() {
        let head = Head::parse("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nx: ").unwrap();
        assert_eq!(
            (head.status, head.header("content-type"), head.header("x")),
            (200, Some("text/event-stream"), Some(""))
        );
        for text in [
            "HTTP/2 200 OK",
            "HTTP/1.1 20 OK",
            "HTTP/1.1 200 OK\r\nno colon",
            "HTTP/1.1 200 OK\r\nname : x",
            "HTTP/1.1 200 OK\r\na: b\nc: d",
        ] {
            assert!(Head::parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn two_ways_to_frame_a_body_are_one_too_many() {
        let head = Head::parse("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 1").unwrap();
        head.framing("GET").unwrap_err();
        assert!(head.framing("HEAD").is_ok_and(|body| body.is_complete()));
    }

    /// Answers one request with `answer` and closes the socket.
    pub(crate) async fn server(answer: &'static [u8]) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = BytesMut::new();
            while memchr::memmem::find(&request, b"\r\n\r\n").is_none() {
                assert_ne!(socket.read_buf(&mut request).await.unwrap(), 0);
            }
            socket.write_all(answer).await.unwrap();
        });
        address
    }

    #[tokio::test]
    async fn the_ways_a_body_ends_are_told_apart() {
        for (answer, body, expected) in [
            (
                &b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"[..],
                &b"x"[..],
                Ending::Finished,
            ),
            (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n", b"x", Ending::Truncated),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nxy", b"xy", Ending::Finished),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nxy", b"xy", Ending::Truncated),
            (b"HTTP/1.0 200 OK\r\n\r\nxyz", b"xyz", Ending::Closed),
        ] {
            let mut exchange = Exchange::start(server(answer).await, &Request::get("/")).await.unwrap();
            let mut read = Vec::new();
            assert_eq!((exchange.read_to_end(&mut read).await, read.as_slice()), (expected, body));
        }
    }

    #[tokio::test]
    async fn a_head_that_breaks_off_is_an_error() {
        let error = Exchange::start(server(b"HTTP/1.1 200 OK\r\n").await, &Request::get("/")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
