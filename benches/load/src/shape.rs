//! What the streams of a work ask for, and whom the events are for.

use std::str::FromStr;

use ssehub_order::Receivers;

use crate::publish::To;
use crate::share::Share;

/// Who the streams are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nobody in particular: events go to all.
    All,
    /// Stream i is user i's only one.
    User,
    /// Stream i is in group i mod this.
    Group(u64),
    /// Each stream is in all of that many groups.
    ManyGroups(u64),
    /// The first stream is in all of that many groups, and stream i of the others in group i mod this.
    OneInAll(u64),
}

impl Shape {
    /// What stream `stream` asks the server for.
    pub(crate) fn path(self, stream: u64) -> String {
        match self.of(stream) {
            Self::All => "/events".to_owned(),
            Self::User => format!("/events?user={stream}"),
            Self::Group(groups) => format!("/events?group={}", stream % groups),
            Self::ManyGroups(groups) | Self::OneInAll(groups) => {
                let groups: Vec<String> = (0..groups).map(|group| format!("group={group}")).collect();
                format!("/events?{}", groups.join("&"))
            }
        }
    }

    /// The shape of stream `stream` by itself.
    fn of(self, stream: u64) -> Self {
        match self {
            Self::OneInAll(groups) if stream > 0 => Self::Group(groups),
            Self::OneInAll(groups) => Self::ManyGroups(groups),
            other => other,
        }
    }

    /// What stream `stream` is to receive.
    pub(crate) fn share(self, stream: u64, streams: u64) -> Share {
        let targets = self.targets(streams);
        match self.of(stream) {
            Self::All | Self::ManyGroups(_) | Self::OneInAll(_) => Share { offset: 0, stride: 1, targets },
            Self::User | Self::Group(_) => Share { offset: stream % targets, stride: targets, targets },
        }
    }

    /// How many targets the events go to in turn.
    pub(crate) fn targets(self, streams: u64) -> u64 {
        self.receivers(streams).targets()
    }

    /// Whom the events are for.
    pub(crate) fn receivers(self, streams: u64) -> Receivers<To> {
        match self {
            Self::All => Receivers::Same(To::All),
            Self::User => Receivers::Users(streams),
            Self::Group(groups) | Self::ManyGroups(groups) | Self::OneInAll(groups) => Receivers::Groups(groups),
        }
    }
}

impl FromStr for Shape {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let groups = |number: &str| number.parse().ok().filter(|groups| (1..=1_000_000).contains(groups));
        let shape = match text.split_once(':') {
            None if text == "all" => Some(Self::All),
            None if text == "user" => Some(Self::User),
            Some(("group", number)) => groups(number).map(Self::Group),
            Some(("many-groups", number)) => groups(number).map(Self::ManyGroups),
            Some(("one-in-all", number)) => groups(number).map(Self::OneInAll),
            _ => None,
        };
        shape.ok_or("wanted is all, user, group:K, many-groups:G or one-in-all:G, with 1 to 1000000 groups")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What all streams are to receive of `events`.
    fn expected(shape: Shape, streams: u64, events: u64) -> u64 {
        (0..streams).map(|stream| shape.share(stream, streams).of(events)).sum()
    }

    #[test]
    fn what_is_expected_follows_from_the_work() {
        assert_eq!(expected(Shape::All, 10, 7), 70);
        assert_eq!(expected(Shape::User, 10, 7), 7, "each event has one receiver");
        assert_eq!(expected(Shape::Group(5), 10, 7), 14, "each group has two members");
        assert_eq!(expected(Shape::Group(20), 10, 20), 10, "half of the groups have no member");
        assert_eq!(expected(Shape::ManyGroups(5), 2, 7), 14);
        assert_eq!(expected(Shape::OneInAll(5), 6, 10), 20, "one stream gets all, and each group has another member");
    }

    #[test]
    fn streams_ask_for_what_they_are_to_receive() {
        assert_eq!(Shape::All.path(3), "/events");
        assert_eq!(Shape::User.path(3), "/events?user=3");
        assert_eq!(Shape::Group(2).path(3), "/events?group=1");
        assert_eq!(Shape::ManyGroups(2).path(3), "/events?group=0&group=1");
        assert_eq!(Shape::OneInAll(2).path(0), "/events?group=0&group=1");
        assert_eq!(Shape::OneInAll(2).path(3), "/events?group=1");
    }

    #[test]
    fn shapes_are_read_and_nonsense_is_refused() {
        assert_eq!("many-groups:5".parse(), Ok(Shape::ManyGroups(5)));
        for bad in ["", "users", "group", "group:0", "group:x", "all:1"] {
            assert!(bad.parse::<Shape>().is_err(), "{bad}");
        }
    }
}
