//! Who is measured: the floors, ssehub in each framework, bare streams, and peers.
//!
//! A subject is a program beside this one that prints `listening on http://ADDRESS` when it accepts connections. It
//! serves `GET /events` and `POST /publish` as the playground does, or `load` is told how else it is published to. Each
//! serves with one worker thread, on one core. One that lacks something to run with says so and exits with
//! [`MISSING`].

use serde::Serialize;

use crate::work::Kind::{self as Work, Burst, Commit, Groups, Idle, ManyGroups, Paced, Replay, Slow, Targeted};

/// The exit status of a program that lacks something which has to be installed; its last words say what.
pub(crate) const MISSING: i32 = 3;

/// One server that can be measured.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) program: &'static str,
    pub(crate) args: &'static [&'static str],
    /// What `load` is told besides.
    pub(crate) load_args: &'static [&'static str],
    /// What it can do.
    pub(crate) works: &'static [Work],
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// No hub at all: the unit of the ratios.
    Floor,
    Ssehub,
    /// An endless response of a framework that nothing is written to.
    Bare,
    /// What others offer, or what one writes by hand.
    Peer,
}

impl Subject {
    /// Whether it puts what a stream is behind into one write.
    pub(crate) fn writes_many_at_once(&self) -> bool {
        self.kind == Kind::Ssehub || self.name == "floor-64"
    }

    pub(crate) fn is_peer(&self) -> bool {
        self.kind == Kind::Peer
    }

    /// The bare stream of the same framework, for a hub.
    pub(crate) fn bare(&self) -> Option<&'static str> {
        let of_framework = |bare: &&Self| bare.name.strip_prefix("bare-") == Some(self.name);
        SUBJECTS.iter().find(of_framework).map(|bare| bare.name)
    }
}

/// The subjects whose figures the others are divided by.
pub(crate) const FLOORS: [&str; 2] = ["floor-1", "floor-64"];

/// All subjects, in the order a repetition measures them.
pub(crate) const SUBJECTS: &[Subject] = &[
    floor("floor-1", &["--batch", "1"]),
    floor("floor-64", &["--batch", "64"]),
    ssehub("axum", &["--workers", "1", "--framework", "axum"]),
    ssehub("lean", &["--workers", "1", "--framework", "lean"]),
    ssehub("actix", &["--workers", "1", "--framework", "actix"]),
    ssehub("rocket", &["--workers", "1", "--framework", "rocket"]),
    bare("bare-axum"),
    bare("bare-lean"),
    bare("bare-actix"),
    bare("bare-rocket"),
    peer("peer-axum", "peer-axum", &[], BROADCASTS),
    // It waits for a stalled reader for ever.
    peer("peer-actix", "peer-actix", &[], &[Burst, Paced, Targeted, Idle]),
    peer("peer-rocket", "peer-rocket", &[], BROADCASTS),
    Subject {
        load_args: &["--publish", "post", "--post-path", "/pub/{target}"],
        ..peer("nchan", "peer-nchan", &[], &[Burst, Paced, Targeted, Groups, Slow, Idle, Replay, Commit])
    },
    peer("better-sse", "peer-node", &["better-sse"], HAS_GROUPS),
    peer("transmit", "peer-node", &["transmit"], HAS_GROUPS),
];

const BROADCASTS: &[Work] = &[Burst, Paced, Targeted, Slow, Idle];
const HAS_GROUPS: &[Work] = &[Burst, Paced, Targeted, Groups, ManyGroups, Slow, Idle, Commit];

const fn floor(name: &'static str, args: &'static [&'static str]) -> Subject {
    let works = &[Burst, Paced, Targeted, Groups, ManyGroups, Slow, Idle];
    Subject { name, kind: Kind::Floor, program: "floor", args, load_args: &[], works }
}

const fn ssehub(name: &'static str, args: &'static [&'static str]) -> Subject {
    let works = &[Burst, Paced, Targeted, Groups, ManyGroups, Slow, Idle, Replay, Commit];
    Subject { name, kind: Kind::Ssehub, program: "ssehub-playground", args, load_args: &[], works }
}

const fn bare(name: &'static str) -> Subject {
    Subject { name, kind: Kind::Bare, program: name, args: &[], load_args: &[], works: &[Idle] }
}

const fn peer(
    name: &'static str,
    program: &'static str,
    args: &'static [&'static str],
    works: &'static [Work],
) -> Subject {
    Subject { name, kind: Kind::Peer, program, args, load_args: &[], works }
}

/// Servers one would look for in the table, and why they are not in it.
pub(crate) const NOT_MEASURED: &[(&str, &str)] = &[
    ("Mercure, Centrifugo, go-sse", "neither crates.io, npm nor Debian has them"),
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

    #[test]
    fn each_framework_is_compared_with_its_own_bare_stream() {
        for subject in SUBJECTS {
            let bare = (subject.kind == Kind::Ssehub).then(|| format!("bare-{}", subject.name));
            assert_eq!(subject.bare().map(str::to_owned), bare);
        }
    }
}
