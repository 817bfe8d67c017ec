//! The replay: month by month, round and round, for all who watch; and the answers to the orders that it crosses.

use std::convert::Infallible;

use serde::Serialize;
use ssehub::{Event, Hub};
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval};

use crate::Failure;
use crate::options::Rate;
use crate::orders::Book;
use crate::prices::{Month, Prices, Stock};

/// What the replay reads, and where it publishes.
pub(crate) struct Replay<'a> {
    pub(crate) hub: &'a Hub,
    pub(crate) prices: &'a Prices,
    pub(crate) rate: Rate,
    pub(crate) book: &'a Mutex<Book>,
}

impl Replay<'_> {
    /// Replays for ever.
    pub(crate) async fn run(&self) -> Result<Infallible, Failure> {
        self.publish_facts().await?;
        let lap = self.prices.months();
        // A first lap at once, so that every chart is full from the start.
        for tick in 0..lap {
            self.publish(tick).await?;
        }
        let mut time = interval(self.rate.period());
        time.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tick = lap;
        loop {
            time.tick().await;
            self.publish(tick).await?;
            self.settle(tick).await?;
            tick += 1;
        }
    }

    async fn publish_facts(&self) -> Result<(), Failure> {
        let facts = Facts {
            stocks: self.prices.stocks(),
            months: (0..self.prices.months()).map(|number| self.prices.month(number)).collect(),
            rate: self.rate.months_per_second(),
        };
        self.hub.send_to_all(Event::json("market", &facts)?.key("market")).await?;
        Ok(())
    }

    /// Tells all what month it is, and each symbol's group its close.
    ///
    /// The key of a close is its month. So a group's keyed state is a chart of one whole lap: the months of this lap,
    /// then those that are left of the last one.
    async fn publish(&self, tick: usize) -> Result<(), Failure> {
        let number = self.prices.number(tick);
        let month = self.prices.month(number);
        self.hub.send_to_all(Event::json("clock", &Clock { tick, month })?.key("clock")).await?;
        for stock in self.prices.stocks() {
            if let Some(close) = stock.close(number) {
                let price = Event::json("price", &Price { symbol: stock.symbol, tick, month, close })?;
                self.hub.send_to_group(stock.symbol, price.key(month.to_string())).await?;
            }
        }
        Ok(())
    }

    /// Answers the orders that the closes of a tick cross, each to its user alone.
    async fn settle(&self, tick: usize) -> Result<(), Failure> {
        let mut book = self.book.lock().await;
        for (order, status) in book.settle(self.prices, tick) {
            self.hub.send_to_user(&order.user, order.event(&status)?).await?;
        }
        Ok(())
    }
}

/// The data of `market`: what doesn't change.
#[derive(Serialize)]
struct Facts<'a> {
    stocks: &'a [Stock],
    months: Vec<Month>,
    rate: f64,
}

/// The data of `clock`: how many months have been replayed, and which one is the newest.
#[derive(Serialize)]
struct Clock {
    tick: usize,
    month: Month,
}

/// The data of `price`: one month's close.
#[derive(Serialize)]
struct Price {
    symbol: &'static str,
    tick: usize,
    month: Month,
    close: f64,
}
