//! Several nodes behind one Redis, and restarts on one directory, over sockets.
//!
//! The nodes are playgrounds of different frameworks, each a process of its own, behind a real `redis-server` that the case
//! starts, stops and kills. A case is a plain function over a [`Pair`](nodes::Pair) of frameworks, or over a single
//! [`Subject`](ssehub_conformance::subject::Subject) where one node is enough, and [`nodes!`] makes of it a test for each of
//! them, so that a failure reads `actix_and_lean::one_order_on_all_nodes`.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "all of this is test code: a panic is how it tells what it found"
)]

pub mod account;
pub mod cases;
pub mod nodes;
pub mod publisher;
pub mod reader;

/// Makes a test of each of the named cases for each of the named frameworks, in a module of their name.
///
/// `before` is an expression whose value is held while the case runs. `on each framework` is a single node in each.
#[macro_export]
macro_rules! nodes {
    (before $before:expr; on each framework $cases:tt) => {
        $crate::nodes!(before $before; on { axum(Axum) lean(Lean) actix(Actix) rocket(Rocket) } $cases);
    };
    (before $before:expr; on { $($module:ident($($framework:ident),+))* } $cases:tt) => {
        $(
            mod $module {
                $crate::nodes!(@cases [$($framework),+] $before; $cases);
            }
        )*
    };
    (@cases $frameworks:tt $before:expr; { $($file:ident { $($case:ident,)* })* }) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let _held = $before;
                let subject = $crate::nodes!(@subject $frameworks);
                ssehub_conformance::wait::within(
                    ssehub_conformance::wait::CASE,
                    stringify!($case),
                    $crate::cases::$file::$case(subject),
                )
                .await;
            }
        )*)*
    };
    (@subject [$one:ident]) => {
        ssehub_conformance::subject::Subject::new(
            ssehub_conformance::subject::Framework::$one,
            env!("CARGO_BIN_EXE_node"),
        )
    };
    (@subject [$first:ident, $second:ident]) => {
        $crate::nodes::Pair::new($crate::nodes!(@subject [$first]), $crate::nodes!(@subject [$second]))
    };
}
