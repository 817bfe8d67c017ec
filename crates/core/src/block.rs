//! Blocks: what many readers need at the same place is assembled once and shared.
//!
//! A block is a run of consecutive frames of one topic. A reader whose cursor stands anywhere in it gets a slice of the
//! same memory. There are [`SLOTS`] × [`WAYS`] blocks of about one batch each, for the whole hub; a topic that finds
//! its place taken only assembles again.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::entry::{Entry, Mark, Offset};
use crate::index::Record;
use crate::sync::Mutex;

const SLOTS: usize = 64;
const WAYS: usize = 2;

#[derive(Clone, Debug)]
struct Block {
    serial: u64,
    supersessions: u64,
    /// The offsets of the frames, and where in `bytes` each ends.
    frames: Arc<[(Offset, usize)]>,
    last: Mark,
    bytes: Bytes,
}

/// Consecutive frames in one piece of memory.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) bytes: Bytes,
    pub(crate) events: u64,
    pub(crate) last: Mark,
}

#[derive(Debug)]
pub(crate) struct Blocks {
    slots: Box<[Mutex<Slot>]>,
}

#[derive(Debug, Default)]
struct Slot {
    ways: [Option<Block>; WAYS],
    newest: usize,
}

impl Blocks {
    pub(crate) fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| Mutex::new(Slot::default())).collect() }
    }

    /// The frames of a topic from the entry at `first` to the end of the block that has it.
    pub(crate) fn get(&self, record: &Record, first: Offset) -> Option<Run> {
        let block = {
            let slot = self.slot(record).lock();
            let fits = |block: &&Block| {
                block.serial == record.serial
                    && block.supersessions == record.supersessions
                    && block.frames.first().is_some_and(|(offset, _)| *offset <= first)
                    && block.last.offset >= first
            };
            slot.ways.iter().flatten().find(fits)?.clone()
        };
        let place = block.frames.binary_search_by_key(&first, |(offset, _)| *offset).ok()?;
        let start = place.checked_sub(1).and_then(|before| block.frames.get(before)).map_or(0, |(_, end)| *end);
        let events = (block.frames.len() - place) as u64;
        Some(Run { bytes: block.bytes.slice(start..), events, last: block.last })
    }

    /// Assembles consecutive entries of a topic and keeps the block for others.
    pub(crate) fn put(&self, record: &Record, entries: &[&Entry]) -> Bytes {
        let bytes = assemble(entries);
        let mut end = 0;
        let ends = entries.iter().map(|entry| {
            end += entry.frame.bytes().len();
            (entry.offset, end)
        });
        let block = Block {
            serial: record.serial,
            supersessions: record.supersessions,
            frames: ends.collect(),
            last: entries.last().map(|entry| Mark::from(*entry)).unwrap_or_default(),
            bytes: bytes.clone(),
        };
        let mut slot = self.slot(record).lock();
        slot.newest = (slot.newest + 1) % WAYS;
        let newest = slot.newest;
        if let Some(way) = slot.ways.get_mut(newest) {
            *way = Some(block);
        }
        bytes
    }

    fn slot(&self, record: &Record) -> &Mutex<Slot> {
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the length")]
        &self.slots[record.serial as usize % SLOTS]
    }
}

/// The frames of some entries in one piece; a single one is not copied.
pub(crate) fn assemble(entries: &[&Entry]) -> Bytes {
    if let [entry] = entries {
        return entry.frame.bytes().clone();
    }
    let mut bytes = BytesMut::with_capacity(entries.iter().map(|entry| entry.frame.bytes().len()).sum());
    for entry in entries {
        bytes.extend_from_slice(entry.frame.bytes());
    }
    bytes.freeze()
}
