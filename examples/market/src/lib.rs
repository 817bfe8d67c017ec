//! A stock ticker over one event stream: everything of the three market examples that has nothing to do with a web
//! framework. What is left to `market-axum`, `market-actix` and `market-rocket` is how to use the adapter.
//!
//! What the hub is used for:
//!
//! | on the page | on the hub |
//! |---|---|
//! | a widget | a group, named after the symbol |
//! | adding a widget to the open stream | [`Hub::join_with_snapshot`](ssehub::Hub::join_with_snapshot) |
//! | the chart | the group's keyed state: one key a month |
//! | an order answered, in all tabs of its user | [`Hub::send_to_user`](ssehub::Hub::send_to_user) |
//! | how many watch | [`Hub::connections`](ssehub::Hub::connections), counted when a hook or a join says so |
//! | coming back after a cut | the groups in the [`ConnectRequest`](ssehub::ConnectRequest), and the last id |
//! | several nodes | the order of the log, in which each reads what the others say |
//!
//! The events are `market`, `clock`, `crowd` (to all), `price` (to a symbol's group), `order` (to a user) and `tab`
//! (to one connection), and `floor` (to the nodes); their data is JSON.

mod crowd;
mod floor;
mod market;
mod options;
mod orders;
pub mod page;
mod prices;
mod refusal;
mod replay;
mod seat;
mod tabs;

pub use market::{Failure, MAX_BODY, Market, OpenError};
pub use options::{Options, Rate, RateError};
pub use orders::{NewOrder, Order, Side};
pub use prices::{Month, Prices, PricesError, Stock};
pub use refusal::Refusal;
pub use seat::{Seat, Watch};
pub use stop_signal::stop_signal;
