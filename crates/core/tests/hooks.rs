//! Hooks: each coming and going is told once, in order, and no hook can harm anybody.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ssehub::{
    ConnectErrorKind, ConnectRequest, ConnectionInfo, DisconnectReason, HookResult, Hooks, Hub, MAX_HOOK_BACKLOG,
    Shutdown, Topic, async_trait,
};
use support::{Tab, anyone, begin_shutdown, eventually, hub, now, within};
use tokio::sync::Semaphore;

/// Writes down what it is told, in the order in which calls begin.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, line: String) -> HookResult {
        self.0.lock().unwrap().push(line);
        Ok(())
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn wait_for(&self, count: usize) -> Vec<String> {
        eventually(&format!("{count} hook calls, have {:?}", self.lines()), || self.lines().len() >= count);
        self.lines()
    }
}

fn who(connection: &ConnectionInfo) -> String {
    format!("{} {:?}", connection.user.as_deref().unwrap_or("guest"), connection.groups)
}

#[async_trait]
impl Hooks for Diary {
    async fn connected(&self, connection: &ConnectionInfo) -> HookResult {
        self.note(format!("connected {}", who(connection)))
    }

    async fn disconnected(&self, connection: &ConnectionInfo, reason: &DisconnectReason) -> HookResult {
        self.note(format!("disconnected {} {reason}", who(connection)))
    }

    async fn user_online(&self, user: &str) -> HookResult {
        self.note(format!("online {user}"))
    }

    async fn user_offline(&self, user: &str) -> HookResult {
        self.note(format!("offline {user}"))
    }
}

fn user(name: &str) -> ConnectRequest {
    ConnectRequest::new().user(name)
}

#[test]
fn a_user_comes_online_with_the_first_stream_and_goes_with_the_last() {
    let diary = Diary::default();
    let hub = hub(|hub| hub.hooks(diary.clone()));
    let mut first = Tab::open(&hub, user("alice").group("g"));
    let mut second = Tab::open(&hub, user("alice"));
    now(hub.join(&second.id, "h")).unwrap();
    first.cut();
    second.cut();
    drop(Tab::open(&hub, user("alice")));
    let expected = [
        "online alice",
        r#"connected alice ["g"]"#,
        "connected alice []",
        r#"disconnected alice ["g"] gone"#,
        r#"disconnected alice ["h"] gone"#,
        "offline alice",
        "online alice",
        "connected alice []",
        "disconnected alice [] gone",
        "offline alice",
    ];
    assert_eq!(diary.wait_for(expected.len()), expected);
}

#[test]
fn each_end_is_told_once_with_its_reason() {
    let diary = Diary::default();
    let short_lived = hub(|hub| hub.hooks(diary.clone()).max_lifetime(Duration::from_millis(50)));
    let mut expired = Tab::open(&short_lived, anyone());
    expired.wait_for("hub:closing");
    expired.wait();
    diary.wait_for(2);
    let hub = hub(|hub| hub.hooks(diary.clone()));
    let mut ended = Tab::open(&hub, anyone());
    now(hub.disconnect(Topic::All, "kicked")).unwrap();
    now(hub.disconnect(Topic::All, "again")).unwrap();
    ended.read_all();
    ended.cut();
    let mut gone = Tab::open(&hub, anyone());
    now(hub.disconnect(Topic::connection(&gone.id), "kicked, and gone before it heard")).unwrap();
    gone.cut();
    let unread = Tab::open(&hub, anyone());
    let shutdown = begin_shutdown(&hub, Shutdown::within(Duration::from_secs(9)));
    drop(unread);
    let report = shutdown.join().unwrap();
    assert_eq!((report.closed, report.remaining), (1, 0));
    let ends: Vec<_> = diary.lines().into_iter().filter(|line| line.starts_with("dis")).collect();
    assert_eq!(
        ends,
        [
            "disconnected guest [] max-lifetime",
            "disconnected guest [] kicked",
            "disconnected guest [] kicked, and gone before it heard",
            "disconnected guest [] shutdown",
        ]
    );
    assert_eq!(diary.lines().len(), 8, "and each beginning once");
}

#[test]
fn what_never_opened_has_no_hooks() {
    let diary = Diary::default();
    let hub = hub(|hub| hub.hooks(diary.clone()).max_connections_per_user(1));
    let _alice = Tab::open(&hub, user("alice"));
    assert!(hub.connect(user("alice")).is_err());
    drop(hub.connect(ConnectRequest::from_http("HEAD", [], None, None).user("carol")).unwrap());
    drop(Tab::open(&hub, user("bob")));
    let lines = diary.wait_for(6);
    let of = |user: &str| lines.iter().filter(|line| line.split(' ').nth(1) == Some(user)).collect::<Vec<_>>();
    assert_eq!(of("alice"), ["online alice", "connected alice []"]);
    assert_eq!(of("bob"), ["online bob", "connected bob []", "disconnected bob [] gone", "offline bob"]);
}

#[test]
fn calls_of_one_user_keep_their_order_whatever_the_threads() {
    let diary = Diary::default();
    let hub = hub(|hub| hub.hooks(diary.clone()));
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let hub = hub.clone();
            // Two threads share a user.
            std::thread::spawn(move || {
                (0..200).for_each(|_| drop(Tab::open(&hub, user(&format!("u{}", thread % 2)))));
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    within("the shutdown", hub.shutdown(Shutdown::within(Duration::from_secs(9))));
    let mut open: HashMap<String, (usize, bool)> = HashMap::new();
    let lines = diary.lines();
    for line in &lines {
        let words: Vec<_> = line.split(' ').collect();
        let (streams, online) = open.entry(words[1].to_owned()).or_default();
        match words[0] {
            "online" => assert!(!std::mem::replace(online, true) && *streams == 0, "{line}"),
            "offline" => assert!(std::mem::replace(online, false) && *streams == 0, "{line}"),
            "connected" => *streams += 1,
            _ => *streams -= 1,
        }
    }
    assert_eq!(lines.iter().filter(|line| line.starts_with("connected")).count(), 800);
    assert!(open.values().all(|end| *end == (0, false)), "{open:?}");
}

/// Fails in every way, by user: an error, a panic, a future that never ends until it may.
#[derive(Clone)]
struct Trouble {
    diary: Diary,
    gate: Arc<Semaphore>,
    stuck: Arc<AtomicUsize>,
}

impl Trouble {
    fn new() -> Self {
        Self { diary: Diary::default(), gate: Arc::new(Semaphore::new(0)), stuck: Arc::default() }
    }
}

#[async_trait]
impl Hooks for Trouble {
    async fn user_online(&self, user: &str) -> HookResult {
        match user {
            "error" => return Err("no database".into()),
            // Not `panic!`: its message would make a passing run look like a failing one.
            "panic" => std::panic::resume_unwind(Box::new("a test")),
            "stuck" => {
                self.stuck.fetch_add(1, Ordering::SeqCst);
                let _permit = self.gate.acquire().await?;
            }
            _ => {}
        }
        self.diary.note(format!("online {user}"))
    }

    async fn user_offline(&self, user: &str) -> HookResult {
        self.diary.note(format!("offline {user}"))
    }
}

#[test]
fn hooks_that_fail_panic_or_are_stuck_hold_up_no_stream_and_nobody_elses_hooks() {
    let trouble = Trouble::new();
    let hub = hub(|hub| hub.hooks(trouble.clone()));
    let Trouble { diary, gate, stuck } = trouble;
    let mut tab = Tab::open(&hub, user("stuck"));
    eventually("the hook to be stuck", || stuck.load(Ordering::SeqCst) == 1);
    for name in ["error", "panic", "fine"] {
        drop(Tab::open(&hub, user(name)));
    }
    let mut lines = diary.wait_for(4);
    lines.sort();
    assert_eq!(lines, ["offline error", "offline fine", "offline panic", "online fine"]);
    support::send(&hub, Topic::All, "x");
    assert_eq!(tab.data(), ["x"]);
    tab.cut();
    assert!(!hub.is_online("stuck"));
    drop(Tab::open(&hub, user("fine")));
    assert_eq!(diary.wait_for(6)[4..], ["online fine", "offline fine"], "what waits for the stuck one still waits");
    gate.add_permits(1);
    assert_eq!(diary.wait_for(8)[6..], ["online stuck", "offline stuck"]);
}

#[test]
fn too_many_calls_that_wait_refuse_connections_until_they_are_made() {
    let trouble = Trouble::new();
    let hub = hub(|hub| hub.hooks(trouble.clone()));
    // Each stream is four calls, the last of which brings the backlog to its bound.
    let kept = Tab::open(&hub, user("fine"));
    let mut streams = 0;
    let refused = loop {
        match hub.connect(user("stuck")) {
            Ok(stream) => drop(stream),
            Err(refused) => break refused,
        }
        streams += 1;
        assert!(streams <= MAX_HOOK_BACKLOG, "the backlog is bounded");
    };
    assert_eq!((refused.kind(), refused.status()), (ConnectErrorKind::Overloaded, 503));
    assert!(refused.retry_after().is_some());
    assert!(streams >= MAX_HOOK_BACKLOG / 4 - 1, "not before there is need: {streams}");
    assert_eq!(hub.stats().connections, 1, "who is there stays");
    trouble.gate.add_permits(MAX_HOOK_BACKLOG);
    eventually("connections to be let in again", || hub.connect(user("stuck")).is_ok());
    drop(kept);
}

#[test]
fn the_hooks_of_a_hub_that_is_gone_still_run_and_are_dropped_then() {
    struct Last(Diary, Arc<AtomicBool>);
    #[async_trait]
    impl Hooks for Last {
        async fn disconnected(&self, connection: &ConnectionInfo, reason: &DisconnectReason) -> HookResult {
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.0.disconnected(connection, reason).await
        }
    }
    impl Drop for Last {
        fn drop(&mut self) {
            self.1.store(true, Ordering::SeqCst);
        }
    }
    let (diary, dropped) = (Diary::default(), Arc::new(AtomicBool::new(false)));
    let hub = hub(|hub| hub.hooks(Last(diary.clone(), Arc::clone(&dropped))));
    let tab = Tab::open(&hub, user("alice"));
    drop(hub);
    drop(tab);
    eventually("the thread of the hooks to end", || dropped.load(Ordering::SeqCst));
    assert_eq!(diary.lines(), ["disconnected alice [] gone"]);
}

#[test]
fn a_hub_without_hooks_needs_none() {
    let hub = Hub::new();
    drop(Tab::open(&hub, user("alice")));
    assert_eq!(within("the shutdown", hub.shutdown(Shutdown::within(Duration::from_secs(9)))).remaining, 0);
}
