//! The subject of the suite: the playground in one framework, as a process of its own.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread::JoinHandle,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    backplane::{Backplane, Log},
    capabilities::Capabilities,
    playground::Playground,
    wait::{PATIENCE, until},
};

/// The servers that there is an adapter for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framework {
    /// axum, on hyper.
    Axum,
    /// axum's router on the adapter's own loop, on hyper.
    Lean,
    /// actix-web, on its own HTTP/1.
    Actix,
    /// Rocket, on hyper with a task between.
    Rocket,
}

impl Framework {
    /// The name that the playground knows it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Axum => "axum",
            Self::Lean => "lean",
            Self::Actix => "actix",
            Self::Rocket => "rocket",
        }
    }
}

/// What a case is run against.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    framework: Framework,
    binary: &'static str,
    backplane: Backplane,
}

impl Subject {
    /// The playground at `binary`, in `framework`.
    pub fn new(framework: Framework, binary: &'static str) -> Self {
        Self { framework, binary, backplane: Backplane::None }
    }

    /// The same with each log it starts on a backplane.
    #[must_use]
    pub fn on(self, backplane: Backplane) -> Self {
        Self { backplane, ..self }
    }

    /// Where its logs are.
    pub fn backplane(self) -> Backplane {
        self.backplane
    }

    /// The framework's name.
    pub fn name(self) -> &'static str {
        self.framework.name()
    }

    /// What the framework can do.
    pub fn can(self) -> Capabilities {
        Capabilities::of(self.framework)
    }

    /// The command that starts a playground with these options.
    pub fn command(self, listen: &str, options: &[&str]) -> Command {
        let mut command = Command::new(self.binary);
        command.args(["--framework", self.framework.name(), "--listen", listen, "--workers", "2"]).args(options);
        command
    }

    /// Starts a playground with these options.
    ///
    /// # Panics
    /// If it does not say in time where it listens.
    pub async fn start(self, options: &[&str]) -> Playground {
        self.start_at("127.0.0.1:0", options).await
    }

    /// The same at another address than the loopback's.
    ///
    /// # Panics
    /// If it does not say in time where it listens.
    pub async fn start_at(self, listen: &str, options: &[&str]) -> Playground {
        self.start_with(Log::on(self.backplane), listen, options).await
    }

    /// Kills a playground and starts one in its place, with what its backplane has kept.
    ///
    /// # Panics
    /// If it does not say in time where it listens.
    pub async fn start_after(self, killed: Playground, options: &[&str]) -> Playground {
        self.start_with(killed.kill(), "127.0.0.1:0", options).await
    }

    async fn start_with(self, log: Log, listen: &str, options: &[&str]) -> Playground {
        let of_the_log = log.options();
        let options: Vec<&str> = of_the_log.iter().map(String::as_str).chain(options.iter().copied()).collect();
        let mut child = self
            .command(listen, &options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", self.binary));
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut stderr = child.stderr.take().expect("stderr is piped");
        let (announce, announced) = mpsc::channel();
        // Both pipes are read to their end, so that the playground never waits for a full one.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if announce.send(line).is_err() {
                    break;
                }
            }
        });
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _what_came = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut process = Process { child, stderr: Some(stderr) };
        let address = until(PATIENCE, "the playground to listen", async || {
            match (announced.try_recv(), process.child.try_wait()) {
                (Ok(line), _) => address(&line).ok_or(line),
                (Err(_), Ok(Some(status))) => panic!("the playground ended with {status} instead of listening"),
                (Err(_), _) => Err(String::new()),
            }
        })
        .await;
        let playground = Playground::new(process, address, log);
        if self.backplane != Backplane::None {
            playground.until_ready().await;
        }
        playground
    }
}

fn address(line: &str) -> Option<SocketAddr> {
    line.strip_prefix("listening on http://")?.trim_end().parse().ok()
}

/// A running playground: killed when it is dropped; a failing test shows what it wrote to stderr.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stderr: Option<JoinHandle<String>>,
}

impl Process {
    /// Asks it to end.
    ///
    /// # Panics
    /// If it has ended already.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the playground still runs");
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// If it still runs after `limit`.
    pub async fn exit(&mut self, limit: Duration) -> ExitStatus {
        until(limit, "the playground to end", async || {
            self.child.try_wait().expect("the playground can be waited for").ok_or("it runs")
        })
        .await
    }

    /// The bytes of memory that it occupies.
    ///
    /// # Panics
    /// Where there is no `/proc`.
    pub fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.unwrap_or_else(|| panic!("{path} tells no VmRSS")) * 1024
    }

    /// How many files and sockets it has open.
    ///
    /// # Panics
    /// Where there is no `/proc`.
    pub fn descriptors(&self) -> usize {
        let path = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{path}: {error}")).count()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let status = self.child.wait();
        let stderr = self.stderr.take().and_then(|reader| reader.join().ok());
        if std::thread::panicking() {
            eprintln!("the playground ended with {status:?} and wrote to stderr:\n{}", stderr.unwrap_or_default());
        }
    }
}
