//! What `flush_every` has acknowledged and the store has not on disk yet.
//!
//! Entries are appended here as they come, without an fsync: the operating system has them, so a crash of the process
//! loses nothing. The store takes them in one commit when the interval has passed, and the journal begins anew. What is
//! left in it at the next start goes into the store then.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::error::DurableError;
use crate::frame::Lasting;

#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    /// The end of the last whole entry.
    length: u64,
}

/// What a journal was found to hold.
#[derive(Debug, Default)]
pub(crate) struct Left {
    pub(crate) entries: Vec<Lasting>,
    /// Bytes behind the last whole entry.
    pub(crate) torn: u64,
}

impl Journal {
    /// Opens the journal, reads what is left in it, and cuts off what is behind the last whole entry.
    pub(crate) fn open(path: &Path) -> Result<(Self, Left), DurableError> {
        let io = |error| DurableError::io(path, error);
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let length = bytes.len() as u64;
        let mut rest = Bytes::from(bytes);
        let mut left = Left::default();
        while let Some(entry) = Lasting::decode(&mut rest) {
            left.entries.push(entry);
        }
        left.torn = rest.len() as u64;
        let length = length - left.torn;
        file.set_len(length).map_err(io)?;
        Ok((Self { path: path.into(), file, length }, left))
    }

    /// Appends entries. After an error none of them is there.
    pub(crate) fn append(&mut self, entries: &[Lasting]) -> Result<(), DurableError> {
        let mut frames = Vec::new();
        for entry in entries {
            entry.encode(&mut frames);
        }
        let at = SeekFrom::Start(self.length);
        let written = self.file.seek(at).and_then(|_| self.file.write_all(&frames));
        if let Err(error) = written {
            self.file.set_len(self.length).map_err(|error| DurableError::io(&self.path, error))?;
            return Err(DurableError::io(&self.path, error));
        }
        self.length += frames.len() as u64;
        Ok(())
    }

    /// Begins anew: everything is in the store.
    pub(crate) fn clear(&mut self) -> Result<(), DurableError> {
        self.file.set_len(0).map_err(|error| DurableError::io(&self.path, error))?;
        self.length = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ssehub::Record;

    use super::*;
    use crate::position::Position;

    fn entries() -> Vec<Lasting> {
        let records =
            [Record::new("one"), Record::new(""), Record::new(vec![7; 300]).set("a").remove("b").set(vec![0; 40])];
        let at = |(seq, record)| Lasting { position: Position { ms: 5, seq }, before: Position { ms: 4, seq }, record };
        (0..).zip(records).map(at).collect()
    }

    fn assert_same(left: &[Lasting], right: &[Lasting]) {
        assert_eq!(left.len(), right.len());
        for (left, right) in left.iter().zip(right) {
            assert_eq!((left.position, &left.record), (right.position, &right.record));
        }
    }

    #[test]
    fn a_journal_that_is_cut_or_damaged_anywhere_is_whole_up_to_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let entries = entries();
        let (mut journal, left) = Journal::open(&path).unwrap();
        assert_eq!((left.entries.len(), left.torn), (0, 0));
        let mut ends = Vec::new();
        for entry in &entries {
            journal.append(std::slice::from_ref(entry)).unwrap();
            ends.push(journal.length as usize);
        }
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let there = ends.iter().filter(|end| **end <= at).count();
            std::fs::write(&path, &whole[..at]).unwrap();
            let (journal, left) = Journal::open(&path).unwrap();
            assert_same(&left.entries, &entries[..there]);
            assert_eq!(journal.length + left.torn, at as u64);
            let mut flipped = whole.clone();
            flipped[at] ^= 0x10;
            std::fs::write(&path, flipped).unwrap();
            assert_same(&Journal::open(&path).unwrap().1.entries, &entries[..there]);
        }
        // What is torn is written over.
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let (mut journal, _) = Journal::open(&path).unwrap();
        journal.append(&entries[..1]).unwrap();
        drop(journal);
        let (mut journal, left) = Journal::open(&path).unwrap();
        assert_eq!(left.entries.len(), 3);
        assert_eq!(left.entries[2].record.bytes(), "one");
        journal.clear().unwrap();
        assert_eq!(Journal::open(&path).unwrap().1.entries.len(), 0);
    }
}
