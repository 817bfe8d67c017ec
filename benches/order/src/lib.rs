//! What `POST /publish` asks for: a load of numbered and timed events.
//!
//! The playground, the floor, the peers and the load generator publish the same load because they take it from here:
//! whose turn it is, which counter and data an event has, when it is due, and what is too much.

mod data;
mod give_way;

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

pub use data::data;
pub use give_way::give_way;

/// The most events of one order. More would be a mistake rather than a measurement.
pub const MOST_EVENTS: u64 = 1_000_000_000;

/// The most users or groups that take turns.
pub const MOST_TARGETS: u64 = 1_000_000;

/// The most bytes of data in an event, where the server has no limit of its own.
pub const MOST_BYTES: usize = 1024 * 1024;

/// Events a second that may be asked for.
pub const RATES: RangeInclusive<f64> = 0.001..=10_000_000.0;

/// An order may not take longer.
const LONGEST_RUN: Duration = Duration::from_secs(24 * 60 * 60);

/// A loop that finds nobody to wait for gives way after so many events to the same receivers.
const GIVE_WAY_AFTER: u64 = 64;

/// How many events, how large and how fast, and who receives them; `T` is how a server names an audience.
#[derive(Clone, Debug, PartialEq)]
pub struct Order<T> {
    /// Whom the events are for.
    pub receivers: Receivers<T>,
    /// How many.
    pub count: u64,
    /// Bytes of data in each.
    pub size: usize,
    /// Events a second; as fast as they are taken where it is absent.
    pub rate: Option<f64>,
}

/// Whom the events are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receivers<T> {
    /// Every event is for the same receivers.
    Same(T),
    /// Event k is for user k mod this.
    Users(u64),
    /// Event k is for group k mod this.
    Groups(u64),
}

/// One event's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The user or the group that it is for; 0 where all events are for the same receivers.
    pub target: u64,
    /// Which of its receivers' events it is, from 0 on.
    pub counter: u64,
}

impl<T> Receivers<T> {
    /// Those that a query names with `to`, `users` or `groups`; without any of them, `all`.
    ///
    /// # Errors
    /// It names more than one of them, or nobody, or too many.
    pub fn named(to: Option<T>, users: Option<u64>, groups: Option<u64>, all: T) -> Result<Self, String> {
        let receivers = match (to, users, groups) {
            (None, None, None) => Self::Same(all),
            (Some(to), None, None) => Self::Same(to),
            (None, Some(users), None) => Self::Users(users),
            (None, None, Some(groups)) => Self::Groups(groups),
            _ => return Err("to, users and groups exclude each other; give one of them".to_owned()),
        };
        if !(1..=MOST_TARGETS).contains(&receivers.targets()) {
            return Err(format!("allowed are 1 to {MOST_TARGETS} users or groups"));
        }
        Ok(receivers)
    }

    /// How many targets take turns.
    pub fn targets(&self) -> u64 {
        match *self {
            Self::Same(_) => 1,
            Self::Users(targets) | Self::Groups(targets) => targets,
        }
    }
}

impl<T> Order<T> {
    /// Refuses what cannot be meant; `most_bytes` is what the server takes as an event's data.
    ///
    /// # Errors
    /// In words that tell what is allowed.
    pub fn check(&self, most_bytes: usize) -> Result<(), String> {
        if self.count > MOST_EVENTS {
            return Err(format!("count is {}; allowed are up to {MOST_EVENTS}", self.count));
        }
        if self.size > most_bytes {
            return Err(format!("size is {}; allowed are up to {most_bytes}", self.size));
        }
        if let Some(rate) = self.rate {
            if !RATES.contains(&rate) {
                return Err(format!("rate is {rate}; allowed are {} to {}", RATES.start(), RATES.end()));
            }
            if self.count as f64 / rate > LONGEST_RUN.as_secs_f64() {
                return Err("count / rate is more than a day; give a smaller count or a higher rate".to_owned());
            }
        }
        Ok(())
    }

    /// Whose turn it is with event `event`.
    pub fn turn(&self, event: u64) -> Turn {
        let targets = self.receivers.targets().max(1);
        Turn { target: event % targets, counter: event / targets }
    }

    /// When event `event` is to be sent, where there is a rate. It is counted from the start, so that a late event does
    /// not make all later ones late.
    pub fn due(&self, started: Instant, event: u64) -> Option<Instant> {
        self.rate.map(|rate| started + Duration::from_secs_f64(event as f64 / rate))
    }

    /// Whether a server that publishes in a loop lets its streams run once `event` is sent: after each event to one of
    /// many, and after each 64 to the same receivers.
    pub fn gives_way(&self, event: u64) -> bool {
        !matches!(self.receivers, Receivers::Same(_)) || event.is_multiple_of(GIVE_WAY_AFTER)
    }

    /// The body of the answer when everything is published.
    pub fn answer(&self, started: Instant) -> String {
        format!(r#"{{"published":{},"seconds":{}}}"#, self.count, started.elapsed().as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(receivers: Receivers<()>) -> Order<()> {
        Order { receivers, count: 8, size: 96, rate: None }
    }

    #[test]
    fn receivers_are_named_in_one_way() {
        let named = |to, users, groups| Receivers::named(to, users, groups, "all");
        assert_eq!(named(None, None, None), Ok(Receivers::Same("all")));
        assert_eq!(named(Some("user:1"), None, None), Ok(Receivers::Same("user:1")));
        assert_eq!(named(None, Some(3), None), Ok(Receivers::Users(3)));
        assert_eq!(named(None, None, Some(3)), Ok(Receivers::Groups(3)));
        for (to, users, groups) in [
            (Some("all"), Some(1), None),
            (Some("all"), None, Some(1)),
            (None, Some(1), Some(1)),
            (None, Some(0), None),
            (None, None, Some(MOST_TARGETS + 1)),
        ] {
            assert!(named(to, users, groups).is_err(), "{to:?} {users:?} {groups:?}");
        }
    }

    #[test]
    fn each_target_has_a_count_of_its_own() {
        let turns = |receivers| {
            let order = order(receivers);
            (0..order.count).map(|event| order.turn(event)).map(|turn| (turn.target, turn.counter)).collect::<Vec<_>>()
        };
        assert_eq!(turns(Receivers::Same(()))[..3], [(0, 0), (0, 1), (0, 2)]);
        assert_eq!(turns(Receivers::Users(3))[..5], [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)]);
        assert_eq!(turns(Receivers::Groups(2))[..3], [(0, 0), (1, 0), (0, 1)]);
    }

    #[test]
    fn an_event_is_due_by_its_number() {
        let started = Instant::now();
        let at = |rate, event| Order { rate, ..order(Receivers::Same(())) }.due(started, event);
        assert_eq!(at(None, 7), None);
        assert_eq!(at(Some(4.0), 0), Some(started));
        assert_eq!(at(Some(4.0), 6), Some(started + Duration::from_millis(1500)));
    }

    #[test]
    fn streams_may_run_after_each_event_to_one_of_many() {
        assert!((0..200).all(|event| order(Receivers::Users(2)).gives_way(event)));
        assert_eq!((0..200).filter(|event| order(Receivers::Same(())).gives_way(*event)).count(), 4);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let good = order(Receivers::Same(()));
        assert_eq!(good.check(96), Ok(()));
        let check = |change: fn(&mut Order<()>)| {
            let mut order = good.clone();
            change(&mut order);
            order.check(96)
        };
        assert!(check(|order| order.count = MOST_EVENTS + 1).is_err());
        assert!(check(|order| order.size = 97).is_err());
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 0.000_01] {
            let order = Order { rate: Some(bad), ..good.clone() };
            assert!(order.check(96).is_err(), "{bad}");
        }
        let slow = Order { count: 1_000_000, rate: Some(1.0), ..good };
        assert!(slow.check(96).is_err());
    }
}
