//! What a client sees of a server that was killed and started again.

use crate::{backplane::Backplane, sse::Position, subject::Subject};

/// Where the log was in the process's memory, an id from before is one of another log: a gap, and never silence. Where
/// a backplane has kept it, the client goes on with exactly the next event.
pub async fn an_id_from_before_a_restart_is_a_gap_unless_the_log_outlives_it(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut stream = hub.open(&[("user", "alice")]).await;
    let old = hub.send_to("user:alice", "before").await;
    assert_eq!(stream.event("the event").await.id.as_deref(), Some(old.as_str()));

    let hub = subject.start_after(hub, &[]).await;
    let new = hub.send_to("user:alice", "after").await;
    let mut stream = hub.resume(&[("user", "alice")], &old).await;
    let is_lost = subject.backplane() == Backplane::None;
    if is_lost {
        let gap = stream.event("the gap").await;
        assert_eq!(gap.name(), "hub:gap");
        assert!(gap.text().contains(&old), "the gap tells what was requested: {gap:?}");
    }
    let event = stream.event("what is retained").await;
    assert_eq!((event.text(), event.id.as_deref()), ("after", Some(new.as_str())));
    let (old, new) = (Position::parse(&old).expect("an id"), Position::parse(&new).expect("an id"));
    assert_eq!(old.log != new.log, is_lost, "another log has another name, and only that: {old} and then {new}");
    assert!(new.place > old.place, "ids keep growing: {old} and then {new}");
}

/// A server that is killed ends no stream properly, and so no client takes that for the end of the stream.
pub async fn a_killed_server_finishes_no_response(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut stream = hub.open(&[]).await;
    drop(hub);
    let (blocks, ending) = stream.end("the end of the connection").await;
    assert_ne!(ending, crate::http1::Ending::Finished);
    assert_eq!(blocks, []);
}
