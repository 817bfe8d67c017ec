//! `POST /publish`: a load of numbered and timed events.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use ssehub::{Audience, Event, Hub};
use tokio::task::yield_now;
use tokio::time::sleep_until;

use crate::answer::Answer;
use crate::query::Query;
use crate::target;

/// More would be a mistake rather than a measurement.
const MOST_EVENTS: u64 = 1_000_000_000;
const MOST_USERS: u64 = 10_000_000;
const LONGEST_RUN: Duration = Duration::from_secs(24 * 60 * 60);

/// A loop that finds nobody to wait for gives way after so many events, so that its thread serves others too.
const GIVE_WAY_AFTER: u64 = 64;

/// What is to be published, to whom, and how fast.
#[derive(Debug)]
pub(super) struct Order {
    receivers: Receivers,
    count: u64,
    size: usize,
    /// Events a second; as fast as the hub takes them where it is absent.
    rate: Option<f64>,
}

#[derive(Debug)]
enum Receivers {
    Audience(Audience),
    /// Event k goes to user k mod this.
    Users(u64),
}

impl Order {
    pub(super) fn parse(query: &mut Query, max_event_bytes: usize) -> Result<Self, Answer> {
        let to = query.one("to")?;
        let users = query.number("users", 1, MOST_USERS)?;
        let receivers = match (to, users) {
            (None, None) => Receivers::Audience(Audience::all()),
            (Some(to), None) => Receivers::Audience(target::topic(&to)?.into()),
            (None, Some(users)) => Receivers::Users(users),
            (Some(_), Some(_)) => return Err(Answer::bad("give to or users, not both")),
        };
        let order = Self {
            receivers,
            count: query.number("count", 0, MOST_EVENTS)?.unwrap_or(1),
            size: query.number("size", 0, max_event_bytes)?.unwrap_or(0),
            rate: query.number("rate", 0.001, 10_000_000.0)?,
        };
        if order.rate.is_some_and(|rate| order.count as f64 / rate > LONGEST_RUN.as_secs_f64()) {
            return Err(Answer::bad("count / rate is more than a day; give a smaller count or a higher rate"));
        }
        Ok(order)
    }
}

/// Publishes all of `order`; answers when everything is committed.
pub(super) async fn publish(hub: &Hub, order: &Order) -> Result<Answer, Answer> {
    let started = Instant::now();
    for event in 0..order.count {
        if let Some(rate) = order.rate {
            // Counted from the start, so that a late event does not make all later ones late.
            let due = started + Duration::from_secs_f64(event as f64 / rate);
            if due > Instant::now() {
                sleep_until(due.into()).await;
            }
        }
        match &order.receivers {
            Receivers::Audience(audience) => {
                hub.send(audience.clone(), Event::message(data(event, order.size))).await?;
                if event % GIVE_WAY_AFTER == 0 {
                    yield_now().await;
                }
            }
            Receivers::Users(users) => {
                let user = (event % users).to_string();
                hub.send_to_user(user, Event::message(data(event / users, order.size))).await?;
                yield_now().await;
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(Answer::json(&json!({ "published": order.count, "seconds": seconds })))
}

/// `#COUNTER UNIX_NANOS xxx…`, of `size` bytes where counter and time leave room.
fn data(counter: u64, size: usize) -> String {
    // A clock before 1970 is no reason to fail.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    let mut data = format!("#{counter} {now}");
    if data.len() < size {
        data.push(' ');
        data.extend(std::iter::repeat_n('x', size - data.len()));
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_has_exactly_the_size_that_was_asked_for() {
        for size in [24, 25, 26, 100, 4096] {
            let data = data(7, size);
            assert_eq!(data.len(), size);
            let mut fields = data.split(' ');
            assert_eq!(fields.next(), Some("#7"));
            assert!(fields.next().unwrap().parse::<u128>().unwrap() > 1_700_000_000_000_000_000);
        }
    }

    #[test]
    fn a_small_size_still_tells_counter_and_time() {
        assert_eq!(data(0, 3).split(' ').count(), 2);
    }

    #[test]
    fn an_order_that_cannot_be_meant_is_refused() {
        for bad in [
            "count=-1",
            "count=2000000000",
            "size=1025",
            "rate=0",
            "rate=nan",
            "rate=inf",
            "users=0",
            "users=2&to=all",
            "to=nobody",
            "count=1000000&rate=0.01",
        ] {
            let refused = Order::parse(&mut Query::parse(Some(bad)).unwrap(), 1024);
            assert_eq!(refused.err().map(|answer| answer.status), Some(400), "{bad}");
        }
    }
}
