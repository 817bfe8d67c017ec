//! The market page in a real browser, with the browser's own `EventSource`, on each framework.
//!
//! Each test has a server, a driver and a browser of its own. The page shows the tests what it knows as `window.market`;
//! the tests wait for it, and click and read what a person would.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test, also outside the test functions")]

mod browser;
mod cases;
mod page;
mod program;
mod server;

/// A module with all cases for a framework.
macro_rules! on {
    ($framework:ident, $program:literal: $($case:ident)*) => {
        mod $framework {
            $(
                #[tokio::test]
                async fn $case() {
                    let server = crate::server::Server::start(env!(concat!("CARGO_BIN_EXE_", $program))).await;
                    crate::browser::with(async move |browser| crate::cases::$case(server, browser).await).await;
                }
            )*
        }
    };
}

/// The cases, on every framework.
macro_rules! on_each_framework {
    ($($case:ident)*) => {
        on!(axum, "market-axum-under-test": $($case)*);
        on!(actix, "market-actix-under-test": $($case)*);
        on!(rocket, "market-rocket-under-test": $($case)*);
    };
}

on_each_framework! {
    a_widget_shows_its_whole_chart_at_once_and_then_moves
    a_cut_is_resumed_and_no_month_is_missing
    a_widget_is_added_to_and_removed_from_the_open_stream
    an_order_is_answered_in_every_tab_of_its_user_and_in_no_other
    a_restart_of_the_server_is_told_as_a_gap_and_the_charts_are_whole_again
}
