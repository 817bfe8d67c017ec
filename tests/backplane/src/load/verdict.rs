//! What was read, held against what was sent.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use ssehub::EventId;

use super::{Item, Outcome, Sent, What};
use crate::tail::place;

/// Everything that was sent and read.
#[derive(Debug)]
pub struct Verdict {
    /// Each event that was sent.
    pub sent: Vec<Sent>,
    /// What each reader read.
    pub readings: Vec<Reading>,
}

/// What one reader read.
#[derive(Debug)]
pub struct Reading {
    /// Who it was.
    pub reader: String,
    /// What came.
    pub items: Vec<Item>,
}

impl Verdict {
    /// Asserts that nobody was told a gap or sent away, that each event that was taken came once, under its id and in
    /// order, at every reader; one that may have been taken at most once, and at all readers or at none; and one that was
    /// refused never.
    ///
    /// # Panics
    /// If that is not so.
    pub fn is_perfect(&self) {
        self.nothing_refused_came();
        for reading in &self.readings {
            let Reading { reader, .. } = reading;
            assert_eq!(reading.gaps(), [""; 0], "{reader} was told a gap");
            let is_closing = |item: &Item| matches!(item.what, What::Closing(_));
            assert!(!reading.items.iter().any(is_closing), "{reader} was sent away");
            reading.is_in_order();
            self.each_taken_came(reading, |_| true);
            assert!(
                reading.events().eq(self.readings[0].events()),
                "{reader} and {} have read the same events in the same order",
                self.readings[0].reader
            );
        }
    }

    /// Asserts that whatever a reader did not get of what was taken, it was told a gap at that very place; that between two
    /// gaps each event came once and in order; and that what was taken since `healed` came to everybody.
    ///
    /// # Panics
    /// If that is not so.
    pub fn is_honest(&self, healed: Instant) {
        self.nothing_refused_came();
        for reading in &self.readings {
            reading.is_in_order();
            reading.is_whole_between_gaps(self.taken().map(|(_, id)| id));
            self.each_taken_came(reading, |sent| sent.at > healed);
        }
    }

    /// How long it took from `back` until each reader heard of an event that was sent since then.
    ///
    /// # Panics
    /// If one never did, or it took longer than `limit`.
    pub fn heard_again(&self, back: Instant, limit: Duration) {
        let sent: HashMap<&str, Instant> = self.sent.iter().map(|sent| (sent.text.as_str(), sent.at)).collect();
        for Reading { reader, items } in &self.readings {
            let news = items.iter().find(|item| match &item.what {
                What::Event(_, text) => sent.get(text.as_str()).is_some_and(|at| *at > back),
                What::Gap(_) | What::Closing(_) => false,
            });
            let news = news.unwrap_or_else(|| panic!("{reader} never heard anything again"));
            let time = news.at.duration_since(back);
            println!("{reader} heard again after {time:?}");
            assert!(time <= limit, "{reader} heard again after {time:?}, not within {limit:?}");
        }
    }

    /// How many events may have been taken, for all that their publishers know.
    pub fn uncertain(&self) -> usize {
        self.sent.iter().filter(|sent| sent.outcome == Outcome::Uncertain).count()
    }

    /// What one of the readers read.
    ///
    /// # Panics
    /// If there is no such reader.
    pub fn reading(&self, reader: &str) -> &Reading {
        let reading = self.readings.iter().find(|reading| reading.reader == reader);
        reading.unwrap_or_else(|| panic!("nobody is {reader}"))
    }

    /// What was taken, with its id.
    fn taken(&self) -> impl Iterator<Item = (&Sent, EventId)> {
        self.sent.iter().filter_map(|sent| match sent.outcome {
            Outcome::Taken(id) => Some((sent, id)),
            _ => None,
        })
    }

    fn nothing_refused_came(&self) {
        let refused = self.sent.iter().filter(|sent| sent.outcome == Outcome::Refused);
        let refused: HashSet<&str> = refused.map(|sent| sent.text.as_str()).collect();
        for reading in &self.readings {
            for (_, text) in reading.events() {
                assert!(!refused.contains(text), "{} got {text}, which had been refused", reading.reader);
            }
        }
    }

    fn each_taken_came(&self, reading: &Reading, of_these: impl Fn(&Sent) -> bool) {
        let came: HashMap<&str, EventId> = reading.events().map(|(id, text)| (text, id)).collect();
        for (sent, id) in self.taken().filter(|(sent, _)| of_these(sent)) {
            let came = came.get(sent.text.as_str()).copied();
            assert_eq!(came, Some(id), "{} lacks {}, which was taken", reading.reader, sent.text);
        }
    }
}

impl Reading {
    /// The gaps it was told.
    pub fn gaps(&self) -> Vec<&str> {
        let gap = |item: &'_ Item| matches!(item.what, What::Gap(_));
        self.items.iter().filter(|item| gap(item)).map(|item| item.what.text()).collect()
    }

    /// The events it got.
    pub fn events(&self) -> impl Iterator<Item = (EventId, &str)> {
        self.items.iter().filter_map(|item| match &item.what {
            What::Event(id, text) => Some((*id, text.as_str())),
            What::Gap(_) | What::Closing(_) => None,
        })
    }

    /// The events between two gaps.
    fn runs(&self) -> impl Iterator<Item = impl Iterator<Item = (EventId, &str)> + Clone> {
        self.items.split(|item| matches!(item.what, What::Gap(_))).map(|run| {
            run.iter().filter_map(|item| match &item.what {
                What::Event(id, text) => Some((*id, text.as_str())),
                What::Gap(_) | What::Closing(_) => None,
            })
        })
    }

    /// Between two gaps, ids are of one log and grow, and no text comes twice.
    fn is_in_order(&self) {
        for run in self.runs() {
            let mut texts = HashSet::new();
            for ((id, text), next) in run.clone().zip(run.skip(1).map(Some).chain([None])) {
                assert!(texts.insert(text), "{} got {text} twice", self.reader);
                let Some((next, _)) = next else { continue };
                assert_eq!(id.log(), next.log(), "{} was told no gap between {id} and {next}", self.reader);
                assert!(place(id) < place(next), "{} got {next} behind {id}", self.reader);
            }
        }
    }

    /// Nothing is missing before the first gap, and between two events that no gap is between.
    fn is_whole_between_gaps(&self, taken: impl Iterator<Item = EventId>) {
        let mut taken: Vec<EventId> = taken.collect();
        taken.sort_unstable_by_key(|id| place(*id));
        for (number, run) in self.runs().enumerate() {
            let came: Vec<EventId> = run.map(|(id, _)| id).collect();
            let (Some(first), Some(last)) = (came.first(), came.last()) else { continue };
            let begin = if number == 0 { (0, 0) } else { place(*first) };
            let of_run = |id: &&EventId| id.log() == first.log() && (begin..=place(*last)).contains(&place(**id));
            for id in taken.iter().filter(of_run) {
                let found = came.binary_search_by_key(&place(*id), |id| place(*id));
                assert!(found.is_ok(), "{} lacks {id} and was told no gap there", self.reader);
            }
        }
    }
}

impl What {
    fn text(&self) -> &str {
        match self {
            Self::Event(_, text) | Self::Gap(text) | Self::Closing(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(seq: u64) -> EventId {
        EventId::new(1, seq, "log".parse().expect("a name"))
    }

    fn event(seq: u64) -> What {
        What::Event(id(seq), seq.to_string())
    }

    fn gap() -> What {
        What::Gap("{}".to_owned())
    }

    /// Of five events one was refused and one is uncertain.
    fn verdict(what: impl IntoIterator<Item = What>) -> Verdict {
        let sent = |seq: u64, outcome| Sent { text: seq.to_string(), outcome, at: Instant::now() };
        let taken = |seq| sent(seq, Outcome::Taken(id(seq)));
        let items = what.into_iter().map(|what| Item { at: Instant::now(), what }).collect();
        let good = [1, 3, 4].map(|seq| Item { at: Instant::now(), what: event(seq) });
        Verdict {
            sent: vec![taken(1), sent(2, Outcome::Refused), taken(3), taken(4), sent(5, Outcome::Uncertain)],
            readings: vec![
                Reading { reader: "the first".to_owned(), items },
                Reading { reader: "the other".to_owned(), items: good.into() },
            ],
        }
    }

    #[test]
    fn who_got_everything_once_is_content() {
        verdict([1, 3, 4].map(event)).is_perfect();
        verdict([1, 3, 4].map(event)).is_honest(Instant::now());
        let honest = verdict([event(1), gap(), event(4)]);
        assert_eq!(honest.readings[0].gaps(), ["{}"]);
        honest.is_honest(Instant::now());
    }

    #[test]
    #[should_panic(expected = "the first lacks 3, which was taken")]
    fn a_lost_event_is_noticed() {
        verdict([1, 4].map(event)).is_perfect();
    }

    #[test]
    #[should_panic(expected = "the first got 3 twice")]
    fn an_event_that_came_twice_is_noticed() {
        verdict([event(1), event(3), event(4), What::Event(id(5), "3".to_owned())]).is_perfect();
    }

    #[test]
    #[should_panic(expected = "the first got 1-3-log behind 1-4-log")]
    fn disorder_is_noticed() {
        verdict([1, 4, 3].map(event)).is_perfect();
    }

    #[test]
    #[should_panic(expected = "which had been refused")]
    fn an_event_that_came_although_it_was_refused_is_noticed() {
        verdict([1, 2, 3, 4].map(event)).is_perfect();
    }

    #[test]
    #[should_panic(expected = "was told a gap")]
    fn a_gap_is_noticed() {
        verdict([event(1), event(3), gap(), event(4)]).is_perfect();
    }

    #[test]
    #[should_panic(expected = "was sent away")]
    fn a_stream_that_a_node_ends_is_noticed() {
        verdict([event(1), event(3), What::Closing("{}".to_owned()), event(4)]).is_perfect();
    }

    #[test]
    #[should_panic(expected = "have read the same events")]
    fn an_uncertain_event_that_not_everybody_got_is_noticed() {
        let mut verdict = verdict([1, 3, 4, 5].map(event));
        verdict.readings.reverse();
        verdict.is_perfect();
    }

    #[test]
    #[should_panic(expected = "the first lacks 1-3-log and was told no gap there")]
    fn a_silent_gap_is_noticed() {
        verdict([event(1), event(4), gap()]).is_honest(Instant::now());
    }

    #[test]
    #[should_panic(expected = "the first lacks 1-1-log and was told no gap there")]
    fn a_silent_gap_at_the_beginning_is_noticed() {
        verdict([event(3), event(4), gap()]).is_honest(Instant::now());
    }

    #[test]
    #[should_panic(expected = "the first lacks 4, which was taken")]
    fn an_event_that_was_lost_after_all_was_well_is_noticed() {
        let healed = Instant::now();
        verdict([event(1), event(3), gap()]).is_honest(healed);
    }
}
