//! One conformance suite for every adapter.
//!
//! Each case is a plain function over a [`subject::Subject`]: it starts the playground in one framework as a
//! process of its own, and meets it over sockets, as a browser or a proxy would. [`conformance!`] makes of each
//! case one test for each framework, so that a failure reads `actix::replay_after_reconnect_has_no_seam`.
//!
//! What a framework cannot do is written in [`capabilities`], and the cases assert it from both sides.
//!
//! `cargo test -p ssehub-conformance` builds the playground and runs everything. `tests/contract.rs` holds the
//! cases that run side by side; `tests/load.rs` holds those that need the machine, which take turns by a lock
//! on a file (see [`turn`]), whatever runs them.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "all of this is test code: a panic is how it tells what it found"
)]

pub mod backplane;
pub mod capabilities;
pub mod cases;
pub mod client;
pub mod foreign;
pub mod h2c;
pub mod http1;
pub mod mix;
pub mod playground;
pub mod sse;
pub mod subject;
pub mod turn;

pub use ssehub_backplane_tests::{completeness, wait};

/// Makes a test of each of the named cases for each framework, in a module of the framework's name.
///
/// `before` is an expression whose value is held while the case runs. With `and on each backplane` there is a module of
/// each backplane's name as well, with the same modules in it.
#[macro_export]
macro_rules! conformance {
    (before $before:expr; and on each backplane; $($cases:tt)*) => {
        $crate::conformance!(@frameworks None, $before; $($cases)*);
        mod redis {
            $crate::conformance!(@frameworks Redis, $before; $($cases)*);
        }
        mod disk {
            $crate::conformance!(@frameworks Disk, $before; $($cases)*);
        }
    };
    (before $before:expr; $($cases:tt)*) => {
        $crate::conformance!(@frameworks None, $before; $($cases)*);
    };
    (@frameworks $backplane:ident, $before:expr; $($cases:tt)*) => {
        mod axum {
            $crate::conformance!(@cases Axum $backplane, $before; $($cases)*);
        }
        mod lean {
            $crate::conformance!(@cases Lean $backplane, $before; $($cases)*);
        }
        mod actix {
            $crate::conformance!(@cases Actix $backplane, $before; $($cases)*);
        }
        mod rocket {
            $crate::conformance!(@cases Rocket $backplane, $before; $($cases)*);
        }
    };
    (@cases $framework:ident $backplane:ident, $before:expr; $($file:ident { $($case:ident,)* })*) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let _held = $before;
                let binary = env!("CARGO_BIN_EXE_subject");
                let subject = $crate::subject::Subject::new($crate::subject::Framework::$framework, binary)
                    .on($crate::backplane::Backplane::$backplane);
                $crate::wait::within($crate::wait::CASE, stringify!($case), $crate::cases::$file::$case(subject)).await;
            }
        )*)*
    };
}
