//! Events as they go over the wire: like the hub's, in chunks of HTTP/1.1.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// The name of the log in each id; a hub draws one.
const LOG: &str = "floor1";

/// Bytes of one chunk, kept from chunk to chunk so that nothing is allocated for an event.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    events: Vec<u8>,
    bytes: Vec<u8>,
    /// Counts through all events, as the second part of the id.
    sequence: u64,
}

impl Chunk {
    /// Forgets the events put before.
    pub(crate) fn clear(&mut self) {
        self.events.clear();
    }

    /// Adds an event whose data is `#COUNTER UNIX_NANOS xxx…`, of `size` bytes where counter and time leave room.
    pub(crate) fn push(&mut self, counter: u64, size: usize) {
        // A clock before 1970 is no reason to fail.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let events = &mut self.events;
        // Writing to a Vec cannot fail.
        let _ = write!(events, "id: {}-{}-{LOG}\ndata: ", now / 1_000_000, self.sequence);
        self.sequence += 1;
        let data = events.len();
        let _ = write!(events, "#{counter} {now}");
        if events.len() - data < size {
            events.push(b' ');
            events.resize(data + size, b'x');
        }
        events.extend_from_slice(b"\n\n");
    }

    /// The events since the last [`clear`](Self::clear) as one chunk.
    pub(crate) fn bytes(&mut self) -> &[u8] {
        self.bytes.clear();
        let _ = write!(self.bytes, "{:X}\r\n", self.events.len());
        self.bytes.extend_from_slice(&self.events);
        self.bytes.extend_from_slice(b"\r\n");
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_tells_its_length_and_holds_whole_events() {
        let mut chunk = Chunk::default();
        chunk.push(0, 96);
        chunk.push(1, 96);
        let text = String::from_utf8(chunk.bytes().to_vec()).unwrap();
        let (length, rest) = text.split_once("\r\n").unwrap();
        let body = rest.strip_suffix("\r\n").unwrap();
        assert_eq!(usize::from_str_radix(length, 16).unwrap(), body.len());
        let events: Vec<&str> = body.split_terminator("\n\n").collect();
        assert_eq!(events.len(), 2);
        for (counter, event) in events.iter().enumerate() {
            let (id, data) = event.split_once('\n').unwrap();
            assert!(id.starts_with("id: ") && id.ends_with(&format!("-{counter}-{LOG}")), "{id}");
            let data = data.strip_prefix("data: ").unwrap();
            assert_eq!(data.len(), 96);
            assert!(data.starts_with(&format!("#{counter} ")), "{data}");
        }
    }

    #[test]
    fn a_small_size_still_tells_counter_and_time() {
        let mut chunk = Chunk::default();
        chunk.push(7, 0);
        let text = String::from_utf8(chunk.bytes().to_vec()).unwrap();
        assert!(text.contains("data: #7 1"), "{text}");
        assert!(!text.contains('x'), "{text}");
    }
}
