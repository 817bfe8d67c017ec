//! The log of one [`ssehub`] hub on the disk of its machine: a restart, planned or not, forgets nothing.
//!
//! A [`DurableLog`] is a [`Backplane`](ssehub::Backplane) in a directory. The hub sends as it does without one, under the
//! same promises; its events, the newest of each key and its ids are there again when the process is.
//!
//! ```
//! use ssehub::{Event, Hub};
//! use ssehub_durable::DurableLog;
//!
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("log");
//! let log = DurableLog::open(path)?;
//! println!("{} entries are there again", log.recovery().retained());
//!
//! let hub = Hub::builder().backplane(log).build()?;
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! // Returns when the event is on disk.
//! hub.send_to_all(Event::text("greeting", "hello")?).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//!
//! - **On disk.** A record is accepted, and shown to followers, when it is on disk. All that wait share one fsync, so that
//!   groups grow with the load. With [`flush_every`](DurableLogBuilder::flush_every) it is when the operating system has
//!   it, and on disk within that interval.
//! - **All of it.** After a crash of the process in mid-load, `kill -9` too, every accepted entry is there under its id.
//!   An entry whose sender had no answer yet is there whole or not at all.
//! - **Ids never go back,** over restarts too, also if the clock does.
//! - **The hub's retention,** by number, bytes and age, in the commit that goes over the limit. The newest record of a key
//!   outlives it, in the same step.
//! - **Never a silent gap.** A log that has lost what somebody may have seen takes another name, and every client that
//!   comes back is told a gap.
//! - **Nothing stands still.** A full disk is an error to who sends ([`Unavailable`](ssehub::BackplaneErrorKind)), and to
//!   nobody else: streams stay open, what passes goes on, and so do sends when there is room.
//!
//! # What a crash may lose
//!
//! | | the process | the machine |
//! |---|---|---|
//! | as it is | nothing | nothing |
//! | `flush_every` | nothing | what was accepted in the last interval; the log takes another name |
//!
//! Passing entries, ephemeral events above all, are for who follows the log now. They are not stored.
//!
//! # Damage
//!
//! Each entry has a checksum, and so has each page of the store. [`DurableLog::open`] verifies all of them, and
//! [`Recovery`] says what was found, as does a warning in the log of the application:
//!
//! - A write that a crash has torn is undone: nobody was told of it.
//! - A store that is damaged otherwise is searched for entries that are whole. The newest of them, and all before it up to
//!   the first that is missing, go into a new store; the damaged file is set aside.
//! - An entry that is found damaged later ends the tail that read it, and the log takes another name without it.
//! - If an fsync fails, what it was for is written again before the store is read and before another one counts: an
//!   operating system may have given it up, and say that the next one succeeded.
//! - If entries that somebody may have seen are gone, the log takes another name. Beside the store, the file `seen` says
//!   after each commit what that is. It has no fsync of its own: if the machine crashes *and* the disk loses what it
//!   had confirmed, in the last seconds before, nobody can tell.
//! - What cannot be read at all is an error that names the file, and is left as it is.
//!
//! A directory is for one log, on a local disk: one process has it open, and another one is refused by name. So is another
//! format. A copy of it is good if the log was closed. If one takes the place of a log that went on, ids are
//! given again that clients have seen: remove `seen` from the copy, and it takes another name.
//!
//! # How fast
//!
//! Where a disk takes N writes of 4 KiB a second, each synced before the next, the log takes 0.5 N small records a second
//! of one sender that waits for each, 2.6 N of 8 and 26 N of 512; with `flush_every(50 ms)`, 17 N of one and 68 N of 512.
//! `cargo bench --package ssehub-durable --bench log` measures that.
//!
//! Opening reads what is retained, once: 100,000 entries in a twentieth of a second.
//!
//! # Why redb
//!
//! `cargo bench --package ssehub-durable --bench stores` puts [redb](https://docs.rs/redb) 4.5 and
//! [fjall](https://docs.rs/fjall) 3.1 under this load: small records, one fsync for each group, state, and the front
//! trimmed in the same commit. Beside fjall's, on two cores with an SSD that takes a write in 0.15 ms, redb's
//!
//! - records a second were 0.6, 1.0 and 1.2 times as many in groups of 1, 32 and 256; where a write takes longer, it is
//!   what counts, and both wait for one;
//! - slowest commits of a hundred took 1.5, 0.6 and 0.2 times as long: there is no compaction to wait for;
//! - commits wrote 9, 4 and 1.4 times as many bytes: a tree is written by the page;
//! - file was 0.02 to 0.3 times as big: 1.1 to 1.3 times what is retained;
//! - opening took a seventh of the time, after `kill -9` behind 100,000 records, and a tenth after a clean end.
//!
//! What decided is what becomes of damage. redb undoes a torn commit whichever of its pages came to the disk, because
//! the one before it is still there, and reports other damage when it opens. fjall 3.1.13 refuses to open if a torn write
//! left the end of a batch and not its middle (`journal/batch_reader.rs`).

mod ahead;
mod commit;
mod disk;
mod error;
mod frame;
mod journal;
mod log;
mod open;
mod options;
mod position;
mod recent;
mod recovery;
mod retention;
mod salvage;
mod seen;
mod store;
mod tail;
mod writer;

pub use error::{DurableError, DurableErrorKind};
pub use log::{DurableLog, MAX_RECORD_BYTES};
pub use options::DurableLogBuilder;
pub use recovery::Recovery;
