//! The cases: one file for each kind of client that means no good, or does none.

pub mod bursts;
pub mod churn;
pub mod groups;
pub mod limits;
pub mod oversized;
pub mod slow_heads;
pub mod stalls;
pub mod storms;
pub mod vanished;
