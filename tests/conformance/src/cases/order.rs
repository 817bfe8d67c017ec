//! Promise 1: every connection sees events in id order.

use std::collections::BTreeSet;

use crate::{
    http1::Request,
    playground::id_of,
    sse::{Block, place},
    subject::Subject,
};

const PUBLISHERS: usize = 6;
const EVENTS: usize = 60;
const READERS: usize = 5;

/// Six publishers at once: each reader sees the same events, in the same strictly rising order.
pub async fn many_publishers_are_seen_in_one_rising_order(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut streams = Vec::new();
    for _ in 0..READERS {
        streams.push(hub.open(&[]).await);
    }
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let mut client = hub.client();
        publishers.spawn(async move {
            let mut ids = Vec::new();
            for event in 0..EVENTS {
                let request = Request::new("POST", "/send?to=all").body(format!("{publisher} {event}"));
                let response = client.request(&request).await.expect("the playground answers");
                assert_eq!(response.head.status, 200, "{response:?}");
                ids.push(id_of(&response));
            }
            ids
        });
    }
    let ids = publishers.join_all().await;
    for ids in &ids {
        assert!(ids.is_sorted_by(|a, b| place(a) < place(b)), "one publisher's ids rise");
    }
    let sent: BTreeSet<String> = ids.into_iter().flatten().collect();
    assert_eq!(sent.len(), PUBLISHERS * EVENTS, "no id is given twice");

    let mut orders = Vec::new();
    for stream in &mut streams {
        orders.push(hub.seen_by(stream).await);
    }
    for seen in &orders {
        assert!(seen.is_sorted_by(|a, b| place(id(a)) < place(id(b))), "ids rise strictly");
        assert_eq!(seen.iter().map(|event| id(event).to_owned()).collect::<BTreeSet<_>>(), sent);
        assert_eq!(seen, &orders[0], "every reader sees the same");
        for publisher in 0..PUBLISHERS {
            let prefix = format!("{publisher} ");
            let own = seen.iter().filter_map(|event| event.text().strip_prefix(&prefix));
            assert!(
                own.eq((0..EVENTS).map(|event| event.to_string())),
                "publisher {publisher} is seen in its own order"
            );
        }
    }
}

/// The id that `/send` answers is the id that the stream carries.
pub async fn the_sender_and_the_reader_see_the_same_id(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut stream = hub.open(&[("user", "alice")]).await;
    for text in ["one", "two", "three"] {
        let sent = hub.send_to("user:alice", text).await;
        let event = stream.event(text).await;
        assert_eq!((id(&event), event.text()), (sent.as_str(), text));
    }
}

fn id(event: &Block) -> &str {
    event.id.as_deref().expect("an event has an id")
}
