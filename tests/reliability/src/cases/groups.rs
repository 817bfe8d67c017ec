//! As many groups on one connection as there may be.

use ssehub_conformance::{
    http1::Request,
    playground::{Playground, events},
    subject::Subject,
    wait::{PATIENCE, within},
};

use crate::{
    bystander::Bystander,
    memory::{MIB, Memory},
};

/// How many groups a connection may be in, unless the hub is told otherwise.
const MOST: usize = 1024;

/// A thousand names, short enough for every framework's limit on a request's head.
fn names() -> Vec<String> {
    (0..1000).map(|number| format!("g{number}")).collect()
}

fn request(names: &[String]) -> Request {
    let pairs: Vec<_> = names.iter().map(|name| ("group", name.as_str())).collect();
    events(&pairs)
}

/// Each event of each group arrives once and in order, and the groups are gone with the connection.
pub async fn a_thousand_groups_on_one_connection_are_served_and_forgotten(subject: Subject) {
    let hub = subject.start(&["--keep-alive", "0.5"]).await;
    let bystander = Bystander::watch(&hub).await;
    let names = names();
    let mut stream = hub.open_by(&request(&names)).await;
    assert_eq!(hub.stat("groups").await, 1000);
    let mut client = hub.client();
    for name in &names {
        let sent = client.request(&Request::new("POST", format!("/send?to=group:{name}")).body(name.as_str())).await;
        assert_eq!(sent.expect("an answer").head.status, 200);
    }
    // One event for the whole of an audience comes once.
    let both = [("to", "group:g0"), ("to", "group:g999")];
    hub.send(&both, "both").await;
    let seen = within(PATIENCE, "an event for each group", hub.texts_seen_by(&mut stream)).await;
    assert_eq!(seen[..1000], names[..]);
    assert_eq!(seen[1000..], ["both"]);

    // It may join until there are as many as may be.
    let connection = stream.connection();
    for number in 1000..MOST {
        hub.join(&format!("g{number}"), &connection).await;
    }
    let path = format!("/groups/one-more/connections/{connection}");
    let refused = hub.request(Request::new("POST", path)).await;
    assert_eq!(refused.head.status, 400);
    assert!(refused.json()["error"].as_str().is_some_and(|error| error.contains("group")), "{refused:?}");
    stream.fin().await;
    hub.until_stat("connections", 1).await;
    hub.until_stat("groups", 0).await;
    println!("{}: {}", subject.name(), bystander.end().await);
}

/// A hundred of them, again and again: memory is that of one round.
pub async fn connections_with_a_thousand_groups_leave_memory_flat(subject: Subject) {
    const ROUNDS: usize = 5;
    let hub = subject.start(&["--keep-alive", "0.2"]).await;
    let bystander = Bystander::watch(&hub).await;
    let request = request(&names());
    round(&hub, &request).await;
    let mut memory = Memory::of(&hub);
    for _ in 0..ROUNDS {
        round(&hub, &request).await;
        memory.look(&hub);
    }
    println!("{}: {}; {}", subject.name(), memory.grown(&hub, 16 * MIB), bystander.end().await);
}

async fn round(hub: &Playground, request: &Request) {
    let mut streams = Vec::new();
    for _ in 0..100 {
        streams.push(hub.open_by(request).await);
    }
    assert_eq!(hub.stat("groups").await, 1000);
    drop(streams);
    hub.until_stat("connections", 1).await;
    hub.until_stat("groups", 0).await;
}
