//! What takes longer than a test: [`soak`], mixed load for as long as one likes, and [`deploy`], a restart under load.
//!
//! Both start the playground as a process of its own, in one framework, and meet it over sockets with thousands of
//! streams from this one process. Each stream checks each event that comes against what was sent; nothing is sampled. The
//! clients are those of the conformance suite, whose parser forgives nothing.
//!
//! `cargo xtask soak` and `cargo xtask deploy` build what this needs and run it.

pub mod deploy;
pub mod soak;

mod api;
mod server;
mod wait;

pub use server::subject_beside;
