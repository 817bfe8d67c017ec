//! What one reader has got and is owed: the check of each block that comes, over all its streams.

use std::{collections::BTreeMap, sync::Arc};

use ssehub_conformance::sse::{Block, Position};

use super::{
    shared::Shared,
    tally::{Fault, now},
    track::{Flaw, Kind, Track},
    world::Sent,
};

/// The event that a reader sends itself.
pub(super) const FENCE: &str = "fence";

/// The account of one reader.
#[derive(Debug)]
pub(super) struct Account {
    shared: Arc<Shared>,
    reader: usize,
    tracks: BTreeMap<usize, Track>,
    /// The last id, as a browser holds it; empty where it holds none.
    held: String,
    place: (u64, u64),
    /// Events made since then have found it reading.
    reading_since: u64,
    /// Whether it was away for longer than is retained.
    may_miss: bool,
}

impl Account {
    /// Of a reader that has got nothing and is owed nothing.
    pub(super) fn new(shared: Arc<Shared>, reader: usize) -> Self {
        let tracks = BTreeMap::new();
        Self { shared, reader, tracks, held: String::new(), place: (0, 0), reading_since: u64::MAX, may_miss: false }
    }

    /// The last id that came.
    pub(super) fn held(&self) -> &str {
        &self.held
    }

    /// Is owed what is sent to these sequences from now on; `sent` tells how far each was before this was asked for.
    pub(super) fn opens(&mut self, sent: Vec<Sent>) {
        for Sent { sequence, kind, count } in sent {
            self.tracks.insert(sequence, Track::new(kind, count, self.shared.world.begun(sequence)));
        }
    }

    /// Is to get nothing that is sent to these sequences from now on.
    pub(super) fn ends(&mut self, sequences: &[usize]) {
        for sequence in sequences {
            if let Some(track) = self.tracks.get_mut(sequence) {
                track.ends(self.shared.world.begun(*sequence));
            }
        }
    }

    /// Is to get nothing more of these sequences.
    pub(super) fn closes(&mut self, sequences: &[usize]) {
        for sequence in sequences {
            self.tracks.remove(sequence);
        }
    }

    /// How far the sequences are of which it is owed something.
    pub(super) fn sent(&self, kinds: &[Kind]) -> Vec<Sent> {
        let tracks = self.tracks.iter().filter(|(_, track)| kinds.contains(&track.kind()));
        self.shared.world.sent(tracks.map(|(sequence, _)| *sequence))
    }

    /// Everything that had been sent must have come.
    pub(super) fn check(&self, sent: &[Sent]) {
        for Sent { sequence, count, .. } in sent {
            let Some(track) = self.tracks.get(sequence) else { continue };
            let missing = track.missing(*count);
            if missing > 0 {
                self.lost(missing, || format!("at a fence, of {count} events of sequence {sequence}: {track:?}"));
            }
        }
    }

    /// What was sent until now may be missing, and that is no silent gap.
    pub(super) fn may_jump(&mut self) {
        for (sequence, track) in &mut self.tracks {
            track.may_jump(self.shared.world.begun(*sequence));
        }
    }

    /// Whether a gap may be told from now on.
    pub(super) fn may_miss(&mut self, may: bool) {
        self.may_miss = may;
    }

    /// It reads from now on what is made from now on.
    pub(super) fn reads(&mut self) {
        self.reading_since = now();
    }

    /// It reads nothing, so the time that events take tells nothing.
    pub(super) fn reads_nothing(&mut self) {
        self.reading_since = u64::MAX;
    }

    /// Takes a block that is not the first of its stream.
    pub(super) fn take(&mut self, block: &Block) {
        self.hold(block);
        match block.name() {
            "hub:gap" => {
                self.shared.tally.did("gap told");
                if !self.may_miss {
                    self.fault(Fault::NeedlessGap, 1, || block.text().to_owned());
                }
                self.may_jump();
            }
            "hub:closing" | FENCE => {}
            _ if block.is_event() => self.event(block),
            _ => {}
        }
    }

    /// Remembers the id of a block, which only ever rises.
    pub(super) fn hold(&mut self, block: &Block) {
        let Some(id) = &block.id else { return };
        let place = Position::parse(id).map_or((0, 0), |position| position.place);
        let is_new = block.is_event() && !block.name().starts_with("hub:");
        if place < self.place || is_new && place == self.place {
            let before = self.place;
            self.fault(Fault::Order, 1, || format!("{id} after {before:?}: {}", block.name()));
        }
        self.place = place;
        self.held.clone_from(id);
    }

    /// Checks an event of a sequence: `SEQUENCE NUMBER NANOSECONDS …`.
    fn event(&mut self, block: &Block) {
        let mut words = block.text().split(' ').map(str::parse::<u64>);
        let (Some(Ok(sequence)), Some(Ok(number)), Some(Ok(made))) = (words.next(), words.next(), words.next()) else {
            return self.fault(Fault::Answer, 1, || format!("an event that nobody sent: {:?}", block.text()));
        };
        let is_live = block.id.is_some() && made >= self.reading_since;
        self.shared.tally.count_delivered(is_live.then(|| now().saturating_sub(made)));
        let track = usize::try_from(sequence).ok().and_then(|sequence| self.tracks.get_mut(&sequence));
        let Some(track) = track else {
            return self.fault(Fault::Privacy, 1, || format!("number {number} of sequence {sequence}"));
        };
        let before = *track;
        let Err(flaw) = track.take(number, block.id.is_none()) else { return };
        let what = || format!("number {number} of sequence {sequence}, id {:?}, for {before:?}", block.id);
        match flaw {
            Flaw::Again => self.fault(Fault::Duplicate, 1, what),
            Flaw::TooLate => self.fault(Fault::Privacy, 1, what),
            Flaw::Lost(events) => self.lost(events, what),
        }
    }

    fn lost(&self, events: u64, what: impl FnOnce() -> String) {
        self.fault(Fault::SilentGap, 1, what);
        self.shared.tally.count_lost(events);
    }

    /// A promise that was broken to this reader.
    pub(super) fn fault(&self, fault: Fault, count: u64, what: impl FnOnce() -> String) {
        let reader = self.reader;
        self.shared.tally.fault(fault, count, || format!("reader {reader}: {}", what()));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ssehub_conformance::{sse::Parser, subject::Framework};

    use super::*;
    use crate::{
        server::ANY_PORT,
        soak::{options::Options, world::World},
    };

    /// The faults of reader 1, to whom three events of sequence 0 have been sent, at these blocks.
    fn faults(stream: &str) -> Vec<(Fault, u64)> {
        let plan = Options::new(Framework::Axum, Duration::from_secs(60), 20).plan();
        let shared = Arc::new(Shared::new(ANY_PORT, plan, World::new(20)).unwrap());
        let mut account = Account::new(Arc::clone(&shared), 1);
        account.opens(shared.world.sent(shared.world.sequences_of(1)));
        let sequence = shared.world.sequence(0).unwrap();
        for _ in 0..3 {
            sequence.begin();
            sequence.end();
        }
        let sent = account.sent(&[Kind::Every]);
        for block in Parser::default().push(stream.as_bytes()).unwrap() {
            account.take(&block);
        }
        account.check(&sent);
        shared.tally.faults().into_iter().collect()
    }

    #[test]
    fn a_stream_that_tells_everything_once_is_without_fault() {
        let events =
            "id: 1-0-a\ndata: 0 0 0 x\n\nid: 2-0-a\n\nid: 2-1-a\ndata: 0 1 0 x\n\nid: 3-0-a\ndata: 0 2 0 x\n\n";
        assert_eq!(faults(events), []);
    }

    #[test]
    fn what_is_wrong_with_a_stream_is_told() {
        let cases: [(&str, &[(Fault, u64)]); 7] = [
            ("", &[(Fault::Lost, 3), (Fault::SilentGap, 1)]),
            ("id: 1-0-a\ndata: 0 0 0 x\n\nid: 3-0-a\ndata: 0 2 0 x\n\n", &[(Fault::Lost, 1), (Fault::SilentGap, 1)]),
            ("id: 1-0-a\ndata: 0 0 0 x\n\nid: 2-0-a\ndata: 0 1 0 x\n\n", &[(Fault::Lost, 1), (Fault::SilentGap, 1)]),
            (
                "id: 1-0-a\ndata: 0 0 0 x\n\nid: 2-0-a\ndata: 0 1 0 x\n\nid: 2-0-a\ndata: 0 2 0 x\n\n",
                &[(Fault::Order, 1)],
            ),
            (
                "id: 1-0-a\ndata: 0 0 0 x\n\nid: 2-0-a\ndata: 0 1 0 x\n\nid: 3-0-a\ndata: 0 1 0 x\n\nid: 4-0-a\ndata: 0 2 0 x\n\n",
                &[(Fault::Duplicate, 1)],
            ),
            ("id: 1-0-a\nevent: hub:gap\ndata: {}\n\nid: 3-0-a\ndata: 0 2 0 x\n\n", &[(Fault::NeedlessGap, 1)]),
            (
                "id: 1-0-a\ndata: 0 0 0 x\n\nid: 2-0-a\ndata: 0 1 0 x\n\nid: 3-0-a\ndata: 3 0 0 x\n\nid: 4-0-a\ndata: 0 2 0 x\n\n",
                &[(Fault::Privacy, 1)],
            ),
        ];
        for (stream, wanted) in cases {
            assert_eq!(faults(stream), wanted, "{stream:?}");
        }
    }
}
