//! Debian's `redis-server`, as a process of the test's own.
//!
//! It listens on a port of the loopback that stays reserved while it is down, and keeps its data in a folder of its own,
//! with each write on disk before it is answered. The test rules it through a Unix socket, which is there whatever is
//! done to the port, and needs no TLS. Everything here blocks the thread for as long as it takes, and no longer than
//! [`PATIENCE`].

use std::{
    fs::{self, File},
    io,
    net::SocketAddr,
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use redis::{Client, Connection, FromRedisValue, RedisError, RedisResult, ToRedisArgs, cmd};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    certificate::Certificate,
    child::{self, Owned, Program},
    port::Port,
    wait::{PATIENCE, until_blocking},
};

pub(crate) const REDIS: Program = Program { name: "redis-server", package: "redis-server" };

/// How long one command of the test's may take.
const COMMAND: Duration = Duration::from_secs(10);

/// How a server is to be.
#[derive(Clone, Debug, Default)]
pub struct RedisOptions {
    password: Option<&'static str>,
    tls: bool,
    cluster: bool,
    primary: Option<SocketAddr>,
    settings: Vec<(String, String)>,
}

/// A running server, killed when this is dropped.
#[derive(Debug)]
pub struct RedisServer {
    options: RedisOptions,
    port: Port,
    /// Where the nodes of a cluster talk to each other.
    bus: Port,
    folder: TempDir,
    process: Option<Owned>,
}

impl RedisOptions {
    /// Clients have to give this password, which has to be fit for a URL as it is.
    pub fn password(mut self, password: &'static str) -> Self {
        self.password = Some(password);
        self
    }

    /// The port speaks TLS alone, with a [certificate](RedisServer::certificate) made for it.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// It is a cluster of one node, which has all slots.
    pub fn cluster(mut self) -> Self {
        self.cluster = true;
        self
    }

    /// It is a replica of the one there, until it is [promoted](RedisServer::promote).
    pub fn replica_of(mut self, primary: SocketAddr) -> Self {
        self.primary = Some(primary);
        self
    }

    /// A setting as in `redis.conf`; it has the last word.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts such a server.
    ///
    /// # Panics
    /// If it does not answer in time; the message has what it said, or which package to install.
    pub fn start(self) -> RedisServer {
        let [port, bus] = [(); 2].map(|()| Port::reserve().expect("a port is free"));
        let folder = tempfile::tempdir().expect("a folder can be made");
        if self.tls {
            Certificate::generate(folder.path());
        }
        let mut server = RedisServer { options: self, port, bus, folder, process: None };
        server.forget();
        server.restart();
        server
    }
}

impl RedisServer {
    /// Starts one without password, TLS and cluster.
    ///
    /// # Panics
    /// As [`RedisOptions::start`].
    pub fn start() -> Self {
        RedisOptions::default().start()
    }

    /// How a server is to be that is not quite as usual.
    pub fn options() -> RedisOptions {
        RedisOptions::default()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its URL.
    pub fn url(&self) -> String {
        self.url_by(self.address())
    }

    /// Its URL for who gets there by another address, as that of a [`Proxy`](crate::proxy::Proxy).
    pub fn url_by(&self, address: SocketAddr) -> String {
        let scheme = if self.options.tls { "rediss" } else { "redis" };
        let secret = self.options.password.map(|password| format!(":{password}@")).unwrap_or_default();
        format!("{scheme}://{secret}{address}/")
    }

    /// What its TLS clients have to trust.
    ///
    /// # Panics
    /// If it speaks no TLS.
    pub fn certificate(&self) -> PathBuf {
        assert!(self.options.tls, "a server without TLS has no certificate");
        self.folder.path().join("certificate.pem")
    }

    /// Runs a command there, whatever becomes of its port.
    ///
    /// # Errors
    /// If it does not run, does not answer in time, or refuses.
    pub fn try_command<T: FromRedisValue>(&self, name: &str, arguments: &[impl ToRedisArgs]) -> RedisResult<T> {
        cmd(name).arg(arguments).query(&mut self.connect()?)
    }

    /// The same, for what has to go well.
    ///
    /// # Panics
    /// If it does not.
    pub fn command<T: FromRedisValue>(&self, name: &str, arguments: &[impl ToRedisArgs]) -> T {
        self.try_command(name, arguments).unwrap_or_else(|error| panic!("redis, asked to {name}: {error}"))
    }

    /// Forgets everything and goes on running.
    pub fn flush(&self) {
        self.command("FLUSHALL", &[""; 0])
    }

    /// What `INFO` says of this.
    ///
    /// # Panics
    /// If it says nothing of it.
    pub fn info(&self, field: &str) -> String {
        let info: String = self.command("INFO", &["everything"]);
        let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':').map(str::to_owned));
        value.unwrap_or_else(|| panic!("INFO has no {field}: {info}"))
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) {
        // The process is killed and waited for when it is dropped.
        self.process = None;
    }

    /// Starts it again with the data it has on disk; kills it first if it runs.
    ///
    /// # Panics
    /// If it does not answer in time.
    pub fn restart(&mut self) {
        self.kill();
        let log = || File::options().create(true).append(true).open(self.log()).expect("a log can be written");
        let mut command = REDIS.command();
        command.args(self.arguments()).stdin(Stdio::null()).stdout(log()).stderr(log());
        self.process = Some(child::start(command).unwrap_or_else(|error| panic!("{error}")));
        self.answers();
        if self.options.cluster {
            self.take_all_slots();
        }
    }

    /// Starts it again without any data; kills it first if it runs.
    ///
    /// # Panics
    /// If it does not answer in time.
    pub fn restart_empty(&mut self) {
        self.kill();
        self.forget();
        self.restart();
    }

    /// Stops it with SIGSTOP: its connections stay, and nothing is answered.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Waits until it, a replica, has everything its primary has, and has it on disk.
    ///
    /// # Panics
    /// If that does not happen in time.
    pub fn has_all_of(&self, primary: &Self) {
        until_blocking(PATIENCE, "the replica to have everything", || {
            let (link, here, there) = (self.info("master_link_status"), "slave_repl_offset", "master_repl_offset");
            let offsets = (self.info(here), primary.info(there));
            // What the first copy brought is written by a process in the background.
            let writing = ["aof_rewrite_scheduled", "aof_rewrite_in_progress"].map(|field| self.info(field));
            let has_all = link == "up" && offsets.0 == offsets.1 && writing == ["0", "0"];
            if has_all { Ok(()) } else { Err((link, offsets, writing)) }
        });
    }

    /// Makes it, a replica, a primary.
    pub fn promote(&mut self) {
        self.options.primary = None;
        self.command("REPLICAOF", &["NO", "ONE"])
    }

    fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("the server runs").signal(signal);
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Removes what it has on disk.
    fn forget(&self) {
        match fs::remove_dir_all(self.data()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => panic!("the data cannot be removed: {error}"),
            _ => fs::create_dir(self.data()).expect("a folder can be made"),
        }
    }

    fn arguments(&self) -> Vec<String> {
        let path = |path: PathBuf| path.display().to_string();
        let port = self.port.address().port().to_string();
        let mut settings = vec![
            ("bind", "127.0.0.1".to_owned()),
            ("dir", path(self.data())),
            ("unixsocket", path(self.socket())),
            ("save", String::new()),
            ("appendonly", "yes".to_owned()),
            ("appendfsync", "always".to_owned()),
            // Replicas get their copy at once.
            ("repl-diskless-sync-delay", "0".to_owned()),
        ];
        if self.options.tls {
            let certificate = path(self.certificate());
            settings.extend([("port", "0".to_owned()), ("tls-port", port)]);
            settings.extend([("tls-cert-file", certificate.clone()), ("tls-ca-cert-file", certificate)]);
            settings.push(("tls-key-file", path(self.folder.path().join("key.pem"))));
            settings.push(("tls-auth-clients", "no".to_owned()));
        } else {
            settings.push(("port", port));
        }
        if let Some(password) = self.options.password {
            settings.push(("requirepass", password.to_owned()));
        }
        if self.options.cluster {
            settings.extend([("cluster-enabled", "yes".to_owned()), ("cluster-announce-ip", "127.0.0.1".to_owned())]);
            settings.push(("cluster-port", self.bus.address().port().to_string()));
        }
        let own = self.options.settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let mut arguments: Vec<_> =
            settings.into_iter().chain(own).flat_map(|(name, value)| [format!("--{name}"), value]).collect();
        if let Some(primary) = self.options.primary {
            arguments.extend(["--replicaof".to_owned(), primary.ip().to_string(), primary.port().to_string()]);
        }
        arguments
    }

    fn connect(&self) -> RedisResult<Connection> {
        let secret = self.options.password.map(|password| format!("?pass={password}")).unwrap_or_default();
        let client = Client::open(format!("redis+unix://{}{secret}", self.socket().display()))?;
        let connection = client.get_connection_with_timeout(COMMAND)?;
        connection.set_read_timeout(Some(COMMAND))?;
        Ok(connection)
    }

    /// Waits until it has read its data and answers.
    fn answers(&mut self) {
        until_blocking(PATIENCE, "redis-server to answer", || {
            if let Some(status) = self.process.as_mut().and_then(Owned::ended) {
                let advice = if status.code() == Some(127) { REDIS.advice() } else { String::new() };
                let said = fs::read_to_string(self.log()).unwrap_or_default();
                panic!("redis-server ended with {status} (signal {:?}); {advice}\n{said}", status.signal());
            }
            self.try_command::<String>("PING", &[""; 0]).map(drop).map_err(|error: RedisError| error.to_string())
        });
    }

    fn take_all_slots(&self) {
        let info = || self.command::<String>("CLUSTER", &["INFO"]);
        if info().contains("cluster_slots_assigned:0") {
            self.command::<()>("CLUSTER", &["ADDSLOTSRANGE", "0", "16383"]);
        }
        until_blocking(PATIENCE, "the cluster to be ready", || {
            let info = info();
            if info.contains("cluster_state:ok") { Ok(()) } else { Err(info) }
        });
    }
}
