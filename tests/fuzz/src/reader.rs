//! A stream, read as far as there is anything, through the strict parser.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::{FutureExt as _, StreamExt as _};
use ssehub::Connection;
use ssehub_conformance::foreign;
use ssehub_conformance::sse::{Block, Parser};

/// The reading end of a connection, as a client has it.
#[derive(Debug)]
pub(crate) struct Reader {
    connection: Option<Connection>,
    parser: Parser,
    /// Everything that came, as it came.
    pub(crate) bytes: Vec<u8>,
    /// What an `EventSource` would send as `Last-Event-ID`.
    pub(crate) last_event_id: String,
}

impl Reader {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection: Some(connection),
            parser: Parser::default(),
            bytes: Vec::new(),
            last_event_id: String::new(),
        }
    }

    /// Whether the server has ended the stream.
    pub(crate) fn is_over(&self) -> bool {
        self.connection.is_none()
    }

    /// Reads what there is now.
    pub(crate) fn read(&mut self) -> Vec<Block> {
        // A reader with much to skip gives way in the middle of it, and asks to be polled again.
        let again = Arc::new(Flag::default());
        let waker = Waker::from(Arc::clone(&again));
        let mut blocks = Vec::new();
        while let Some(connection) = &mut self.connection {
            match connection.poll_next_unpin(&mut Context::from_waker(&waker)) {
                Poll::Ready(Some(bytes)) => blocks.append(&mut self.take_in(&bytes)),
                Poll::Ready(None) => {
                    self.connection = None;
                    self.parser.finish().expect("a stream ends between two blocks");
                }
                Poll::Pending if again.0.swap(false, Ordering::SeqCst) => {}
                Poll::Pending => break,
            }
        }
        blocks
    }

    fn take_in(&mut self, bytes: &[u8]) -> Vec<Block> {
        assert!(bytes.ends_with(b"\n\n"), "a write is whole blocks: {:?}", String::from_utf8_lossy(bytes));
        self.bytes.extend_from_slice(bytes);
        let blocks = self.parser.push(bytes).unwrap_or_else(|malformed| panic!("{malformed}"));
        if let Some(id) = blocks.iter().rev().find_map(|block| block.id.as_ref()) {
            self.last_event_id.clone_from(id);
        }
        blocks
    }
}

/// What an `EventSource` makes of data: one line break is as good as another.
pub(crate) fn as_read(data: &str) -> String {
    data.replace("\r\n", "\n").replace('\r', "\n")
}

/// Checks that the foreign parser, given pieces of `piece` bytes, reads what the strict one has read.
pub(crate) fn check_foreign(bytes: &[u8], piece: usize, strict: &[Block]) {
    let foreign = now(foreign::parse(bytes, piece));
    let strict: Vec<_> = strict.iter().filter(|block| !block.is_comment()).collect();
    assert_eq!(strict.len(), foreign.len(), "{strict:?} is not {foreign:?}");
    for (strict, foreign) in strict.into_iter().zip(foreign) {
        let (strict, foreign) = (
            (&strict.id, &strict.event, &strict.data, strict.retry),
            (&foreign.id, &foreign.event, &foreign.data, foreign.retry),
        );
        assert_eq!(strict, foreign);
    }
}

/// What resolves without waiting.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("this does not wait")
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}
