//! What a server says of itself, by `HELLO`: whether it will do.

use redis::Value;

use crate::error::Failure;
use crate::transport::Address;

/// The oldest Redis that decides whether a script may run before it runs.
const MIN_MAJOR: u32 = 7;

/// What a server says of itself.
#[derive(Debug, Default)]
pub(crate) struct Hello {
    version: String,
    pub(crate) mode: String,
    role: String,
}

impl Hello {
    pub(crate) fn from(answer: Value) -> Result<Self, Failure> {
        let fields: Vec<Value> = redis::from_redis_value(answer).map_err(|_| Failure::Answer("HELLO is a list"))?;
        let mut hello = Self::default();
        for field in fields.chunks_exact(2) {
            let [name, value] = field else { continue };
            let place = match text(name) {
                "version" => &mut hello.version,
                "mode" => &mut hello.mode,
                "role" => &mut hello.role,
                _ => continue,
            };
            text(value).clone_into(place);
        }
        Ok(hello)
    }

    /// Whether the server at this address will do.
    pub(crate) fn check(&self, address: &Address) -> Result<(), Failure> {
        let major = self.version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
        let wrong = if major < MIN_MAJOR {
            format!("is version {}; it has to be {MIN_MAJOR}.0 or later", self.version)
        } else if self.mode == "sentinel" {
            "is a Sentinel; give it as one, and the name of what it watches as the URL's host".into()
        } else if self.mode != "cluster" && self.role != "master" {
            format!("is a {}; it has to be the primary", self.role)
        } else {
            return Ok(());
        };
        Err(Failure::Unsupported(format!("redis at {address} {wrong}")))
    }
}

/// A text in an answer; empty if it is something else.
pub(crate) fn text(value: &Value) -> &str {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
        Value::SimpleString(text) => text,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn a_primary_of_redis_7_will_do_and_nothing_else() {
        let check = |version, mode, role| {
            let fields = ["server", "redis", "version", version, "mode", mode, "role", role];
            let hello = Hello::from(Value::Array(fields.map(value).to_vec())).unwrap();
            hello.check(&Address::Tcp("here".into(), 1)).map_err(|failure| failure.to_string())
        };
        assert_eq!(check("7.0.0", "standalone", "master"), Ok(()));
        assert_eq!(check("8.2.1", "cluster", "replica"), Ok(()));
        for (version, mode, role, wrong) in [
            ("6.2.14", "standalone", "master", "redis at here:1 is version 6.2.14; it has to be 7.0 or later"),
            ("7.0.0", "standalone", "replica", "redis at here:1 is a replica; it has to be the primary"),
            (
                "7.0.0",
                "sentinel",
                "sentinel",
                "redis at here:1 is a Sentinel; give it as one, and the name of what it watches as the URL's host",
            ),
        ] {
            assert_eq!(check(version, mode, role), Err(wrong.to_owned()));
        }
        assert!(Hello::from(Value::Array(vec![])).unwrap().check(&Address::Tcp("here".into(), 1)).is_err());
    }
}
