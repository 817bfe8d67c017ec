//! What a topic has lost, so that a reader is told of each loss that concerns it, and of no other.
//!
//! The log counts its losses. A reader asks whether anything behind its cursor is gone since the loss it knows of.

use smallvec::SmallVec;

use crate::entry::Offset;

/// Losses mostly come in the order of what is lost, and then one says it all. Only what lived on as state alone is lost
/// later than what came behind it.
const MOST: usize = 16;

/// An entry that is gone, and which of the log's losses that was.
#[derive(Clone, Copy, Debug)]
struct Loss {
    offset: Offset,
    number: u64,
}

/// Each is newer than the one before, and of an older entry: losses of which a newer one says it all are left out.
#[derive(Debug, Default)]
pub(crate) struct Losses(SmallVec<[Loss; 1]>);

impl Losses {
    pub(crate) fn push(&mut self, offset: Offset, number: u64) {
        while self.0.last().is_some_and(|last| last.offset <= offset) {
            self.0.pop();
        }
        self.0.push(Loss { offset, number });
        if self.0.len() > MOST {
            // From here on, who knows of the oldest is told of it with the one behind it.
            let oldest = self.0.remove(0);
            if let Some(next) = self.0.first_mut() {
                next.offset = oldest.offset;
            }
        }
    }

    /// Whether an entry after `after`, up to `until`, is gone since the loss `known`.
    pub(crate) fn any(&self, after: Offset, until: Offset, known: u64) -> bool {
        let oldest = self.0.iter().find(|loss| loss.number > known);
        oldest.is_some_and(|loss| loss.offset.min(until) > after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_loss_of_something_old_does_not_bring_back_what_is_known() {
        let mut losses = Losses::default();
        losses.push(13, 1);
        losses.push(2, 2);
        assert!(losses.any(12, 20, 0), "13 is gone");
        assert!(!losses.any(12, 20, 1), "that is known, and 2 was read");
        assert!(losses.any(1, 20, 1));
        assert!(!losses.any(2, 20, 1));
        assert!(!losses.any(1, 20, 2));
        assert!(!losses.any(12, 12, 0), "the subscription ended before");
        losses.push(14, 3);
        assert!(losses.any(12, 20, 2));
    }

    #[test]
    fn so_many_are_kept_and_then_too_much_is_told_rather_than_too_little() {
        let mut losses = Losses::default();
        let offsets: Vec<Offset> = (0..100).rev().collect();
        for (number, offset) in (1..).zip(&offsets) {
            losses.push(*offset, number);
        }
        assert_eq!(losses.0.len(), MOST);
        for (known, offset) in (0..).zip(offsets) {
            assert!(offset == 0 || losses.any(offset - 1, Offset::MAX, known), "{offset} is gone");
        }
        assert!(!losses.any(99, Offset::MAX, 0));
    }
}
