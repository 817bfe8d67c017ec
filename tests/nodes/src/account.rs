//! The account of a case under fire: what readers got against what publishers were told.

use std::collections::{HashMap, HashSet};

use ssehub_conformance::sse::{Position, place};

use crate::{
    publisher::{Sent, Told},
    reader::Got,
};

/// Asserts that a reader got each accepted event that is for it exactly once and in order, each that may have been
/// accepted at most once, and none that was refused.
///
/// # Panics
/// If it did not; the message tells the first difference.
pub fn assert_exactly_once(got: &Got, sent: &[Sent]) {
    let reader = got.reader;
    let since = Position::parse(&got.since).expect("an id");
    let all: HashMap<&str, &Sent> = sent.iter().map(|event| (event.text.as_str(), event)).collect();
    let mut seen = HashSet::new();
    let mut taken = Vec::new();
    let mut last = since.place;
    for (id, text) in &got.events {
        let position = Position::parse(id).expect("an id");
        assert_eq!(position.log, since.log, "reader {reader}: {text:?} comes from another log");
        assert!(position.place > last, "reader {reader}: {text:?} ({id}) comes after {last:?}");
        last = position.place;
        let event = all.get(text.as_str()).unwrap_or_else(|| panic!("reader {reader}: nobody sent {text:?}"));
        assert!(event.target.reaches(reader), "reader {reader} got what was for others: {event:?}");
        assert!(seen.insert(text), "reader {reader}: {text:?} came twice");
        match &event.told {
            Told::Taken(told) => taken.push((told.as_str(), text.as_str())),
            Told::Unsure => continue,
            Told::Refused => panic!("reader {reader} got what was refused: {event:?}"),
        }
        assert!(matches!(&event.told, Told::Taken(told) if told == id), "reader {reader} got {event:?} under {id}");
    }
    let mut expected: Vec<_> = sent
        .iter()
        .filter(|event| event.target.reaches(reader))
        .filter_map(|event| match &event.told {
            Told::Taken(id) if place(id) > since.place => Some((id.as_str(), event.text.as_str())),
            _ => None,
        })
        .collect();
    expected.sort_by_key(|(id, _)| place(id));
    if let Some(at) = taken.iter().zip(&expected).position(|(taken, expected)| taken != expected) {
        let before = at.checked_sub(1).map(|at| expected[at]);
        panic!("reader {reader} saw {:?} where {:?} follows {before:?}", taken[at], expected[at]);
    }
    assert_eq!(taken.len(), expected.len(), "reader {reader} saw too few: after {last:?} comes nothing");
}

/// Asserts this of all readers, and that there was something to see: events, cuts and, where there was an outage, refusals.
///
/// # Panics
/// If it does not hold; the message tells the first difference.
pub fn assert_all_exactly_once(got: &[Got], sent: &[Sent]) {
    let count = |wanted: fn(&Told) -> bool| sent.iter().filter(|event| wanted(&event.told)).count();
    let taken = count(|told| matches!(told, Told::Taken(_)));
    let (unsure, refused) = (count(|told| *told == Told::Unsure), count(|told| *told == Told::Refused));
    let streams: usize = got.iter().map(|got| got.streams).sum();
    let events: usize = got.iter().map(|got| got.events.len()).sum();
    println!(
        "{taken} events taken, {unsure} unsure, {refused} refused; {} readers got {events} over {streams} streams",
        got.len()
    );
    got.iter().for_each(|got| assert_exactly_once(got, sent));
    assert!(taken > 500, "there were events: {taken}");
    assert!(refused > 0, "there was an outage: nothing was refused");
    assert!(streams > 3 * got.len(), "there were cuts: {streams} streams");
    assert!(events > 5 * taken, "the events were for many: {events}");
}

#[cfg(test)]
mod tests {
    use ssehub_conformance::mix::Target;

    use super::*;

    fn sent(text: &str, told: Told) -> Sent {
        Sent { text: text.into(), target: Target::All, told }
    }

    fn taken(number: u64) -> Sent {
        sent(&number.to_string(), Told::Taken(format!("{number}-0-log")))
    }

    /// What a reader got that began at 1 and saw these.
    fn got(events: &[(&str, &str)]) -> Got {
        let events = events.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect();
        Got { reader: 0, since: "1-0-log".into(), events, streams: 1, broken: 0, refused: 0 }
    }

    fn is_complete(events: &[(&str, &str)]) -> bool {
        let sent = [
            taken(1),
            taken(2),
            sent("unsure", Told::Unsure),
            taken(4),
            sent("refused", Told::Refused),
            Sent { target: Target::User(3), ..taken(5) },
        ];
        let got = got(events);
        std::panic::catch_unwind(|| assert_exactly_once(&got, &sent)).is_ok()
    }

    #[test]
    fn all_that_was_taken_is_complete_with_and_without_what_was_unsure() {
        assert!(is_complete(&[("2-0-log", "2"), ("4-0-log", "4")]));
        assert!(is_complete(&[("2-0-log", "2"), ("3-0-log", "unsure"), ("4-0-log", "4")]));
    }

    #[test]
    fn whatever_else_is_found() {
        for events in [
            &[][..],
            &[("2-0-log", "2")],
            &[("4-0-log", "4")],
            &[("4-0-log", "4"), ("2-0-log", "2")],
            &[("2-0-log", "2"), ("2-0-log", "2"), ("4-0-log", "4")],
            &[("2-0-log", "2"), ("3-0-log", "2"), ("4-0-log", "4")],
            &[("2-0-log", "2"), ("3-0-log", "unsure"), ("3-1-log", "unsure"), ("4-0-log", "4")],
            &[("2-0-log", "2"), ("3-0-log", "4")],
            &[("1-0-log", "1"), ("2-0-log", "2"), ("4-0-log", "4")],
            &[("2-0-log", "2"), ("4-0-log", "4"), ("4-1-log", "refused")],
            &[("2-0-log", "2"), ("4-0-log", "4"), ("5-0-log", "5")],
            &[("2-0-log", "2"), ("4-0-log", "4"), ("6-0-log", "strange")],
            &[("2-0-log", "2"), ("4-0-other", "4")],
        ] {
            assert!(!is_complete(events), "{events:?}");
        }
    }
}
