//! Requests that are larger than anything a client needs: refused or understood, never lost on others or kept in memory.

use ssehub_conformance::subject::Subject;

use crate::{
    bystander::Bystander,
    memory::{MIB, Memory},
    raw::{self, Outcome},
};

/// Each is sent so often; a server that kept a mebibyte of each would be far beyond the bound.
const TIMES: u64 = 20;

/// What a server may have grown by: buffers for the largest of them, on each of its threads, and what an allocator keeps.
const BOUND: u64 = 16 * MIB;

/// What is right to answer.
#[derive(Clone, Copy, Debug)]
enum Right {
    /// 4xx, or the end of the connection.
    Refusal,
    /// 400 by the hub, whose error says so; or refused by the framework before.
    Says(&'static str),
    /// A stream that says that the id proves nothing; or refused by the framework before.
    Gap,
}

/// A head with one more header.
fn with(header: &str) -> Vec<u8> {
    format!("{}{header}\r\n\r\n", raw::get("/events")).into_bytes()
}

fn accepting(types: &str) -> Vec<u8> {
    format!("GET /events HTTP/1.1\r\nhost: playground\r\naccept: {types}\r\n\r\n").into_bytes()
}

fn to(target: &str) -> Vec<u8> {
    format!("{}\r\n", raw::get(target)).into_bytes()
}

fn post(target: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    [format!("POST {target} HTTP/1.1\r\nhost: playground\r\n{headers}\r\n").as_bytes(), body].concat()
}

fn groups(count: usize) -> String {
    let groups: Vec<_> = (0..count).map(|number| format!("group=g{number}")).collect();
    format!("/events?{}", groups.join("&"))
}

fn requests() -> Vec<(&'static str, Vec<u8>, Right)> {
    const MEBIBYTE: usize = MIB as usize;
    let long = "n".repeat(513);
    let headers: String = (0..10_000).map(|number| format!("x-{number}: {}\r\n", "y".repeat(90))).collect();
    let chunk = [&b"10000\r\n"[..], &[b'x'; 65_536], b"\r\n"].concat();
    vec![
        ("a header of 1 MiB", with(&format!("x-huge: {}", "y".repeat(MEBIBYTE))), Right::Refusal),
        ("10,000 headers", with(headers.trim_end()), Right::Refusal),
        ("a cookie of 1 MiB", with(&format!("cookie: {}", "y".repeat(MEBIBYTE))), Right::Refusal),
        ("a path of 1 MiB", to(&format!("/{}", "p".repeat(MEBIBYTE))), Right::Refusal),
        ("a query of 1 MiB", to(&format!("/events?user={}", "q".repeat(MEBIBYTE))), Right::Refusal),
        ("1 MiB that is no request", vec![b'z'; MEBIBYTE], Right::Refusal),
        ("10,000 groups", to(&groups(10_000)), Right::Refusal),
        ("2,000 groups", to(&groups(2000)), Right::Says("group")),
        ("a user of 513 bytes", to(&format!("/events?user={long}")), Right::Says("512")),
        ("a group of 513 bytes", to(&format!("/events?group={long}")), Right::Says("512")),
        ("a Last-Event-ID of 64 KiB", with(&format!("last-event-id: {}", "1".repeat(65_536))), Right::Gap),
        ("an Accept of 64 KiB", accepting(&"a/b,".repeat(16_384)), Right::Refusal),
        (
            "data of a terabyte",
            // Rocket looks at the first 512 bytes of a body before it answers.
            post("/send?to=all", "content-length: 1000000000000\r\n", &[b'x'; 512]),
            Right::Says("1048576"),
        ),
        (
            "data of 64 MiB in chunks",
            post("/send?to=all", "transfer-encoding: chunked\r\n", &chunk.repeat(1024)),
            Right::Refusal,
        ),
        (
            "a target of 513 bytes",
            post(&format!("/send?to=user:{long}"), "content-length: 1\r\n", b"x"),
            Right::Says("512"),
        ),
        (
            "a key of 513 bytes",
            post(&format!("/send?to=all&key={long}"), "content-length: 1\r\n", b"x"),
            Right::Says("512"),
        ),
    ]
}

/// Each is refused for what it is, others get every event in time, and memory stays what it was.
pub async fn oversized_requests_are_refused_and_cost_nothing(subject: Subject) {
    let hub = subject.start(&["--keep-alive", "0.5"]).await;
    let bystander = Bystander::watch(&hub).await;
    let requests = requests();
    let mut memory = Memory::of(&hub);
    for (what, request, right) in &requests {
        for _ in 0..TIMES {
            let enough = |answer: &str| {
                let head = answer.split_once("\r\n\r\n");
                // The body says what was wrong, or that there is a gap.
                head.is_some_and(|(head, body)| match right {
                    Right::Refusal => true,
                    Right::Says(says) => body.contains(says) || head.contains("content-length: 0"),
                    Right::Gap => body.contains("hub:gap") || head.contains("content-length: 0"),
                })
            };
            let outcome = raw::send(hub.address(), what, request, enough).await;
            memory.look(&hub);
            match (right, &outcome) {
                (Right::Gap, Outcome::Answered(200, text)) => {
                    assert!(text.contains("event: hub:gap"), "{what}: {text}")
                }
                (Right::Says(says), Outcome::Answered(400 | 413, text)) if text.contains("application/json") => {
                    assert!(text.contains(says), "{what}: {text}");
                }
                (_, outcome) => assert!(outcome.is_refusal(), "{what}: {outcome:?}"),
            }
        }
    }
    hub.until_stat("connections", 1).await;
    hub.until_stat("groups", 0).await;
    println!("{}: {} requests; {}", subject.name(), requests.len() as u64 * TIMES, memory.grown(&hub, BOUND));
    println!("{}: {}", subject.name(), bystander.end().await);
}
