//! Chunked bodies of HTTP/1.1, decoded as they come, however they are cut.

use memchr::memchr;

/// A line that tells a chunk's length, or a trailer, is never longer.
const LONGEST_LINE: usize = 1024;

/// What is expected next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// The line with the length of the next chunk; so far it tells `length`, and `line` bytes of it have come.
    Length { length: u64, digits: bool, line: usize },
    /// That many bytes of a chunk.
    Bytes(u64),
    /// The line break behind a chunk.
    Break,
    /// Lines behind the last chunk; that many bytes of the current one have come.
    Trailer(usize),
    /// Nothing more.
    End,
}

const LENGTH: Expected = Expected::Length { length: 0, digits: true, line: 0 };

/// The decoder of one body.
#[derive(Debug)]
pub(crate) struct Chunked(Expected);

impl Default for Chunked {
    fn default() -> Self {
        Self(LENGTH)
    }
}

impl Chunked {
    /// Gives `content` the bytes of the body that are in `bytes`; `true` once the body has ended.
    pub(crate) fn decode(&mut self, mut bytes: &[u8], mut content: impl FnMut(&[u8])) -> Result<bool, &'static str> {
        loop {
            match self.0 {
                Expected::End => return Ok(true),
                _ if bytes.is_empty() => return Ok(false),
                Expected::Bytes(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let (chunk, rest) = bytes.split_at(here);
                    content(chunk);
                    bytes = rest;
                    let left = left - here as u64;
                    self.0 = if left == 0 { Expected::Break } else { Expected::Bytes(left) };
                }
                Expected::Break => {
                    let (byte, rest) = first(bytes);
                    bytes = rest;
                    match byte {
                        b'\r' => {}
                        b'\n' => self.0 = LENGTH,
                        _ => return Err("a chunk is longer than it told"),
                    }
                }
                Expected::Length { length, digits, line } => {
                    let (byte, rest) = first(bytes);
                    bytes = rest;
                    self.0 = length_after(length, digits, line, byte)?;
                }
                Expected::Trailer(line) => {
                    let Some(end) = memchr(b'\n', bytes) else {
                        let line = line + bytes.len();
                        self.0 = Expected::Trailer(line);
                        return if line > LONGEST_LINE { Err("a trailer is too long") } else { Ok(false) };
                    };
                    let (here, rest) = bytes.split_at(end + 1);
                    bytes = rest;
                    // The empty line ends it, with or without its carriage return.
                    let empty = line + here.len() <= 2 && matches!(here, b"\n" | b"\r\n");
                    self.0 = if empty { Expected::End } else { Expected::Trailer(0) };
                }
            }
        }
    }
}

/// What is expected once `byte` of a length's line has come.
fn length_after(length: u64, digits: bool, line: usize, byte: u8) -> Result<Expected, &'static str> {
    let line = line + 1;
    if byte == b'\n' {
        return match (line, length) {
            (1, _) => Err("a chunk tells no length"),
            (_, 0) => Ok(Expected::Trailer(0)),
            _ => Ok(Expected::Bytes(length)),
        };
    }
    if line > LONGEST_LINE {
        return Err("the line with a chunk's length is too long");
    }
    let digit = if digits { char::from(byte).to_digit(16) } else { None };
    match digit {
        Some(_) if length > u64::MAX >> 4 => Err("a chunk's length is too large"),
        Some(digit) => Ok(Expected::Length { length: length << 4 | u64::from(digit), digits, line }),
        None if line == 1 => Err("a chunk tells no length"),
        // What follows the digits is an extension, which means nothing here.
        None => Ok(Expected::Length { length, digits: false, line }),
    }
}

/// The first byte of `bytes`, which are not empty, and the others.
fn first(bytes: &[u8]) -> (u8, &[u8]) {
    bytes.split_first().map_or((0, bytes), |(byte, rest)| (*byte, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"5\r\nhello\r\n1;name=value\r\n \r\n0000A\r\nfrom here.\r\n0\r\ntrailer: yes\r\n\r\n";

    fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (String, bool) {
        let (mut decoder, mut content, mut ended) = (Chunked::default(), Vec::new(), false);
        for piece in pieces {
            ended = decoder.decode(piece, |bytes| content.extend_from_slice(bytes)).unwrap();
        }
        (String::from_utf8(content).unwrap(), ended)
    }

    #[test]
    fn a_body_is_the_same_however_it_is_cut() {
        let whole = ("hello from here.".to_owned(), true);
        assert_eq!(decode([BODY]), whole);
        assert_eq!(decode(BODY.chunks(1)), whole);
        for cut in 1..BODY.len() {
            assert_eq!(decode([&BODY[..cut], &BODY[cut..]]), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_body_has_not_ended_before_its_last_byte() {
        for end in 0..BODY.len() {
            assert!(!decode([&BODY[..end]]).1, "{end}");
        }
    }

    #[test]
    fn content_is_given_before_its_chunk_is_whole() {
        assert_eq!(decode([&b"5\r\nhel"[..]]), ("hel".to_owned(), false));
    }

    #[test]
    fn what_is_not_chunked_is_refused() {
        for bad in ["\r\n", "x\r\n", "3\r\nabcd\r\n", "11112222333344445\r\n"] {
            assert!(Chunked::default().decode(bad.as_bytes(), |_| {}).is_err(), "{bad}");
        }
        let endless = [b"1".as_slice(), &[b';'; 2000]].concat();
        assert!(Chunked::default().decode(&endless, |_| {}).is_err());
    }
}
