//! The head of a response: its status, and how its body ends.

use crate::chunked::Chunked;

/// A longer head is taken for something else.
const LONGEST: usize = 16 * 1024;

/// How a body is told from what follows it.
#[derive(Debug)]
pub(crate) enum Body {
    Chunked(Chunked),
    /// It ends with the connection.
    Plain,
}

impl Body {
    /// Gives `content` the bytes of the body that are in `bytes`; `true` once the body has ended.
    pub(crate) fn decode(&mut self, bytes: &[u8], mut content: impl FnMut(&[u8])) -> Result<bool, &'static str> {
        match self {
            Self::Chunked(chunked) => chunked.decode(bytes, content),
            Self::Plain => {
                content(bytes);
                Ok(false)
            }
        }
    }
}

/// The length of a body, as the head tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Told(usize),
    Untold,
}

/// A head that has come as a whole.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) body: Body,
    pub(crate) content: Length,
    /// Where the body begins.
    pub(crate) length: usize,
}

impl Head {
    /// Reads a head from the beginning of `bytes`; nothing while it is not complete.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, &'static str> {
        let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
            return if bytes.len() > LONGEST { Err("the head of a response is too long") } else { Ok(None) };
        };
        let head = std::str::from_utf8(bytes.get(..end).unwrap_or_default()).map_err(|_| "a head is no text")?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
        let status = status.ok_or("the response is not HTTP/1.1")?;
        let (mut chunked, mut content) = (false, Length::Untold);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = value.trim().eq_ignore_ascii_case("chunked");
            } else if name.eq_ignore_ascii_case("content-length") {
                content = Length::Told(value.trim().parse().map_err(|_| "a length that is no number")?);
            }
        }
        let body = if chunked { Body::Chunked(Chunked::default()) } else { Body::Plain };
        Ok(Some(Self { status, body, content, length: end + 4 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_complete() {
        let whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\n";
        for end in 0..whole.len() - 3 {
            assert!(Head::parse(&whole[..end]).unwrap().is_none(), "{end}");
        }
        let head = Head::parse(whole).unwrap().unwrap();
        assert_eq!((head.status, head.length), (200, whole.len() - 3));
        assert!(matches!(head.body, Body::Chunked(_)));
    }

    #[test]
    fn a_body_that_is_not_chunked_ends_with_the_connection() {
        let head = Head::parse(b"HTTP/1.1 503 \r\ncontent-type: text/plain\r\n\r\n").unwrap().unwrap();
        assert_eq!(head.status, 503);
        let (mut body, mut content) = (head.body, Vec::new());
        assert_eq!(body.decode(b"5\r\n", |bytes| content.extend_from_slice(bytes)), Ok(false));
        assert_eq!(content, b"5\r\n");
    }

    #[test]
    fn the_length_of_a_body_is_read_where_it_is_told() {
        let length = |told: &str| Head::parse(format!("HTTP/1.1 200 OK\r\n{told}\r\n").as_bytes());
        let content = |told| length(told).unwrap().unwrap().content;
        assert_eq!((content("Content-Length: 12\r\n"), content("")), (Length::Told(12), Length::Untold));
        assert!(length("content-length: many\r\n").is_err());
    }

    #[test]
    fn what_is_no_response_is_refused() {
        assert!(Head::parse(b"HTTP/1.0 200 OK\r\n\r\n").is_err());
        assert!(Head::parse(b"220 mail.example.org\r\n\r\n").is_err());
        assert!(Head::parse(&[b'a'; LONGEST + 1]).is_err());
    }
}
