//! Compiles the Rust code in the repository's own pages, so that they can't drift from the crates: each page is the
//! documentation of an item here, and `cargo test` compiles documentation.

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
