//! Answers to requests that were sent one behind the other on one connection.

use crate::head::{Head, Length};

/// The body of an answer is never longer.
const LONGEST_BODY: usize = 64 * 1024;

/// Reads one answer after the other, as they come.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// What has come of an answer that is not whole.
    partial: Vec<u8>,
    /// Answers that were read.
    good: u64,
}

impl Answers {
    /// Answers so far. All of them said that the request has succeeded.
    pub(crate) fn good(&self) -> u64 {
        self.good
    }

    /// Takes what came next.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.partial.extend_from_slice(bytes);
        let mut read = 0;
        while let Some(head) = Head::parse(self.partial.get(read..).unwrap_or_default())? {
            let length = match head.content {
                Length::Told(length) if length <= LONGEST_BODY => length,
                Length::Told(length) => return Err(format!("an answer of {length} bytes")),
                Length::Untold if head.status == 204 => 0,
                Length::Untold => return Err("an answer does not tell how long it is".to_owned()),
            };
            let begin = read + head.length;
            let Some(body) = self.partial.get(begin..begin + length) else { break };
            if !(200..300).contains(&head.status) {
                return Err(format!("status {}: {}", head.status, String::from_utf8_lossy(body).trim()));
            }
            self.good += 1;
            read = begin + length;
        }
        self.partial.drain(..read);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 204 No Content\r\n\r\n\
        HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";

    #[test]
    fn answers_are_counted_however_they_are_cut() {
        for piece in 1..=THREE.len() {
            let mut answers = Answers::default();
            THREE.chunks(piece).for_each(|bytes| answers.take(bytes).unwrap());
            assert_eq!(answers.good(), 3, "{piece}");
        }
    }

    #[test]
    fn an_answer_is_not_counted_before_it_is_whole() {
        let mut answers = Answers::default();
        answers.take(&THREE[..42]).unwrap();
        assert_eq!(answers.good(), 0);
    }

    #[test]
    fn what_is_refused_is_told() {
        let refused = Answers::default().take(b"HTTP/1.1 501 No\r\ncontent-length: 9\r\n\r\nnot here\n");
        assert_eq!(refused, Err("status 501: not here".to_owned()));
        let endless = Answers::default().take(b"HTTP/1.1 200 OK\r\n\r\nhello");
        assert!(endless.is_err());
    }
}
