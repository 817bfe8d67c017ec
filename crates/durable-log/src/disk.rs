//! The store's file, as redb is given it: what an fsync has failed for is written again before another one counts.
//!
//! Where an fsync fails, an operating system may take what it has in memory for clean, as Linux does: who reads the file
//! finds it there, the next fsync succeeds, and none of it is on disk. So what was written since the last fsync that
//! succeeded is kept in mind, by its place. After a failure it is read and written again, before the store is read or
//! another fsync is said to have succeeded.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::Mutex;
use redb::{BackendError, StorageBackend};

/// The file while the store is open.
#[derive(Debug)]
pub(crate) struct Disk<F> {
    file: F,
    unsynced: Arc<Mutex<Unsynced>>,
}

/// What was written since the last fsync that succeeded. It outlives the store being opened again.
#[derive(Debug, Default)]
pub(crate) struct Unsynced {
    /// Offset -> length.
    places: BTreeMap<u64, usize>,
    has_failed: bool,
}

impl<F: StorageBackend> Disk<F> {
    /// Takes a file over. What is read in it is on disk, if an fsync has failed before.
    pub(crate) fn new(file: F, unsynced: Arc<Mutex<Unsynced>>) -> io::Result<Self> {
        let this = Self { file, unsynced };
        if this.unsynced.lock().has_failed {
            this.sync_data()?;
        }
        Ok(this)
    }

    fn write_again(&self, places: &BTreeMap<u64, usize>) -> io::Result<()> {
        let end = self.file.len()?;
        for (&offset, &length) in places {
            let left = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
            let mut bytes = vec![0; length.min(left)];
            self.file.read(offset, &mut bytes)?;
            self.file.write(offset, &bytes)?;
        }
        Ok(())
    }
}

impl<F: StorageBackend> StorageBackend for Disk<F> {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut unsynced = self.unsynced.lock();
        let again = if unsynced.has_failed { self.write_again(&unsynced.places) } else { Ok(()) };
        let synced = again.and_then(|()| self.file.sync_data());
        match synced {
            Ok(()) => *unsynced = Unsynced::default(),
            Err(_) => unsynced.has_failed = true,
        }
        synced
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut unsynced = self.unsynced.lock();
        let length = unsynced.places.entry(offset).or_default();
        *length = data.len().max(*length);
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use redb::{Builder, Database, ReadableDatabase as _, TableDefinition};

    use super::*;

    const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("table");

    /// What the operating system has of a file, and what of that is on disk.
    #[derive(Clone, Debug, Default)]
    struct File(Arc<Mutex<Pages>>);

    #[derive(Debug, Default)]
    struct Pages {
        memory: Vec<u8>,
        disk: Vec<u8>,
        dirty: Vec<(usize, usize)>,
        fails: bool,
    }

    impl StorageBackend for File {
        fn len(&self) -> io::Result<u64> {
            Ok(self.0.lock().memory.len() as u64)
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            let offset = offset as usize;
            out.copy_from_slice(&self.0.lock().memory[offset..offset + out.len()]);
            Ok(())
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.0.lock().memory.resize(len as usize, 0);
            Ok(())
        }

        fn sync_data(&self) -> io::Result<()> {
            let pages = &mut *self.0.lock();
            pages.disk.resize(pages.memory.len(), 0);
            let dirty = std::mem::take(&mut pages.dirty);
            if std::mem::take(&mut pages.fails) {
                return Err(io::Error::other("the disk has failed"));
            }
            for (start, end) in dirty {
                let end = end.min(pages.memory.len());
                pages.disk[start.min(end)..end].copy_from_slice(&pages.memory[start.min(end)..end]);
            }
            Ok(())
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            let (pages, offset) = (&mut *self.0.lock(), offset as usize);
            pages.memory[offset..offset + data.len()].copy_from_slice(data);
            pages.dirty.push((offset, offset + data.len()));
            Ok(())
        }
    }

    fn open(file: &File, unsynced: &Arc<Mutex<Unsynced>>) -> Database {
        let disk = Disk::new(file.clone(), Arc::clone(unsynced)).unwrap();
        Builder::new().set_check_integrity_on_open(true).create_with_backend(disk).unwrap()
    }

    fn put(database: &Database, keys: std::ops::Range<u64>, value: u8) -> Result<(), redb::Error> {
        let write = database.begin_write()?;
        let mut table = write.open_table(TABLE)?;
        for key in keys {
            table.insert(key, &[value; 500][..])?;
        }
        drop(table);
        Ok(write.commit()?)
    }

    #[test]
    fn what_is_accepted_after_an_fsync_that_failed_is_on_disk() {
        for failures in 1..4 {
            let (file, unsynced) = (File::default(), Arc::default());
            let mut database = open(&file, &unsynced);
            put(&database, 0..1000, 1).unwrap();
            for failure in 0..failures {
                file.0.lock().fails = true;
                put(&database, 2000 + failure * 300..2100 + failure * 300, 2).unwrap_err();
                drop(database);
                database = open(&file, &unsynced);
            }
            // Far from what was written then.
            put(&database, 10..12, 3).unwrap();
            // The machine crashes.
            let disk = file.0.lock().disk.clone();
            let left = File(Arc::new(Mutex::new(Pages { memory: disk.clone(), disk, ..Pages::default() })));
            let database = open(&left, &Arc::default());
            let table = database.begin_read().unwrap().open_table(TABLE).unwrap();
            for key in 0..1000 {
                let value = if (10..12).contains(&key) { 3 } else { 1 };
                assert_eq!(table.get(key).unwrap().unwrap().value(), [value; 500], "{key}");
            }
        }
    }
}
