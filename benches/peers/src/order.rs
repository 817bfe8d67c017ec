//! `POST /publish`: a load of numbered and timed events.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use tokio::task::yield_now;
use tokio::time::sleep_until;

/// A program that publishes in a loop has to let its streams run; this one does after so many events to all, and
/// after each event to one user.
const GIVE_WAY_AFTER: u64 = 64;

/// More would be a mistake rather than a measurement.
const LARGEST_EVENT: usize = 1024 * 1024;

/// The query of a publication.
#[derive(Clone, Debug, Deserialize)]
pub struct Order {
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Refused {
    /// The status of the answer.
    pub status: u16,
    /// What to ask for instead.
    pub reason: &'static str,
}

impl Order {
    /// Sends all events through `send`, which gets the user, or `None` for all, the event's number and its data.
    /// Returns the body of the answer.
    ///
    /// # Errors
    /// The order is one that peers do not serve; nothing was sent.
    pub async fn publish<Sent>(&self, mut send: impl FnMut(Option<u64>, u64, String) -> Sent) -> Result<String, Refused>
    where
        Sent: Future<Output = ()>,
    {
        self.check()?;
        let started = Instant::now();
        for event in 0..self.count {
            if let Some(rate) = self.rate {
                let due = started + Duration::from_secs_f64(event as f64 / rate);
                if due > Instant::now() {
                    sleep_until(due.into()).await;
                }
            }
            let users = self.users.unwrap_or(1);
            let data = data(event / users, self.size);
            send(self.users.map(|users| event % users), event, data).await;
            if self.users.is_some() || event % GIVE_WAY_AFTER == 0 {
                yield_now().await;
            }
        }
        Ok(format!(r#"{{"published":{},"seconds":{}}}"#, self.count, started.elapsed().as_secs_f64()))
    }

    fn check(&self) -> Result<(), Refused> {
        if self.groups.is_some() || self.to.as_ref().is_some_and(|to| to != "all") {
            return Err(Refused { status: 501, reason: "a peer publishes to all or, with users=U, to users" });
        }
        if self.users == Some(0) || self.rate.is_some_and(|rate| !(0.001..=1e7).contains(&rate)) {
            return Err(Refused { status: 400, reason: "users is 1 or more, and rate 0.001 to 10000000" });
        }
        if self.size > LARGEST_EVENT || self.count > 1_000_000_000 {
            return Err(Refused { status: 400, reason: "size is at most 1048576, and count 1000000000" });
        }
        Ok(())
    }
}

/// `#COUNTER UNIX_NANOS xxx…`, of `size` bytes where counter and time leave room.
fn data(counter: u64, size: usize) -> String {
    // A clock before 1970 is no reason to fail.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    let mut data = format!("#{counter} {now}");
    if data.len() < size {
        data.push(' ');
        data.extend(std::iter::repeat_n('x', size - data.len()));
    }
    data
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    fn order(users: Option<u64>) -> Order {
        Order { to: None, users, groups: None, count: 5, size: 40, rate: None }
    }

    async fn sent(order: &Order) -> Result<Vec<(Option<u64>, u64, String)>, Refused> {
        let mut sent = Vec::new();
        order
            .publish(|user, number, data| {
                sent.push((user, number, data));
                ready(())
            })
            .await?;
        Ok(sent)
    }

    #[tokio::test]
    async fn events_to_all_are_numbered_one_after_the_other() {
        let sent = sent(&order(None)).await.unwrap();
        for (event, (user, number, data)) in sent.iter().enumerate() {
            assert_eq!((*user, *number, data.len()), (None, event as u64, 40));
            assert!(data.starts_with(&format!("#{event} ")), "{data}");
        }
        assert_eq!(sent.len(), 5);
    }

    #[tokio::test]
    async fn each_user_has_a_count_of_its_own() {
        let sent = sent(&order(Some(2))).await.unwrap();
        let told: Vec<(u64, &str)> = sent.iter().map(|(user, _, data)| (user.unwrap(), &data[..2])).collect();
        assert_eq!(told, [(0, "#0"), (1, "#0"), (0, "#1"), (1, "#1"), (0, "#2")]);
    }

    #[tokio::test]
    async fn an_order_that_is_not_served_sends_nothing() {
        let groups = Order { groups: Some(2), ..order(None) };
        assert_eq!(sent(&groups).await.unwrap_err().status, 501);
        let user = Order { to: Some("user:1".to_owned()), ..order(None) };
        assert_eq!(sent(&user).await.unwrap_err().status, 501);
        let nobody = order(Some(0));
        assert_eq!(sent(&nobody).await.unwrap_err().status, 400);
    }
}
