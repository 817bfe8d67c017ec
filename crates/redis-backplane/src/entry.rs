//! What `XREAD` answers, as entries of the log in one order.

use redis::Value;
use ssehub::{Bytes, Retention};

use crate::error::Failure;
use crate::place::Place;

/// An entry as `append.lua` writes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) record: Bytes,
    pub(crate) retention: Retention,
    /// The entry before it.
    pub(crate) before: Place,
    /// The lasting entry before it.
    pub(crate) lasting_before: Place,
}

/// What was read of both streams.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// In the order of the log; none for what is no entry of a hub's.
    pub(crate) entries: Vec<(Place, Option<Entry>)>,
    /// How large the answer was, about.
    pub(crate) bytes: usize,
    /// Whether there may be more.
    pub(crate) is_full: bool,
}

impl Read {
    /// Merges what was read of the stream with this key, the lasting one, and the other, where at most `count` entries of
    /// each were asked for.
    pub(crate) fn new(answer: Value, lasting: &str, count: usize) -> Result<Self, Failure> {
        let mut read = Self::default();
        // A stream that has given as many as were asked for may have more, before what the other has given.
        let mut complete_until = None;
        for stream in list_or_nothing(answer)? {
            let Ok([key, entries]) = <[Value; 2]>::try_from(list(stream)?) else { return Err(MALFORMED) };
            let is_lasting = matches!(key, Value::BulkString(key) if key == lasting.as_bytes());
            let retention = if is_lasting { Retention::Lasting } else { Retention::Passing };
            let entries = list(entries)?;
            let is_full = entries.len() >= count;
            read.is_full |= is_full;
            for entry in entries {
                let Ok([place, fields]) = <[Value; 2]>::try_from(list(entry)?) else { return Err(MALFORMED) };
                let place = self::place(&place).ok_or(MALFORMED)?;
                let entry = Entry::new(list_or_nothing(fields)?, retention);
                read.bytes += entry.as_ref().map_or(0, |entry| entry.record.len());
                read.entries.push((place, entry));
            }
            if let Some(&(last, _)) = read.entries.last()
                && is_full
            {
                complete_until = Some(complete_until.map_or(last, |until: Place| until.min(last)));
            }
        }
        read.entries.sort_by_key(|&(place, _)| place);
        if let Some(until) = complete_until {
            read.entries.retain(|&(place, _)| place <= until);
        }
        Ok(read)
    }
}

const MALFORMED: Failure = Failure::Answer("XREAD is a list of streams with entries");

impl Entry {
    fn new(fields: Vec<Value>, retention: Retention) -> Option<Self> {
        let (mut record, mut before, mut lasting_before) = (None, None, None);
        let mut fields = fields.into_iter();
        while let (Some(Value::BulkString(name)), Some(value)) = (fields.next(), fields.next()) {
            match (&*name, value) {
                (b"b", Value::BulkString(bytes)) => record = Some(Bytes::from(bytes)),
                (b"p", value) => before = Some(place(&value)?),
                (b"l", value) => lasting_before = Some(place(&value)?),
                _ => {}
            }
        }
        Some(Self { record: record?, retention, before: before?, lasting_before: lasting_before.or(before)? })
    }
}

fn place(value: &Value) -> Option<Place> {
    match value {
        Value::BulkString(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

fn list(value: Value) -> Result<Vec<Value>, Failure> {
    match value {
        Value::Array(list) => Ok(list),
        _ => Err(MALFORMED),
    }
}

fn list_or_nothing(value: Value) -> Result<Vec<Value>, Failure> {
    if value == Value::Nil { Ok(Vec::new()) } else { list(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn stream(key: &str, entries: &[(&str, &[&str])]) -> Value {
        let entry = |&(id, fields): &(&str, &[&str])| {
            Value::Array(vec![text(id), Value::Array(fields.iter().map(|field| text(field)).collect())])
        };
        Value::Array(vec![text(key), Value::Array(entries.iter().map(entry).collect())])
    }

    fn places(read: &Read) -> Vec<String> {
        read.entries.iter().map(|(place, _)| place.to_string()).collect()
    }

    #[test]
    fn nothing_passes_what_a_full_stream_may_still_bring() {
        let one: &[&str] = &["b", "x", "p", "0-0"];
        let (lasting, passing) = (
            stream("l", &[("1-0", one), ("3-0", one), ("9-0", one)]),
            stream("p", &[("2-0", one), ("4-0", one), ("5-0", one)]),
        );
        let answer = Value::Array(vec![lasting, passing]);
        assert_eq!(places(&Read::new(answer.clone(), "l", 4).unwrap()), ["1-0", "2-0", "3-0", "4-0", "5-0", "9-0"]);
        assert_eq!(places(&Read::new(answer, "l", 3).unwrap()), ["1-0", "2-0", "3-0", "4-0", "5-0"]);
        assert_eq!(places(&Read::new(Value::Nil, "l", 3).unwrap()), [""; 0]);
    }

    #[test]
    fn what_is_no_entry_of_a_hub_is_passed_over() {
        let foreign: [&[&str]; 4] = [&["field", "value"], &["b", "x"], &["b", "x", "p", "here"], &["p", "1-1"]];
        for fields in foreign {
            let read = Read::new(Value::Array(vec![stream("l", &[("1-0", fields)])]), "l", 9).unwrap();
            assert_eq!(read.entries, [("1-0".parse().unwrap(), None)], "{fields:?}");
        }
        for (key, retention) in [("l", Retention::Lasting), ("p", Retention::Passing)] {
            let stream = stream(key, &[("2-0", &["p", "1-1", "b", "x", "l", "1-0", "z", ""])]);
            let read = Read::new(Value::Array(vec![stream]), "l", 9).unwrap();
            let place = |text: &str| text.parse().unwrap();
            let entry = Entry { record: "x".into(), retention, before: place("1-1"), lasting_before: place("1-0") };
            assert_eq!(read.entries, [(place("2-0"), Some(entry))]);
        }
    }

    #[test]
    fn an_answer_that_is_no_list_of_streams_is_an_error() {
        for answer in [Value::Int(1), Value::Array(vec![Value::Nil]), Value::Array(vec![stream("l", &[("one", &[])])])]
        {
            assert!(Read::new(answer, "l", 9).is_err());
        }
    }
}
