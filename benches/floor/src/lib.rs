//! The floor: the least work with which a program can bring an event to many sockets.
//!
//! One thread, one epoll instance, no hub: an event is put into bytes once, and each receiver's socket gets one
//! `send(2)` of them. It has no history, no queues, no fairness and no timers, and while it publishes it does
//! nothing else. What a real server costs is told as a ratio to this, so that the ratio outlives the machine.
//!
//! With [`Batch::of`] 64 it puts 64 events of one target into each call, which is what a server can hope for whose
//! receivers are behind. Events at a fixed rate go one by one whatever the batch, and so do those of groups that have
//! members in common.
//!
//! A socket that takes no more is waited for. Nothing is lost, and a receiver that never reads stops everything.

mod batch;
mod client;
mod clients;
mod frame;
mod publish;
mod query;
mod request;
mod send;
mod server;

pub use batch::Batch;
pub use server::serve;
