//! What the login has to do, whatever framework serves it: over sockets, as a browser would ask it.
//!
//! Each example's test takes this folder in, and names its program `crate::PROGRAM`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what fails here fails the test, also outside the test functions"
)]

mod cases;
mod client;
mod server;
mod stream;
