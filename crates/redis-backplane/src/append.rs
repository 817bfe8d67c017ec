//! Appending: some records, in one run of the script.

use std::collections::HashMap;

use redis::{Cmd, from_redis_value};
use ssehub::{Bytes, EventId, LogName, Record, Retention, StateChange};

use crate::connection::Link;
use crate::error::Failure;
use crate::log::Log;
use crate::place::Place;
use crate::script;

/// The largest record, in bytes: far more than a hub makes, far less than Redis takes.
pub const MAX_RECORD_BYTES: usize = 64 << 20;

/// Appends these in their order, all or, where it is an error of the kind `Unavailable`, none; and returns their ids.
pub(crate) async fn append(link: &Link, log: &Log, records: &[&Record]) -> Result<Vec<EventId>, Failure> {
    let name = LogName::random();
    let known = log.known().newest;
    let answer = script::APPEND.run(link, &log.keys, |call| {
        call.arg(name.as_str());
        add_known(call, known);
        log.add_bounds_to(call);
        records.iter().for_each(|record| add_record(call, record));
    });
    let mut answer = answer.await?.into_iter().map(from_redis_value::<String>);
    let mut next = || answer.next().and_then(Result::ok).ok_or(Failure::Answer("an append without an outcome"));
    match next()?.as_str() {
        "ok" => {}
        "another" | "lost" => return Err(Failure::AnotherLog),
        "format" => return Err(Failure::Format(next()?)),
        "key" => return Err(Failure::Key(next()?)),
        _ => return Err(Failure::Answer("an append with an unknown outcome")),
    }
    let name: LogName = next()?.parse().map_err(|_| Failure::Answer("a log with no name"))?;
    let ids = records.iter().map(|_| {
        let place: Place = next()?.parse().map_err(|_| Failure::Answer("an entry with no id"))?;
        Ok(place.in_log(name))
    });
    let ids = ids.collect::<Result<Vec<_>, Failure>>()?;
    records.iter().zip(&ids).for_each(|(record, id)| log.takes(*id, record.retention()));
    Ok(ids)
}

/// Adds the name of a log and an entry of it to the call of a script: two empty strings if there is none.
pub(crate) fn add_known(call: &mut Cmd, known: Option<EventId>) {
    match known {
        Some(id) => call.arg(id.log().as_str()).arg(Place::from(id).to_string()),
        None => call.arg("").arg(""),
    };
}

fn add_record(call: &mut Cmd, record: &Record) {
    let retention = match record.retention() {
        Retention::Lasting => "l",
        Retention::Passing => "p",
    };
    // A key that is named twice ends as it is named last.
    let mut changes: HashMap<&Bytes, bool> = HashMap::with_capacity(record.state().len());
    for change in record.state() {
        match change {
            StateChange::Set(key) => changes.insert(key, true),
            StateChange::Remove(key) => changes.insert(key, false),
        };
    }
    let sets = changes.values().filter(|&&is_set| is_set).count();
    call.arg(retention).arg(&**record.bytes()).arg(sets).arg(changes.len() - sets);
    for wanted in [true, false] {
        for key in changes.iter().filter(|&(_, &is_set)| is_set == wanted).map(|(key, _)| key) {
            call.arg(&***key);
        }
    }
}
