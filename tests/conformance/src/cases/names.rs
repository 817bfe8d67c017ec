//! Odd names are names: nothing in a user id or a group name is syntax.

use crate::subject::Subject;

/// Names that a joined string, a pattern or a path would take for something else.
const ODD: &[&str] = &[
    "all",
    "*",
    "a:b",
    "a",
    "user:all",
    "group:all",
    " ",
    "a b",
    "a/b",
    "/",
    "..",
    "%",
    "%2F",
    "a%20b",
    "+",
    "?",
    "#",
    "&to=all",
    "größe",
    "日本語",
    "🦀",
    "\u{feff}",
    "a\tb",
    "a,b",
    "\"",
    "'",
    "\\",
    "{}",
];

/// Names that no path can carry: it would mean the parent.
const IN_NO_PATH: &[&str] = &[".."];

/// A user called `all` is not everybody, and a group of that name is a third thing.
pub async fn a_user_and_a_group_of_one_name_are_strangers(subject: Subject) {
    let hub = subject.start(&[]).await;
    for name in ["all", "*", "a:b"] {
        let mut user = hub.open(&[("user", name)]).await;
        let mut group = hub.open(&[("group", name)]).await;
        hub.send_to(&format!("user:{name}"), "to the user").await;
        hub.send_to(&format!("group:{name}"), "to the group").await;
        assert_eq!(hub.texts_seen_by(&mut user).await, ["to the user"], "{name:?}");
        assert_eq!(hub.texts_seen_by(&mut group).await, ["to the group"], "{name:?}");
    }
}

/// Whoever is called something odd gets what is sent to exactly that name, and the presence tells it.
pub async fn an_odd_user_id_reaches_that_user_alone(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut streams = Vec::new();
    for name in ODD {
        streams.push((name, hub.open(&[("user", name)]).await));
    }
    for name in ODD {
        hub.send_to(&format!("user:{name}"), name).await;
    }
    for (name, stream) in &mut streams {
        assert_eq!(hub.texts_seen_by(stream).await, [**name], "user {name:?}");
        assert_eq!(hub.connection(&stream.connection()).await["user"], **name);
        if !IN_NO_PATH.contains(name) {
            assert_eq!(hub.presence(name).await, (true, 1), "user {name:?}");
        }
    }
}

/// The same for groups, which are joined by a path as well as by the query.
pub async fn an_odd_group_name_reaches_that_group_alone(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut by_query = Vec::new();
    let mut by_path = Vec::new();
    for name in ODD {
        by_query.push((name, hub.open(&[("group", name)]).await));
        if !IN_NO_PATH.contains(name) {
            let stream = hub.open(&[]).await;
            hub.join(name, &stream.connection()).await;
            by_path.push((name, stream));
        }
    }
    for name in ODD {
        hub.send_to(&format!("group:{name}"), name).await;
    }
    for (name, stream) in by_query.iter_mut().chain(&mut by_path) {
        assert_eq!(hub.texts_seen_by(stream).await, [**name], "group {name:?}");
    }
    for (name, stream) in &mut by_path {
        hub.leave(name, &stream.connection()).await;
        hub.send_to(&format!("group:{name}"), name).await;
        assert_eq!(hub.texts_seen_by(stream).await, [""; 0], "group {name:?} was left");
    }
}

/// The empty name is a name like any other, and not everybody.
pub async fn the_empty_name_is_nobody_else(subject: Subject) {
    let hub = subject.start(&[]).await;
    let mut empty = hub.open(&[("group", "")]).await;
    let mut other = hub.open(&[("user", "alice"), ("group", "news")]).await;
    hub.send_to("group:", "to the empty group").await;
    hub.send_to("user:", "to the empty user").await;
    assert_eq!(hub.texts_seen_by(&mut empty).await, ["to the empty group"]);
    assert_eq!(hub.texts_seen_by(&mut other).await, [""; 0]);
}
