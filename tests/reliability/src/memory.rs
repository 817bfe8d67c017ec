//! The server's memory, before and after.

use ssehub_conformance::playground::Playground;

/// A mebibyte.
pub const MIB: u64 = 1 << 20;

/// What the server occupies at its worst since this was made.
#[derive(Debug)]
pub struct Memory {
    before: u64,
    worst: u64,
}

impl Memory {
    /// Begins here.
    pub fn of(hub: &Playground) -> Self {
        let before = hub.process().resident_bytes();
        Self { before, worst: before }
    }

    /// Looks once.
    pub fn look(&mut self, hub: &Playground) {
        self.worst = self.worst.max(hub.process().resident_bytes());
    }

    /// Looks once more, and says by how much it has grown at most.
    ///
    /// # Panics
    /// If that is more than `bound` bytes.
    pub fn grown(mut self, hub: &Playground, bound: u64) -> String {
        self.look(hub);
        let grown = self.worst - self.before;
        let text = format!("memory grew by {} of {} KiB, from {} KiB", grown / 1024, bound / 1024, self.before / 1024);
        assert!(grown <= bound, "{text}");
        text
    }
}
