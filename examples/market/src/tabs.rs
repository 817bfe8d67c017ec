//! Which symbols each tab watches, so that a tab that comes back, to whichever node, is in its groups again.
//!
//! An `EventSource` reconnects on its own, to the same URL and with nothing but its last id. What was watched must
//! therefore be remembered here, under an id that the page draws at random and puts in its URL. With the groups in
//! the request, the replay after that id has their events too. What changes is told to the other nodes by who calls
//! this, on the [floor](crate::floor).

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use ssehub::{ConnectRequest, Connection, Hub};

use crate::Refusal;

/// How many tabs are remembered.
pub(crate) const MAX_TABS: usize = 10_000;

/// How long a tab without a stream is remembered: longer than the hub's history, so that a tab forgotten here is
/// told of a gap anyway.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);

/// The tabs of all nodes. Its lock is taken before any of the hub's.
#[derive(Debug, Default)]
pub(crate) struct Tabs {
    tabs: Mutex<HashMap<String, Tab>>,
}

#[derive(Debug)]
struct Tab {
    facts: TabFacts,
    seen: Instant,
}

/// What nodes know of a tab.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct TabFacts {
    pub(crate) tab: String,
    user: String,
    /// Its newest stream.
    pub(crate) connection: String,
    pub(crate) watching: BTreeSet<String>,
}

/// What comes of opening a tab's stream.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    /// What has changed; nothing where there is no stream to remember, as for a `HEAD`.
    pub(crate) facts: Option<TabFacts>,
    /// The tab's stream before this one, which may not have noticed that it is dead.
    pub(crate) replaced: Option<String>,
}

impl Tabs {
    /// Opens a tab's stream, in the groups that the tab watches.
    ///
    /// It connects under the lock, so that a symbol watched meanwhile is either in the request or joined by the
    /// connection that comes of it.
    pub(crate) fn open(&self, hub: &Hub, request: ConnectRequest, user: &str, tab: &str) -> Result<Opened, Refusal> {
        let mut tabs = self.tabs.lock();
        let full = tabs.len() >= MAX_TABS;
        let known = tabs.get_mut(tab);
        match &known {
            Some(known) if known.facts.user != user => return Err(Refusal::ForeignTab),
            None if full => return Err(Refusal::TooManyTabs),
            _ => {}
        }
        let watching = known.iter().flat_map(|tab| &tab.facts.watching);
        let connection = hub.connect(request.groups(watching))?;
        if connection.is_over() {
            return Ok(Opened { connection, facts: None, replaced: None });
        }
        let id = connection.id().to_owned();
        let (facts, replaced) = match known {
            Some(known) => {
                known.seen = Instant::now();
                let replaced = std::mem::replace(&mut known.facts.connection, id);
                (known.facts.clone(), Some(replaced))
            }
            None => {
                let (tab, user, watching) = (tab.to_owned(), user.to_owned(), BTreeSet::new());
                let facts = TabFacts { tab: tab.clone(), user, connection: id, watching };
                tabs.insert(tab, Tab { facts: facts.clone(), seen: Instant::now() });
                (facts, None)
            }
        };
        Ok(Opened { connection, facts: Some(facts), replaced })
    }

    /// Notes that a tab watches a symbol and returns what it is now. Its connection is to join the group.
    pub(crate) fn watch(&self, tab: &str, symbol: &str) -> Result<TabFacts, Refusal> {
        self.change(tab, |watching| watching.insert(symbol.to_owned()))
    }

    /// Notes that a tab no longer watches a symbol and returns what it is now. Its connection is to leave the group.
    pub(crate) fn unwatch(&self, tab: &str, symbol: &str) -> Result<TabFacts, Refusal> {
        self.change(tab, |watching| watching.remove(symbol))
    }

    fn change(&self, tab: &str, change: impl FnOnce(&mut BTreeSet<String>) -> bool) -> Result<TabFacts, Refusal> {
        let mut tabs = self.tabs.lock();
        let tab = tabs.get_mut(tab).ok_or(Refusal::NoStream)?;
        change(&mut tab.facts.watching);
        Ok(tab.facts.clone())
    }

    /// The connection of a tab.
    pub(crate) fn connection(&self, tab: &str) -> Result<String, Refusal> {
        let tabs = self.tabs.lock();
        let tab = tabs.get(tab).ok_or(Refusal::NoStream)?;
        Ok(tab.facts.connection.clone())
    }

    /// Takes in what another node says of a tab. It was let in there, so it is known here beyond the limit as well.
    pub(crate) fn told(&self, facts: TabFacts) {
        self.tabs.lock().insert(facts.tab.clone(), Tab { facts, seen: Instant::now() });
    }

    /// Forgets a tab.
    pub(crate) fn forget(&self, tab: &str) {
        self.tabs.lock().remove(tab);
    }

    /// The tabs that have been without a stream for long, to be forgotten on all nodes.
    pub(crate) fn overdue(&self, hub: &Hub, now: Instant) -> Vec<String> {
        let mut tabs = self.tabs.lock();
        let overdue = tabs.values_mut().filter_map(|tab| {
            if hub.connection(&tab.facts.connection).is_some() {
                tab.seen = now;
            }
            let is_overdue = now.saturating_duration_since(tab.seen) >= REMEMBERED;
            is_overdue.then(|| tab.facts.tab.clone())
        });
        overdue.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAB: &str = "0123456789abcdef";

    fn open(tabs: &Tabs, hub: &Hub, user: &str) -> Result<Opened, Refusal> {
        tabs.open(hub, ConnectRequest::new().user(user), user, TAB)
    }

    #[test]
    fn a_tab_that_comes_back_is_in_its_groups_again() {
        let (tabs, hub) = (Tabs::default(), Hub::new());
        let first = open(&tabs, &hub, "alice").unwrap();
        assert_eq!(tabs.watch(TAB, "AAPL").unwrap().connection, first.connection.id());
        tabs.watch(TAB, "IBM").unwrap();
        tabs.unwatch(TAB, "IBM").unwrap();

        let second = open(&tabs, &hub, "alice").unwrap();
        assert_eq!(second.replaced.as_deref(), Some(first.connection.id()));
        assert_eq!(hub.connection(second.connection.id()).unwrap().groups, ["AAPL"]);
        assert_eq!(tabs.connection(TAB).unwrap(), second.connection.id());
    }

    #[test]
    fn a_tab_that_comes_to_another_node_is_in_its_groups_again() {
        let (there, here, hub) = (Tabs::default(), Tabs::default(), Hub::new());
        here.told(open(&there, &hub, "alice").unwrap().facts.unwrap());
        here.told(there.watch(TAB, "AAPL").unwrap());

        let opened = open(&here, &hub, "alice").unwrap();
        assert_eq!(hub.connection(opened.connection.id()).unwrap().groups, ["AAPL"]);
        assert_eq!(opened.replaced, there.connection(TAB).ok());
        assert!(matches!(open(&here, &hub, "bob"), Err(Refusal::ForeignTab)));
    }

    #[test]
    fn a_tab_belongs_to_the_user_who_opened_it() {
        let (tabs, hub) = (Tabs::default(), Hub::new());
        let alices = open(&tabs, &hub, "alice").unwrap();
        assert!(matches!(open(&tabs, &hub, "bob"), Err(Refusal::ForeignTab)));
        assert_eq!(tabs.connection(TAB).unwrap(), alices.connection.id());
    }

    #[test]
    fn a_tab_without_a_stream_is_overdue_after_a_while_and_one_with_a_stream_is_not() {
        let (tabs, hub) = (Tabs::default(), Hub::new());
        let opened = open(&tabs, &hub, "alice").unwrap();
        let later = Instant::now() + 2 * REMEMBERED;
        assert!(tabs.overdue(&hub, later).is_empty());

        drop(opened);
        assert!(tabs.overdue(&hub, later + REMEMBERED / 2).is_empty());
        assert_eq!(tabs.overdue(&hub, later + REMEMBERED), [TAB]);
        tabs.forget(TAB);
        assert!(matches!(tabs.connection(TAB), Err(Refusal::NoStream)));
    }
}
