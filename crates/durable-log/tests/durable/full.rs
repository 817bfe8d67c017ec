//! A disk without room: a small one of the test's own, mounted where nobody else sees it.
//!
//! Root may do that, and others where the system lets them have user namespaces. It takes `unshare` and `mount`
//! (util-linux). Where it cannot be done, the test fails and says so.

use std::error::Error as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use ssehub::{Backplane as _, BackplaneError, BackplaneErrorKind, Record};
use ssehub_durable::{DurableError, DurableErrorKind, DurableLog};

use crate::support::{PATIENCE, append, follow, soon, take, take_all};

const DISK: &str = "SSEHUB_DURABLE_DISK";
const MOUNT: &str = r#"mount -t tmpfs -o size=32m tmpfs "$1" && shift && exec "$@""#;

#[test]
fn a_full_disk_is_an_error_to_the_sender_and_passes() {
    on_a_small_disk("full::fill_the_disk");
}

#[test]
fn a_full_disk_is_an_error_to_the_sender_and_passes_also_where_it_is_flushed_later() {
    on_a_small_disk("full::fill_the_disk_and_flush_later");
}

/// Runs a test of this binary with a disk of 32 MiB.
fn on_a_small_disk(test: &str) {
    let dir = tempfile::tempdir().unwrap();
    let ways: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
    let way = ways.into_iter().find(|way| {
        let tried =
            Command::new("unshare").args(*way).args(["sh", "-c", MOUNT, "sh"]).arg(dir.path()).arg("true").status();
        tried.is_ok_and(|status| status.success())
    });
    let way = way.expect("this takes root or user namespaces, and `unshare` and `mount` of util-linux");
    let mut command = Command::new("unshare");
    command.args(way).args(["sh", "-c", MOUNT, "sh"]).arg(dir.path()).arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).env(DISK, dir.path());
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

#[tokio::test]
#[ignore = "started by the tests of this file, with a small disk"]
async fn fill_the_disk() {
    fill(None).await;
}

#[tokio::test]
#[ignore = "started by the tests of this file, with a small disk"]
async fn fill_the_disk_and_flush_later() {
    fill(Some(Duration::from_millis(20))).await;
}

fn kind(error: &BackplaneError) -> Option<DurableErrorKind> {
    Some(error.source()?.downcast_ref::<DurableError>()?.kind())
}

async fn fill(flush_every: Option<Duration>) {
    let disk = PathBuf::from(std::env::var_os(DISK).unwrap());
    let ballast = disk.join("ballast");
    std::fs::write(&ballast, vec![1; 16 << 20]).unwrap();
    let open = || {
        let builder = DurableLog::builder(disk.join("log"));
        flush_every.map_or(builder.clone(), |interval| builder.flush_every(interval)).open().unwrap()
    };
    let log = open();
    let (_, mut tail) = follow(&log, None).await;
    let mut accepted = Vec::new();
    let error = loop {
        match soon("an append", log.append(Record::new(vec![7; 50_000]))).await {
            Ok(id) => accepted.push(id),
            Err(error) => break error,
        }
        assert!(accepted.len() < 1000, "the disk does not fill");
    };
    println!("{} records, then: {error}", accepted.len());
    assert_eq!((error.kind(), kind(&error)), (BackplaneErrorKind::Unavailable, Some(DurableErrorKind::Full)));
    // It stays so, and nothing else is hurt.
    for _ in 0..20 {
        let refused = soon("an append", log.append(Record::new(vec![8; 50_000]))).await.unwrap_err();
        assert_eq!(refused.kind(), BackplaneErrorKind::Unavailable);
    }
    let ids: Vec<_> = take(&mut tail, accepted.len()).await.into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, accepted);
    let passing = append(&log, Record::new("passing").passing()).await;
    assert_eq!(take(&mut tail, 1).await[0].0, passing);
    // A restart changes nothing about that.
    drop((log, tail));
    let log = open();
    let (_, mut tail) = follow(&log, Some(passing)).await;
    match soon("an append", log.append(Record::new(vec![8; 50_000]))).await {
        Err(refused) => assert_eq!(refused.kind(), BackplaneErrorKind::Unavailable),
        // What was cut off may have left room for one.
        Ok(id) => {
            assert_eq!(take(&mut tail, 1).await[0].0, id);
            accepted.push(id);
        }
    }
    // When there is room, it goes on.
    std::fs::remove_file(&ballast).unwrap();
    let there_is_room = async {
        loop {
            match log.append(Record::new(vec![9; 50_000])).await {
                Ok(id) => break id,
                Err(error) => assert_eq!(error.kind(), BackplaneErrorKind::Unavailable),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let next = tokio::time::timeout(PATIENCE, there_is_room).await.expect("it goes on when there is room");
    assert_eq!(take(&mut tail, 1).await[0].0, next);
    accepted.push(next);
    let name = log.name();
    drop((log, tail));
    let log = open();
    assert!(log.recovery().was_closed());
    assert_eq!(log.name(), name);
    let ids: Vec<_> = take_all(&log, None).await.1.into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, accepted);
}
