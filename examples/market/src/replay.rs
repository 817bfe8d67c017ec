//! The replay: month by month, round and round, for all who watch; and the answers to the orders that it crosses.
//!
//! One node tells a month, whatever the number of nodes, and no lease or election says which: the log does. Who thinks that
//! a month is due *claims* it on the [floor](crate::floor), and reads on. The claim that stands first in the log is the
//! one that counts, for every node alike, and whose it is tells the month. That node claims the next one when it is due;
//! the others wait a little longer, which only matters when it has gone.
//!
//! What is told follows from the month alone, under a key for each: told twice, it says the same. It is where a node takes
//! over.

use std::convert::Infallible;
use std::time::Duration;

use serde::Serialize;
use ssehub::{Audience, Event, Hub, SendError, SendErrorKind};
use tokio::time::{Instant, sleep, timeout_at};

use crate::Failure;
use crate::floor::{FLOOR, Floor, Said, Tick};
use crate::options::Rate;
use crate::prices::{Month, Prices, Stock};

/// How much later than the node that told the last month the others claim the next.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a claim may take until it is read, and how long a hub whose backplane is away is left alone.
const AGAIN: Duration = Duration::from_secs(1);

/// What the replay reads, and where it publishes.
pub(crate) struct Replay<'a> {
    pub(crate) hub: &'a Hub,
    pub(crate) prices: &'a Prices,
    pub(crate) rate: Rate,
    pub(crate) floor: &'a Floor,
}

impl Replay<'_> {
    /// Replays for ever.
    pub(crate) async fn run(&self) -> Result<Infallible, Failure> {
        let mut ticks = self.floor.ticks();
        let mut told = None;
        // A claim that this node has not read yet may be on its way.
        let mut claimed: Option<Instant> = None;
        loop {
            let last = *ticks.borrow_and_update();
            if let Some(Tick { number, ours: true, .. }) = last
                && told != Some(number)
            {
                self.tell(told, number).await?;
                (told, claimed) = (Some(number), None);
                continue;
            }
            let due = claimed.map_or(self.due(last), |claimed| self.due(last).max(claimed + AGAIN));
            if timeout_at(due, ticks.changed()).await.is_err() {
                self.claim(last).await?;
                claimed = Some(Instant::now());
            }
        }
    }

    /// When this node is to claim the tick after the last one.
    fn due(&self, last: Option<Tick>) -> Instant {
        match last {
            None => Instant::now(),
            // A first lap at once, so that every chart is full from the start.
            Some(tick) if tick.ours && tick.number + 1 < self.prices.months() => tick.read,
            Some(tick) if tick.ours => tick.read + self.rate.period(),
            Some(tick) => tick.read + self.rate.period() + PATIENCE,
        }
    }

    /// Claims the tick after the last one.
    async fn claim(&self, last: Option<Tick>) -> Result<(), Failure> {
        let node = self.floor.node();
        let tick = last.map_or(0, |tick| tick.number + 1);
        let claim = Said::Claim { tick, node: node.to_owned() }.event()?;
        let claim = match last {
            // The first of all is kept, for a node that comes to the floor right behind it: nothing else tells that the market
            // is open. Each node's is, so that none takes the place of the one that counts.
            None => claim.key(format!("opening-{node}")),
            Some(_) => claim.ephemeral(),
        };
        match self.hub.send_to_group(FLOOR, claim).await {
            Err(error) if !is_away(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Tells a tick. After another node's, what doesn't change is told too, and the tick before: its node may have gone in
    /// the middle of it.
    async fn tell(&self, told: Option<usize>, tick: usize) -> Result<(), Failure> {
        let before = tick.checked_sub(1);
        if told.is_none() || told != before {
            self.publish_facts().await?;
            if let Some(before) = before {
                self.publish(before).await?;
            }
        }
        self.publish(tick).await
    }

    async fn publish_facts(&self) -> Result<(), Failure> {
        let facts = Facts {
            stocks: self.prices.stocks(),
            months: (0..self.prices.months()).map(|number| self.prices.month(number)).collect(),
            rate: self.rate.months_per_second(),
        };
        self.send(Audience::all(), Event::json("market", &facts)?.key("market")).await
    }

    /// Tells all what month it is, each symbol's group its close, and the users of orders that the closes cross the
    /// answers.
    ///
    /// The key of a close is its month. So a group's keyed state is a chart of one whole lap: the months of this lap,
    /// then those that are left of the last one.
    async fn publish(&self, tick: usize) -> Result<(), Failure> {
        let number = self.prices.number(tick);
        let month = self.prices.month(number);
        self.send(Audience::all(), Event::json("clock", &Clock { tick, month })?.key("clock")).await?;
        for stock in self.prices.stocks() {
            if let Some(close) = stock.close(number) {
                let price = Event::json("price", &Price { symbol: stock.symbol, tick, month, close })?;
                self.send(Audience::group(stock.symbol), price.key(month.to_string())).await?;
            }
        }
        let settled = self.floor.book().settled(self.prices, tick);
        for (order, status) in settled {
            self.send(order.audience(), order.event(&status)?).await?;
        }
        Ok(())
    }

    /// Sends an event, again and again while the hub's backplane is away: without it, a month would be missing.
    async fn send(&self, audience: Audience, event: Event) -> Result<(), Failure> {
        loop {
            match self.hub.send(audience.clone(), event.clone()).await {
                Ok(_) => return Ok(()),
                Err(error) if is_away(&error) => sleep(AGAIN).await,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Whether the hub will take events again.
pub(crate) fn is_away(error: &SendError) -> bool {
    matches!(error.kind(), SendErrorKind::Unavailable | SendErrorKind::Uncertain)
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

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;

    use futures::StreamExt as _;
    use serde_json::Value;
    use sse_stream::SseByteStream;
    use ssehub::ConnectRequest;
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::*;

    /// A node, as far as the hub sees one.
    fn node(hub: &Hub, name: &str) -> JoinHandle<()> {
        let (hub, floor) = (hub.clone(), Floor::new(name.to_owned(), Arc::default()));
        tokio::spawn(async move {
            let prices = Prices::load().unwrap();
            let replay = Replay { hub: &hub, prices: &prices, rate: "100".parse().unwrap(), floor: &floor };
            tokio::select! {
                biased;
                never = floor.follow(&hub) => match never {},
                stopped = replay.run() => panic!("{:?}", stopped.map(|never| match never {})),
            }
        })
    }

    #[tokio::test]
    async fn a_node_that_comes_right_behind_the_first_claim_leaves_the_month_to_who_has_it() {
        let (hub, prices) = (Hub::new(), Prices::load().unwrap());
        let [first, second] = ["a", "b"].map(|name| Floor::new(name.to_owned(), Arc::default()));
        let replay = Replay { hub: &hub, prices: &prices, rate: "100".parse().unwrap(), floor: &first };
        replay.claim(None).await.unwrap();

        let mut ticks = second.ticks();
        let read = tokio::select! {
            never = second.follow(&hub) => match never {},
            read = timeout(Duration::from_secs(20), ticks.wait_for(Option::is_some)) => *read.expect("the claim in 20 s").unwrap(),
        };
        assert!(read.is_some_and(|tick| tick.number == 0 && !tick.ours));
    }

    #[tokio::test]
    async fn of_several_nodes_one_tells_each_month_and_another_goes_on_when_that_is_gone() {
        let hub = Hub::new();
        let stream = hub.connect(ConnectRequest::new().group("IBM")).unwrap();
        let events = SseByteStream::new(stream.map(Ok::<_, Infallible>));
        let mut prices = pin!(events.filter_map(async |event| {
            let event = event.unwrap();
            let is_price = event.event.as_deref() == Some("price");
            is_price.then(|| serde_json::from_str::<Value>(&event.data.unwrap()).unwrap()["tick"].as_u64().unwrap())
        }));
        let mut next =
            async || timeout(Duration::from_secs(20), prices.next()).await.expect("a price in 20 s").unwrap();

        let nodes = [node(&hub, "a"), node(&hub, "b"), node(&hub, "c")];
        for tick in 0..200 {
            assert_eq!(next().await, tick);
        }
        // Whichever told the months: when two are gone, the third goes on, at most with the last one again.
        let mut last = 199;
        for gone in &nodes[..2] {
            gone.abort();
            for _ in 0..20 {
                let tick = next().await;
                assert!(tick == last + 1 || tick == last, "{tick} after {last}");
                last = tick;
            }
        }
    }
}
