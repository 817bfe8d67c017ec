//! One response of HTTP/1.1, read as it comes.

use crate::head::{Body, Head};

/// How far a response has come.
#[derive(Debug)]
pub(crate) struct Response(State);

#[derive(Debug)]
enum State {
    Head(Vec<u8>),
    Body(u16, Body),
    Ended(u16),
}

impl Default for Response {
    fn default() -> Self {
        Self(State::Head(Vec::new()))
    }
}

impl Response {
    /// Takes what came next, and gives `content` what of it belongs to the body.
    pub(crate) fn take(&mut self, bytes: &[u8], mut content: impl FnMut(&[u8])) -> Result<(), &'static str> {
        match &mut self.0 {
            State::Head(head) => {
                head.extend_from_slice(bytes);
                let Some(Head { status, mut body, length, .. }) = Head::parse(head)? else { return Ok(()) };
                let ended = body.decode(head.get(length..).unwrap_or_default(), content)?;
                self.0 = if ended { State::Ended(status) } else { State::Body(status, body) };
            }
            State::Body(status, body) => {
                if body.decode(bytes, &mut content)? {
                    self.0 = State::Ended(*status);
                }
            }
            State::Ended(_) => {}
        }
        Ok(())
    }

    /// The status, once the head has come.
    pub(crate) fn status(&self) -> Option<u16> {
        match self.0 {
            State::Head(_) => None,
            State::Body(status, _) | State::Ended(status) => Some(status),
        }
    }

    /// Whether the body has told its end.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.0, State::Ended(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_the_same_however_it_is_cut() {
        let whole = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        for piece in 1..=whole.len() {
            let (mut response, mut content) = (Response::default(), Vec::new());
            for bytes in whole.chunks(piece) {
                response.take(bytes, |bytes| content.extend_from_slice(bytes)).unwrap();
            }
            assert_eq!((response.status(), response.has_ended()), (Some(200), true));
            assert_eq!(content, b"hello");
        }
    }
}
