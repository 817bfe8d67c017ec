//! `POST /publish`: numbered and timed events, as fast as the sockets take them or at a fixed rate.

use std::collections::HashSet;
use std::os::fd::AsFd as _;
use std::thread::sleep;
use std::time::Instant;

use ssehub_order::{MOST_BYTES, Receivers};

use crate::batch::Batch;
use crate::clients::{Clients, Slot};
use crate::frame::Chunk;
use crate::query::Query;

/// What is to be published, to whom, and how fast.
pub(crate) type Order = ssehub_order::Order<To>;

/// Whom all events of an order are for.
#[derive(Clone, Debug)]
pub(crate) enum To {
    All,
    User(String),
    Group(String),
}

/// Reads an order.
pub(crate) fn parse(query: &Query) -> Result<Order, String> {
    let to = match query.first("to") {
        None => None,
        Some("all") => Some(To::All),
        Some(to) => match to.split_once(':') {
            Some(("user", user)) => Some(To::User(user.to_owned())),
            Some(("group", group)) => Some(To::Group(group.to_owned())),
            _ => return Err(format!("to is all, user:ID or group:NAME, not {to}")),
        },
    };
    let order = Order {
        receivers: Receivers::named(to, query.number("users")?, query.number("groups")?, To::All)?,
        count: query.number("count")?.unwrap_or(1),
        size: query.number("size")?.unwrap_or(0),
        rate: query.number("rate")?,
    };
    order.check(MOST_BYTES)?;
    Ok(order)
}

/// The receivers of each target, looked up once: event k goes to target k mod their number.
fn targets(order: &Order, clients: &Clients) -> Vec<Vec<Slot>> {
    match &order.receivers {
        Receivers::Same(To::All) => vec![clients.all()],
        Receivers::Same(To::User(user)) => vec![clients.user(user)],
        Receivers::Same(To::Group(group)) => vec![clients.group(group)],
        Receivers::Users(users) => (0..*users).map(|user| clients.user(&user.to_string())).collect(),
        Receivers::Groups(groups) => (0..*groups).map(|group| clients.group(&group.to_string())).collect(),
    }
}

/// Publishes all of `order`, and answers how long it took. Receivers that have gone are removed.
pub(crate) fn publish(clients: &mut Clients, order: &Order, batch: Batch) -> String {
    let started = Instant::now();
    let targets = targets(order, clients);
    let mut chunk = Chunk::default();
    let mut gone = Vec::new();
    // Events at a fixed rate cannot wait for their batch, and a stream with several targets is to get theirs in turn.
    let batch = if order.rate.is_some() || overlap(&targets) { 1 } else { batch.events() };
    let sources = targets.len() as u64;
    let mut first = 0;
    // One round gives each target up to `batch` events.
    while first < order.count {
        for (source, receivers) in (first..).zip(&targets) {
            if source >= order.count {
                break;
            }
            if let Some(due) = order.due(started, source) {
                wait_until(due);
            }
            chunk.clear();
            let events = (source..order.count).step_by(targets.len()).take(batch as usize);
            for event in events {
                chunk.push(order.turn(event).counter, order.size);
            }
            deliver(clients, receivers, chunk.bytes(), &mut gone);
        }
        first += batch * sources;
    }
    for slot in gone {
        clients.remove(slot);
    }
    order.answer(started)
}

/// Whether a stream receives what goes to more than one target.
fn overlap(targets: &[Vec<Slot>]) -> bool {
    let mut seen = HashSet::new();
    targets.iter().flatten().any(|slot| !seen.insert(slot))
}

/// The whole game: one `send(2)` for each receiver.
fn deliver(clients: &Clients, receivers: &[Slot], bytes: &[u8], gone: &mut Vec<Slot>) {
    for &slot in receivers {
        if let Some(client) = clients.get(slot)
            && crate::send::send_all(client.socket.as_fd(), bytes).is_err()
        {
            gone.push(slot);
        }
    }
}

fn wait_until(due: Instant) {
    let now = Instant::now();
    if due > now {
        sleep(due - now);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;

    use std::time::Duration;

    use super::*;
    use crate::client::Stream;

    fn order(query: &str) -> Order {
        parse(&Query::parse(query)).unwrap()
    }

    /// Counters that user and group `0`, `1` and `2` get of an order; user k is in group k.
    fn counters(query: &str, batch: u16) -> Vec<Vec<u64>> {
        let mut clients = Clients::default();
        let mut ends = Vec::new();
        for user in 0..3 {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let slot = clients.insert(ours.into());
            clients.open(slot, Stream { user: Some(user.to_string()), groups: vec![user.to_string()] });
            ends.push(theirs);
        }
        publish(&mut clients, &order(query), Batch::of(batch).unwrap());
        drop(clients);
        let read = |mut end: UnixStream| {
            let mut text = String::new();
            end.read_to_string(&mut text).unwrap();
            let data = text.lines().filter_map(|line| line.strip_prefix("data: #"));
            data.map(|data| data.split(' ').next().unwrap().parse().unwrap()).collect()
        };
        ends.into_iter().map(read).collect()
    }

    #[test]
    fn every_stream_gets_every_event_in_order_whatever_the_batch() {
        for batch in [1, 2, 64] {
            assert_eq!(counters("count=5&size=40", batch), vec![vec![0, 1, 2, 3, 4]; 3], "{batch}");
        }
    }

    #[test]
    fn users_and_groups_take_turns_and_count_for_themselves() {
        for batch in [1, 2, 64] {
            for query in ["count=8&users=3", "count=8&groups=3", "count=8&users=3&rate=100000"] {
                assert_eq!(counters(query, batch), [vec![0, 1, 2], vec![0, 1, 2], vec![0, 1]], "{query} {batch}");
            }
        }
    }

    #[test]
    fn one_user_or_one_group_may_be_meant() {
        for query in ["count=2&to=user:1", "count=2&to=group:1"] {
            assert_eq!(counters(query, 1), [vec![], vec![0, 1], vec![]], "{query}");
        }
    }

    #[test]
    fn a_stream_in_several_groups_gets_their_events_in_turn() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut clients = Clients::default();
        let slot = clients.insert(ours.into());
        clients.open(slot, Stream { user: None, groups: vec!["0".to_owned(), "1".to_owned()] });
        publish(&mut clients, &order("count=6&groups=2"), Batch::of(64).unwrap());
        drop(clients);
        let mut text = String::new();
        theirs.read_to_string(&mut text).unwrap();
        let counters = text.lines().filter_map(|line| line.strip_prefix("data: #")?.split(' ').next());
        assert_eq!(counters.collect::<Vec<_>>(), ["0", "0", "1", "1", "2", "2"]);
    }

    #[test]
    fn a_rate_is_kept() {
        let started = Instant::now();
        counters("count=5&rate=100", 64);
        assert!(started.elapsed() >= Duration::from_millis(40), "{:?}", started.elapsed());
    }

    #[test]
    fn an_order_that_cannot_be_meant_is_refused() {
        for bad in ["count=-1", "rate=0", "rate=nan", "users=0", "users=2&to=all", "to=nobody", "size=2000000"] {
            assert!(parse(&Query::parse(bad)).is_err(), "{bad}");
        }
    }
}
