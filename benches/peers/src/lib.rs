//! What the benchmark's peers share, so that they differ only in how they bring an event to its receivers.
//!
//! The peers `peer-axum`, `peer-actix` and `peer-rocket` are what one writes with a framework's own event streams and a
//! channel when there is no hub. Each serves `GET /events?user=U` and `POST /publish` as the playground does, on one
//! thread. None of them has groups, history, replay, limits or fairness; a publication to anything but all or users is
//! answered with 501.
//!
//! `peer-nchan` starts nginx with its module nchan, and `peer-node` starts better-sse or transmit on Node.js. Where what
//! they need is not installed, they say so and exit with status 3.
//!
//! The programs `bare-…` have no events at all: see [`bare`].

mod address;
pub mod bare;
mod order;
mod rocket_on;

pub use address::Address;
pub use order::{Query, Refused};
pub use rocket_on::rocket_on;
