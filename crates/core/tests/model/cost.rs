//! What an act costs does not grow with what it does not concern, counted in steps: each lock that is taken and each
//! atomic that is touched is one. Every connection that somebody looks at is a lock, and every keyed entry an atomic, so
//! a loop over what does not matter shows.

use shuttle::scheduler::RoundRobinScheduler;
use shuttle::{Config, MaxSteps, Runner, current};
use ssehub::{Audience, ConnectRequest, Event, Hub};

use crate::support::{Tab, anyone, hub, now};
use crate::{send, send_event};

const FEW: usize = 10;
const MANY: usize = 5000;

fn steps<T>(act: impl FnOnce() -> T) -> (T, usize) {
    let before = current::context_switches();
    let result = act();
    (result, current::context_switches() - before)
}

/// The steps are the same where there is little of something and where there is much.
fn assert_same(cost: impl Fn(usize) -> usize + Send + Sync + 'static) {
    let mut config = Config::default();
    config.max_steps = MaxSteps::None;
    config.stack_size = 256 << 10;
    let model = move || {
        let (few, many) = (cost(FEW), cost(MANY));
        println!("{few} steps");
        assert!(few > 0);
        assert_eq!(few, many);
    };
    Runner::new(RoundRobinScheduler::new(1), config).run(model);
}

/// Streams that wait.
fn crowd(hub: &Hub, count: usize, request: impl Fn(usize) -> ConnectRequest) -> Vec<Tab> {
    let mut tabs: Vec<Tab> = (0..count).map(|number| Tab::open(hub, request(number))).collect();
    tabs.iter_mut().for_each(|tab| drop(tab.read_all()));
    tabs
}

fn user(number: usize) -> String {
    format!("user {number}")
}

fn keyed(number: usize) -> Event {
    Event::message("x").key(number.to_string())
}

#[test]
fn to_send_to_one_user_among_many() {
    assert_same(|count| {
        let hub = Hub::new();
        let _others = crowd(&hub, count, |number| ConnectRequest::new().user(user(number)).group("g"));
        let mut alice = crowd(&hub, 1, |_| ConnectRequest::new().user("alice").group("g"));
        let ((), sent) = steps(|| send(&hub, Audience::user("alice"), "x"));
        let (events, read) = steps(|| alice[0].data());
        assert_eq!(events, ["x"]);
        sent + read
    });
}

#[test]
fn to_come_and_to_go_among_many() {
    assert_same(|count| {
        let hub = Hub::new();
        let _others = crowd(&hub, count, |number| ConnectRequest::new().user(user(number)).group("g"));
        let (tab, comes) = steps(|| Tab::open(&hub, ConnectRequest::new().user("alice").group("g")));
        let ((), joins) = steps(|| now(hub.join(&tab.id, "lobby")).expect("it joins"));
        let ((), goes) = steps(|| drop(tab));
        comes + joins + goes
    });
}

#[test]
fn to_replay_ten_events_of_many() {
    assert_same(|count| {
        let hub = Hub::new();
        let seen = crate::support::send(&hub, Audience::all(), "seen");
        (0..count).for_each(|number| send_event(&hub, Audience::user(user(number)), keyed(number)));
        (0..10).for_each(|number| send_event(&hub, Audience::user("alice"), keyed(number)));
        let request = ConnectRequest::new().user("alice").last_event_id(&seen);
        let (events, resumed) = steps(|| Tab::open(&hub, request).events());
        assert_eq!(events.len(), 10);
        resumed
    });
}

#[test]
fn to_go_on_after_many_events_for_others() {
    assert_same(|count| {
        let hub = Hub::new();
        let mut tab = Tab::open(&hub, ConnectRequest::new().user("alice"));
        tab.read_all();
        (0..count).for_each(|number| send_event(&hub, Audience::user("bob"), keyed(number)));
        send(&hub, Audience::user("alice"), "x");
        let (events, read) = steps(|| tab.data());
        assert_eq!(events, ["x"]);
        read
    });
}

#[test]
fn to_send_to_a_connection_in_many_groups() {
    assert_same(|count| {
        let hub = hub(|hub| hub.max_groups_per_connection(MANY));
        let groups = |_| anyone().groups((0..count).map(|number| format!("group {number}")));
        let mut tabs = crowd(&hub, 1, groups);
        let ((), sent) = steps(|| send_event(&hub, Audience::group("group 7"), keyed(1)));
        let (events, read) = steps(|| tabs[0].data());
        assert_eq!(events, ["x"]);
        sent + read
    });
}

#[test]
fn to_apply_retention_where_much_is_retained() {
    assert_same(|count| {
        let hub = hub(|hub| hub.history(ssehub::History::default().events(count)));
        (0..=count).for_each(|number| send_event(&hub, Audience::user(user(number)), keyed(number)));
        let ((), sent) = steps(|| send_event(&hub, Audience::user("alice"), keyed(1)));
        sent
    });
}
