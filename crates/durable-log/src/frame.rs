//! Frames: entries as they lie on the disk, in the store and in the journal.
//!
//! A frame can be told from anything else, whole or not, wherever it is found: so what is whole can be saved from a store
//! that cannot be opened any more (`salvage.rs`). It names the lasting entry before it, which tells whether one is missing.
//!
//! ```text
//! magic     4 bytes, the last of which is the format
//! checksum  u32, CRC-32 of all that follows
//! length    u32, of all that follows the record's length
//! record    u32, the length of the record
//! position  u64 ms, u64 seq
//! before    u64 ms, u64 seq: the lasting entry before this one
//! the record
//! for each change of the state: u8, 1 to set and 2 to remove; u32, the length of the key; the key
//! ```
//!
//! Numbers are little-endian.

use bytes::{Buf, BufMut as _, Bytes};
use ssehub::{Record, StateChange};

use crate::position::Position;

/// The form that this version writes and reads, of the whole directory. It grows when anything in here, or in the tables
/// of the store, changes its meaning.
pub(crate) const FORMAT: u8 = 1;

/// What every frame begins with. It is no UTF-8, so that no text in a record passes for a frame.
pub(crate) const MAGIC: [u8; 4] = [0xE5, b's', b'h', FORMAT];

/// The bytes before the record.
const HEAD: usize = 48;

/// Those of them that `length` does not count.
const UNCOUNTED: usize = 16;

/// No frame is longer: the longest record, and as many keys as one may have, of the longest.
pub(crate) const MAX_FRAME: usize = HEAD + crate::MAX_RECORD_BYTES + ssehub::MAX_AUDIENCE * (ssehub::MAX_STATE_KEY + 5);

const SET: u8 = 1;
const REMOVE: u8 = 2;

/// How long the frame of a record is.
pub(crate) fn length_of(record: &Record) -> usize {
    let key = |change: &StateChange| match change {
        StateChange::Set(key) | StateChange::Remove(key) => 5 + key.len(),
    };
    HEAD + record.bytes().len() + record.state().iter().map(key).sum::<usize>()
}

/// A lasting entry.
#[derive(Clone, Debug)]
pub(crate) struct Lasting {
    pub(crate) position: Position,
    /// The one before it, or the place where the log began.
    pub(crate) before: Position,
    pub(crate) record: Record,
}

impl Lasting {
    /// Appends the entry's frame.
    pub(crate) fn encode(&self, frames: &mut Vec<u8>) {
        let start = frames.len();
        let record = self.record.bytes();
        frames.put_slice(&MAGIC);
        frames.put_u64_le(0);
        frames.put_u32_le(record.len() as u32);
        for position in [self.position, self.before] {
            frames.put_u64_le(position.ms);
            frames.put_u64_le(position.seq);
        }
        frames.put_slice(record);
        for change in self.record.state() {
            let (tag, key) = match change {
                StateChange::Set(key) => (SET, key),
                StateChange::Remove(key) => (REMOVE, key),
            };
            frames.put_u8(tag);
            frames.put_u32_le(key.len() as u32);
            frames.put_slice(key);
        }
        let length = frames.len() - start - UNCOUNTED;
        if let Some(mut field) = frames.get_mut(start + 8..) {
            field.put_u32_le(length as u32);
        }
        let sum = crc32fast::hash(frames.get(start + 8..).unwrap_or_default());
        if let Some(mut field) = frames.get_mut(start + 4..) {
            field.put_u32_le(sum);
        }
    }

    /// Takes the frame at the front off, if it is whole.
    pub(crate) fn decode(frames: &mut Bytes) -> Option<Self> {
        let frame = Frame::parse(frames)?;
        let mut changes = frames.slice_ref(frame.changes);
        let mut record = Record::new(frames.slice_ref(frame.record));
        while changes.has_remaining() {
            let (tag, length) = (changes.try_get_u8().ok()?, changes.try_get_u32_le().ok()? as usize);
            if length > changes.len() {
                return None;
            }
            let key = changes.split_to(length);
            record = match tag {
                SET => record.set(key),
                REMOVE => record.remove(key),
                _ => return None,
            };
        }
        let (position, before, length) = (frame.position, frame.before, frame.length);
        frames.advance(length);
        Some(Self { position, before, record })
    }
}

/// A whole frame, where it lies.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) position: Position,
    pub(crate) before: Position,
    pub(crate) record: &'a [u8],
    changes: &'a [u8],
    /// Of all of it.
    pub(crate) length: usize,
}

impl<'a> Frame<'a> {
    /// The frame at the front of these bytes; none if that is not whole.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let length = Self::length(bytes)?;
        let (head, rest) = bytes.get(..length)?.split_at_checked(HEAD)?;
        let mut fields = head.get(MAGIC.len()..)?;
        let sum = fields.get_u32_le();
        if crc32fast::hash(bytes.get(8..length)?) != sum {
            return None;
        }
        fields.advance(4);
        let record_length = fields.get_u32_le() as usize;
        let position = Position { ms: fields.get_u64_le(), seq: fields.get_u64_le() };
        let before = Position { ms: fields.get_u64_le(), seq: fields.get_u64_le() };
        let (record, changes) = rest.split_at_checked(record_length)?;
        Some(Self { position, before, record, changes, length })
    }

    /// How long the frame at the front of these bytes says it is, if it begins like one.
    pub(crate) fn length(bytes: &[u8]) -> Option<usize> {
        let mut head = bytes.get(..UNCOUNTED)?.strip_prefix(&MAGIC)?;
        head.advance(4);
        let length = (head.get_u32_le() as usize).checked_add(UNCOUNTED)?;
        (HEAD..=MAX_FRAME).contains(&length).then_some(length)
    }
}

/// How long the record in a frame says it is.
pub(crate) fn record_length(frame: &[u8]) -> usize {
    frame.get(12..UNCOUNTED).map_or(0, |mut field| field.get_u32_le() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Lasting {
        let (position, before) = (Position { ms: u64::MAX, seq: 1 }, Position { ms: 2, seq: u64::MAX });
        Lasting { position, before, record: Record::new("a record").set("a").remove("b").set(vec![0; 1100]) }
    }

    #[test]
    fn frames_come_back_whole_or_not_at_all() {
        let mut frame = Vec::new();
        entry().encode(&mut frame);
        let mut two = Bytes::from([&frame[..], &frame[..]].concat());
        for _ in 0..2 {
            let decoded = Lasting::decode(&mut two).unwrap();
            assert_eq!((decoded.position, decoded.before), (entry().position, entry().before));
            assert_eq!(decoded.record, entry().record);
        }
        assert!(two.is_empty() && Lasting::decode(&mut two).is_none());
        assert_eq!(record_length(&frame), 8);
        for at in 0..frame.len() {
            assert!(Frame::parse(&frame[..at]).is_none(), "cut at {at}");
            let mut altered = frame.clone();
            altered[at] ^= 4;
            assert!(Frame::parse(&altered).is_none(), "altered at {at}");
        }
    }

    #[test]
    fn the_longest_record_fits() {
        let key = bytes::Bytes::from(vec![1; ssehub::MAX_STATE_KEY]);
        let record = Record::new(vec![1; crate::MAX_RECORD_BYTES]);
        let record = (0..ssehub::MAX_AUDIENCE).fold(record, |record, _| record.set(key.clone()));
        assert_eq!(length_of(&record), MAX_FRAME);
    }
}
