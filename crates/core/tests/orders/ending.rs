//! The end of a run: who is left gets what is theirs, everybody goes, and everything is looked through.

use std::time::Instant;

use futures::FutureExt as _;
use rand::RngExt as _;
use rand::rngs::StdRng;
use ssehub::{Event, Hub, Shutdown, Topic};

use crate::act::Opening;
use crate::actor::{Actor, Client};
use crate::journal::To;
use crate::settings::Window;
use crate::span::Stream;
use crate::support::{eventually, within};
use crate::tally::Tally;
use crate::world::{DEADLINE, SHUTDOWN, World, group_name, user_name};
use crate::{GROUPS, USERS};

pub(crate) fn end(world: &World, actors: Vec<Actor>, rng: &mut StdRng, tally: &Tally) {
    let mut clients: Vec<Client> = actors.into_iter().flat_map(|actor| actor.clients).collect();
    read_to_the_end(world, &mut clients, rng);
    leave(world, clients);
    let parked = world.hub.stats().parked;
    assert!(parked <= world.settings.max_parked, "{parked} are parked, more than may be");
    let gone_by_themselves = rng.random();
    let shutdown = world.shutdown.lock().take();
    if shutdown.is_none() {
        end_sessions(world, gone_by_themselves);
    }
    assert_empty(&world.hub);
    let began = Instant::now();
    let report = match shutdown {
        Some(shutdown) => shutdown.join().expect("a shutdown does not panic"),
        None => {
            assert_nobody_is_due(&world.hub);
            within("the shutdown", world.hub.shutdown(Shutdown::within(DEADLINE)))
        }
    };
    assert!(began.elapsed() < DEADLINE, "the shutdown waits for somebody, though nobody is there");
    assert_eq!(report.remaining, 0, "a stream is still open: {:?}", world.hub);
    look_through(world);
    count(world, tally);
}

/// Who is still there, or comes back now, sees everything up to one last event.
fn read_to_the_end(world: &World, clients: &mut [Client], rng: &mut StdRng) {
    for client in clients.iter_mut() {
        if client.stream.is_none() && rng.random() {
            client.open(world, &Opening::back());
        }
    }
    match world.send(To::All) {
        Some(last) => clients.iter_mut().for_each(|client| client.read_up_to(last)),
        None => clients.iter_mut().flat_map(|client| &mut client.stream).for_each(Stream::read_to_end),
    }
}

fn leave(world: &World, clients: Vec<Client>) {
    let streams = clients.into_iter().filter_map(|client| client.stream);
    let left_behind = std::mem::take(&mut *world.left_behind.lock());
    let spans: Vec<_> = streams.chain(left_behind).map(Stream::cut).collect();
    world.spans.lock().extend(spans);
}

/// Sessions whose clients do not come back are over when their windows are, or when they are ended.
fn end_sessions(world: &World, by_themselves: bool) {
    match world.settings.window {
        Window::None => {}
        Window::Short(_) if by_themselves => {
            eventually("every window to be over", || world.hub.stats().connections == 0);
        }
        Window::Short(_) | Window::Long => {
            world.end(&To::All);
        }
    }
}

fn assert_empty(hub: &Hub) {
    let stats = hub.stats();
    assert_eq!((stats.connections, stats.parked, stats.users, stats.groups), (0, 0, 0, 0));
    assert_eq!(hub.connections(), []);
    assert!((0..USERS).all(|user| !hub.is_online(&user_name(user))), "a user is online");
    assert!((0..GROUPS).all(|group| hub.members(&group_name(group)).is_empty()), "a group has members");
}

/// Nobody has left a turn behind for which publishers would wait: so many events are more than anybody's budget, and
/// each gives way once at most.
fn assert_nobody_is_due(hub: &Hub) {
    for _ in 0..5 {
        let mut send = Box::pin(hub.send(Topic::All, Event::message("to nobody")));
        let polls = (0..3).take_while(|_| (&mut send).now_or_never().is_none()).count();
        assert!(polls < 3, "a send waits, though nobody is there");
    }
}

fn look_through(world: &World) {
    world.tickets.check();
    let journal = world.journal.lock();
    let by_itself = ["gone", "expired", "max-lifetime", "stalled"];
    let may_be = |reason: &str| by_itself.contains(&reason) || journal.ended.contains_key(reason);
    world.diary.check(&world.opened.lock(), may_be);
    let spans = world.spans.lock();
    for span in spans.iter() {
        span.check(&journal, &world.settings);
    }
    journal.check_ends(&spans);
    let stats = world.hub.stats();
    assert_eq!(stats.delivered, spans.iter().map(|span| span.events() as u64).sum::<u64>());
    assert!(world.settings.forgets || stats.lagged == 0, "{} gaps were told", stats.lagged);
}

/// Adds what was seen to what was seen in other runs.
fn count(world: &World, tally: &Tally) {
    let spans = world.spans.lock();
    let opened = world.opened.lock().len();
    tally.add("connections", opened);
    tally.add("streams taken over", spans.len() - opened);
    for span in spans.iter() {
        tally.add("events", span.events());
        tally.add("gaps", span.gaps());
        let end = match span.closing.as_deref() {
            None if span.has_begun() => "streams dropped",
            None => "streams dropped before they began",
            Some("superseded") => "streams superseded",
            Some("expired") => "streams ended by their identity's expiry",
            Some("max-lifetime") => "streams ended by their lifetime",
            Some("stalled") => "streams ended by a stall",
            Some(SHUTDOWN) => "streams ended by a shutdown",
            Some(_) => "streams ended by the application",
        };
        tally.add(end, 1);
    }
    for (reason, count) in world.hub.refusals().iter().filter(|(_, count)| *count > 0) {
        tally.add(reason, count as usize);
    }
}
