//! Following the log: on a connection of its own, from the last entry seen, and sure to have seen all of it.
//!
//! Redis is asked for what is behind that entry in both streams, and for what the log is called now, again and again;
//! it answers as soon as there is something, or with nothing after a while. Each entry names the one before it. If that
//! was not seen, or the log has another name or an earlier end, the tail fails; the next one begins with `start.lua`,
//! which finds out what has happened.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use redis::{Pipeline, Value, from_redis_value};
use ssehub::{BackplaneError, BackplaneErrorKind, EventId, LogName, Start, Tailed};

use crate::append::add_known;
use crate::connection::Connection;
use crate::entry::{Entry, Read};
use crate::error::Failure;
use crate::hello::Hello;
use crate::log::Log;
use crate::nodes::Nodes;
use crate::place::Place;
use crate::script;
use crate::state;

/// How many entries of a stream are asked for first. It doubles while answers are full and small.
const MIN_COUNT: usize = 64;

/// How many entries of a stream are asked for at most.
const MAX_COUNT: usize = 512;

/// How large an answer is meant to be, in bytes.
const ANSWER_BYTES: usize = 4 << 20;

/// Follows the log from behind `after`, or from its oldest entry.
pub(crate) async fn tail(
    nodes: &Arc<Nodes>,
    log: &Arc<Log>,
    after: Option<EventId>,
) -> Result<BoxStream<'static, Result<Tailed, BackplaneError>>, BackplaneError> {
    let unavailable = |failure: Failure| failure.into_error(BackplaneErrorKind::Unavailable);
    let (tail, start) = Tail::start(nodes, log, after).await.map_err(unavailable)?;
    let entries = stream::try_unfold(tail, |mut tail| async {
        let entry = tail.next().await?;
        Ok(Some((entry, tail)))
    });
    let start = stream::once(async { Ok(Tailed::Start(start)) });
    Ok(start.chain(entries.map_err(unavailable)).boxed())
}

struct Tail {
    connection: Connection,
    log: Arc<Log>,
    name: LogName,
    /// The last entry seen, or where the tail started.
    seen: Place,
    /// Up to here passing entries may be gone.
    missed_until: Place,
    /// Up to here both streams have been read: further than `seen` where there were entries that are not the hub's.
    read: Place,
    count: usize,
    /// What was read and not handed on.
    entries: VecDeque<(EventId, Entry)>,
}

impl Tail {
    async fn start(nodes: &Arc<Nodes>, log: &Arc<Log>, asked: Option<EventId>) -> Result<(Self, Start), Failure> {
        let connection = nodes.open().await?;
        let (name, known, stumbled) = (LogName::random(), log.known(), log.take_stumbled());
        let answer = script::START.run(connection.link(), &log.keys, |call| {
            call.arg(name.as_str());
            add_known(call, asked);
            call.arg(asked.and_then(|asked| log.record_of(asked)).as_deref().unwrap_or_default());
            add_known(call, known.newest);
            add_known(call, known.lasting);
            add_known(call, stumbled);
            log.add_bounds_to(call);
        });
        let mut answer = answer.await?.into_iter().map(from_redis_value::<String>);
        let mut next = || answer.next().and_then(Result::ok).ok_or(Failure::Answer("a start that lacks something"));
        match next()?.as_str() {
            "ok" => {}
            "format" => return Err(Failure::Format(next()?)),
            "key" => return Err(Failure::Key(next()?)),
            _ => return Err(Failure::Answer("a start with an unknown outcome")),
        }
        let name: LogName = next()?.parse().map_err(|_| Failure::Answer("a log with no name"))?;
        let place = |text: String| text.parse::<Place>().map_err(|_| Failure::Answer("a place that is none"));
        let (seen, mut head) = (place(next()?)?, place(next()?)?);
        let (missed, missed_until, last) = (next()? == "1", place(next()?)?, place(next()?)?);

        let after = seen.in_log(name);
        log.starts(after);
        let log = Arc::clone(log);
        let (read, count, entries) = (seen, MIN_COUNT, VecDeque::new());
        let mut tail = Self { connection, log, name, seen, missed_until, read, count, entries };
        let mut state = Vec::new();
        if asked != Some(after) {
            // The oldest entries are read first: they would be gone after a large state, where much is appended.
            while tail.seen < head {
                let before = tail.read;
                tail.read().await?;
                if tail.read == before {
                    return Err(Failure::Missing);
                }
            }
            state = state::read(tail.connection.link(), &tail.log.keys, after).await?;
            // What was superseded meanwhile is not in it: who has come to the head has seen by what.
            let last_now = tail.last().await?;
            if last_now > last {
                head = last_now;
            }
        }
        Ok((tail, Start { after, head: head.in_log(name), missed, state }))
    }

    async fn next(&mut self) -> Result<Tailed, Failure> {
        loop {
            if let Some((id, Entry { record, retention, .. })) = self.entries.pop_front() {
                self.log.sees(id, retention, &record);
                return Ok(Tailed::Entry(id, record));
            }
            self.read().await?;
        }
    }

    /// Waits for entries, for a while.
    async fn read(&mut self) -> Result<(), Failure> {
        let link = self.connection.link();
        let keys = &self.log.keys;
        let known = self.log.known().newest.filter(|known| known.log() == self.name).map_or(self.seen, Place::from);
        let mut ask = Pipeline::new();
        ask.cmd("XREAD").arg("COUNT").arg(self.count).arg("BLOCK").arg(link.block_ms());
        ask.arg("STREAMS").arg(&keys.lasting).arg(&keys.passing);
        // What is missed of the passing ones is not read although some of it may be left.
        ask.arg(self.read.to_string()).arg(self.read.max(self.missed_until).to_string());
        ask.add_command(self.log.ask_last()).cmd("HELLO");
        let mut answers = link.request_all(&ask).await?.into_iter();
        let mut next =
            || answers.next().ok_or(Failure::Answer("less than was asked for"))?.extract_error().map_err(Failure::from);
        let read = Read::new(next()?, &keys.lasting, self.count)?;
        self.check(next()?, self.seen.max(known))?;
        // A server that is told to be a replica may do as if nothing were.
        Hello::from(next()?)?.check(self.connection.address())?;
        self.adapt(&read);
        for (place, entry) in read.entries {
            self.take(place, entry)?;
        }
        Ok(())
    }

    /// The last id that the log has given.
    async fn last(&self) -> Result<Place, Failure> {
        self.check(self.connection.link().request(&self.log.ask_last()).await?, self.seen)
    }

    /// The last id that the log has given, by this answer, if it is this log and that is not before an entry it had.
    fn check(&self, answer: Value, had: Place) -> Result<Place, Failure> {
        let (name, last): (Option<String>, Option<String>) =
            from_redis_value(answer).map_err(|_| Failure::Answer("HMGET is a list"))?;
        let last = last.and_then(|last| last.parse().ok()).filter(|last| *last >= had);
        last.filter(|_| name.as_deref() == Some(self.name.as_str())).ok_or(Failure::AnotherLog)
    }

    /// Asks for more next time if there may be more, and for less if this was much.
    fn adapt(&mut self, read: &Read) {
        let (entries, bytes) = (read.entries.len().max(1), read.bytes.max(1));
        let most = if read.is_full { (self.count * 2).min(MAX_COUNT) } else { self.count };
        self.count = (ANSWER_BYTES * entries / bytes).clamp(1, most.max(MIN_COUNT));
    }

    fn take(&mut self, place: Place, entry: Option<Entry>) -> Result<(), Failure> {
        self.read = place;
        let Some(entry) = entry else {
            self.log.skips(place);
            return Ok(());
        };
        // Passing entries may be gone for a tail that was away for long; lasting ones never.
        let id = place.in_log(self.name);
        if entry.lasting_before > self.seen || (entry.before > self.seen && entry.before > self.missed_until) {
            self.log.stumbles(id);
            return Err(Failure::Missing);
        }
        self.seen = place;
        self.entries.push_back((id, entry));
        Ok(())
    }
}
