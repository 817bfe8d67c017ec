//! Blocks: what many readers need at the same place is assembled once and shared.
//!
//! A block is a run of consecutive frames of one topic. A reader whose cursor stands anywhere in it gets a slice of the
//! same memory. There are [`SHELVES`] × [`BLOCKS`] blocks of about one batch each, for the whole hub: 8 MiB. A shelf
//! has room for the default pace, with which readers that keep up are up to 26 blocks apart. What finds no place only
//! has to be assembled again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::entry::{Entry, Mark, Offset};
use crate::index::Record;
use crate::sync::Mutex;

const SHELVES: usize = 16;
const BLOCKS: usize = 32;

#[derive(Clone, Debug)]
struct Block {
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

/// The blocks of all topics.
#[derive(Debug)]
pub(crate) struct Blocks {
    shelves: Box<[Mutex<Shelf>]>,
}

/// A record's serial, and the offset of the first frame.
type Place = (u64, Offset);

#[derive(Debug, Default)]
struct Shelf {
    blocks: BTreeMap<Place, Block>,
    /// The oldest block goes when a new one needs its room.
    oldest: VecDeque<Place>,
}

impl Blocks {
    pub(crate) fn new() -> Self {
        Self { shelves: (0..SHELVES).map(|_| Mutex::new(Shelf::default())).collect() }
    }

    /// The frames of a topic from the entry at `first` to the end of the block that has it.
    pub(crate) fn get(&self, record: &Record, first: Offset) -> Option<Run> {
        let block = {
            let shelf = self.shelf(record).lock();
            let (_, block) = shelf.blocks.range((record.serial, 0)..=(record.serial, first)).next_back()?;
            let fits = block.supersessions == record.supersessions && block.last.offset >= first;
            fits.then(|| block.clone())?
        };
        let place = block.frames.binary_search_by_key(&first, |(offset, _)| *offset).ok()?;
        let start = place.checked_sub(1).and_then(|before| block.frames.get(before)).map_or(0, |(_, end)| *end);
        let events = (block.frames.len() - place) as u64;
        Some(Run { bytes: block.bytes.slice(start..), events, last: block.last })
    }

    /// Assembles consecutive entries of a topic and keeps the block for others.
    pub(crate) fn put(&self, record: &Record, entries: &[&Entry]) -> Bytes {
        let bytes = assemble(entries);
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return bytes };
        let mut end = 0;
        let ends = entries.iter().map(|entry| {
            end += entry.frame.bytes().len();
            (entry.offset, end)
        });
        let block = Block {
            supersessions: record.supersessions,
            frames: ends.collect(),
            last: Mark::from(*last),
            bytes: bytes.clone(),
        };
        self.shelf(record).lock().put((record.serial, first.offset), block);
        bytes
    }

    fn shelf(&self, record: &Record) -> &Mutex<Shelf> {
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the length")]
        &self.shelves[record.serial as usize % SHELVES]
    }
}

impl Shelf {
    fn put(&mut self, place: Place, block: Block) {
        if self.blocks.insert(place, block).is_some() {
            return;
        }
        self.oldest.push_back(place);
        if self.oldest.len() > BLOCKS
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.blocks.remove(&oldest);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shelf_holds_so_many_blocks_and_the_oldest_go() {
        let block = Block { supersessions: 0, frames: Arc::default(), last: Mark::default(), bytes: Bytes::new() };
        let mut shelf = Shelf::default();
        for first in 1..=3 * BLOCKS as Offset {
            shelf.put((7, first), block.clone());
            // Once more in its own place, which takes none from another.
            shelf.put((7, first), block.clone());
        }
        let kept: Vec<Place> = shelf.blocks.keys().copied().collect();
        let newest: Vec<Place> = (2 * BLOCKS as Offset + 1..=3 * BLOCKS as Offset).map(|first| (7, first)).collect();
        assert_eq!(kept, newest);
        assert_eq!(shelf.oldest.len(), BLOCKS);
    }
}
