//! Tickets and revocation: who is let in by them, how often, and for how long.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashSet;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, SystemTime};

use futures::StreamExt as _;
use ssehub::{
    ConnectError, ConnectErrorKind, ConnectRequest, Hub, Identity, MAX_NAME, MAX_TICKETS, MAX_TICKETS_PER_USER,
    TicketError, TicketErrorKind,
};
use support::{Tab, anyone, eventually, hub, now, within};

const HOUR: Duration = Duration::from_secs(3600);

fn issue(hub: &Hub, identity: Identity) -> String {
    now(hub.issue_ticket(identity)).expect("the ticket is issued").to_string()
}

fn not_issued(hub: &Hub, identity: Identity) -> TicketErrorKind {
    now(hub.issue_ticket(identity)).unwrap_err().kind()
}

fn redeem(hub: &Hub, ticket: &str) -> Result<Identity, TicketError> {
    now(hub.redeem_ticket(ticket))
}

fn by(identity: Identity) -> ConnectRequest {
    anyone().identity(identity)
}

fn refused(hub: &Hub, reason: &str) -> u64 {
    hub.refusals().iter().find(|(name, _)| *name == reason).expect("a reason of that name").1
}

#[test]
fn a_ticket_lets_its_identity_in_with_all_that_belongs_to_it() {
    let hub = hub(|hub| hub);
    let expires = SystemTime::now() + HOUR;
    let ticket = issue(&hub, Identity::user("alice").groups(["b", "a"]).group("b").expires_at(expires));
    let identity = redeem(&hub, &ticket).unwrap();
    assert_eq!((identity.user_id(), identity.expires()), (Some("alice"), Some(expires)));
    assert_eq!(identity.group_names().collect::<Vec<_>>(), ["a", "b"]);
    let tab = Tab::open(&hub, by(identity));
    let info = hub.connection(&tab.id).unwrap();
    assert_eq!((info.user.as_deref(), info.groups), (Some("alice"), vec!["a".to_owned(), "b".to_owned()]));

    let nobody = redeem(&hub, &issue(&hub, Identity::anonymous())).unwrap();
    assert_eq!((nobody.user_id(), nobody.expires(), nobody.group_names().count()), (None, None, 0));
    Tab::open(&hub, by(nobody));
}

#[test]
fn of_a_hundred_threads_with_one_ticket_exactly_one_is_let_in() {
    let hub = hub(|hub| hub);
    // Whoever is behind finds the tickets gone, and so catches up until two are at the same one.
    let tickets: Arc<[String]> = (0..5_000).map(|n| issue(&hub, Identity::user(n.to_string()))).collect();
    let start = Arc::new(Barrier::new(100));
    let threads: Vec<_> = (0..100)
        .map(|_| {
            let (hub, tickets, start) = (hub.clone(), Arc::clone(&tickets), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                tickets.iter().map(|ticket| usize::from(redeem(&hub, ticket).is_ok())).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut won = vec![0; tickets.len()];
    for thread in threads {
        won.iter_mut().zip(thread.join().unwrap()).for_each(|(won, more)| *won += more);
    }
    assert!(won.iter().all(|won| *won == 1), "let in: {} with {} tickets", won.iter().sum::<usize>(), won.len());
    assert_eq!((refused(&hub, "ticket_invalid"), hub.stats().tickets), (5_000 * 99, 0));
}

#[test]
fn a_ticket_is_128_random_bits_in_characters_that_a_url_takes() {
    let hub = hub(|hub| hub);
    let tickets: Vec<_> = (0..1_000).map(|_| issue(&hub, Identity::anonymous())).collect();
    let (mut ever, mut always) = (0, u128::MAX);
    for ticket in &tickets {
        assert!(ticket.len() == 32 && ticket.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{ticket}");
        let bits = u128::from_str_radix(ticket, 16).unwrap();
        (ever, always) = (ever | bits, always & bits);
    }
    assert_eq!((ever, always), (u128::MAX, 0), "each bit is now one, now none");
    assert_eq!(tickets.iter().collect::<HashSet<_>>().len(), 1_000);
}

#[test]
fn why_a_ticket_lets_nobody_in_is_not_told() {
    let lifetime = Duration::from_millis(1);
    let hub = hub(|hub| hub.ticket_lifetime(lifetime));
    let expired = issue(&hub, Identity::user("alice"));
    thread::sleep(lifetime * 2);

    let other = Hub::new();
    let [used, revoked, good] = ["alice", "bob", "carol"].map(|user| issue(&other, Identity::user(user)));
    redeem(&other, &used).unwrap();
    now(other.revoke_user("bob", "logged out")).unwrap();

    let expected = redeem(&hub, &expired).unwrap_err();
    assert_eq!(expected.kind(), TicketErrorKind::Invalid);
    let rest = &good[1..];
    let bad = [
        used,
        revoked,
        "f".repeat(32),
        String::new(),
        rest.to_owned(),
        format!("{good}0"),
        format!("+{rest}"),
        format!(" {rest}"),
        format!("{rest}\0"),
        "F".repeat(32),
        "ä".repeat(16),
        "0".repeat(10_000_000),
    ];
    for ticket in &bad {
        assert_eq!(redeem(&other, ticket).unwrap_err(), expected);
    }
    assert_eq!((refused(&hub, "ticket_invalid"), refused(&other, "ticket_invalid")), (1, bad.len() as u64));
    redeem(&other, &good).expect("what others tried has not used it up");

    let answer = ConnectError::from(expected);
    assert_eq!((answer.status(), answer.retry_after()), (401, None));
    assert!(answer.headers().any(|field| field == ("www-authenticate", "Bearer".into())));
    assert_eq!(answer.kind(), ConnectErrorKind::Ticket(TicketErrorKind::Invalid));
}

#[test]
fn a_ticket_lives_no_longer_than_the_identity_it_stands_for() {
    let hub = hub(|hub| hub.ticket_lifetime(HOUR));
    let rest = Duration::from_millis(20);
    let ticket = issue(&hub, Identity::user("alice").expires_in(rest));
    let longer = issue(&hub, Identity::user("alice").expires_in(HOUR));
    thread::sleep(rest * 2);
    assert_eq!(redeem(&hub, &ticket).unwrap_err().kind(), TicketErrorKind::Invalid);
    redeem(&hub, &longer).unwrap();

    let past = Identity::user("alice").expires_at(SystemTime::UNIX_EPOCH);
    let error = now(hub.issue_ticket(past.clone())).unwrap_err();
    assert_eq!((error.kind(), ConnectError::from(error).status()), (TicketErrorKind::Expired, 401));
    let refusal = hub.connect(by(past)).unwrap_err();
    assert_eq!((refusal.kind(), refusal.status()), (ConnectErrorKind::Expired, 401));
    assert_eq!((refused(&hub, "ticket_expired"), refused(&hub, "connect_expired")), (1, 1));
    // A moment that no clock reaches is none.
    assert_eq!(Identity::user("alice").expires_in(Duration::MAX).expires(), None);
}

#[test]
fn unredeemed_tickets_are_bounded_in_all() {
    let hub = hub(|hub| hub.ticket_lifetime(HOUR).retry_after(Duration::from_secs(7)));
    let first = issue(&hub, Identity::anonymous());
    for _ in 1..MAX_TICKETS {
        issue(&hub, Identity::anonymous());
    }
    assert_eq!(hub.stats().tickets, MAX_TICKETS);
    let error = now(hub.issue_ticket(Identity::user("alice"))).unwrap_err();
    assert_eq!(error.kind(), TicketErrorKind::Full);
    let answer = ConnectError::from(error);
    assert_eq!((answer.status(), answer.retry_after_seconds()), (503, Some(7)));
    redeem(&hub, &first).unwrap();
    issue(&hub, Identity::user("alice"));
    assert_eq!((hub.stats().tickets, refused(&hub, "ticket_full")), (MAX_TICKETS, 1));
}

#[test]
fn one_user_leaves_tickets_for_the_others() {
    let hub = hub(|hub| hub.ticket_lifetime(HOUR));
    let mut tickets: Vec<_> = (0..MAX_TICKETS_PER_USER).map(|_| issue(&hub, Identity::user("alice"))).collect();
    for _ in 0..3 {
        assert_eq!(not_issued(&hub, Identity::user("alice")), TicketErrorKind::TooManyTickets);
    }
    assert_eq!(ConnectError::from(now(hub.issue_ticket(Identity::user("alice"))).unwrap_err()).status(), 429);
    issue(&hub, Identity::user("bob"));
    issue(&hub, Identity::anonymous());
    redeem(&hub, &tickets.pop().unwrap()).unwrap();
    tickets.push(issue(&hub, Identity::user("alice")));
    assert_eq!(not_issued(&hub, Identity::user("alice")), TicketErrorKind::TooManyTickets);
    now(hub.revoke_user("alice", "logged out")).unwrap();
    for _ in 0..MAX_TICKETS_PER_USER {
        issue(&hub, Identity::user("alice"));
    }
    assert_eq!(refused(&hub, "ticket_too_many_tickets"), 5);
}

#[test]
fn what_no_stream_would_be_opened_for_gets_no_ticket() {
    let hub = hub(|hub| hub.max_groups_per_connection(2));
    let too_long = "n".repeat(MAX_NAME + 1);
    assert_eq!(not_issued(&hub, Identity::user(&too_long)), TicketErrorKind::NameTooLong);
    assert_eq!(not_issued(&hub, Identity::anonymous().group(&too_long)), TicketErrorKind::NameTooLong);
    assert_eq!(not_issued(&hub, Identity::anonymous().groups(["a", "b", "c"])), TicketErrorKind::TooManyGroups);
    assert_eq!(now(hub.revoke_user(&too_long, "")).unwrap(), 0);
    let ticket = issue(&hub, Identity::user(&too_long[1..]).groups(["a", "b", "a", "b"]));
    Tab::open(&hub, by(redeem(&hub, &ticket).unwrap()));
}

#[test]
fn expired_tickets_are_let_go() {
    let hub = hub(|hub| hub.ticket_lifetime(Duration::from_millis(1)));
    let lasting = Hub::new();
    for n in 0..1_000 {
        issue(&hub, Identity::user(n.to_string()));
        issue(&lasting, Identity::user(n.to_string()));
    }
    eventually("the expired tickets to be let go", || hub.stats().tickets == 0);
    assert_eq!(lasting.stats().tickets, 1_000);
}

#[test]
fn nothing_that_is_logged_tells_a_secret() {
    let hub = hub(|hub| hub.resume_window(HOUR));
    let ticket = now(hub.issue_ticket(Identity::user("alice"))).unwrap();
    let (secret, session) = (ticket.to_string(), "a-session-that-nobody-may-know");
    let identity = redeem(&hub, &secret).unwrap();
    let request = by(identity.clone()).session(session);
    let error = redeem(&hub, &secret).unwrap_err();
    let connection = hub.connect(request.clone()).unwrap();
    let shown = format!("{ticket:?} {hub:?} {identity:?} {request:?} {error:?} {error} {connection:?}");
    assert!(shown.contains("alice") && !shown.contains(&secret) && !shown.contains(session), "{shown}");
}

#[test]
fn revoking_ends_what_a_user_has_and_nothing_of_others() {
    let hub = hub(|hub| hub);
    let (ticket, others) = (issue(&hub, Identity::user("alice")), issue(&hub, Identity::user("bob")));
    let redeemed = redeem(&hub, &issue(&hub, Identity::user("alice"))).unwrap();
    let mut tabs = [Tab::open(&hub, anyone().user("alice")), Tab::open(&hub, by(redeemed.clone()))];
    let mut bob = Tab::open(&hub, anyone().user("bob"));

    assert_eq!(now(hub.revoke_user("alice", "logged out")).unwrap(), 2);
    for tab in &mut tabs {
        let events = tab.read_all();
        let closing = events.last().unwrap();
        assert_eq!((&*closing.name, &*closing.data, tab.over), ("hub:closing", r#"{"reason":"logged out"}"#, true));
    }
    assert!(!hub.is_online("alice") && hub.is_online("bob"));
    assert_eq!(redeem(&hub, &ticket).unwrap_err().kind(), TicketErrorKind::Invalid);
    assert_eq!(hub.connect(by(redeemed.clone())).unwrap_err().kind(), ConnectErrorKind::Expired);
    assert_eq!(not_issued(&hub, redeemed), TicketErrorKind::Expired);
    assert_eq!((hub.connections_of("alice"), refused(&hub, "connect_expired")), (0, 1));

    let again = redeem(&hub, &issue(&hub, Identity::user("alice"))).unwrap();
    let _again = Tab::open(&hub, by(again));
    assert!(hub.is_online("alice"), "a new login is let in at once");
    redeem(&hub, &others).unwrap();
    assert!(!bob.read_all().is_empty() && !bob.over);
    assert_eq!(now(hub.revoke_user("nobody", "")).unwrap(), 0);
}

#[test]
fn a_ticket_that_is_redeemed_while_its_user_is_revoked_leaves_no_stream() {
    let hub = hub(|hub| hub);
    for _ in 0..500 {
        let ticket = issue(&hub, Identity::user("alice"));
        let start = Arc::new(Barrier::new(2));
        let guest = {
            let (hub, start) = (hub.clone(), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                redeem(&hub, &ticket).ok().and_then(|identity| hub.connect(by(identity)).ok())
            })
        };
        start.wait();
        now(hub.revoke_user("alice", "logged out")).unwrap();
        if let Some(connection) = guest.join().unwrap() {
            let text: Vec<_> = within("the end of a revoked stream", connection.collect());
            assert!(text.concat().ends_with(b"{\"reason\":\"logged out\"}\n\n"), "{text:?}");
        }
        assert!(!hub.is_online("alice"));
    }
    assert_eq!(hub.stats().tickets, 0);
}
