//! `POST /publish`: a load of numbered and timed events.

use std::time::Instant;

use serde::Deserialize;
use ssehub_order::{MOST_BYTES, Order, Receivers, data, give_way};
use tokio::time::sleep_until;

/// The query of a publication.
#[derive(Clone, Debug, Deserialize)]
pub struct Query {
    /// `all`, where it is given.
    pub to: Option<String>,
    /// Event k goes to user k mod this.
    pub users: Option<u64>,
    /// Not served.
    pub groups: Option<u64>,
    /// How many events.
    pub count: u64,
    /// Bytes of data in each.
    pub size: usize,
    /// Events a second; as fast as they are taken where it is absent.
    pub rate: Option<f64>,
}

/// An order that a peer does not serve.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// The status of the answer.
    pub status: u16,
    /// What to ask for instead.
    pub reason: String,
}

impl Query {
    /// Sends all events through `send`, which gets the user, or `None` for all, the event's number and its data.
    /// Returns the body of the answer.
    ///
    /// A program that publishes in a loop has to let its streams run; this one does after each event to one user, and
    /// after each 64 events to all.
    ///
    /// # Errors
    /// The order is one that peers do not serve; nothing was sent.
    pub async fn publish<Sent>(self, mut send: impl FnMut(Option<u64>, u64, String) -> Sent) -> Result<String, Refused>
    where
        Sent: Future<Output = ()>,
    {
        let order = self.order()?;
        let started = Instant::now();
        for event in 0..order.count {
            if let Some(due) = order.due(started, event)
                && due > Instant::now()
            {
                sleep_until(due.into()).await;
            }
            let turn = order.turn(event);
            let user = matches!(order.receivers, Receivers::Users(_)).then_some(turn.target);
            send(user, event, data(turn.counter, order.size)).await;
            if order.gives_way(event) {
                give_way().await;
            }
        }
        Ok(order.answer(started))
    }

    fn order(self) -> Result<Order<()>, Refused> {
        if self.groups.is_some() || self.to.as_ref().is_some_and(|to| to != "all") {
            let reason = "a peer publishes to all or, with users=U, to users".to_owned();
            return Err(Refused { status: 501, reason });
        }
        let bad = |reason| Refused { status: 400, reason };
        let receivers = Receivers::named(self.to.map(drop), self.users, self.groups, ()).map_err(bad)?;
        let order = Order { receivers, count: self.count, size: self.size, rate: self.rate };
        order.check(MOST_BYTES).map_err(bad)?;
        Ok(order)
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    fn query(users: Option<u64>) -> Query {
        Query { to: None, users, groups: None, count: 5, size: 40, rate: None }
    }

    async fn sent(query: Query) -> Result<Vec<(Option<u64>, u64, String)>, Refused> {
        let mut sent = Vec::new();
        query
            .publish(|user, number, data| {
                sent.push((user, number, data));
                ready(())
            })
            .await?;
        Ok(sent)
    }

    #[tokio::test]
    async fn events_to_all_are_numbered_one_after_the_other() {
        let sent = sent(query(None)).await.unwrap();
        for (event, (user, number, data)) in sent.iter().enumerate() {
            assert_eq!((*user, *number, data.len()), (None, event as u64, 40));
            assert!(data.starts_with(&format!("#{event} ")), "{data}");
        }
        assert_eq!(sent.len(), 5);
    }

    #[tokio::test]
    async fn each_user_has_a_count_of_its_own() {
        let sent = sent(query(Some(2))).await.unwrap();
        let told: Vec<(u64, &str)> = sent.iter().map(|(user, _, data)| (user.unwrap(), &data[..2])).collect();
        assert_eq!(told, [(0, "#0"), (1, "#0"), (0, "#1"), (1, "#1"), (0, "#2")]);
    }

    #[tokio::test]
    async fn an_order_that_is_not_served_sends_nothing() {
        let status = async |query| sent(query).await.unwrap_err().status;
        assert_eq!(status(Query { groups: Some(2), ..query(None) }).await, 501);
        assert_eq!(status(Query { to: Some("user:1".to_owned()), ..query(None) }).await, 501);
        assert_eq!(status(query(Some(0))).await, 400);
        assert_eq!(status(Query { to: Some("all".to_owned()), ..query(Some(1)) }).await, 400);
        assert_eq!(status(Query { rate: Some(0.0), ..query(None) }).await, 400);
    }
}
