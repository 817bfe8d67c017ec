//! Limit orders: open until a close crosses the limit, and answered to their user alone.
//!
//! An order goes through two events. `open` carries a key, so it is in the snapshot of every tab that its user opens
//! later; the answer retracts the key, so it reaches all tabs of the user once and is in no snapshot after that.
//! Both reach every node too, on its [floor](crate::floor), and the book is what has been read there: so each node has
//! all orders, any of them can answer one, and a user never hears of the answer before the order.

use serde::{Deserialize, Serialize};
use ssehub::{Audience, Event, EventError};

use crate::Refusal;
use crate::floor::FLOOR;
use crate::prices::{Month, Prices};

/// How many orders one user may have open, as far as a node has read: who places several at once may get in some more.
pub(crate) const MAX_PER_USER: usize = 10;

/// How many orders all users together may have open, likewise. The hub's limit on keys is the last word.
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
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Order {
    id: String,
    pub(crate) user: String,
    symbol: String,
    side: Side,
    limit: f64,
    /// The tick after which it was placed.
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
}

impl Book {
    /// Makes an order of what is asked for after `tick`, under an `id` that no other has: the next close is the first that
    /// may cross it.
    pub(crate) fn draft(&self, new: NewOrder, id: String, tick: usize, prices: &Prices) -> Result<Order, Refusal> {
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
        let symbol = stock.symbol.to_owned();
        Ok(Order { id, user: new.user, symbol, side: new.side, limit: new.limit, placed: tick })
    }

    /// Takes in how an order stands, as all nodes were told.
    pub(crate) fn told(&mut self, order: Order, is_open: bool) {
        self.open.retain(|open| open.id != order.id);
        if is_open {
            self.open.push(order);
        }
    }

    /// Forgets all orders.
    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }

    /// The orders that the closes of a tick cross, and those that have seen a whole lap of closes: no close to come is a
    /// new one.
    pub(crate) fn settled(&self, prices: &Prices, tick: usize) -> Vec<(Order, Status)> {
        let answers = self.open.iter().map(|order| (order.clone(), order.status(prices, tick)));
        answers.filter(|(_, status)| *status != Status::Open).collect()
    }
}

impl Order {
    fn status(&self, prices: &Prices, tick: usize) -> Status {
        let month = prices.number(tick);
        let close = prices.stock(&self.symbol).and_then(|stock| stock.close(month));
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
        let event = Event::json("order", &Told { order: self, status })?;
        let key = format!("order-{}", self.id);
        Ok(match status {
            Status::Open => event.key(key),
            Status::Filled { .. } | Status::Expired => event.retract(key),
        })
    }

    /// Whom that event is for: its user, and every node.
    pub(crate) fn audience(&self) -> Audience {
        Audience::user(&self.user).or_group(FLOOR)
    }
}

/// The data of `order`.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    order: &'a Order,
    #[serde(flatten)]
    status: &'a Status,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(user: &str, side: Side, limit: f64) -> NewOrder {
        NewOrder { user: user.to_owned(), symbol: "AAPL".to_owned(), side, limit }
    }

    /// A book, and the orders it takes in as if they had been read.
    #[derive(Default)]
    struct Desk {
        book: Book,
        orders: usize,
    }

    impl Desk {
        fn place(&mut self, new: NewOrder, tick: usize) -> Result<String, Refusal> {
            self.orders += 1;
            let order = self.book.draft(new, self.orders.to_string(), tick, &Prices::load().unwrap())?;
            self.book.told(order.clone(), true);
            Ok(order.id)
        }

        fn settle(&mut self, tick: usize) -> Vec<(String, Status)> {
            let settled = self.book.settled(&Prices::load().unwrap(), tick);
            settled.iter().for_each(|(order, _)| self.book.told(order.clone(), false));
            settled.into_iter().map(|(order, status)| (order.id, status)).collect()
        }
    }

    #[test]
    fn an_order_is_filled_by_the_first_close_that_crosses_its_limit() {
        // Apple closes at 25.94, 28.66, 33.95, 31.01, 21.00.
        let (prices, mut desk) = (Prices::load().unwrap(), Desk::default());
        let sell = desk.place(new("alice", Side::Sell, 30.0), 0).unwrap();
        let buy = desk.place(new("bob", Side::Buy, 21.0), 0).unwrap();
        let filled = |close, month| Status::Filled { close, month: prices.month(month) };
        assert_eq!(desk.settle(1), []);
        assert_eq!(desk.settle(2), [(sell, filled(33.95, 2))]);
        assert_eq!(desk.settle(3), []);
        assert_eq!(desk.settle(4), [(buy, filled(21.0, 4))]);
        assert!(desk.book.open.is_empty());
    }

    #[test]
    fn an_order_that_no_close_of_a_whole_lap_crosses_expires() {
        let mut desk = Desk::default();
        let order = desk.place(new("alice", Side::Buy, 1.0), 50).unwrap();
        assert_eq!(desk.settle(172), []);
        assert_eq!(desk.settle(173), [(order, Status::Expired)]);
    }

    #[test]
    fn an_order_is_read_as_it_was_told() {
        let order = Book::default().draft(new("alice", Side::Buy, 1.0), "7".to_owned(), 3, &Prices::load().unwrap());
        let order = order.unwrap();
        let json = serde_json::to_string(&Told { order: &order, status: &Status::Open }).unwrap();
        assert_eq!(serde_json::from_str::<Order>(&json).unwrap(), order);
    }

    #[test]
    fn orders_are_bounded_for_each_user_and_in_all() {
        let mut desk = Desk::default();
        for _ in 0..MAX_PER_USER {
            desk.place(new("alice", Side::Buy, 1.0), 0).unwrap();
        }
        let refused = desk.place(new("alice", Side::Buy, 1.0), 0);
        assert!(matches!(refused, Err(Refusal::TooManyOrders)));
        for user in MAX_PER_USER..MAX_OPEN {
            desk.place(new(&format!("user{user}"), Side::Buy, 1.0), 0).unwrap();
        }
        let refused = desk.place(new("bob", Side::Buy, 1.0), 0);
        assert!(matches!(refused, Err(Refusal::BookFull)));
    }

    #[test]
    fn a_limit_that_is_no_price_and_a_symbol_that_is_no_stock_are_refused() {
        let mut desk = Desk::default();
        for limit in [0.0, -1.0, MAX_LIMIT * 2.0, f64::NAN, f64::INFINITY] {
            let refused = desk.place(new("alice", Side::Buy, limit), 0);
            assert!(matches!(refused, Err(Refusal::Limit)), "{limit}");
        }
        let unknown = NewOrder { symbol: "aapl".to_owned(), ..new("alice", Side::Buy, 1.0) };
        let refused = desk.place(unknown, 0).unwrap_err();
        assert_eq!(refused.to_string(), "`symbol` must be one of AAPL, AMZN, GOOG, IBM, MSFT");
    }
}
