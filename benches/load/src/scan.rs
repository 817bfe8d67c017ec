//! Event streams, scanned as they come for the events that `/publish` made.
//!
//! Such an event has one line of data, `#COUNTER UNIX_NANOS xxx…`, or that within JSON, as some servers send whatever
//! they are given. Other events and comments are passed over. An event counts at its empty line, as a browser counts it.

use memchr::memchr;

/// One event that was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) counter: u64,
    /// When it was made: nanoseconds since 1970.
    pub(crate) made: u64,
}

/// The scanner of one stream. Lines end with LF or CRLF.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    /// What the data of the current event tells.
    event: Option<Published>,
    /// The last id, where somebody asks for it.
    id: Option<Vec<u8>>,
}

impl Scanner {
    /// One that remembers the last id.
    pub(crate) fn with_ids() -> Self {
        Self { id: Some(Vec::new()), ..Self::default() }
    }

    /// The last id that came, where it is remembered.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.id.as_deref().and_then(|id| str::from_utf8(id).ok()).map(str::trim).filter(|id| !id.is_empty())
    }

    /// What comes next is another stream, which continues this one.
    pub(crate) fn restart(&mut self) {
        self.partial.clear();
        self.event = None;
    }

    /// Gives `found` each event that ends in `bytes`.
    pub(crate) fn scan(&mut self, mut bytes: &[u8], mut found: impl FnMut(Published)) {
        if !self.partial.is_empty() {
            let Some(end) = memchr(b'\n', bytes) else { return self.partial.extend_from_slice(bytes) };
            let (here, rest) = bytes.split_at(end + 1);
            self.partial.extend_from_slice(here);
            let mut line = std::mem::take(&mut self.partial);
            self.line(line.get(..line.len() - 1).unwrap_or_default(), &mut found);
            line.clear();
            self.partial = line;
            bytes = rest;
        }
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            self.line(line, &mut found);
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.partial.extend_from_slice(bytes);
    }

    /// Takes a line without its line feed.
    fn line(&mut self, line: &[u8], found: &mut impl FnMut(Published)) {
        match line {
            [] | [b'\r'] => {
                if let Some(event) = self.event.take() {
                    found(event);
                }
            }
            [b'd', b'a', b't', b'a', b':', data @ ..] => self.event = published(data),
            [b'i', b'd', b':', id @ ..] => {
                if let Some(last) = &mut self.id {
                    last.clear();
                    last.extend_from_slice(id);
                }
            }
            _ => {}
        }
    }
}

/// Reads `#COUNTER UNIX_NANOS` from where the `#` is.
fn published(data: &[u8]) -> Option<Published> {
    let (counter, rest) = number(data.get(memchr(b'#', data)? + 1..)?)?;
    let (made, _) = number(rest.strip_prefix(b" ")?)?;
    Some(Published { counter, made })
}

/// The number that `bytes` begin with, and what follows it.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number: u64 = 0;
    let mut rest = bytes;
    while let Some((eight, behind)) = rest.split_first_chunk()
        && let Some(digits) = eight_digits(*eight)
    {
        number = number.checked_mul(100_000_000)?.checked_add(digits)?;
        rest = behind;
    }
    while let [digit @ b'0'..=b'9', behind @ ..] = rest {
        number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        rest = behind;
    }
    (rest.len() < bytes.len()).then_some((number, rest))
}

/// The number that eight digits make, all at once: digit by digit, the times would cost more than everything else.
fn eight_digits(bytes: [u8; 8]) -> Option<u64> {
    const ALL: u64 = u64::MAX / 255;
    let digits = u64::from_le_bytes(bytes);
    // From '0' to '9' it stays between 0x30 and 0x3f also with six more.
    let with_six = digits.wrapping_add(6 * ALL);
    if digits & (0xf0 * ALL) != 0x30 * ALL || with_six & (0xf0 * ALL) != 0x30 * ALL {
        return None;
    }
    // Neighbours are joined: eight numbers below 10 to four below 100, to two below 10,000, to one.
    let pairs = ((digits & (0x0f * ALL)).wrapping_mul((10 << 8) + 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul((100 << 16) + 1) >> 16) & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul((10_000 << 32) + 1) >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"retry: 3000\nid: 1-0-a\nevent: hub:connected\ndata: {\"connection\":\"1 2\"}\n\n\
        : keep-alive\n\nid: 2-0-a\ndata: #0 1700000000000000001 xxx\n\n\
        id: 3-0-a\r\ndata:#1 1700000000000000002\r\n\r\ndata: # no number\n\ndata: #12 5\n\n";

    #[test]
    fn numbers_of_any_length_are_read() {
        for text in
            ["0", "7", "1234567", "12345678", "123456789", "90000000", "1700000000000000001", "18446744073709551615"]
        {
            let expected = text.parse().unwrap();
            assert_eq!(number(format!("{text} x").as_bytes()), Some((expected, &b" x"[..])), "{text}");
        }
        assert_eq!(number(b"18446744073709551616"), None);
        for strange in [b'/', b':', b'a', 0, 0xb1, 0xff] {
            let mut eight = *b"12345678";
            eight[3] = strange;
            assert_eq!(number(&eight), Some((123, &eight[3..])), "{strange}");
        }
    }

    fn scan<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<(u64, u64)> {
        let (mut scanner, mut events) = (Scanner::default(), Vec::new());
        for piece in pieces {
            scanner.scan(piece, |event| events.push((event.counter, event.made)));
        }
        events
    }

    #[test]
    fn published_events_are_found_however_the_stream_is_cut() {
        let all = [(0, 1_700_000_000_000_000_001), (1, 1_700_000_000_000_000_002), (12, 5)];
        assert_eq!(scan([STREAM]), all);
        assert_eq!(scan(STREAM.chunks(1)), all);
        for cut in 1..STREAM.len() {
            assert_eq!(scan([&STREAM[..cut], &STREAM[cut..]]), all, "cut at {cut}");
        }
    }

    #[test]
    fn data_within_json_is_found() {
        assert_eq!(scan([&b"data: \"#3 17 xxx\"\n\n"[..]]), [(3, 17)]);
        assert_eq!(scan([&b"data: {\"channel\":\"all\",\"payload\":\"#3 17 xxx\"}\n\n"[..]]), [(3, 17)]);
    }

    #[test]
    fn an_event_counts_at_its_empty_line_and_not_before() {
        assert_eq!(scan([&b"data: #0 1\n"[..]]), []);
        assert_eq!(scan([&b"data: #0 1\n\n"[..]]), [(0, 1)]);
        assert_eq!(scan([&b"data: #0 1\n\n\n\n"[..]]), [(0, 1)], "more empty lines are no more events");
    }

    #[test]
    fn the_last_id_is_remembered_where_it_is_asked_for() {
        let (mut with, mut without) = (Scanner::with_ids(), Scanner::default());
        assert_eq!(with.last_id(), None);
        STREAM.chunks(3).for_each(|bytes| with.scan(bytes, |_| {}));
        without.scan(STREAM, |_| {});
        assert_eq!((with.last_id(), without.last_id()), (Some("3-0-a"), None));
    }

    #[test]
    fn a_stream_that_was_cut_off_leaves_no_half_event() {
        let mut scanner = Scanner::with_ids();
        let mut events = Vec::new();
        scanner.scan(b"id: 1-0-a\n\ndata: #0 1\nid:", |event| events.push(event.counter));
        scanner.restart();
        scanner.scan(b"\ndata: #1 1\n\n", |event| events.push(event.counter));
        assert_eq!((events.as_slice(), scanner.last_id()), (&[1][..], Some("1-0-a")));
    }

    #[test]
    fn numbers_too_large_are_no_events() {
        assert_eq!(scan([&b"data: #99999999999999999999 1\n\n"[..]]), []);
    }
}
