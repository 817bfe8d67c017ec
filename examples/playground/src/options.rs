//! The command line: what can be asked for, and the hub that follows from it.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Parser, ValueEnum};
use ssehub::{History, Hub, HubBuilder};

use crate::lifecycle::Lifecycle;

/// Every capability of ssehub behind plain HTTP, in the framework of your choice.
///
/// It believes whoever asks (?user=), so it is for trying and testing only.
#[derive(Debug, Parser)]
#[command(name = "ssehub-playground", version, allow_negative_numbers = true)]
pub(crate) struct Options {
    /// The web framework to serve with.
    #[arg(long, value_enum)]
    pub(crate) framework: Framework,
    /// Where to listen; port 0 picks a free port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// Worker threads [default: number of cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Events kept for replay; 0 keeps none.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    history_events: usize,
    /// Bytes of events kept for replay.
    #[arg(long, value_name = "N", default_value_t = 64 * 1024 * 1024)]
    history_bytes: usize,
    /// How long events are kept for replay.
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    history_age: Duration,
    /// A stream without a write for that long gets a comment.
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds)]
    keep_alive: Duration,
    /// The reconnection time that opens each stream.
    #[arg(long, value_name = "MS", default_value_t = 3000)]
    retry: u64,
    /// More streams than that are refused with 503.
    #[arg(long, value_name = "N")]
    max_connections: Option<usize>,
    /// More streams of one user than that are refused with 429.
    #[arg(long, value_name = "N")]
    max_connections_per_user: Option<usize>,
    /// A user who connects more often is refused with 429: N times at once, and one time more each SECONDS / N.
    #[arg(long, value_name = "N/SECONDS", value_parser = rate)]
    max_connect_rate: Option<(u32, Duration)>,
    /// Larger data is refused with 413.
    #[arg(long, value_name = "N", default_value_t = 1024 * 1024)]
    pub(crate) max_event_bytes: usize,
    /// Groups that a connection or a user may be in.
    #[arg(long, value_name = "N", default_value_t = ssehub::DEFAULT_MAX_GROUPS)]
    max_groups: usize,
    /// Keys in one topic.
    #[arg(long, value_name = "N", default_value_t = ssehub::DEFAULT_MAX_KEYS)]
    max_keys_per_topic: usize,
    /// Bytes of the newest events of all keys.
    #[arg(long, value_name = "N", default_value_t = ssehub::DEFAULT_MAX_STATE_BYTES)]
    max_state_bytes: usize,
    /// A peer that leaves data unacknowledged for that long is cut off by the kernel; Rocket's sockets are its own.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) user_timeout: Duration,
    /// Ends streams after that long, with jitter.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    max_lifetime: Option<Duration>,
    /// How long a session (?session=) may be resumed; 0 for no sessions.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    resume_window: Duration,
    /// Connections without a transport, within their window; beyond, the oldest is let go.
    #[arg(long, value_name = "N", default_value_t = ssehub::DEFAULT_MAX_PARKED)]
    max_parked: usize,
    /// A stream whose client takes nothing for that long is let go.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    stall_timeout: Duration,
    /// For how long a ticket (?ticket=) may be redeemed.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    ticket_lifetime: Duration,
    /// The Redis that has the log, by which several nodes are one hub: redis://[USER][:PASSWORD@]HOST[:PORT][/DATABASE].
    #[arg(long, value_name = "URL", conflicts_with = "data_dir")]
    redis: Option<String>,
    /// The name of the hub that nodes share by --redis.
    #[arg(long, value_name = "NAME", default_value = "ssehub")]
    hub: String,
    /// A directory for the log, which then outlives the process.
    #[arg(long, value_name = "PATH")]
    data_dir: Option<PathBuf>,
    /// Accepts events before they are on that disk, which they are within this time: a crash of the process still loses
    /// none, one of the machine may.
    #[arg(long, value_name = "MS", requires = "data_dir", value_parser = clap::value_parser!(u64).range(1..=60_000))]
    flush_every: Option<u64>,
    /// A node that says nothing for that long is taken for gone by the others.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    node_timeout: Duration,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Framework {
    /// `axum::serve`.
    Axum,
    /// The same axum router on `ssehub_axum::lean::serve`.
    Lean,
    Actix,
    Rocket,
}

/// Where the hub's log is.
#[derive(Debug)]
pub(crate) enum Place<'a> {
    Memory,
    Redis { url: &'a str, hub: &'a str },
    Disk { path: &'a Path, flush_every: Option<Duration> },
}

/// What the command line asks for.
pub(crate) enum Parsed {
    Run(Box<Options>),
    /// Help or version.
    Show(String),
}

impl Options {
    /// Reads the command line; the error is one line.
    pub(crate) fn from_command_line() -> Result<Parsed, String> {
        match Self::try_parse() {
            Ok(options) => Ok(Parsed::Run(Box::new(options))),
            Err(error) => match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(Parsed::Show(error.to_string())),
                _ => Err(first_paragraph(&error.to_string())),
            },
        }
    }

    /// Where the log is to be.
    pub(crate) fn place(&self) -> Place<'_> {
        match (&self.redis, &self.data_dir) {
            (Some(url), _) => Place::Redis { url, hub: &self.hub },
            (None, Some(path)) => Place::Disk { path, flush_every: self.flush_every.map(Duration::from_millis) },
            (None, None) => Place::Memory,
        }
    }

    /// The number of threads that serve.
    pub(crate) fn workers(&self) -> usize {
        match self.workers {
            Some(workers) => usize::from(workers),
            None => std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// The hub that these options describe, but for its log.
    pub(crate) fn hub(&self, hooks: Lifecycle) -> HubBuilder {
        let history = if self.history_events == 0 {
            History::none()
        } else {
            History::default().events(self.history_events).bytes(self.history_bytes).age(self.history_age)
        };
        let mut builder = Hub::builder()
            .history(history)
            .keep_alive(self.keep_alive)
            .retry(Duration::from_millis(self.retry))
            .node_timeout(self.node_timeout)
            .ticket_lifetime(self.ticket_lifetime)
            .resume_window(self.resume_window)
            .max_parked(self.max_parked)
            .stall_timeout(self.stall_timeout)
            .max_groups_per_connection(self.max_groups)
            .max_keys_per_topic(self.max_keys_per_topic)
            .max_state_bytes(self.max_state_bytes)
            .max_event_bytes(self.max_event_bytes)
            .hooks(hooks);
        if let Some(limit) = self.max_connections {
            builder = builder.max_connections(limit);
        }
        if let Some(limit) = self.max_connections_per_user {
            builder = builder.max_connections_per_user(limit);
        }
        if let Some((connects, per)) = self.max_connect_rate {
            builder = builder.max_connects_per_user(connects, per);
        }
        if let Some(lifetime) = self.max_lifetime {
            builder = builder.max_lifetime(lifetime);
        }
        builder
    }
}

fn address(value: &str) -> Result<SocketAddr, String> {
    let mut addresses = value.to_socket_addrs().map_err(|error| format!("{error}; wanted is HOST:PORT"))?;
    addresses.next().ok_or_else(|| "no such host".to_owned())
}

fn seconds(value: &str) -> Result<Duration, String> {
    let seconds: f64 = value.parse().map_err(|_| "wanted is a number of seconds, such as 15 or 0.5".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn rate(value: &str) -> Result<(u32, Duration), String> {
    let parts = value.split_once('/').and_then(|(connects, time)| Some((connects.parse().ok()?, seconds(time).ok()?)));
    parts.ok_or_else(|| "wanted is a number of connects and one of seconds, such as 10/60".to_owned())
}

/// clap explains over several lines and paragraphs; the first paragraph says what was wrong.
fn first_paragraph(text: &str) -> String {
    let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    let paragraph = lines.collect::<Vec<_>>().join(" ");
    paragraph.strip_prefix("error: ").unwrap_or(&paragraph).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_several_lines_becomes_one_line() {
        let text = "error: the following were not provided:\n  --framework <F>\n\nUsage: x\n";
        assert_eq!(first_paragraph(text), "the following were not provided: --framework <F>");
    }

    #[test]
    fn a_log_is_in_one_place() {
        let parse =
            |args: &str| Options::try_parse_from(["it", "--framework", "axum"].into_iter().chain(args.split(' ')));
        let redis = parse("--redis redis://host --hub mine").unwrap();
        assert!(matches!(redis.place(), Place::Redis { url: "redis://host", hub: "mine" }));
        let disk = parse("--data-dir here").unwrap();
        assert!(matches!(disk.place(), Place::Disk { path, flush_every: None } if path == "here"));
        let ahead = parse("--data-dir here --flush-every 20").unwrap();
        assert!(matches!(ahead.place(), Place::Disk { flush_every: Some(time), .. } if time.as_millis() == 20));
        for bad in ["--flush-every 20", "--data-dir here --flush-every 0", "--data-dir here --flush-every 60001"] {
            assert!(parse(bad).is_err(), "{bad} was taken");
        }
        let refused = parse("--redis redis://host --data-dir here").unwrap_err().to_string();
        assert!(first_paragraph(&refused).contains("--data-dir"), "{refused}");
    }

    #[test]
    fn a_rate_is_a_count_and_a_time() {
        assert_eq!(rate("10/0.5"), Ok((10, Duration::from_millis(500))));
        for bad in ["10", "/", "10/", "/60", "-1/60", "1.5/60", "10/60/1", "10/-1"] {
            assert!(rate(bad).is_err(), "{bad:?} was taken for a rate");
        }
    }

    #[test]
    fn seconds_may_have_a_fraction_but_no_sign() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for bad in ["-1", "nan", "1e300", "soon", ""] {
            assert!(seconds(bad).is_err(), "{bad:?} was taken for a number of seconds");
        }
    }
}
