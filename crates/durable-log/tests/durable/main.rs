//! The durable log as its hub sees it, over restarts, crashes and damage.

mod contract;
mod support;
