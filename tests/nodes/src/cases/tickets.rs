//! Tickets: issued on one node, each is good for one stream on any.

use std::time::Duration;

use serde_json::json;
use ssehub_conformance::{
    client::Stream,
    http1::{Request, Response},
    playground::{Pair as Parameter, Playground, events},
    wait::{PATIENCE, within},
};
use tokio::{
    task::{JoinSet, block_in_place},
    time::sleep,
};

use crate::nodes::{Nodes, Pair, until_health};

const ALICE: &[Parameter<'_>] = &[("user", "alice"), ("group", "news")];

/// A lifetime that no case outlives.
const LASTING: &[&str] = &["--ticket-lifetime", "600"];

/// What has the form of a ticket, and was never issued.
const UNKNOWN: &str = "00000000000000000000000000000000";

/// A node says within this time that Redis does not answer.
const GIVES_UP: Duration = Duration::from_secs(10);

async fn ask(node: &Playground, ticket: &str) -> Response {
    node.request(events(&[("ticket", ticket)])).await
}

/// Asserts that a ticket opens nothing on any of these nodes, and that nobody learns why.
async fn assert_worthless(nodes: &[&Playground], ticket: &str, what: &str) {
    for node in nodes {
        let (response, strange) = (ask(node, ticket).await, ask(node, "none").await);
        assert_eq!(response.head.status, 401, "{what}: {response:?}");
        assert!(response.json()["error"].as_str().is_some_and(|error| !error.is_empty()), "{what}: {response:?}");
        assert_eq!(response.body, strange.body, "{what} is answered like what never was one");
    }
}

/// Asserts that a node says that it cannot tell now.
fn assert_unavailable(response: &Response, what: &str) {
    assert_eq!(response.head.status, 503, "{what}: {response:?}");
    assert!(response.json()["error"].as_str().is_some_and(|error| error.contains("try again later")), "{response:?}");
}

/// How many of these requests, all sent at the same moment, open a stream; the others are told 401.
async fn opened(requests: impl Iterator<Item = &Playground>, ticket: &str) -> usize {
    let mut opening = JoinSet::new();
    for node in requests {
        let (address, request) = (node.address(), events(&[("ticket", ticket)]));
        opening.spawn(async move { Stream::try_open(address, &request).await.expect("the node answers") });
    }
    let answers = within(PATIENCE, "an answer to each who came with the ticket", opening.join_all()).await;
    let mut opened = 0;
    for answer in answers {
        match answer {
            Ok(_) => opened += 1,
            Err(refusal) => assert_eq!(refusal.head.status, 401),
        }
    }
    opened
}

/// It opens one, as whom it was issued for and with the groups of that; and then no other, there or where it came from.
pub async fn a_ticket_of_one_node_opens_one_stream_on_the_other(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(LASTING).await;
    for (here, there) in [(&a, &b), (&b, &a)] {
        let ticket = here.issue_ticket(ALICE).await;
        let mut stream = there.open(&[("ticket", &ticket)]).await;
        let shown = there.connection(&stream.connection()).await;
        assert_eq!((&shown["user"], &shown["groups"]), (&json!("alice"), &json!(["news"])));
        here.send_to("user:alice", "to alice").await;
        here.send_to("user:bob", "to bob").await;
        here.send_to("group:news", "news").await;
        assert_eq!(here.texts_seen_by(&mut stream).await, ["to alice", "news"]);
        assert_worthless(&[&a, &b], &ticket, "a used ticket, while its stream is open").await;
        stream.reset();
        assert_worthless(&[&a, &b], &ticket, "a used ticket, when its stream is gone").await;
        for node in [&a, &b] {
            node.until_stat("tickets", 0).await;
        }
    }
}

/// At the same moment on both nodes, over and over: exactly one gets in.
pub async fn of_all_who_come_with_a_ticket_at_once_one_is_let_in(pair: Pair) {
    const ROUNDS: usize = 20;
    const MANY: usize = 8;
    let Nodes { a, b, redis: _redis } = pair.start(LASTING).await;
    for round in 0..ROUNDS {
        let ticket = [&a, &b][round % 2].issue_ticket(ALICE).await;
        assert_eq!(opened((0..MANY).map(|number| [&a, &b][number % 2]), &ticket).await, 1, "round {round}");
    }
}

/// Over its lifetime it opens nothing; before, it would have.
pub async fn an_expired_ticket_opens_nothing_on_any_node(pair: Pair) {
    const LIFETIME: Duration = Duration::from_secs(2);
    let Nodes { a, b, redis: _redis } = pair.start(&["--ticket-lifetime", "2"]).await;
    let ticket = a.issue_ticket(ALICE).await;
    let in_time = a.issue_ticket(ALICE).await;
    b.open(&[("ticket", &in_time)]).await;
    // Nothing tells that a time is over but the clock.
    sleep(LIFETIME).await;
    assert_worthless(&[&b, &a], &ticket, "an expired ticket").await;
}

/// Nor does what never was one, of whatever form.
pub async fn what_is_no_ticket_opens_nothing_on_any_node(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(LASTING).await;
    let ticket = a.issue_ticket(ALICE).await;
    let (upper, longer) = (ticket.to_uppercase(), format!("{ticket}0"));
    for strange in [UNKNOWN, "", "alice", &ticket[1..], &longer, "0x000000000000000000000000000000", "\0"] {
        assert_worthless(&[&a, &b], strange, strange).await;
    }
    // Of 32 digits, some are letters, but for one ticket in three million.
    assert_worthless(&[&a, &b], &upper, "in capitals").await;
    let with_a_user = b.request(events(&[("ticket", &ticket), ("user", "bob")])).await;
    assert_eq!(with_a_user.head.status, 400, "{with_a_user:?}");
    // None of that has used it up.
    b.open(&[("ticket", &ticket)]).await;
}

/// Who has a ticket of a node that is killed gets in on another one.
pub async fn a_ticket_outlives_its_node(pair: Pair) {
    let Nodes { a, b, redis: _redis } = pair.start(LASTING).await;
    let ticket = a.issue_ticket(ALICE).await;
    drop(a);
    b.open(&[("ticket", &ticket)]).await;
    assert_worthless(&[&b], &ticket, "a used ticket").await;
}

/// A node that starts when it has long been issued takes it as well.
pub async fn a_node_that_starts_late_takes_a_ticket(pair: Pair) {
    let Nodes { a, b, redis } = pair.start(LASTING).await;
    let ticket = a.issue_ticket(ALICE).await;
    let c = pair.second(&redis.url(), LASTING).await;
    c.open(&[("ticket", &ticket)]).await;
    assert_worthless(&[&a, &b, &c], &ticket, "a used ticket").await;
}

/// While Redis is gone nothing is issued and nothing redeemed, each with a reason; then all tickets are as good as before.
pub async fn tickets_outlive_a_redis_that_is_gone(pair: Pair) {
    let Nodes { a, b, mut redis } = pair.start(LASTING).await;
    let tickets = [a.issue_ticket(ALICE).await, b.issue_ticket(ALICE).await];
    for node in [&a, &b] {
        node.until_stat("tickets", 2).await;
    }
    block_in_place(|| redis.kill());
    for node in [&a, &b] {
        until_health(node, 503, PATIENCE).await;
        assert_unavailable(&node.request(Request::new("POST", "/tickets?user=alice")).await, "a ticket");
        for ticket in &tickets {
            let response = ask(node, ticket).await;
            assert_unavailable(&response, "a stream for a ticket");
            assert!(response.head.header("retry-after").is_some(), "{response:?}");
        }
        assert_worthless(&[node], "what never was one", "what needs no Redis").await;
    }
    block_in_place(|| redis.restart());
    for node in [&a, &b] {
        until_health(node, 200, PATIENCE).await;
    }
    for (ticket, node) in tickets.iter().zip([&b, &a]) {
        node.open(&[("ticket", ticket)]).await;
        assert_worthless(&[&a, &b], ticket, "a used ticket").await;
    }
}

/// Where Redis stands still, nobody can say whether the ticket was used: it lets in one at most, and none who was refused.
pub async fn a_ticket_that_may_have_been_used_lets_in_one_at_most(pair: Pair) {
    let Nodes { a, b, redis } = pair.start(LASTING).await;
    let ticket = a.issue_ticket(ALICE).await;
    b.until_stat("tickets", 1).await;
    redis.pause();
    let asked = within(GIVES_UP, "an answer while Redis stands still", ask(&b, &ticket)).await;
    assert_unavailable(&asked, "a stream for a ticket");
    redis.resume();
    for node in [&a, &b] {
        until_health(node, 200, PATIENCE).await;
    }
    assert_eq!(b.stat("connections").await, 0, "who was refused has no stream");
    assert!(opened([&a, &b, &a, &b].into_iter(), &ticket).await <= 1);
    assert_worthless(&[&a, &b], &ticket, "a used ticket").await;
}
