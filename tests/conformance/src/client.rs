//! A client of event streams that sees everything: each block, each byte, and how the response ended.

use std::{collections::VecDeque, io, net::SocketAddr};

use tokio::net::TcpStream;

use crate::{
    h2c,
    http1::{Ending, Exchange, Head, Read, Request},
    sse::{Block, Parser},
    wait::{PATIENCE, within},
};

/// What carries the stream.
#[derive(Debug)]
enum Transport {
    Http1(Exchange),
    Http2(h2c::Exchange),
}

impl Transport {
    async fn read(&mut self, output: &mut Vec<u8>) -> Read {
        match self {
            Self::Http1(exchange) => exchange.read(output).await,
            Self::Http2(exchange) => exchange.read(output).await,
        }
    }
}

/// One open stream.
#[derive(Debug)]
pub struct Stream {
    transport: Transport,
    parser: Parser,
    blocks: VecDeque<Block>,
    ending: Option<Ending>,
    recording: Option<Vec<u8>>,
    opening: Block,
    last_event_id: String,
}

impl Stream {
    /// Opens a stream and reads its first block.
    ///
    /// # Panics
    /// If the answer is anything else than an event stream that opens with `hub:connected`.
    pub async fn open(address: SocketAddr, request: &Request) -> Self {
        Self::answered(Exchange::start(address, request).await, request).await
    }

    /// The same on a socket that is connected already.
    ///
    /// # Panics
    /// If the answer is anything else than an event stream that opens with `hub:connected`.
    pub async fn open_over(socket: TcpStream, request: &Request) -> Self {
        Self::answered(Exchange::over(socket, request).await, request).await
    }

    async fn answered(exchange: io::Result<Exchange>, request: &Request) -> Self {
        let exchange = exchange.unwrap_or_else(|error| panic!("no stream for {request:?}: {error}"));
        assert_eq!(exchange.head.status, 200, "no stream for {request:?}");
        Self::opened(Transport::Http1(exchange)).await
    }

    /// The same over HTTP/2 in clear text.
    ///
    /// # Errors
    /// If the server does not speak it.
    ///
    /// # Panics
    /// If the answer is anything else than an event stream that opens with `hub:connected`.
    pub async fn open_http2(address: SocketAddr, target: &str) -> Result<Self, h2::Error> {
        let exchange = h2c::Exchange::start(address, target).await?;
        assert_eq!(exchange.status, 200, "no stream for {target}");
        Ok(Self::opened(Transport::Http2(exchange)).await)
    }

    /// Opens a stream unless it is refused.
    ///
    /// # Errors
    /// If the connection is refused or breaks before the head is complete, or with the head of a refusal.
    pub async fn try_open(address: SocketAddr, request: &Request) -> io::Result<Result<Self, Exchange>> {
        let exchange = Exchange::start(address, request).await?;
        Ok(if exchange.head.status == 200 { Ok(Self::new(Transport::Http1(exchange))) } else { Err(exchange) })
    }

    fn new(transport: Transport) -> Self {
        Self {
            transport,
            parser: Parser::default(),
            blocks: VecDeque::new(),
            ending: None,
            recording: Some(Vec::new()),
            opening: Block::default(),
            last_event_id: String::new(),
        }
    }

    async fn opened(transport: Transport) -> Self {
        let mut stream = Self::new(transport);
        stream.opening = stream.block("the first block").await;
        assert_eq!(stream.opening.name(), "hub:connected", "the stream opens with {:?}", stream.opening);
        stream
    }

    /// The response's head, over HTTP/1.
    ///
    /// # Panics
    /// Over HTTP/2.
    pub fn head(&self) -> &Head {
        match &self.transport {
            Transport::Http1(exchange) => &exchange.head,
            Transport::Http2(_) => panic!("the head of a stream over HTTP/2 is not kept"),
        }
    }

    /// The block that opened the stream.
    pub fn opening(&self) -> &Block {
        &self.opening
    }

    /// The connection id that the stream opened with.
    ///
    /// # Panics
    /// If the opening block tells none.
    pub fn connection(&self) -> String {
        let data: serde_json::Value = serde_json::from_str(self.opening.text()).expect("hub:connected carries JSON");
        data["connection"].as_str().filter(|id| !id.is_empty()).expect("hub:connected tells the connection").to_owned()
    }

    /// What a browser would send as `Last-Event-ID` if it lost the stream now; empty where it would send none.
    ///
    /// Only blocks that were taken count: what came after them was lost on the way.
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// Keeps no record of the raw bytes from here on.
    pub fn forget_bytes(&mut self) {
        self.recording = None;
    }

    /// Every byte of the body so far.
    ///
    /// # Panics
    /// If the stream was told to forget them.
    pub fn bytes(&self) -> &[u8] {
        self.recording.as_deref().expect("the stream was told to forget its bytes")
    }

    /// Reads from the transport once. Blocks wait to be taken.
    async fn fill(&mut self) {
        let mut bytes = Vec::new();
        let read = self.transport.read(&mut bytes).await;
        if let Some(recording) = &mut self.recording {
            recording.extend_from_slice(&bytes);
        }
        match self.parser.push(&bytes) {
            Ok(blocks) => self.blocks.extend(blocks),
            Err(error) => panic!("the stream is malformed: {error}"),
        }
        if let Read::End(ending) = read {
            if matches!(ending, Ending::Finished | Ending::Closed) {
                self.parser.finish().unwrap_or_else(|error| panic!("{error}"));
            }
            self.ending = Some(ending);
        }
    }

    /// The next block, or how the stream ended.
    ///
    /// # Errors
    /// Once the stream has ended.
    pub async fn next(&mut self) -> Result<Block, Ending> {
        loop {
            if let Some(block) = self.blocks.pop_front() {
                if let Some(id) = &block.id {
                    self.last_event_id.clone_from(id);
                }
                return Ok(block);
            }
            if let Some(ending) = self.ending {
                return Err(ending);
            }
            self.fill().await;
        }
    }

    /// The next block.
    ///
    /// # Panics
    /// If the stream ends instead, or nothing comes in time.
    pub async fn block(&mut self, what: &str) -> Block {
        match within(PATIENCE, what, self.next()).await {
            Ok(block) => block,
            Err(ending) => panic!("the stream ended ({ending:?}) before {what}"),
        }
    }

    /// Reads to the first block for which `wanted` holds; those before it must fire nothing in a browser.
    ///
    /// # Panics
    /// If an event comes before it, the stream ends, or it does not come in time.
    pub async fn quietly(&mut self, what: &str, wanted: impl Fn(&Block) -> bool) -> Block {
        within(PATIENCE, what, async {
            loop {
                let block = self.block(what).await;
                if wanted(&block) {
                    return block;
                }
                assert!(!block.is_event(), "before {what} comes {block:?}");
            }
        })
        .await
    }

    /// The next block that fires an event in a browser.
    ///
    /// # Panics
    /// If the stream ends instead, or nothing comes in time.
    pub async fn event(&mut self, what: &str) -> Block {
        within(PATIENCE, what, async {
            loop {
                let block = self.block(what).await;
                if block.is_event() {
                    return block;
                }
            }
        })
        .await
    }

    /// Reads to the end and returns what came before it.
    ///
    /// # Panics
    /// If the stream does not end in time.
    pub async fn end(&mut self, what: &str) -> (Vec<Block>, Ending) {
        within(PATIENCE, what, async {
            let mut blocks = Vec::new();
            loop {
                match self.next().await {
                    Ok(block) => blocks.push(block),
                    Err(ending) => return (blocks, ending),
                }
            }
        })
        .await
    }

    /// Reads a stream that its server ends, and returns the events before `hub:closing` and its reason.
    ///
    /// # Panics
    /// If it does not end so, in time.
    pub async fn closing(&mut self) -> (Vec<Block>, String) {
        let (mut blocks, ending) = self.end("the end of the stream").await;
        assert_eq!(ending, Ending::Finished, "a stream that the server ends is a finished response");
        let closing = blocks.pop().expect("hub:closing comes before the end");
        assert_eq!(closing.name(), "hub:closing", "{closing:?}");
        let data: serde_json::Value = serde_json::from_str(closing.text()).expect("hub:closing carries JSON");
        let reason = data["reason"].as_str().filter(|reason| !reason.is_empty()).expect("hub:closing tells its reason");
        blocks.retain(Block::is_event);
        (blocks, reason.to_owned())
    }

    fn http1(self) -> Exchange {
        match self.transport {
            Transport::Http1(exchange) => exchange,
            Transport::Http2(_) => panic!("a stream over HTTP/2 has no socket of its own"),
        }
    }

    /// Loses the connection as a closed laptop's browser does: FIN.
    ///
    /// # Panics
    /// Over HTTP/2.
    pub async fn fin(self) {
        self.http1().fin().await;
    }

    /// Loses the connection with RST.
    ///
    /// # Panics
    /// Over HTTP/2.
    pub fn reset(self) {
        self.http1().reset();
    }

    /// The socket below, for what no client should do to it.
    ///
    /// # Panics
    /// Over HTTP/2.
    pub fn socket(&mut self) -> &mut Exchange {
        match &mut self.transport {
            Transport::Http1(exchange) => exchange,
            Transport::Http2(_) => panic!("a stream over HTTP/2 has no socket of its own"),
        }
    }

    /// Ends the stream as a browser does on `EventSource.close()`: RST_STREAM over HTTP/2.
    ///
    /// # Panics
    /// Over HTTP/1, where that is [`Self::fin`].
    pub fn cancel(&mut self) {
        match &mut self.transport {
            Transport::Http2(exchange) => exchange.cancel(),
            Transport::Http1(_) => panic!("HTTP/1 knows no RST_STREAM"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::tests::server;

    /// A whole response with one chunk.
    macro_rules! response {
        ($length:literal, $body:literal) => {
            concat!(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                $length,
                "\r\n",
                "id: 1-0-a\nevent: hub:connected\ndata: {\"connection\":\"c\"}\n\n",
                $body,
                "\r\n0\r\n\r\n"
            )
            .as_bytes()
        };
    }

    #[tokio::test]
    async fn only_what_was_taken_moves_the_last_event_id() {
        let address = server(response!("57", "id: 2-0-a\ndata: x\n\nid: 3-0-a\n\n")).await;
        let mut stream = Stream::open(address, &Request::get("/")).await;
        assert_eq!((stream.connection().as_str(), stream.last_event_id()), ("c", "1-0-a"));
        assert_eq!(stream.event("the event").await.text(), "x");
        assert_eq!(stream.last_event_id(), "2-0-a");
        let (blocks, ending) = stream.end("the end").await;
        assert!(blocks.len() == 1 && blocks[0].is_cursor());
        assert_eq!((stream.last_event_id(), ending), ("3-0-a", Ending::Finished));
        assert!(stream.bytes().ends_with(b"id: 3-0-a\n\n"));
    }

    #[tokio::test]
    #[should_panic(expected = "the stream was ended inside a block")]
    async fn a_stream_that_is_finished_in_the_middle_of_a_block_is_malformed() {
        let address = server(response!("41", "data: x\n")).await;
        Stream::open(address, &Request::get("/")).await.end("the end").await;
    }

    #[tokio::test]
    #[should_panic(expected = "the stream ended (Finished) before the event")]
    async fn an_event_that_does_not_come_is_told() {
        let address = server(response!("39", "")).await;
        Stream::open(address, &Request::get("/")).await.event("the event").await;
    }
}
