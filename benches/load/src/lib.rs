//! What the load generator prints: one JSON object for each work.
//!
//! The generator itself is the program `load` of this package. Whoever runs it reads its [`Report`] with this.

mod report;

pub use report::{Quantiles, Report};
