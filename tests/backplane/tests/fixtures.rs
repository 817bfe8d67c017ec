//! The server and the link do what the suites need them to do.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use ssehub_backplane_tests::{
    proxy::Proxy,
    redis::RedisServer,
    wait::{PATIENCE, until_blocking},
};

/// How long nothing has to come before it counts as nothing.
const SILENCE: Duration = Duration::from_millis(200);

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a command as text, and returns the first line of the answer.
fn ask(stream: &mut TcpStream, command: &str) -> std::io::Result<String> {
    write!(stream, "{command}\r\n")?;
    line(stream)
}

fn line(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        line.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

fn set(server: &RedisServer, value: &str) {
    server.command::<()>("SET", &["key", value]);
}

fn get(server: &RedisServer) -> Option<String> {
    server.command("GET", &["key"])
}

#[test]
fn a_server_that_is_killed_comes_back_with_its_data_on_the_same_port() {
    let mut server = RedisServer::start();
    let address = server.address();
    set(&server, "kept");
    server.kill();
    let refused = TcpStream::connect(address).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    server.restart();
    assert_eq!(server.address(), address);
    assert_eq!(get(&server).as_deref(), Some("kept"));
    assert_eq!(ask(&mut connect(address), "PING").unwrap(), "+PONG");
}

#[test]
fn a_server_comes_back_without_its_data() {
    let mut server = RedisServer::start();
    set(&server, "lost");
    server.restart_empty();
    assert_eq!(get(&server), None);
    set(&server, "flushed");
    server.flush();
    assert_eq!(get(&server), None);
}

#[test]
fn a_paused_server_keeps_connections_and_answers_when_it_goes_on() {
    let server = RedisServer::start();
    let mut client = connect(server.address());
    assert_eq!(ask(&mut client, "PING").unwrap(), "+PONG");
    server.pause();
    client.set_read_timeout(Some(SILENCE)).unwrap();
    assert_eq!(ask(&mut client, "PING").unwrap_err().kind(), ErrorKind::WouldBlock);
    connect(server.address());
    server.resume();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(line(&mut client).unwrap(), "+PONG");
}

#[test]
fn a_paused_server_can_be_killed() {
    let mut server = RedisServer::start();
    server.pause();
    server.restart();
    assert_eq!(ask(&mut connect(server.address()), "PING").unwrap(), "+PONG");
}

#[test]
fn a_replica_follows_until_it_is_promoted_and_stays_promoted() {
    let primary = RedisServer::start();
    let mut replica = RedisServer::options().replica_of(primary.address()).start();
    set(&primary, "1");
    replica.has_all_of(&primary);
    assert_eq!(get(&replica).as_deref(), Some("1"));
    assert_eq!(replica.info("role"), "slave");
    replica.promote();
    set(&primary, "2");
    assert_eq!((replica.info("role").as_str(), get(&replica).as_deref()), ("master", Some("1")));
    replica.restart();
    assert_eq!((replica.info("role").as_str(), get(&replica).as_deref()), ("master", Some("1")));
}

#[test]
fn a_replica_behind_a_stalled_link_lacks_the_last_entries() {
    let primary = RedisServer::start();
    let link = Proxy::to(primary.address());
    let replica = RedisServer::options().replica_of(link.address()).start();
    set(&primary, "1");
    replica.has_all_of(&primary);
    link.stall();
    set(&primary, "2");
    assert_eq!(get(&replica).as_deref(), Some("1"));
    link.heal();
    replica.has_all_of(&primary);
    assert_eq!(get(&replica).as_deref(), Some("2"));
}

#[test]
fn a_server_with_a_password_lets_nobody_in_without_it() {
    let server = RedisServer::options().password("secret").start();
    let mut client = connect(server.address());
    assert!(ask(&mut client, "GET key").unwrap().starts_with("-NOAUTH"));
    assert_eq!(ask(&mut client, "AUTH secret").unwrap(), "+OK");
    assert_eq!(ask(&mut client, "GET key").unwrap(), "$-1");
    assert_eq!(server.url(), format!("redis://:secret@{}/", server.address()));
}

#[test]
fn a_cluster_of_one_node_has_all_slots_and_has_them_after_a_restart() {
    let mut server = RedisServer::options().cluster().start();
    set(&server, "kept");
    server.restart();
    assert_eq!(get(&server).as_deref(), Some("kept"));
    server.restart_empty();
    assert_eq!(get(&server), None);
}

#[test]
fn a_server_with_tls_shows_a_certificate_that_proves_its_address() {
    let server = RedisServer::options().tls().start();
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-verify_return_error", "-verify_ip", "127.0.0.1", "-CAfile"])
        .arg(server.certificate())
        .args(["-connect", &server.address().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all(b"PING\r\nQUIT\r\n").unwrap();
    let output = client.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "+PONG\r\n+OK\r\n");
    let plain = ask(&mut connect(server.address()), "PING");
    assert!(!plain.as_ref().is_ok_and(|line| line == "+PONG"), "{plain:?}");
}

#[test]
fn a_setting_of_the_tests_has_the_last_word() {
    let server = RedisServer::options().setting("appendfsync", "no").start();
    let value: Vec<String> = server.command("CONFIG", &["GET", "appendfsync"]);
    assert_eq!(value, ["appendfsync", "no"]);
}

#[test]
#[should_panic(expected = "Bad directive")]
fn a_server_that_does_not_start_says_why() {
    RedisServer::options().setting("no-such-setting", "1").start();
}

#[test]
fn a_server_is_gone_with_its_test() {
    let server = RedisServer::start();
    let pid = server.info("process_id");
    assert!(Path::new("/proc").join(&pid).exists());
    drop(server);
    assert!(!Path::new("/proc").join(&pid).exists());
}

#[test]
fn a_link_forwards_is_cut_and_heals() {
    let server = RedisServer::start();
    let link = Proxy::to(server.address());
    let mut client = connect(link.address());
    assert_eq!(ask(&mut client, "PING").unwrap(), "+PONG");
    assert_eq!(link.connections(), 1);
    link.cut();
    assert_eq!(link.connections(), 0);
    assert!(ask(&mut client, "PING").is_err());
    assert_eq!(TcpStream::connect(link.address()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    link.heal();
    assert_eq!(ask(&mut connect(link.address()), "PING").unwrap(), "+PONG");
}

#[test]
fn a_stalled_link_takes_connections_and_holds_back_what_they_carry() {
    let server = RedisServer::start();
    let link = Proxy::to(server.address());
    let mut old = connect(link.address());
    assert_eq!(ask(&mut old, "PING").unwrap(), "+PONG");
    link.stall();
    let mut new = connect(link.address());
    for client in [&mut old, &mut new] {
        client.set_read_timeout(Some(SILENCE)).unwrap();
        assert_eq!(ask(client, "PING").unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    link.heal();
    for client in [&mut old, &mut new] {
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(line(client).unwrap(), "+PONG");
    }
}

#[test]
fn a_slow_link_takes_its_time_each_way() {
    let server = RedisServer::start();
    let link = Proxy::to(server.address());
    let mut client = connect(link.address());
    link.slow(Duration::from_millis(150));
    let start = Instant::now();
    assert_eq!(ask(&mut client, "PING").unwrap(), "+PONG");
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
}

#[test]
fn a_link_can_lead_to_another_server() {
    let servers = [RedisServer::start(), RedisServer::start()];
    let link = Proxy::to(servers[0].address());
    for (server, value) in servers.iter().zip(["first", "other"]) {
        set(server, value);
        link.cut();
        link.lead_to(server.address());
        link.heal();
        let mut client = connect(link.address());
        assert_eq!((ask(&mut client, "GET key").unwrap(), line(&mut client).unwrap()), ("$5".into(), value.into()));
    }
}

#[test]
fn what_a_killed_test_has_started_dies_with_it() {
    // This very program, run again, starts a server and waits to be killed.
    if std::env::var_os("SSEHUB_START_AND_WAIT").is_some() {
        let server = RedisServer::start();
        println!("pid={}", server.info("process_id"));
        std::thread::sleep(PATIENCE);
        return;
    }
    let program = std::env::current_exe().unwrap();
    let mut test = Command::new(program)
        .args(["--exact", "what_a_killed_test_has_started_dies_with_it", "--nocapture"])
        .env("SSEHUB_START_AND_WAIT", "yes")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut text = String::new();
    let mut stdout = test.stdout.take().unwrap();
    let pid = loop {
        let mut byte = [0];
        stdout.read_exact(&mut byte).expect("the program says the server's pid");
        text.push(char::from(byte[0]));
        if let Some((_, pid)) = text.strip_suffix('\n').and_then(|line| line.rsplit_once("pid=")) {
            break pid.to_owned();
        }
    };
    test.kill().unwrap();
    test.wait().unwrap();
    let process = Path::new("/proc").join(pid).join("exe");
    until_blocking(PATIENCE, "the server to die", || match process.read_link() {
        Ok(server) => Err(server),
        Err(_) => Ok(()),
    });
}
