//! `POST /publish`: a load of numbered and timed events.

use std::fmt::Write as _;
use std::time::Instant;

use serde_json::json;
use ssehub::{Audience, Event, Hub};
use ssehub_order::{MOST_EVENTS, MOST_TARGETS, RATES, Receivers, data, give_way};
use tokio::time::sleep_until;

use crate::answer::Answer;
use crate::query::Query;
use crate::target;

/// What is to be published, to whom, and how fast.
pub(super) type Order = ssehub_order::Order<Audience>;

/// Reads an order. Its data is to be no larger than `max_event_bytes`.
pub(super) fn parse(query: &mut Query, max_event_bytes: usize) -> Result<Order, Answer> {
    let to = query.one("to")?.map(|to| target::topic(&to)).transpose()?;
    let users = query.number("users", 1, MOST_TARGETS)?;
    let groups = query.number("groups", 1, MOST_TARGETS)?;
    let receivers = Receivers::named(to.map(Audience::from), users, groups, Audience::all());
    let order = Order {
        receivers: receivers.map_err(|error| Answer::bad(&error))?,
        count: query.number("count", 0, MOST_EVENTS)?.unwrap_or(1),
        size: query.number("size", 0, max_event_bytes)?.unwrap_or(0),
        rate: query.number("rate", *RATES.start(), *RATES.end())?,
    };
    order.check(max_event_bytes).map_err(|error| Answer::bad(&error))?;
    Ok(order)
}

/// Publishes all of `order`; answers when everything is committed.
pub(super) async fn publish(hub: &Hub, order: &Order) -> Result<Answer, Answer> {
    let started = Instant::now();
    // Used again for each event: what it costs to name a receiver is no part of what the hub costs.
    let mut name = String::new();
    for number in 0..order.count {
        if let Some(due) = order.due(started, number)
            && due > Instant::now()
        {
            sleep_until(due.into()).await;
        }
        let turn = order.turn(number);
        name.clear();
        // Writing to a String cannot fail.
        let _ = write!(name, "{}", turn.target);
        let event = Event::message(data(turn.counter, order.size));
        match &order.receivers {
            Receivers::Same(audience) => hub.send(audience.clone(), event).await?,
            Receivers::Users(_) => hub.send_to_user(&name, event).await?,
            Receivers::Groups(_) => hub.send_to_group(&name, event).await?,
        };
        if order.gives_way(number) {
            give_way().await;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(Answer::json(&json!({ "published": order.count, "seconds": seconds })))
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use ssehub::ConnectRequest;

    use super::*;

    fn order(query: &str) -> Result<Order, Answer> {
        parse(&mut Query::parse(Some(query)).unwrap(), 1024)
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
            "groups=0",
            "users=2&to=all",
            "groups=2&to=all",
            "users=2&groups=2",
            "to=nobody",
            "count=1000000&rate=0.01",
        ] {
            assert_eq!(order(bad).err().map(|answer| answer.status), Some(400), "{bad}");
        }
    }

    #[test]
    fn a_refusal_tells_what_excludes_what() {
        let answer = order("users=2&groups=2").unwrap_err();
        assert!(answer.body.contains("to, users and groups exclude each other"), "{}", answer.body);
    }

    /// The counters that a connection gets of what is published, in order.
    async fn counters(request: ConnectRequest, query: &str) -> Vec<u64> {
        let hub = Hub::builder().build().unwrap();
        let mut connection = hub.connect(request).unwrap();
        publish(&hub, &order(query).unwrap()).await.unwrap();
        // It comes behind everything published, so that nothing has to be waited for that may not come.
        hub.send_to_all(Event::message("end")).await.unwrap();
        let mut text = String::new();
        while !text.contains("data: end") {
            let bytes = connection.next().await.unwrap();
            text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
        let data = text.lines().filter_map(|line| line.strip_prefix("data: #")?.split(' ').next());
        data.map(|counter| counter.parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn users_and_groups_take_turns_and_count_for_themselves() {
        let user = |id| ConnectRequest::new().user(id);
        let group = |name| ConnectRequest::new().group(name);
        assert_eq!(counters(user("1"), "count=8&users=3").await, [0, 1, 2]);
        assert_eq!(counters(user("2"), "count=8&users=3").await, [0, 1]);
        assert_eq!(counters(user("3"), "count=8&users=3").await, [0_u64; 0]);
        assert_eq!(counters(group("1"), "count=8&groups=3").await, [0, 1, 2]);
        assert_eq!(counters(group("2"), "count=8&groups=3").await, [0, 1]);
        assert_eq!(counters(user("1"), "count=8&groups=3").await, [0_u64; 0]);
        assert_eq!(counters(group("1").group("0"), "count=5&groups=2").await, [0, 0, 1, 1, 2]);
        assert_eq!(counters(user("1"), "count=3").await, [0, 1, 2]);
    }
}
