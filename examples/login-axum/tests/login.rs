//! The login on axum, over sockets.

#[path = "../../login/tests/suite/mod.rs"]
mod suite;

/// What is tested.
const PROGRAM: &str = env!("CARGO_BIN_EXE_login-axum");
