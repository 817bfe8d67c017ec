//! A node that cannot start says why in one line, and ends with 2.

use std::{fs, io::Read as _, process::Stdio, time::Duration};

use ssehub_backplane_tests::{child, port::Port, proxy::Proxy, redis::RedisServer};
use ssehub_conformance::{subject::Subject, wait::until};
use tokio::task::block_in_place;

/// Whoever waits for a Redis that does not answer gives up within this time.
const GIVES_UP: Duration = Duration::from_secs(15);

/// Asserts that the playground does not start with these options, and returns the line that says why.
async fn refusal(subject: Subject, options: &[&str]) -> String {
    let mut command = subject.command("127.0.0.1:0", options);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = child::start(command).expect("the playground starts");
    let what = format!("the playground to end with {options:?}");
    let status = until(GIVES_UP, &what, async || process.ended().ok_or("it runs")).await;
    let (mut stdout, mut stderr) = (String::new(), String::new());
    let child = process.child();
    child.stdout.take().expect("stdout is piped").read_to_string(&mut stdout).expect("stdout is text");
    child.stderr.take().expect("stderr is piped").read_to_string(&mut stderr).expect("stderr is text");
    assert_eq!((status.code(), stdout.as_str()), (Some(2), ""), "{options:?}: {stderr}");
    let line = stderr.strip_suffix('\n').unwrap_or(&stderr);
    assert!(!line.is_empty() && !line.contains('\n'), "{options:?} is told in one line: {stderr:?}");
    line.to_owned()
}

/// A URL that is none of Redis, and one behind which nobody is, or nobody answers, or a password is wanted.
pub async fn a_redis_that_cannot_be_had_is_told_in_one_line(subject: Subject) {
    for url in ["nonsense", "http://127.0.0.1/", "redis://127.0.0.1:port/", ""] {
        refusal(subject, &["--redis", url]).await;
    }
    let port = Port::reserve().expect("a port is free");
    refusal(subject, &["--redis", &format!("redis://{}/", port.address())]).await;

    let server = block_in_place(|| RedisServer::options().password("a-secret").start());
    refusal(subject, &["--redis", &format!("redis://{}/", server.address())]).await;
    let wrong = refusal(subject, &["--redis", &format!("redis://:not-that-secret@{}/", server.address())]).await;
    assert!(!wrong.contains("not-that-secret"), "no password is shown: {wrong}");

    let link = Proxy::to(server.address());
    link.stall();
    refusal(subject, &["--redis", &server.url_by(link.address())]).await;
}

/// A directory that is none, one that another process uses, and two backplanes at once.
pub async fn a_directory_that_cannot_be_had_is_told_in_one_line(subject: Subject) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = |name: &str| folder.path().join(name).to_str().expect("the folder's name is text").to_owned();
    fs::write(path("file"), "no directory").expect("a file can be written");
    refusal(subject, &["--data-dir", &path("file")]).await;
    let _node = subject.start(&["--data-dir", &path("used")]).await;
    let told = refusal(subject, &["--data-dir", &path("used")]).await;
    assert!(told.contains(&path("used")), "it says which: {told}");
    let port = Port::reserve().expect("a port is free");
    let redis = format!("redis://{}/", port.address());
    refusal(subject, &["--redis", &redis, "--data-dir", &path("both")]).await;
}
