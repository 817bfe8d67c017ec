//! Where in Redis a hub's log is: six keys that share a hash slot, so that a Cluster keeps them on one node and a
//! script can use them together. Hubs of different names share nothing.

use redis::Cmd;

use crate::error::RedisConnectError;

/// The longest name of a hub, in bytes.
pub const MAX_HUB_NAME: usize = 128;

/// The keys of one hub.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) meta: String,
    pub(crate) lasting: String,
    pub(crate) passing: String,
    pub(crate) state: String,
    pub(crate) newest: String,
    pub(crate) records: String,
}

impl Keys {
    /// The keys of the hub of this name, if a hub may be called that.
    pub(crate) fn of(hub: &str) -> Result<Self, RedisConnectError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        if hub.is_empty() || hub.len() > MAX_HUB_NAME || !hub.bytes().all(is_allowed) {
            return Err(RedisConnectError::invalid(format!(
                "the hub can't be named {hub:?}: a name is 1 to {MAX_HUB_NAME} ASCII letters, digits, '-', '_', '.' or ':'"
            )));
        }
        let key = |what: &str| format!("ssehub:{{{hub}}}:{what}");
        Ok(Self {
            meta: key("meta"),
            lasting: key("log"),
            passing: key("passing"),
            state: key("state"),
            newest: key("newest"),
            records: key("records"),
        })
    }

    /// Adds them to the call of a script, in the order in which `log.lua` takes them.
    pub(crate) fn add_to(&self, call: &mut Cmd) {
        call.arg(6)
            .arg(&self.meta)
            .arg(&self.lasting)
            .arg(&self.passing)
            .arg(&self.state)
            .arg(&self.newest)
            .arg(&self.records);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_neither_leave_its_hash_slot_nor_its_prefix() {
        assert_eq!(Keys::of("shop:eu-1").unwrap().meta, "ssehub:{shop:eu-1}:meta");
        for name in ["", "a}b", "{a", "a b", "é", "a\n", &"a".repeat(MAX_HUB_NAME + 1)] {
            let error = Keys::of(name).unwrap_err().to_string();
            assert!(error.contains("ASCII letters"), "{error}");
        }
        assert!(Keys::of(&"a".repeat(MAX_HUB_NAME)).is_ok());
    }
}
