//! Slow, rude and hostile clients against every adapter.
//!
//! The conformance suite asks whether the hub does what it promises to clients that mean well. Here are the others:
//! clients that read nothing, that vanish without a word, that flood, that send more than anybody needs. What is asserted
//! is the same each time: they are out of the registry within a bound, the server's memory stays within a bound, and a
//! [`bystander`] gets every event in time all the while.
//!
//! A case is a plain function over a [`Subject`](ssehub_conformance::subject::Subject), and [`reliability!`] makes of it
//! one test for each framework. A case is [`run`] beside others, or in a network of its own, where links can be cut.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "all of this is test code: a panic is how it tells what it found"
)]

pub mod bystander;
pub mod cases;
pub mod flood;
pub mod frames;
pub mod memory;
pub mod network;
pub mod nginx;
pub mod raw;
pub mod run;

/// Makes a test of each of the named cases for each framework, in a module of the framework's name.
///
/// `run` is the function of [`run`] that runs them.
#[macro_export]
macro_rules! reliability {
    (run $run:ident; $($cases:tt)*) => {
        mod axum {
            $crate::reliability!(@cases Axum, $run; $($cases)*);
        }
        mod lean {
            $crate::reliability!(@cases Lean, $run; $($cases)*);
        }
        mod actix {
            $crate::reliability!(@cases Actix, $run; $($cases)*);
        }
        mod rocket {
            $crate::reliability!(@cases Rocket, $run; $($cases)*);
        }
    };
    (@cases $framework:ident, $run:ident; $($file:ident { $($case:ident,)* })*) => {
        $($(
            #[test]
            fn $case() {
                let test = $crate::run::Test {
                    name: concat!(module_path!(), "::", stringify!($case)),
                    framework: $crate::run::Framework::$framework,
                    binary: env!("CARGO_BIN_EXE_reliability-subject"),
                };
                $crate::run::$run(&test, $crate::cases::$file::$case);
            }
        )*)*
    };
}
