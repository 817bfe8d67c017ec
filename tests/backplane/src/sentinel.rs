//! A Sentinel that watches a primary, and makes a replica the primary when that is gone.

use std::{fs, net::SocketAddr, process::Stdio};

use redis::{Client, cmd};
use tempfile::TempDir;

use crate::{
    child::{self, Owned},
    port::Port,
    redis::REDIS,
    wait::{PATIENCE, until_blocking},
};

/// A running Sentinel, which decides alone; killed when this is dropped.
#[derive(Debug)]
pub struct Sentinel {
    port: Port,
    _folder: TempDir,
    _process: Owned,
}

impl Sentinel {
    /// Starts one that knows the primary there by this name, and so many replicas of it.
    ///
    /// # Panics
    /// If it does not answer in time.
    pub fn watching(name: &str, primary: SocketAddr, replicas: usize) -> Self {
        let port = Port::reserve().expect("a port is free");
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("sentinel.conf");
        let settings = format!(
            "bind 127.0.0.1\nport {}\nsentinel monitor {name} {} {} 1\nsentinel down-after-milliseconds {name} 500\n",
            port.address().port(),
            primary.ip(),
            primary.port(),
        );
        fs::write(&file, settings).expect("a file can be written");
        let mut command = REDIS.command();
        command.arg(file).arg("--sentinel").stdin(Stdio::null()).stdout(Stdio::null());
        let process = child::start(command).unwrap_or_else(|error| panic!("{error}"));
        let sentinel = Self { port, _folder: folder, _process: process };
        until_blocking(PATIENCE, "the Sentinel to know all replicas", || {
            let known = sentinel.replicas(name).map_err(|error| error.to_string())?;
            if known == replicas { Ok(()) } else { Err(known.to_string()) }
        });
        sentinel
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://{}/", self.port.address())
    }

    fn replicas(&self, name: &str) -> redis::RedisResult<usize> {
        let mut connection = Client::open(self.url())?.get_connection_with_timeout(PATIENCE)?;
        let replicas: Vec<redis::Value> = cmd("SENTINEL").arg("REPLICAS").arg(name).query(&mut connection)?;
        Ok(replicas.len())
    }
}
