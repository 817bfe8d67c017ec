//! Limit orders: open until a close crosses the limit, and answered to their user alone.
//!
//! An order goes through two events. `open` carries a key, so it is in the snapshot of every tab that its user opens
//! later; the answer retracts the key, so it reaches all tabs of the user once and is in no snapshot after that.
//! The book is locked while an event is sent, so that a user never hears of the answer before the order.

use serde::{Deserialize, Serialize};
use ssehub::{Event, EventError};

use crate::Refusal;
use crate::prices::{Month, Prices};

/// How many orders one user may have open.
pub(crate) const MAX_PER_USER: usize = 10;

/// How many orders all users together may have open.
pub(crate) const MAX_OPEN: usize = 1_000;

/// The highest limit.
pub(crate) const MAX_LIMIT: f64 = 1_000_000.0;

/// Whether an order is to buy or to sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Crossed by a close at the limit or below.
    Buy,
    /// Crossed by a close at the limit or above.
    Sell,
}

/// An order as it is asked for: the body of `POST /orders`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct NewOrder {
    /// Who asks.
    pub user: String,
    /// The stock to trade.
    pub symbol: String,
    /// Whether to buy or to sell.
    pub side: Side,
    /// The highest price to buy at, or the lowest to sell at.
    pub limit: f64,
}

/// An order in the book.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Order {
    id: u64,
    symbol: &'static str,
    side: Side,
    limit: f64,
    #[serde(skip)]
    pub(crate) user: String,
    /// The tick after which it was placed.
    #[serde(skip)]
    placed: usize,
}

/// How an order stands: what its user is told.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub(crate) enum Status {
    Open,
    Filled { close: f64, month: Month },
    Expired,
}

/// All open orders.
#[derive(Debug, Default)]
pub(crate) struct Book {
    open: Vec<Order>,
    last_id: u64,
    /// The last tick whose closes were looked at.
    tick: usize,
}

impl Book {
    /// Takes an order into the book: the next close is the first that may cross it.
    pub(crate) fn add(&mut self, new: NewOrder, prices: &Prices) -> Result<Order, Refusal> {
        let stock = prices.stock(&new.symbol).ok_or_else(|| Refusal::symbol(prices))?;
        if !(new.limit > 0.0 && new.limit <= MAX_LIMIT) {
            return Err(Refusal::Limit);
        }
        if self.open.len() >= MAX_OPEN {
            return Err(Refusal::BookFull);
        }
        let users = self.open.iter().filter(|order| order.user == new.user).count();
        if users >= MAX_PER_USER {
            return Err(Refusal::TooManyOrders);
        }
        self.last_id += 1;
        let order = Order {
            id: self.last_id,
            symbol: stock.symbol,
            side: new.side,
            limit: new.limit,
            user: new.user,
            placed: self.tick,
        };
        self.open.push(order.clone());
        Ok(order)
    }

    /// Takes out an order that its user could not be told of.
    pub(crate) fn withdraw(&mut self, order: &Order) {
        self.open.retain(|open| open.id != order.id);
    }

    /// Takes out and returns the orders that the closes of a tick cross, and those that have seen a whole lap of
    /// closes: no close to come is a new one.
    pub(crate) fn settle(&mut self, prices: &Prices, tick: usize) -> Vec<(Order, Status)> {
        self.tick = tick;
        let mut settled = Vec::new();
        self.open.retain(|order| match order.status(prices, tick) {
            Status::Open => true,
            answer => {
                settled.push((order.clone(), answer));
                false
            }
        });
        settled
    }
}

impl Order {
    fn status(&self, prices: &Prices, tick: usize) -> Status {
        let month = prices.number(tick);
        let close = prices.stock(self.symbol).and_then(|stock| stock.close(month));
        match close {
            Some(close) if self.crosses(close) => Status::Filled { close, month: prices.month(month) },
            _ if tick.saturating_sub(self.placed) >= prices.months() => Status::Expired,
            _ => Status::Open,
        }
    }

    fn crosses(&self, close: f64) -> bool {
        match self.side {
            Side::Buy => close <= self.limit,
            Side::Sell => close >= self.limit,
        }
    }

    /// The event that tells how the order stands.
    pub(crate) fn event(&self, status: &Status) -> Result<Event, EventError> {
        #[derive(Serialize)]
        struct Told<'a> {
            #[serde(flatten)]
            order: &'a Order,
            #[serde(flatten)]
            status: &'a Status,
        }
        let event = Event::json("order", &Told { order: self, status })?;
        let key = format!("order-{}", self.id);
        Ok(match status {
            Status::Open => event.key(key),
            Status::Filled { .. } | Status::Expired => event.retract(key),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(user: &str, side: Side, limit: f64) -> NewOrder {
        NewOrder { user: user.to_owned(), symbol: "AAPL".to_owned(), side, limit }
    }

    #[test]
    fn an_order_is_filled_by_the_first_close_that_crosses_its_limit() {
        // Apple closes at 25.94, 28.66, 33.95, 31.01, 21.00.
        let (prices, mut book) = (Prices::load().unwrap(), Book::default());
        let sell = book.add(new("alice", Side::Sell, 30.0), &prices).unwrap().id;
        let buy = book.add(new("bob", Side::Buy, 21.0), &prices).unwrap().id;
        let filled = |close, month| vec![Status::Filled { close, month: prices.month(month) }];
        let mut settle = |tick| -> (Vec<u64>, Vec<Status>) {
            book.settle(&prices, tick).into_iter().map(|(order, status)| (order.id, status)).unzip()
        };
        assert_eq!(settle(1), (vec![], vec![]));
        assert_eq!(settle(2), (vec![sell], filled(33.95, 2)));
        assert_eq!(settle(3), (vec![], vec![]));
        assert_eq!(settle(4), (vec![buy], filled(21.0, 4)));
        assert!(book.open.is_empty());
    }

    #[test]
    fn an_order_that_no_close_of_a_whole_lap_crosses_expires() {
        let (prices, mut book) = (Prices::load().unwrap(), Book::default());
        assert_eq!(book.settle(&prices, 50), []);
        book.add(new("alice", Side::Buy, 1.0), &prices).unwrap();
        assert_eq!(book.settle(&prices, 172), []);
        let settled = book.settle(&prices, 173);
        assert_eq!(settled.iter().map(|(_, status)| status).collect::<Vec<_>>(), [&Status::Expired]);
    }

    #[test]
    fn orders_are_bounded_for_each_user_and_in_all() {
        let (prices, mut book) = (Prices::load().unwrap(), Book::default());
        for _ in 0..MAX_PER_USER {
            book.add(new("alice", Side::Buy, 1.0), &prices).unwrap();
        }
        let refused = book.add(new("alice", Side::Buy, 1.0), &prices);
        assert!(matches!(refused, Err(Refusal::TooManyOrders)));
        for user in MAX_PER_USER..MAX_OPEN {
            book.add(new(&format!("user{user}"), Side::Buy, 1.0), &prices).unwrap();
        }
        let refused = book.add(new("bob", Side::Buy, 1.0), &prices);
        assert!(matches!(refused, Err(Refusal::BookFull)));
    }

    #[test]
    fn a_limit_that_is_no_price_and_a_symbol_that_is_no_stock_are_refused() {
        let (prices, mut book) = (Prices::load().unwrap(), Book::default());
        for limit in [0.0, -1.0, MAX_LIMIT * 2.0, f64::NAN, f64::INFINITY] {
            let refused = book.add(new("alice", Side::Buy, limit), &prices);
            assert!(matches!(refused, Err(Refusal::Limit)), "{limit}");
        }
        let unknown = NewOrder { symbol: "aapl".to_owned(), ..new("alice", Side::Buy, 1.0) };
        let refused = book.add(unknown, &prices).unwrap_err();
        assert_eq!(refused.to_string(), "`symbol` must be one of AAPL, AMZN, GOOG, IBM, MSFT");
    }
}
