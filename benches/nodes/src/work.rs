//! What is measured: one question each, with the subjects that are compared to answer it.

use anyhow::Result;
use tokio::runtime::Runtime;

use crate::figures::Figures;

mod acts;
mod appends;
mod connects;
mod costs;
mod delivered;
mod directory;
mod hubs;
mod nodes;
mod starts;

/// One question.
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// One repetition with all subjects.
    pub(crate) measure: fn(&Runtime, &mut Figures) -> Result<()>,
}

/// In the order of the page.
pub(crate) const WORKS: &[Work] = &[
    Work {
        name: "appends",
        title: "one hub, by where its log is and how many send at once",
        measure: appends::measure,
    },
    Work { name: "delivered", title: "from a send to a reader, 200 events a second", measure: delivered::measure },
    Work { name: "nodes", title: "one hub on several nodes, of which one sends", measure: nodes::measure },
    Work { name: "hubs", title: "several hubs on one Redis", measure: hubs::measure },
    Work { name: "acts", title: "acting on a connection that another node has", measure: acts::measure },
    Work { name: "connects", title: "clients that come and go, by nodes that hear of it", measure: connects::measure },
    Work { name: "directory", title: "what a node that starts has to learn of others", measure: directory::measure },
    Work { name: "late", title: "a node that starts late reads what is retained", measure: starts::late },
    Work { name: "recovery", title: "a durable log is opened again", measure: starts::recovery },
];
