//! What can go wrong: while a backplane is set up, and later.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use redis::{ErrorKind, RedisError};
use ssehub::{BackplaneError, BackplaneErrorKind};

use crate::script::FORMAT;

/// The codes of answers by which Redis refuses a command before it runs.
const REFUSALS: [&str; 16] = [
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "CROSSSLOT",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOAUTH",
    "NOPERM",
    "NOREPLICAS",
    "NOSCRIPT",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "WRONGPASS",
];

/// The codes of answers that tell that this is not the node to ask, or not any more.
const STRANGERS: [&str; 6] = ["ASK", "CLUSTERDOWN", "MASTERDOWN", "MOVED", "NOAUTH", "READONLY"];

/// Why a [`RedisBackplane`](crate::RedisBackplane) could not be had.
#[derive(Debug)]
pub struct RedisConnectError {
    kind: RedisConnectErrorKind,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// The kinds of [`RedisConnectError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedisConnectErrorKind {
    /// A setting is wrong: the URL, the name of the hub, a certificate. Trying again does not help.
    Invalid,
    /// No server answered in time. It may be there later.
    Unreachable,
    /// A server answered that it won't: the password is wrong, it is loading its data, it has no memory left.
    Refused,
    /// The server is none that can be used: a replica, or older than Redis 7.0; or it has a log of another format, or
    /// something else where the log would be.
    Unsupported,
}

impl RedisConnectError {
    pub(crate) fn invalid(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: RedisConnectErrorKind::Invalid, source: reason.into() }
    }

    /// What to do about it, for matching.
    pub fn kind(&self) -> RedisConnectErrorKind {
        self.kind
    }
}

impl fmt::Display for RedisConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl std::error::Error for RedisConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.source()
    }
}

impl From<Failure> for RedisConnectError {
    fn from(failure: Failure) -> Self {
        let kind = match &failure {
            Failure::Unsupported(_) | Failure::Format(_) | Failure::Key(_) => RedisConnectErrorKind::Unsupported,
            Failure::Redis(error) if error.kind() == ErrorKind::AuthenticationFailed => RedisConnectErrorKind::Refused,
            failure if failure.code().is_some() => RedisConnectErrorKind::Refused,
            _ => RedisConnectErrorKind::Unreachable,
        };
        Self { kind, source: failure.into() }
    }
}

/// What went wrong between this process and Redis.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("redis at {0} can't be reached")]
    Unreachable(String, #[source] Arc<io::Error>),
    #[error("redis at {0} let {1:?} pass without an answer")]
    Slow(String, Duration),
    #[error("redis gave no sign of life for {0:?}")]
    Silent(Duration),
    #[error("redis: {0}")]
    Redis(#[source] RedisError),
    #[error("{0}")]
    Unsupported(String),
    #[error("the log in redis has format {0}, of another version of ssehub; this one knows format {FORMAT}")]
    Format(String),
    #[error("a key in redis can't be used for the log: {0}")]
    Key(String),
    #[error("redis gave an answer that makes no sense: {0}")]
    Answer(&'static str),
    #[error("the log in redis is another one, or has lost its end; it is followed anew, and takes records again then")]
    AnotherLog,
    #[error("entries of the log are gone before they were read; it is followed anew")]
    Missing,
    #[error("the backplane's thread has ended")]
    Gone,
}

impl Failure {
    /// The code of what Redis answered, if it did.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Redis(error) => error.code(),
            _ => None,
        }
    }

    /// Where in a Cluster the log is, by this answer: a host, which is empty for the same one, and a port.
    pub(crate) fn moved_to(&self) -> Option<(&str, u16)> {
        let (address, _slot) = match self {
            Self::Redis(error) if error.code() == Some("MOVED") => error.redirect_node()?,
            _ => return None,
        };
        // The last colon: an IPv6 address has others.
        let (host, port) = address.rsplit_once(':')?;
        Some((if host == "?" { "" } else { host }, port.parse().ok()?))
    }

    /// Whether the connection is of no use after this.
    pub(crate) fn ends_connection(&self) -> bool {
        match self.code() {
            Some(code) => STRANGERS.contains(&code),
            // Another log may be that of a server that is the primary no more.
            None => !matches!(self, Self::Format(_) | Self::Key(_)),
        }
    }

    /// What this means for a record that has been sent, or not.
    pub(crate) fn kind(&self) -> BackplaneErrorKind {
        let refused = match self {
            Self::Silent(_) | Self::Answer(_) => false,
            // A command inside of the script was refused: the script had begun.
            Self::Redis(error) if error.detail().is_some_and(|detail| detail.contains("@user_script")) => false,
            Self::Redis(error) => error.code().is_some_and(|code| REFUSALS.contains(&code)),
            Self::Unreachable(..)
            | Self::Slow(..)
            | Self::Unsupported(_)
            | Self::Format(_)
            | Self::Key(_)
            | Self::AnotherLog
            | Self::Missing
            | Self::Gone => true,
        };
        if refused { BackplaneErrorKind::Unavailable } else { BackplaneErrorKind::Uncertain }
    }

    /// The error of a call to the backplane.
    pub(crate) fn into_error(self, kind: BackplaneErrorKind) -> BackplaneError {
        BackplaneError::new(kind, self)
    }
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Redis answers, as it comes.
    fn answered(line: &str) -> Failure {
        let answer = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        answer.extract_error().expect_err("it is an error").into()
    }

    #[test]
    fn what_redis_refuses_before_a_script_runs_is_surely_not_taken() {
        for line in [
            "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
            "READONLY Can not run script with write flag on readonly replica.",
            "LOADING Redis is loading the dataset in memory",
            "MOVED 866 127.0.0.1:7000",
            "NOAUTH Authentication required.",
            "BUSY Redis is busy running a script.",
        ] {
            assert_eq!(answered(line).kind(), BackplaneErrorKind::Unavailable, "{line}");
        }
    }

    #[test]
    fn what_fails_in_the_middle_may_have_been_taken() {
        for line in [
            "OOM command not allowed when used memory > 'maxmemory'. script: 1, on @user_script:9.",
            "WRONGTYPE Operation against a key holding the wrong kind of value script: 1, on @user_script:9.",
            "ERR something that nobody knows",
        ] {
            assert_eq!(answered(line).kind(), BackplaneErrorKind::Uncertain, "{line}");
        }
        let broken = Failure::from(RedisError::from(io::Error::from(io::ErrorKind::BrokenPipe)));
        assert_eq!((broken.kind(), broken.ends_connection()), (BackplaneErrorKind::Uncertain, true));
    }

    #[test]
    fn where_the_log_has_moved_to_is_a_host_and_a_port() {
        for (line, place) in [
            ("MOVED 866 127.0.0.1:7000", Some(("127.0.0.1", 7000))),
            ("MOVED 866 ::1:7000", Some(("::1", 7000))),
            ("MOVED 866 :7000", Some(("", 7000))),
            ("MOVED 866 ?:7000", Some(("", 7000))),
            ("MOVED 866 127.0.0.1", None),
            ("MOVED", None),
            ("ASK 866 127.0.0.1:7000", None),
        ] {
            let failure = answered(line);
            assert_eq!(failure.moved_to(), place, "{line}");
            assert!(failure.ends_connection(), "{line}");
        }
    }
}
