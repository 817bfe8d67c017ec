//! Reading a request's data, and no more of it than is allowed.

use std::fmt::Display;
use std::pin::Pin;

use bytes::Bytes;
use futures::{Stream, StreamExt};

use crate::answer::Answer;

/// What is too long is read on for so many bytes and thrown away: a client that is cut off while it sends may not
/// see the answer.
const THROWN_AWAY: u64 = 8 * 1024 * 1024;

/// The body as text of at most `limit` bytes. Memory is bounded by that, whatever the client sends.
pub(super) async fn read<B, E>(length: Option<u64>, mut body: B, limit: usize) -> Result<String, Answer>
where
    B: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Display,
{
    let most = THROWN_AWAY.saturating_add(limit as u64);
    if length.is_some_and(|length| length > most) {
        return Err(too_large(limit));
    }
    let mut data = Vec::new();
    let mut received = 0u64;
    while let Some(chunk) = Pin::new(&mut body).next().await {
        let chunk = chunk.map_err(|error| Answer::bad(&format!("the body broke off: {error}")))?;
        received = received.saturating_add(chunk.len() as u64);
        if received <= limit as u64 {
            data.extend_from_slice(&chunk);
        } else if received > most {
            break;
        }
    }
    if received > limit as u64 {
        return Err(too_large(limit));
    }
    String::from_utf8(data).map_err(|error| Answer::bad(&format!("the body is not UTF-8: {}", error.utf8_error())))
}

fn too_large(limit: usize) -> Answer {
    Answer::error(413, &format!("the data is larger than --max-event-bytes allows, which is {limit} bytes"))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream;

    use super::*;

    async fn read_chunks(chunks: &[&'static [u8]], limit: usize) -> Result<String, u16> {
        let chunks = chunks.iter().map(|chunk| Ok::<_, Infallible>(Bytes::from_static(chunk)));
        read(None, stream::iter(chunks), limit).await.map_err(|answer| answer.status)
    }

    #[tokio::test]
    async fn the_limit_is_the_last_length_that_is_allowed() {
        assert_eq!(read_chunks(&[b"ab", b"cd"], 4).await.as_deref(), Ok("abcd"));
        assert_eq!(read_chunks(&[b"ab", b"cde"], 4).await, Err(413));
        assert_eq!(read_chunks(&[], 0).await.as_deref(), Ok(""));
    }

    #[tokio::test]
    async fn a_character_may_be_cut_by_a_chunk_but_not_by_the_end() {
        assert_eq!(read_chunks(&[b"\xc3", b"\xa9"], 9).await.as_deref(), Ok("é"));
        assert_eq!(read_chunks(&[b"a\xc3"], 9).await, Err(400));
    }

    #[tokio::test]
    async fn an_endless_body_is_not_read_to_its_end() {
        let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
        let endless = stream::repeat_with(|| Ok::<_, Infallible>(chunk.clone()));
        assert_eq!(read(None, endless, 10).await.map_err(|answer| answer.status), Err(413));
    }

    #[tokio::test]
    async fn a_length_that_is_far_too_large_is_refused_without_reading() {
        let never = stream::pending::<Result<Bytes, Infallible>>();
        let refused = read(Some(1 << 40), never, 10).await;
        assert_eq!(refused.map_err(|answer| answer.status), Err(413));
    }
}
