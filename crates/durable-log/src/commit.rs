//! Writing to the store: what goes into it in one step.

use redb::{ReadableTable as _, Table, WriteTransaction};
use ssehub::{LogName, StateChange};

use crate::error::DurableError;
use crate::frame::{FORMAT, Lasting, record_length};
use crate::position::Position;
use crate::retention::{Retained, Retention};
use crate::store::{ABOUT, HELD, LOG, Refused, STATE, Store, TRIMMED, behind, behind_all};

impl Store {
    /// Takes these entries, on disk when it returns, and lets go of what is over the limits with them. Says what is
    /// retained then.
    pub(crate) fn commit(
        &self,
        entries: &[Lasting],
        mut retained: Retained,
        retention: &Retention,
        now_ms: u64,
    ) -> Result<Retained, DurableError> {
        self.with(|database| {
            let write = database.begin_write()?;
            let mut tables = Tables::open(&write)?;
            let mut frame = Vec::new();
            for entry in entries {
                frame.clear();
                entry.encode(&mut frame);
                tables.log.insert(entry.position.key(), &frame[..])?;
                retained.add(entry.position, entry.record.bytes().len());
                for change in entry.record.state() {
                    tables.change(entry.position, change, retained.trimmed)?;
                }
            }
            tables.retain(&mut retained, retention, now_ms)?;
            drop(tables);
            write.open_table(TRIMMED)?.insert((), retained.trimmed.key())?;
            write.commit()?;
            Ok(retained)
        })
    }

    /// Gives the log its name and its beginning, and takes out what is damaged.
    pub(crate) fn name(&self, name: LogName, retained: Retained, damaged: &[Position]) -> Result<(), DurableError> {
        self.with(|database| {
            let write = database.begin_write()?;
            let mut tables = Tables::open(&write)?;
            for &position in damaged {
                tables.log.remove(position.key())?;
                for key in tables.keys_of(position)? {
                    tables.held.remove((position.ms, position.seq, &key[..]))?;
                    tables.state.remove(&key[..])?;
                }
            }
            drop(tables);
            write.open_table(TRIMMED)?.insert((), retained.trimmed.key())?;
            let mut about = write.open_table(ABOUT)?;
            about.insert("format", &*FORMAT.to_string())?;
            about.insert("name", name.as_str())?;
            drop(about);
            write.commit()?;
            Ok(())
        })
    }
}

/// The tables, for one step.
struct Tables<'a> {
    log: Table<'a, (u64, u64), &'static [u8]>,
    state: Table<'a, &'static [u8], (u64, u64)>,
    held: Table<'a, (u64, u64, &'static [u8]), ()>,
}

impl<'a> Tables<'a> {
    fn open(write: &'a WriteTransaction) -> Result<Self, Refused> {
        Ok(Self { log: write.open_table(LOG)?, state: write.open_table(STATE)?, held: write.open_table(HELD)? })
    }

    /// Changes the state, which lets go of an older entry that was there for this key alone.
    fn change(&mut self, position: Position, change: &StateChange, trimmed: Position) -> Result<(), Refused> {
        let (key, older) = match change {
            StateChange::Set(key) => (key, self.state.insert(&key[..], position.key())?),
            StateChange::Remove(key) => (key, self.state.remove(&key[..])?),
        };
        let older = older.map(|older| Position::from(older.value()));
        if let Some(older) = older {
            self.held.remove((older.ms, older.seq, &key[..]))?;
        }
        if matches!(change, StateChange::Set(_)) {
            self.held.insert((position.ms, position.seq, &key[..]), ())?;
        }
        if let Some(older) = older.filter(|older| *older <= trimmed)
            && !self.is_held(older)?
        {
            self.log.remove(older.key())?;
        }
        Ok(())
    }

    /// Takes the oldest entries while there are too many. Those that the state holds stay, but not as entries.
    fn retain(&mut self, retained: &mut Retained, retention: &Retention, now_ms: u64) -> Result<(), Refused> {
        let mut taken = Vec::new();
        for entry in self.log.range(behind(retained.trimmed)..)? {
            let (position, stored) = entry?;
            let position = Position::from(position.value());
            if !retention.is_over(retained, position, now_ms) {
                retained.oldest = Some(position);
                break;
            }
            retained.take(position, record_length(stored.value()));
            taken.push(position);
        }
        for position in taken {
            if !self.is_held(position)? {
                self.log.remove(position.key())?;
            }
        }
        Ok(())
    }

    fn is_held(&self, position: Position) -> Result<bool, Refused> {
        let mut of = self.held.range((position.ms, position.seq, &[][..])..behind_all(position))?;
        Ok(of.next().transpose()?.is_some())
    }

    /// What the state holds an entry for.
    fn keys_of(&self, position: Position) -> Result<Vec<Vec<u8>>, Refused> {
        let of = self.held.range((position.ms, position.seq, &[][..])..behind_all(position))?;
        of.map(|entry| Ok(entry?.0.value().2.to_vec())).collect()
    }
}
