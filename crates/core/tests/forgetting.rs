//! What counts as lost: a gap is told for that, and for nothing else.

mod support;

use ssehub::{Audience, Event, History};
use support::{Tab, anyone, hub, send, send_event};

/// What a stream that resumes from an id is given, gaps too.
fn resumed(hub: &ssehub::Hub, id: &str) -> Vec<String> {
    let events = Tab::open(hub, anyone().last_event_id(id)).read_all();
    events.into_iter().skip(1).map(|event| if event.name == "hub:gap" { event.name } else { event.data }).collect()
}

#[test]
fn what_a_newer_event_says_to_everybody_is_not_lost_whatever_came_after_that() {
    let hub = hub(|hub| hub.history(History::default().events(3)));
    let seen = send(&hub, Audience::all(), "seen");
    let value = |data: &str| Event::message(data).key("k");
    send_event(&hub, Audience::all(), value("1"));
    send_event(&hub, Audience::all(), value("2"));
    send_event(&hub, Audience::all().except_user("bob"), value("3"));
    send(&hub, Audience::all(), "newest");
    assert_eq!(resumed(&hub, &seen), ["2", "3", "newest"]);
}
