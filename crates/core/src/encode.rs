//! The wire: event streams as the WHATWG HTML standard defines them
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! An event is encoded once. Everything but its id is written before the log is locked; the id is put in front when
//! the log gives it, into room kept free for it, so that a commit copies nothing.

use std::io::Write as _;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::event::Event;
use crate::id::EventId;

/// `id: ` + two `u64` + a log name + two dashes + LF fit in this.
const ID_ROOM: usize = 64;

/// What every response says about the stream, beside its status: never cached, transformed or buffered on the way.
///
/// `content-encoding: identity` keeps compressing middleware off it, which leaves alone what is encoded already; some
/// of it would take `text/event-stream` for text.
pub const RESPONSE_HEADERS: [(&str, &str); 4] = [
    ("content-type", "text/event-stream"),
    ("cache-control", "no-store, no-transform"),
    ("content-encoding", "identity"),
    ("x-accel-buffering", "no"),
];

/// A keep-alive that changes nothing at the client: an empty comment.
pub(crate) const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// An encoded event that waits for its id.
#[derive(Debug)]
pub(crate) struct Draft(BytesMut);

/// An encoded event, shared by all its receivers.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    bytes: Bytes,
    id_length: u8,
}

impl Draft {
    pub(crate) fn of(event: &Event) -> Self {
        Self::new(event.name.as_deref(), event.retry, &event.data)
    }

    pub(crate) fn new(name: Option<&str>, retry: Option<Duration>, data: &str) -> Self {
        let lines = Lines(Some(data.as_bytes())).count();
        let room = ID_ROOM + 40 + name.map_or(0, str::len) + data.len() + lines * b"data: \n".len();
        let mut buffer = BytesMut::with_capacity(room);
        buffer.resize(ID_ROOM, 0);
        if let Some(name) = name {
            put_field(&mut buffer, b"event", name.as_bytes());
        }
        if let Some(retry) = retry {
            put_retry(&mut buffer, retry);
        }
        put_data(&mut buffer, data.as_bytes());
        buffer.extend_from_slice(b"\n");
        Self(buffer)
    }

    /// How many bytes the frame will have at most.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Puts the id in front.
    pub(crate) fn seal(self, id: EventId) -> Frame {
        let mut room = [0; ID_ROOM];
        let mut rest = &mut room[..];
        // Cannot fail: ID_ROOM holds the longest id.
        let written = writeln!(rest, "id: {id}").map_or(0, |()| ID_ROOM - rest.len());
        let start = ID_ROOM - written;
        let mut buffer = self.0;
        if let (Some(gap), Some(line)) = (buffer.get_mut(start..ID_ROOM), room.get(..written)) {
            gap.copy_from_slice(line);
        }
        let mut bytes = buffer.freeze();
        bytes::Buf::advance(&mut bytes, start);
        Frame { bytes, id_length: written as u8 }
    }
}

impl Frame {
    /// The frame with its id: what live and replayed events look like.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The frame without its id, sharing the same memory: what an event in a snapshot looks like.
    pub(crate) fn without_id(&self) -> Bytes {
        self.bytes.slice(usize::from(self.id_length)..)
    }
}

/// The first block of a stream.
pub(crate) fn connected(connection: &str, retry: Duration, cursor: Option<EventId>) -> BytesMut {
    let mut block = BytesMut::with_capacity(160);
    put_retry(&mut block, retry);
    put_control(&mut block, "hub:connected", cursor, &serde_json::json!({ "connection": connection }));
    block
}

/// The event that tells a client it may have missed some.
pub(crate) fn gap(requested: &str, reason: &str, cursor: EventId) -> BytesMut {
    let mut block = BytesMut::with_capacity(160);
    put_control(&mut block, "hub:gap", Some(cursor), &serde_json::json!({ "requested": requested, "reason": reason }));
    block
}

/// The last block of a stream that the server ends on purpose.
pub(crate) fn closing(reason: &str, retry: Option<Duration>) -> Bytes {
    let mut block = BytesMut::with_capacity(96);
    if let Some(retry) = retry {
        put_retry(&mut block, retry);
    }
    put_control(&mut block, "hub:closing", None, &serde_json::json!({ "reason": reason }));
    block.freeze()
}

/// A block that moves the client's cursor and fires no event.
pub(crate) fn cursor(id: EventId) -> Bytes {
    Bytes::from(format!("id: {id}\n\n"))
}

fn put_control(block: &mut BytesMut, name: &str, cursor: Option<EventId>, data: &serde_json::Value) {
    if let Some(id) = cursor {
        put_field(block, b"id", id.to_string().as_bytes());
    }
    put_field(block, b"event", name.as_bytes());
    put_data(block, data.to_string().as_bytes());
    block.extend_from_slice(b"\n");
}

fn put_retry(buffer: &mut BytesMut, retry: Duration) {
    put_field(buffer, b"retry", retry.as_millis().to_string().as_bytes());
}

fn put_data(buffer: &mut BytesMut, data: &[u8]) {
    for line in Lines(Some(data)) {
        put_field(buffer, b"data", line);
    }
}

fn put_field(buffer: &mut BytesMut, name: &[u8], value: &[u8]) {
    buffer.extend_from_slice(name);
    buffer.extend_from_slice(b": ");
    buffer.extend_from_slice(value);
    buffer.extend_from_slice(b"\n");
}

/// The lines of a text that is split at LF, CR and CRLF, one break each. Always at least one.
struct Lines<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.0.take()?;
        let Some((line, broken)) = memchr::memchr2(b'\r', b'\n', text).and_then(|end| text.split_at_checked(end))
        else {
            return Some(text);
        };
        self.0 = broken.strip_prefix(b"\r\n").or_else(|| broken.get(1..));
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::LogName;

    fn encode(event: &Event) -> Frame {
        Draft::of(event).seal("5-1-abc".parse().unwrap())
    }

    #[test]
    fn a_frame_has_its_fields_in_order_and_can_be_had_without_its_id() {
        let event = Event::text("price", "1\r\n2\r3\n\n").unwrap().retry(Duration::from_millis(7));
        let frame = encode(&event);
        let rest = "event: price\nretry: 7\ndata: 1\ndata: 2\ndata: 3\ndata: \ndata: \n\n";
        assert_eq!(frame.bytes(), format!("id: 5-1-abc\n{rest}").as_bytes());
        assert_eq!(frame.without_id(), rest.as_bytes());
    }

    #[test]
    fn empty_data_is_still_an_event() {
        assert_eq!(encode(&Event::message("")).without_id(), b"data: \n\n".as_slice());
    }

    #[test]
    fn the_longest_id_fits() {
        let log: LogName = "abcdefghijklmno".parse().unwrap();
        let id = EventId::new(u64::MAX, u64::MAX, log);
        let frame = Draft::of(&Event::message("x")).seal(id);
        assert_eq!(frame.bytes(), format!("id: {id}\ndata: x\n\n").as_bytes());
    }
}
