//! The cases: one file for each promise or concern, one function for each behaviour.

pub mod addressing;
pub mod disconnect;
pub mod fire;
pub mod gap;
pub mod groups;
pub mod keep_alive;
pub mod lifecycle;
pub mod memory;
pub mod names;
pub mod observation;
pub mod opening;
pub mod order;
pub mod parked;
pub mod privacy;
pub mod protocol;
pub mod refusals;
pub mod replay;
pub mod restart;
pub mod revocation;
pub mod sessions;
pub mod shutdown;
pub mod state;
pub mod takeover;
pub mod wire;
