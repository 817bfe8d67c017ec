//! The cases: one file for each thing that nodes do together, one function for each behaviour.

pub mod addressing;
pub mod disconnect;
pub mod groups;
pub mod hopping;
pub mod late;
pub mod limits;
pub mod order;
pub mod outage;
pub mod presence;
pub mod restart;
pub mod resume;
pub mod sessions;
pub mod start;
pub mod state;
pub mod strangers;
pub mod tickets;
