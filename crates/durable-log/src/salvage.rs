//! Saving what is whole from a store that is damaged so that it cannot be opened.
//!
//! The file is searched for frames, wherever they lie. Each names the entry before it, so that holes are seen: kept are
//! the newest entry that is whole and all before it without a hole, as if retention had taken the others. They go into a
//! new store, and the damaged file is set aside: nothing of it is thrown away.
//!
//! What was refused, because its commit failed, may lie in the file all the same. It is told by what was seen.
//!
//! What the state kept of older entries is lost with them, because nobody can tell whether it still held.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use memchr::memmem;
use ssehub::LogName;

use crate::error::DurableError;
use crate::frame::{Frame, Lasting, MAGIC};
use crate::position::{Position, now_ms};
use crate::retention::{Retained, Retention};
use crate::store::Store;

/// How much is read in one go.
const READ: usize = 4 << 20;

/// How much goes into the new store in one commit.
const COMMITTED: usize = 16 << 20;

/// Where a whole frame lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    before: Position,
    offset: u64,
    length: usize,
}

/// Makes a new store of what is whole in this one up to `newest`, and says where the damaged one is then. None if there is
/// nothing whole.
pub(crate) fn salvage(path: &Path, newest: Position) -> Result<Option<PathBuf>, DurableError> {
    let io = |error| DurableError::io(path, error);
    let mut file = File::open(path).map_err(io)?;
    let places = search(&mut file).map_err(io)?;
    let entries = without_a_hole(&places, newest);
    let Some((_, first)) = entries.first() else { return Ok(None) };

    let fresh = path.with_extension("salvaged");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(DurableError::io(&fresh, error)),
        _ => {}
    }
    let store = Store::open(&fresh)?;
    let mut retained = Retained::behind(first.before);
    store.name(LogName::random(), retained, &[])?;
    let (mut group, mut bytes) = (Vec::new(), 0);
    for (_, place) in entries {
        let mut frame = vec![0; place.length];
        file.seek(SeekFrom::Start(place.offset)).and_then(|_| file.read_exact(&mut frame)).map_err(io)?;
        // It was whole a moment ago.
        group.extend(Lasting::decode(&mut Bytes::from(frame)));
        bytes += place.length;
        if bytes >= COMMITTED {
            retained = store.commit(&group, retained, &Retention::default(), now_ms())?;
            (group, bytes) = (Vec::new(), 0);
        }
    }
    store.commit(&group, retained, &Retention::default(), now_ms())?;
    store.close();

    let aside = path.with_extension(format!("damaged-{}", now_ms()));
    fs::hard_link(path, &aside).map_err(|error| DurableError::io(&aside, error))?;
    fs::rename(&fresh, path).map_err(io)?;
    Ok(Some(aside))
}

/// All frames that are whole.
fn search(file: &mut File) -> io::Result<BTreeMap<Position, Place>> {
    let mut places = BTreeMap::new();
    let finder = memmem::Finder::new(&MAGIC);
    // What was read from `offset` on, and how much of that is done with.
    let (mut window, mut offset, mut at, mut is_at_end) = (Vec::new(), 0_u64, 0, false);
    loop {
        let rest = window.get(at..).unwrap_or_default();
        let found = finder.find(rest);
        at += found.unwrap_or((rest.len() + 1).saturating_sub(MAGIC.len()));
        let rest = window.get(at..).unwrap_or_default();
        let needed = Frame::length(rest).unwrap_or(MAGIC.len() * 4);
        if rest.len() < needed && !is_at_end {
            window.drain(..at);
            offset += at as u64;
            at = 0;
            is_at_end = file.by_ref().take(READ.max(needed) as u64).read_to_end(&mut window)? == 0;
            continue;
        }
        if found.is_none() {
            return Ok(places);
        }
        let frame = Frame::parse(rest);
        // What looks like the beginning of a frame and is none may have one inside.
        let length = frame.as_ref().map_or(1, |frame| frame.length);
        if let Some(Frame { position, before, .. }) = frame {
            places.insert(position, Place { before, offset: offset + at as u64, length });
        }
        at += length;
    }
}

/// The newest entry up to this place, and those before it up to the first that is missing, oldest first.
fn without_a_hole(places: &BTreeMap<Position, Place>, newest: Position) -> Vec<(Position, Place)> {
    let newest = places.range(..=newest).next_back();
    let step = |(position, place): &(&Position, &Place)| {
        places.get_key_value(&place.before).filter(|(before, _)| before < position)
    };
    let mut entries: Vec<_> =
        std::iter::successors(newest, step).map(|(position, place)| (*position, *place)).collect();
    entries.reverse();
    entries
}

#[cfg(test)]
mod tests {
    use ssehub::Record;

    use super::*;

    fn at(seq: u64) -> Position {
        Position { ms: 7, seq }
    }

    #[test]
    fn an_entry_that_was_refused_is_not_brought_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut frames = vec![0; 100];
        // The third was refused, and another one came after the second. Then the fifth was refused.
        for (seq, before) in [(1, 0), (2, 1), (3, 2), (4, 2), (5, 4)] {
            Lasting { position: at(seq), before: at(before), record: Record::new("x") }.encode(&mut frames);
        }
        for (seen, there) in [(at(4), &[1, 2, 4][..]), (at(u64::MAX), &[1, 2, 4, 5]), (at(2), &[1, 2])] {
            let path = dir.path().join(format!("{}.redb", seen.seq));
            fs::write(&path, &frames).unwrap();
            salvage(&path, seen).unwrap().unwrap();
            let saved = Store::open(&path).unwrap().read(at(0), at(u64::MAX)).unwrap().entries;
            assert_eq!(saved.iter().map(|(position, _)| position.seq).collect::<Vec<_>>(), there);
        }
    }
}
