//! The same bytes through somebody else's parser.
//!
//! The suite's own parser and the hub's encoder could share a misunderstanding of the standard; the crate
//! `sse-stream` was written by neither.

use std::convert::Infallible;

use bytes::Bytes;
use futures::StreamExt as _;
use sse_stream::{Sse, SseByteStream};

/// Every block of `stream` that has a field, as the foreign parser reads it in pieces of `piece` bytes.
///
/// # Panics
/// If the foreign parser refuses the bytes.
pub async fn parse(stream: &[u8], piece: usize) -> Vec<Sse> {
    let pieces: Vec<Result<Bytes, Infallible>> =
        stream.chunks(piece.max(1)).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    SseByteStream::new(futures::stream::iter(pieces))
        .map(|block| block.unwrap_or_else(|error| panic!("the foreign parser refuses the stream: {error}")))
        .collect()
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sse::Parser;

    #[tokio::test]
    async fn both_parsers_read_a_stream_alike() {
        let stream =
            "retry: 1\nid: 1-0-a\nevent: e: \u{e9}\ndata: \u{feff}x\ndata: \n\n:\n\nid: 2-0-a\n\ndata: \n\n".as_bytes();
        let own = Parser::default().push(stream).unwrap();
        let own: Vec<_> = own.into_iter().filter(|block| !block.is_comment()).collect();
        for piece in [1, 7, 1000] {
            let foreign = parse(stream, piece).await;
            assert_eq!(own.len(), foreign.len());
            for (own, foreign) in own.iter().zip(foreign) {
                assert_eq!(
                    (&own.id, &own.event, &own.data, own.retry),
                    (&foreign.id, &foreign.event, &foreign.data, foreign.retry)
                );
            }
        }
    }
}
