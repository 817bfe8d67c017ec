//! Promise 5: replay and live use the same topics, from the identity of this request.

use crate::{
    playground::{Pair, Playground},
    sse::{Block, Position},
    subject::Subject,
};

/// What a client with this identity and id gets: its events, gaps among them.
async fn answer(hub: &Playground, parameters: &[Pair<'_>], id: &str) -> Vec<(String, Option<String>, String)> {
    let mut stream = hub.resume(parameters, id).await;
    let seen = hub.seen_by(&mut stream).await;
    stream.reset();
    let line = |event: Block| {
        let text = if event.name() == "hub:gap" { String::new() } else { event.text().to_owned() };
        (event.name().to_owned(), event.id.filter(|_| !text.is_empty()), text)
    };
    seen.into_iter().map(line).collect()
}

fn parse(id: &str) -> Position {
    Position::parse(id).expect("an id is ms-seq-log")
}

/// Whoever comes back as somebody else gets that one's events, and nothing of the one that it was.
pub async fn an_id_shows_nothing_that_is_not_ones_own(subject: Subject) {
    let hub = subject.start(&[]).await;
    let start = hub.send_to("user:alice", "start").await;
    hub.send_to("user:alice", "a secret of alice").await;
    hub.send_to("group:board", "a secret of the board").await;
    hub.send_to("user:bob", "for bob").await;
    hub.send_to("all", "for all").await;
    for (parameters, expected) in [
        (&[("user", "bob")][..], vec!["for bob", "for all"]),
        (&[("user", "alice")], vec!["a secret of alice", "for all"]),
        (&[("user", "alice"), ("group", "board")], vec!["a secret of alice", "a secret of the board", "for all"]),
        (&[], vec!["for all"]),
    ] {
        let mut stream = hub.resume(parameters, &start).await;
        assert_eq!(hub.texts_seen_by(&mut stream).await, expected, "{parameters:?}");
    }
}

/// An id from somebody else's stream is answered like one that was never given: ids are no oracle.
pub async fn a_strangers_id_is_answered_like_any_other_place(subject: Subject) {
    let hub = subject.start(&[]).await;
    hub.send_to("all", "first").await;
    let secret = hub.send_to("user:bob", "a secret of bob").await;
    // A place in the same log, just beside the secret, that no event has.
    let position = parse(&secret);
    let unknown = Position { place: (position.place.0, position.place.1 + 1000), log: position.log };
    // What follows is of a later millisecond, so that both places lie before it.
    while parse(&hub.send_to("user:bob", "for bob").await).place.0 == position.place.0 {}
    hub.send_to("user:alice", "for alice").await;
    hub.send_to("all", "for all").await;
    let alice: &[Pair<'_>] = &[("user", "alice")];
    let stranger = answer(&hub, alice, &secret).await;
    assert_eq!(stranger, answer(&hub, alice, &unknown.to_string()).await);
    let texts: Vec<_> = stranger.iter().map(|(_, _, text)| text.as_str()).collect();
    assert_eq!(texts, ["for alice", "for all"]);
}

/// Who leaves a group's stream for one without the group gets no more of it, in replay either.
pub async fn a_group_that_is_not_asked_for_again_is_not_replayed(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut stream = hub.open(&[("user", "alice"), ("group", "news")]).await;
    hub.send_to("group:news", "seen").await;
    stream.event("the event").await;
    let cursor = stream.last_event_id().to_owned();
    stream.reset();
    hub.send_to("group:news", "not asked for").await;
    let mut stream = hub.resume(&[("user", "alice")], &cursor).await;
    assert_eq!(hub.texts_seen_by(&mut stream).await, [""; 0]);
}
