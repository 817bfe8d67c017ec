//! The cases: one file for each part of the contract, one function for each behaviour.

pub mod appends;
pub mod model;
pub mod order;
pub mod passing;
pub mod places;
pub mod records;
pub mod restarts;
pub mod retention;
pub mod state;
