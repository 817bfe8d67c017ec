//! A durable log.

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
