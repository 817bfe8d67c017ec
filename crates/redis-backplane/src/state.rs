//! Reading the state of a log: what retention has taken and is still the newest of its keys.
//!
//! It is read in portions while the log goes on. Who was the newest at `after` and is not any more when it is looked
//! for has been followed by an entry behind `after`, which the tail brings.

use std::collections::BTreeMap;

use redis::{Value, cmd, from_redis_value};
use ssehub::{Bytes, EventId, Kept};

use crate::connection::Link;
use crate::error::Failure;
use crate::keys::Keys;
use crate::place::Place;

/// About how many keys are asked for at a time.
const KEYS: usize = 1000;

/// How many records are asked for first; then twice as many as long as an answer is small, or half.
const RECORDS: usize = 16;

/// How large an answer is meant to be, in bytes.
const ANSWER_BYTES: usize = 2 << 20;

/// The records at or before `after` that are still the newest of keys, in the order of ids.
pub(crate) async fn read(link: &Link, keys: &Keys, after: EventId) -> Result<Vec<Kept>, Failure> {
    let mut newest: Vec<_> = scan(link, keys).await?.into_iter().collect();
    newest.retain(|(place, _)| *place <= Place::from(after));
    let mut state = Vec::with_capacity(newest.len());
    let mut newest = newest.into_iter().peekable();
    let mut count = RECORDS;
    while newest.peek().is_some() {
        let portion: Vec<_> = newest.by_ref().take(count).collect();
        let mut ask = cmd("HMGET");
        ask.arg(&keys.records);
        for (place, _) in &portion {
            ask.arg(place.to_string());
        }
        let Value::Array(records) = link.request(&ask).await? else { return Err(Failure::Answer("HMGET is a list")) };
        let mut bytes = 0;
        for ((place, keys), record) in portion.into_iter().zip(records) {
            if let Value::BulkString(record) = record {
                bytes += record.len();
                state.push(Kept { id: place.in_log(after.log()), keys, record: record.into() });
            }
        }
        count = if bytes < ANSWER_BYTES / 2 { (count * 2).min(KEYS) } else { (count / 2).max(1) };
    }
    Ok(state)
}

/// All keys there are, by the place of their newest record.
async fn scan(link: &Link, keys: &Keys) -> Result<BTreeMap<Place, Vec<Bytes>>, Failure> {
    let mut newest = BTreeMap::<Place, Vec<Bytes>>::new();
    let mut cursor = 0_u64;
    loop {
        let answer = link.request(cmd("HSCAN").arg(&keys.state).arg(cursor).arg("COUNT").arg(KEYS)).await?;
        let (next, found): (u64, Vec<(Vec<u8>, String)>) =
            from_redis_value(answer).map_err(|_| Failure::Answer("HSCAN is a cursor and a list"))?;
        for (key, place) in found {
            let place = place.parse().map_err(|_| Failure::Answer("a key without a place"))?;
            newest.entry(place).or_default().push(key.into());
        }
        if next == 0 {
            break;
        }
        cursor = next;
    }
    // A scan may come by the same key twice.
    for keys in newest.values_mut() {
        keys.sort_unstable();
        keys.dedup();
    }
    Ok(newest)
}
