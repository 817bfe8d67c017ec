//! Who is measured: the floors, ssehub in each framework, and peers.
//!
//! A subject is a program beside this one that prints `listening on http://ADDRESS` when it accepts connections and
//! serves `GET /events` and `POST /publish` as the playground does. Each serves with one worker thread, on one core.

use serde::Serialize;

/// One server that can be measured.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) program: &'static str,
    pub(crate) args: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// No hub at all: the unit of the ratios.
    Floor,
    Ssehub,
    /// What others offer, or what one writes by hand.
    Peer,
}

impl Subject {
    pub(crate) fn is_peer(&self) -> bool {
        self.kind == Kind::Peer
    }
}

/// The subjects whose figures the others are divided by.
pub(crate) const FLOORS: [&str; 2] = ["floor-1", "floor-64"];

/// All subjects, in the order a repetition measures them.
pub(crate) const SUBJECTS: &[Subject] = &[
    Subject { name: "floor-1", kind: Kind::Floor, program: "floor", args: &["--batch", "1"] },
    Subject { name: "floor-64", kind: Kind::Floor, program: "floor", args: &["--batch", "64"] },
    ssehub("axum", &["--workers", "1", "--framework", "axum"]),
    ssehub("actix", &["--workers", "1", "--framework", "actix"]),
    ssehub("rocket", &["--workers", "1", "--framework", "rocket"]),
    Subject { name: "peer-axum", kind: Kind::Peer, program: "peer-axum", args: &[] },
    Subject { name: "peer-actix", kind: Kind::Peer, program: "peer-actix", args: &[] },
    Subject { name: "peer-rocket", kind: Kind::Peer, program: "peer-rocket", args: &[] },
];

const fn ssehub(name: &'static str, args: &'static [&'static str]) -> Subject {
    Subject { name, kind: Kind::Ssehub, program: "ssehub-playground", args }
}

/// Servers one would look for in the table, and why they are not in it.
pub(crate) const NOT_MEASURED: &[(&str, &str)] = &[
    ("nchan, better-sse, transmit", "nothing starts them here yet"),
    ("Mercure, Centrifugo, go-sse", "neither crates.io nor Debian has them"),
    ("socketioxide", "it speaks WebSocket and long polling, not Server-Sent Events"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floors_come_first_and_are_subjects() {
        let floors: Vec<&str> = SUBJECTS.iter().take(FLOORS.len()).map(|subject| subject.name).collect();
        assert_eq!(floors, FLOORS);
    }
}
