//! nchan, the publish/subscribe module of nginx, with one worker process.
//!
//! Streams are subscribers of one channel each: that of everybody, of a user or of a group. An event is posted to
//! `/pub/all`, `/pub/user:ID` or `/pub/group:NAME`, since nginx has no `POST /publish`. Where nginx or its module is
//! not installed, this says so and exits with status 3.
//!
//! nginx ends with this program, however that ends: it is started by a second process of this program, which asks the
//! kernel for that and then becomes nginx.

mod config;
mod install;

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use rustix::process::{Resource, Signal, getrlimit, set_parent_process_death_signal};

use crate::install::Installed;

/// Something that this needs is not installed.
const MISSING: u8 = 3;

/// How long nginx may take until it answers.
const START_WITHIN: Duration = Duration::from_secs(10);

/// A server of the benchmark: nchan in nginx.
#[derive(Debug, Parser)]
struct Options {
    /// Where to listen; port 0 picks a free port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Becomes nginx with this configuration.
    #[arg(long, hide = true)]
    become_nginx: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let installed = match Installed::find() {
        Ok(installed) => installed,
        Err(missing) => {
            eprintln!("{missing}");
            return ExitCode::from(MISSING);
        }
    };
    let outcome = match &options.become_nginx {
        Some(config) => become_nginx(&installed, config),
        None => serve(&installed, options.listen),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peer-nchan: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Starts nginx, and waits until it ends.
fn serve(installed: &Installed, listen: SocketAddr) -> Result<()> {
    // Whoever started this may be killed.
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let address = free(listen)?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("nginx.conf");
    let connections = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX).clamp(1024, 1 << 17);
    std::fs::write(&file, config::text(address, directory.path(), &installed.module, connections))?;
    let mut nginx = Command::new(std::env::current_exe()?).arg("--become-nginx").arg(&file).spawn()?;
    wait_for(address, &mut nginx)?;
    // Nothing of it is used any more.
    directory.close()?;
    println!("listening on http://{address}");
    let status = nginx.wait()?;
    bail!("nginx ended: {status}")
}

fn become_nginx(installed: &Installed, config: &Path) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let error = Command::new(&installed.nginx).arg("-c").arg(config).args(["-e", "stderr"]).exec();
    Err(error).with_context(|| format!("{}", installed.nginx.display()))
}

/// `listen` with a port that is free just now; nginx cannot be told to choose one.
fn free(listen: SocketAddr) -> Result<SocketAddr> {
    let listener = TcpListener::bind(listen).with_context(|| format!("{listen}"))?;
    Ok(listener.local_addr()?)
}

/// Waits until nginx answers. It accepts connections before it has read all that it needs.
fn wait_for(address: SocketAddr, nginx: &mut Child) -> Result<()> {
    let deadline = Instant::now() + START_WITHIN;
    while !answers(address) {
        if let Some(status) = nginx.try_wait()? {
            bail!("nginx did not start: {status}");
        }
        if Instant::now() > deadline {
            bail!("nginx does not answer after {START_WITHIN:?}");
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn answers(address: SocketAddr) -> bool {
    let ask = || -> io::Result<()> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(START_WITHIN))?;
        socket.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        socket.read_exact(&mut [0; "HTTP/1.1 501".len()])
    };
    ask().is_ok()
}
