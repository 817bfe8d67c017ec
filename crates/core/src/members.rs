//! The subscribers of one topic, by the runtime that polls them.
//!
//! Most topics are users with one connection: these need no more than a pointer to it.

use std::ops::Range;
use std::sync::Arc;

use slab::Slab;

use crate::cell::Cell;
use crate::fanout::Shard;

/// Which place a subscriber has among those of its runtime.
pub(crate) type Seat = u32;

#[derive(Debug, Default)]
pub(crate) enum Members {
    #[default]
    None,
    /// It has the first seat.
    One(Arc<Cell>),
    Many(Box<Many>),
}

#[derive(Debug, Default)]
pub(crate) struct Many {
    parties: Vec<Party>,
    count: usize,
}

/// The subscribers that one runtime polls. Seats are stable: a pass walks them while others come and go.
#[derive(Debug)]
struct Party {
    shard: Arc<Shard>,
    seats: Slab<Arc<Cell>>,
}

impl Members {
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Many(many) => many.count,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Cell>> {
        let many = self.parties().iter().flat_map(|party| party.seats.iter().map(|(_, cell)| cell));
        self.one().into_iter().chain(many)
    }

    /// The runtimes that poll them.
    pub(crate) fn shards(&self) -> impl Iterator<Item = &Arc<Shard>> {
        let many = self.parties().iter().map(|party| &party.shard);
        self.one().map(|cell| cell.shard()).into_iter().chain(many)
    }

    /// Those whom a runtime polls, in these of its seats; and whether there are seats behind.
    pub(crate) fn seated(&self, shard: &Arc<Shard>, seats: Range<usize>) -> (impl Iterator<Item = &Arc<Cell>>, bool) {
        let one = self.one().filter(|cell| seats.start == 0 && Arc::ptr_eq(cell.shard(), shard));
        let party = self.parties().iter().find(|party| Arc::ptr_eq(&party.shard, shard));
        let more = party.is_some_and(|party| seats.end < party.seats.capacity());
        let seated = party.into_iter().flat_map(move |party| seats.clone().filter_map(|seat| party.seats.get(seat)));
        (one.into_iter().chain(seated), more)
    }

    pub(crate) fn insert(&mut self, cell: &Arc<Cell>) -> Seat {
        match self {
            Self::None => {
                *self = Self::One(Arc::clone(cell));
                0
            }
            Self::One(first) => {
                let mut many = Box::<Many>::default();
                many.insert(first);
                let seat = many.insert(cell);
                *self = Self::Many(many);
                seat
            }
            Self::Many(many) => many.insert(cell),
        }
    }

    pub(crate) fn remove(&mut self, cell: &Cell, seat: Seat) {
        match self {
            Self::None => {}
            Self::One(_) => *self = Self::None,
            Self::Many(many) => {
                many.remove(cell, seat);
                if many.count == 0 {
                    *self = Self::None;
                }
            }
        }
    }

    fn one(&self) -> Option<&Arc<Cell>> {
        if let Self::One(cell) = self { Some(cell) } else { None }
    }

    fn parties(&self) -> &[Party] {
        if let Self::Many(many) = self { &many.parties } else { &[] }
    }
}

impl Many {
    fn insert(&mut self, cell: &Arc<Cell>) -> Seat {
        self.count += 1;
        let place = self.parties.iter().position(|party| Arc::ptr_eq(&party.shard, cell.shard()));
        let seat = match place.and_then(|place| self.parties.get_mut(place)) {
            Some(party) => party.seats.insert(Arc::clone(cell)),
            None => {
                let mut seats = Slab::new();
                let seat = seats.insert(Arc::clone(cell));
                self.parties.push(Party { shard: Arc::clone(cell.shard()), seats });
                seat
            }
        };
        Seat::try_from(seat).unwrap_or_else(|_| unreachable!("a process has not that many sockets"))
    }

    fn remove(&mut self, cell: &Cell, seat: Seat) {
        let place = self.parties.iter().position(|party| Arc::ptr_eq(&party.shard, cell.shard()));
        let Some(place) = place else { return };
        let Some(party) = self.parties.get_mut(place) else { return };
        if party.seats.try_remove(seat as usize).is_some() {
            self.count -= 1;
        }
        if party.seats.is_empty() {
            self.parties.swap_remove(place);
        }
    }
}
