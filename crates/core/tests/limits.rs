//! Limits: what is refused, and how that is said.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use ssehub::{
    Audience, BuildError, ConnectError, ConnectErrorKind, ConnectRequest, Event, History, Hub, HubBuilder, Identity,
    MAX_AUDIENCE, MAX_NAME, SendErrorKind, Topic,
};
use support::{Tab, anyone, hub, now, send};

fn user(name: &str) -> ConnectRequest {
    ConnectRequest::new().user(name)
}

#[test]
fn one_stream_more_than_there_may_be_is_refused_until_one_ends() {
    let hub = hub(|hub| hub.max_connections(2).retry_after(Duration::from_millis(1_500)));
    let (mut first, _second) = (Tab::open(&hub, anyone()), Tab::open(&hub, anyone()));
    for _ in 0..3 {
        let refused = hub.connect(anyone()).unwrap_err();
        assert_eq!((refused.kind(), refused.status()), (ConnectErrorKind::Full, 503));
        assert_eq!(refused.retry_after(), Some(Duration::from_millis(1_500)));
        assert_eq!(refused.retry_after_seconds(), Some(2));
    }
    first.cut();
    let _third = Tab::open(&hub, anyone());
    assert_eq!(hub.stats().connections, 2);
    assert!(hub.connect(anyone()).is_err());
}

#[test]
fn one_stream_more_than_a_user_may_have_is_refused_and_concerns_nobody_else() {
    let hub = hub(|hub| hub.max_connections_per_user(2));
    let (mut first, _second) = (Tab::open(&hub, user("alice")), Tab::open(&hub, user("alice")));
    let refused = hub.connect(user("alice").group("g")).unwrap_err();
    assert_eq!((refused.kind(), refused.status()), (ConnectErrorKind::TooManyConnections, 429));
    assert_eq!(refused.retry_after(), Some(ssehub::DEFAULT_RETRY_AFTER));
    assert_eq!((hub.connections_of("alice"), hub.member_count("g"), hub.stats().connections), (2, 0, 2));
    let _others = [Tab::open(&hub, user("bob")), Tab::open(&hub, anyone()), Tab::open(&hub, anyone())];
    first.cut();
    let _third = Tab::open(&hub, user("alice"));
}

#[test]
fn limits_hold_when_many_threads_connect_at_once() {
    let hub = hub(|hub| hub.max_connections(50).max_connections_per_user(7));
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let hub = hub.clone();
            let request = move |n| if n % 2 == 0 { user("alice") } else { user(&format!("{thread}-{n}")) };
            std::thread::spawn(move || (0..20).filter_map(|n| hub.connect(request(n)).ok()).collect::<Vec<_>>())
        })
        .collect();
    let open: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert_eq!((open.len(), hub.stats().connections, hub.connections_of("alice")), (50, 50, 7));
    drop(open);
    assert_eq!(hub.stats().connections, 0);
}

#[test]
fn one_connect_more_than_a_user_may_make_is_refused_and_concerns_nobody_else() {
    let hub = hub(|hub| hub.max_connects_per_user(3, Duration::from_secs(3 * 3600)));
    let head = || ConnectRequest::from_http("HEAD", [], None, None).user("alice");
    for _ in 0..3 {
        Tab::open(&hub, user("alice"));
        hub.connect(head()).expect("what opens nothing is not counted");
    }
    for _ in 0..3 {
        let refused = hub.connect(user("alice")).unwrap_err();
        assert_eq!((refused.kind(), refused.status()), (ConnectErrorKind::TooManyConnects, 429));
        let wait = refused.retry_after().unwrap();
        assert!(wait <= Duration::from_secs(3600) && wait > Duration::from_secs(3500), "{wait:?}");
    }
    for _ in 0..10 {
        Tab::open(&hub, anyone());
    }
    Tab::open(&hub, user("bob"));
    assert_eq!(hub.connections_of("alice"), 0);
}

#[test]
fn who_waits_as_long_as_a_refusal_says_is_let_in() {
    let hub = hub(|hub| hub.max_connects_per_user(2, Duration::from_millis(500)));
    for _ in 0..3 {
        let refused = (0..10_000).find_map(|_| hub.connect(user("alice")).err());
        let refused = refused.expect("ten thousand connects take longer than half a second each, or one is refused");
        std::thread::sleep(refused.retry_after().unwrap());
        Tab::open(&hub, user("alice"));
    }
}

#[test]
fn every_refusal_is_counted_under_its_own_reason() {
    let hub = hub(|hub| {
        hub.max_event_bytes(10)
            .max_connections(2)
            .max_connections_per_user(1)
            .max_connects_per_user(2, Duration::from_secs(3600))
            .max_groups_per_connection(1)
            .max_keys_per_topic(0)
    });
    let too_long = "n".repeat(MAX_NAME + 1);
    let alice = Tab::open(&hub, user("alice"));
    let connects = [
        ConnectRequest::from_http("GET", [&b"text/html"[..]], None, None),
        user(&too_long),
        anyone().groups(["a", "b"]),
        anyone().identity(Identity::anonymous().expires_in(Duration::ZERO)),
        user("alice"),
        user("alice"),
    ];
    for request in connects {
        hub.connect(request).unwrap_err();
    }
    let _bob = Tab::open(&hub, user("bob"));
    hub.connect(anyone()).unwrap_err();
    let (large, keyed) = (Event::message("x".repeat(11)), || Event::message("").key("k"));
    for event in [large, keyed(), keyed().ephemeral()] {
        now(hub.send(Topic::All, event)).unwrap_err();
    }
    now(hub.send_unpaced(Topic::user(&too_long), Event::message(""))).unwrap_err();
    now(hub.join(&alice.id, "a")).unwrap();
    now(hub.join(&alice.id, "b")).unwrap_err();
    now(hub.join_with_snapshot("nobody", "a")).unwrap_err();
    now(hub.leave("nobody", "a")).unwrap_err();
    now(hub.join_user(&too_long, "a")).unwrap_err();
    now(hub.leave_user("alice", &too_long)).unwrap_err();
    now(hub.redeem_ticket("none")).unwrap_err();

    let refusals = hub.refusals();
    let met: Vec<_> = refusals.iter().filter(|(_, count)| *count > 0).collect();
    let expected = [
        ("connect_not_acceptable", 1),
        ("connect_expired", 1),
        ("connect_too_many_connections", 1),
        ("connect_too_many_connects", 1),
        ("connect_full", 1),
        ("connect_name_too_long", 1),
        ("connect_too_many_groups", 1),
        ("send_event_too_large", 1),
        ("send_ephemeral_key", 1),
        ("send_name_too_long", 1),
        ("send_too_many_keys", 1),
        ("group_unknown_connection", 2),
        ("group_too_many_groups", 1),
        ("group_name_too_long", 2),
        ("ticket_invalid", 1),
    ];
    assert_eq!(met, expected);
    let json = serde_json::to_value(&refusals).unwrap();
    assert_eq!((&json["group_name_too_long"], &json["connect_shutting_down"]), (&2.into(), &0.into()));
}

#[test]
fn what_an_application_refuses_is_said_over_http_as_what_the_hub_refuses() {
    let answer = |refusal: ConnectError| {
        let headers: Vec<_> = refusal.headers().map(|(name, value)| format!("{name}: {value}")).collect();
        (refusal.status(), headers.join("\n"), refusal.body().is_some())
    };
    let json = "cache-control: no-store\ncontent-type: application/json";
    assert_eq!(answer(ConnectError::unauthorized()), (401, format!("{json}\nwww-authenticate: Bearer"), true));
    assert_eq!(answer(ConnectError::forbidden()), (403, json.to_owned(), true));
    assert_eq!(answer(ConnectError::stop()), (204, "cache-control: no-store".to_owned(), false));
    let hub = hub(|hub| hub.max_connections(1));
    let _only = Tab::open(&hub, anyone());
    assert_eq!(answer(hub.connect(anyone()).unwrap_err()), (503, format!("{json}\nretry-after: 5"), true));
}

#[test]
fn groups_and_names_of_a_request_are_bounded() {
    let hub = hub(|hub| hub.max_groups_per_connection(2));
    let kind = |request: ConnectRequest| {
        let refused = hub.connect(request).unwrap_err();
        assert_eq!((refused.status(), refused.retry_after()), (400, None));
        refused.kind()
    };
    assert_eq!(kind(anyone().groups(["a", "b", "c"])), ConnectErrorKind::TooManyGroups);
    let _same = Tab::open(&hub, anyone().groups(["a", "b", "a", "b"]));
    let (longest, too_long) = ("n".repeat(MAX_NAME), "ä".repeat(MAX_NAME / 2 + 1));
    assert_eq!(kind(user(&too_long)), ConnectErrorKind::NameTooLong);
    assert_eq!(kind(anyone().group(&too_long)), ConnectErrorKind::NameTooLong);
    let _long = Tab::open(&hub, user(&longest).group(&longest));
}

#[test]
fn an_accept_header_without_event_streams_is_refused_before_anything_else() {
    let hub = hub(|hub| hub.max_connections(1));
    let _only = Tab::open(&hub, anyone());
    let request = |method, accept: &'static [u8]| ConnectRequest::from_http(method, [accept], None, None);
    let refused = hub.connect(request("GET", b"application/json")).unwrap_err();
    assert_eq!((refused.kind(), refused.status()), (ConnectErrorKind::NotAcceptable, 406));
    assert_eq!(refused.retry_after(), None);
    let body: serde_json::Value = serde_json::from_str(&refused.body().unwrap()).unwrap();
    assert_eq!(body, serde_json::json!({ "error": refused.to_string() }));
    assert_eq!(hub.connect(request("GET", b"*/*")).unwrap_err().kind(), ConnectErrorKind::Full);
}

#[test]
fn events_and_audiences_are_bounded_and_what_is_refused_reaches_nobody() {
    let hub = hub(|hub| hub.max_event_bytes(10));
    let mut tab = Tab::open(&hub, user("u1"));
    let kind = |audience: Audience, event: Event| now(hub.send(audience, event)).unwrap_err().kind();
    assert_eq!(kind(Audience::all(), Event::message("x".repeat(11))), SendErrorKind::EventTooLarge);
    send(&hub, Topic::All, &"x".repeat(10));
    let many = |count: usize| (0..count).map(|n| Topic::user(format!("u{n}"))).collect::<Audience>();
    assert_eq!(kind(many(MAX_AUDIENCE + 1), Event::message("")), SendErrorKind::AudienceTooLarge);
    let except = (0..=MAX_AUDIENCE).fold(Audience::all(), |audience, n| audience.except_user(n.to_string()));
    assert_eq!(kind(except, Event::message("")), SendErrorKind::AudienceTooLarge);
    send(&hub, many(MAX_AUDIENCE), "many");
    send(&hub, many(MAX_AUDIENCE).or_user("u1").or_user("u2"), "same");
    let too_long = "n".repeat(MAX_NAME + 1);
    for audience in
        [Audience::user(&too_long), Audience::all().or_group(&too_long), Audience::all().except_connection(&too_long)]
    {
        assert_eq!(kind(audience, Event::message("")), SendErrorKind::NameTooLong);
    }
    assert_eq!(kind(Audience::all(), Event::message("").key(&*too_long)), SendErrorKind::NameTooLong);
    assert_eq!(kind(Audience::all(), Event::message("").retract(&*too_long)), SendErrorKind::NameTooLong);
    assert_eq!(tab.data(), ["xxxxxxxxxx", "many", "same"]);
    assert_eq!((hub.stats().published, hub.stats().state_keys), (3, 0));
}

#[test]
fn every_refusal_is_a_sentence_that_says_what_to_do() {
    let hub = hub(|hub| hub.max_event_bytes(10).max_connections(1));
    let _only = Tab::open(&hub, anyone());
    let too_large = now(hub.send(Topic::All, Event::message("x".repeat(11)))).unwrap_err().to_string();
    assert!(too_large.contains("11") && too_large.contains("10"), "{too_large}");
    let texts = [
        too_large,
        hub.connect(anyone()).unwrap_err().to_string(),
        now(hub.join("no such", "g")).unwrap_err().to_string(),
        Hub::builder().retry(Duration::MAX).build().unwrap_err().to_string(),
        "x".parse::<ssehub::EventId>().unwrap_err().to_string(),
        now(hub.redeem_ticket("x")).unwrap_err().to_string(),
        ConnectError::unauthorized().to_string(),
        ConnectError::forbidden().to_string(),
        ConnectError::stop().to_string(),
    ];
    for text in texts {
        assert!(text.starts_with(char::is_lowercase) && !text.ends_with('.'), "{text}");
    }
}

#[test]
fn options_out_of_their_range_are_refused_by_name() {
    let zero = |set: fn(HubBuilder) -> HubBuilder| match set(Hub::builder()).build() {
        Err(BuildError::Zero { option }) => option,
        other => panic!("{other:?}"),
    };
    assert_eq!(zero(|hub| hub.max_connections(0)), "max_connections");
    assert_eq!(zero(|hub| hub.max_connections_per_user(0)), "max_connections_per_user");
    assert_eq!(zero(|hub| hub.max_connects_per_user(0, Duration::from_secs(1))), "max_connects_per_user");
    assert_eq!(zero(|hub| hub.max_event_bytes(0)), "max_event_bytes");
    assert_eq!(zero(|hub| hub.history(History::default().bytes(0))), "history bytes");
    let time = |set: fn(HubBuilder, Duration) -> HubBuilder, bad: Duration, least: Duration| {
        let build = |time| set(Hub::builder(), time).build();
        assert!(build(least).is_ok(), "the least is allowed");
        match (build(bad), build(Duration::MAX)) {
            (Err(BuildError::Time { option, least: told }), Err(BuildError::Time { .. })) if told == least => option,
            other => panic!("{other:?}"),
        }
    };
    let (ms, too_short) = (Duration::from_millis, Duration::from_millis(9));
    assert_eq!(time(HubBuilder::keep_alive, too_short, ms(10)), "keep_alive");
    assert_eq!(time(HubBuilder::max_lifetime, too_short, ms(10)), "max_lifetime");
    assert_eq!(time(HubBuilder::ticket_lifetime, Duration::ZERO, ms(1)), "ticket_lifetime");
    let per = |hub: HubBuilder, time| hub.max_connects_per_user(1, time);
    assert_eq!(time(per, Duration::ZERO, ms(1)), "max_connects_per_user's time");
    assert_eq!(time(|hub, age| hub.history(History::default().age(age)), Duration::ZERO, ms(1)), "history age");
    let years = Duration::from_secs(11 * 365 * 86_400);
    assert_eq!(time(HubBuilder::retry, years, Duration::ZERO), "retry");
    assert_eq!(time(HubBuilder::retry_after, years, Duration::ZERO), "retry_after");
}

#[test]
fn the_largest_options_are_taken_and_work() {
    let longest = Duration::from_secs(10 * 365 * 86_400);
    let hub = hub(|hub| {
        hub.keep_alive(longest)
            .retry(longest)
            .retry_after(longest)
            .max_lifetime(longest)
            .max_connects_per_user(u32::MAX, longest)
            .ticket_lifetime(longest)
            .max_groups_per_connection(usize::MAX)
            .max_keys_per_topic(usize::MAX)
            .max_state_bytes(usize::MAX)
            .max_event_bytes(usize::MAX)
            .history(History::default().events(usize::MAX).bytes(usize::MAX).age(longest))
    });
    let mut tab = Tab::open(&hub, anyone());
    send(&hub, Topic::All, "x");
    assert_eq!(tab.data(), ["x"]);
    assert_eq!(tab.retry.as_deref(), Some("315360000000"));
    let mut alice = Tab::open(&hub, user("alice"));
    let ticket = now(hub.issue_ticket(Identity::user("alice").expires_in(longest))).unwrap().to_string();
    alice.cut();
    Tab::open(&hub, anyone().identity(now(hub.redeem_ticket(&ticket)).unwrap()));
}

#[test]
fn limits_of_zero_switch_off_what_they_limit() {
    let hub = hub(|hub| hub.max_groups_per_connection(0).max_keys_per_topic(0).max_state_bytes(0));
    let tab = Tab::open(&hub, anyone());
    assert!(hub.connect(anyone().group("g")).is_err() && now(hub.join(&tab.id, "g")).is_err());
    assert!(now(hub.join_user("alice", "g")).is_err());
    let refused = now(hub.send(Topic::All, Event::message("x").key("k"))).unwrap_err();
    assert_eq!(refused.kind(), SendErrorKind::TooManyKeys);
    now(hub.send(Topic::All, Event::message("x").retract("k"))).unwrap();
}

#[test]
fn more_topics_than_are_remembered_make_no_gap_for_who_is_in_none_of_them() {
    let hub = hub(|hub| hub.history(History::default().events(10)));
    let _somebody = Tab::open(&hub, anyone());
    let cursor = send(&hub, Topic::All, "seen");
    for n in 0..70_000 {
        send(&hub, Topic::user(n.to_string()), "x");
    }
    assert_eq!(Tab::open(&hub, anyone().last_event_id(&cursor)).read_all().len(), 1);
    let mut first = Tab::open(&hub, user("0").last_event_id(&cursor));
    assert_eq!(first.read_all()[1].name, "hub:gap", "who may have missed something is told");
}
