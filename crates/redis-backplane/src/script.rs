//! The Lua scripts, each of which Redis runs as one step.
//!
//! They begin with `#!lua`, so that Redis (7.0 and later) decides whether one may run, on this node and in this memory,
//! before it runs: what is refused has changed nothing.

use std::sync::LazyLock;

use redis::{Cmd, Value, cmd};

use crate::connection::Link;
use crate::error::Failure;
use crate::keys::Keys;

/// The format of a log: what the scripts write. `log.lua` has it too.
pub(crate) const FORMAT: &str = "1";

/// Appends records.
pub(crate) static APPEND: LazyLock<Script> =
    LazyLock::new(|| Script::new(concat!(include_str!("log.lua"), include_str!("append.lua"))));

/// Says where a tail starts.
pub(crate) static START: LazyLock<Script> =
    LazyLock::new(|| Script::new(concat!(include_str!("log.lua"), include_str!("start.lua"))));

/// A script, and the hash that the server knows it by.
#[derive(Debug)]
pub(crate) struct Script {
    text: &'static str,
    hash: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, hash: redis::Script::new(text).get_hash().to_owned() }
    }

    /// The command that gives it to the server.
    pub(crate) fn load(&self) -> Cmd {
        let mut load = cmd("SCRIPT");
        load.arg("LOAD").arg(self.text);
        load
    }

    /// Runs it with what `arguments` adds. If the server has forgotten the script, it gets it again: it has not run
    /// then.
    pub(crate) async fn run(
        &self,
        link: &Link,
        keys: &Keys,
        arguments: impl Fn(&mut Cmd),
    ) -> Result<Vec<Value>, Failure> {
        let call = |command: &str, script: &str| {
            let mut call = cmd(command);
            keys.add_to(call.arg(script));
            arguments(&mut call);
            call
        };
        let answer = match link.request(&call("EVALSHA", &self.hash)).await {
            Err(failure) if failure.code() == Some("NOSCRIPT") => link.request(&call("EVAL", self.text)).await?,
            answer => answer?,
        };
        match answer {
            Value::Array(answer) => Ok(answer),
            _ => Err(Failure::Answer("a script answers with a list")),
        }
    }
}
