//! A durable log.

mod error;
mod format;
mod journal;
mod log;
mod open;
mod options;
mod recent;
mod recovery;
mod retention;
mod seen;
mod store;
mod tail;
mod writer;

pub use error::{DurableError, DurableErrorKind};
pub use log::{DurableLog, MAX_RECORD_BYTES};
pub use options::DurableLogBuilder;
pub use recovery::Recovery;
