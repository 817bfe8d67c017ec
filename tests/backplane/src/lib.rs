//! One suite for every backplane, and a real Redis to break.
//!
//! Each case is a plain function over a [`subject::Subject`]: a kind of backplane, of which it makes logs, and whose
//! contract it checks. [`backplanes!`] makes of each case one test for each kind, so that a failure reads
//! `redis::the_newest_of_a_key_outlives_retention`. [`memory`] is the log that the others are compared to.
//!
//! [`redis::RedisServer`] is Debian's `redis-server`, started by the test on a free port: it can be killed, restarted with
//! or without its data, paused, replicated and promoted. [`proxy::Proxy`] is a link in front of it that can be cut,
//! stalled and slowed. [`sentinel::Sentinel`] promotes its replica.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "all of this is test code: a panic is how it tells what it found"
)]

pub mod cases;
pub mod certificate;
pub mod child;
pub mod completeness;
pub mod load;
pub mod memory;
pub mod port;
pub mod proxy;
pub mod redis;
pub mod sentinel;
pub mod subject;
pub mod tail;
pub mod wait;

/// Makes a test of each of the named cases for each kind of backplane, in a module of its name.
#[macro_export]
macro_rules! backplanes {
    (@cases $subject:ident; $($file:ident { $($case:ident,)* })*) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let subject = $crate::subject::$subject::default();
                $crate::wait::within($crate::wait::CASE, stringify!($case), $crate::cases::$file::$case(&subject)).await;
            }
        )*)*
    };
    ($($cases:tt)*) => {
        mod memory {
            $crate::backplanes!(@cases Memory; $($cases)*);
        }
        mod durable {
            $crate::backplanes!(@cases Durable; $($cases)*);
        }
        mod redis {
            $crate::backplanes!(@cases Redis; $($cases)*);
        }
    };
}
