//! Which symbols each tab watches, so that a tab that comes back is in its groups again.
//!
//! An `EventSource` reconnects on its own, to the same URL and with nothing but its last id. What was watched must
//! therefore be remembered here, under an id that the page draws at random and puts in its URL. With the groups in
//! the request, the replay after that id has their events too.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use ssehub::{ConnectRequest, Connection, Hub};

use crate::Refusal;

/// How many tabs are remembered.
pub(crate) const MAX_TABS: usize = 10_000;

/// How long a tab without a stream is remembered: longer than the hub's history, so that a tab forgotten here is
/// told of a gap anyway.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);

/// How often forgotten tabs are taken out.
const SWEEP: Duration = Duration::from_secs(30);

/// The tabs. Its lock is taken before any of the hub's.
#[derive(Debug, Default)]
pub(crate) struct Tabs {
    tabs: Mutex<HashMap<String, Tab>>,
}

#[derive(Debug)]
struct Tab {
    user: String,
    connection: String,
    watching: BTreeSet<&'static str>,
    seen: Instant,
}

/// What comes of opening a tab's stream.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    pub(crate) watching: Vec<&'static str>,
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
            Some(known) if known.user != user => return Err(Refusal::ForeignTab),
            None if full => return Err(Refusal::TooManyTabs),
            _ => {}
        }
        let watching: Vec<_> = known.iter().flat_map(|tab| &tab.watching).copied().collect();
        let connection = hub.connect(request.groups(&watching))?;
        if connection.is_over() {
            // The answer to a `HEAD`: there is no stream to remember.
            return Ok(Opened { connection, watching, replaced: None });
        }
        let id = connection.id().to_owned();
        let replaced = match known {
            Some(known) => {
                known.seen = Instant::now();
                Some(std::mem::replace(&mut known.connection, id))
            }
            None => {
                let (user, watching) = (user.to_owned(), BTreeSet::new());
                let new = Tab { user, connection: id, watching, seen: Instant::now() };
                tabs.insert(tab.to_owned(), new);
                None
            }
        };
        Ok(Opened { connection, watching, replaced })
    }

    /// Notes that a tab watches a symbol and returns the connection that is to join the group.
    pub(crate) fn watch(&self, tab: &str, symbol: &'static str) -> Result<String, Refusal> {
        let mut tabs = self.tabs.lock();
        let tab = tabs.get_mut(tab).ok_or(Refusal::NoStream)?;
        tab.watching.insert(symbol);
        Ok(tab.connection.clone())
    }

    /// Notes that a tab no longer watches a symbol and returns the connection that is to leave the group.
    pub(crate) fn unwatch(&self, tab: &str, symbol: &str) -> Result<String, Refusal> {
        let mut tabs = self.tabs.lock();
        let tab = tabs.get_mut(tab).ok_or(Refusal::NoStream)?;
        tab.watching.remove(symbol);
        Ok(tab.connection.clone())
    }

    /// The connection of a tab.
    pub(crate) fn connection(&self, tab: &str) -> Result<String, Refusal> {
        let tabs = self.tabs.lock();
        let tab = tabs.get(tab).ok_or(Refusal::NoStream)?;
        Ok(tab.connection.clone())
    }

    /// Forgets tabs that have been without a stream for long, for ever.
    pub(crate) async fn sweep(&self, hub: &Hub) -> Infallible {
        loop {
            tokio::time::sleep(SWEEP).await;
            self.forget(hub, Instant::now());
        }
    }

    fn forget(&self, hub: &Hub, now: Instant) {
        self.tabs.lock().retain(|_, tab| {
            if hub.connection(&tab.connection).is_some() {
                tab.seen = now;
            }
            now.saturating_duration_since(tab.seen) < REMEMBERED
        });
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
        assert_eq!(tabs.watch(TAB, "AAPL").unwrap(), first.connection.id());
        tabs.watch(TAB, "IBM").unwrap();
        tabs.unwatch(TAB, "IBM").unwrap();

        let second = open(&tabs, &hub, "alice").unwrap();
        assert_eq!(second.watching, ["AAPL"]);
        assert_eq!(second.replaced.as_deref(), Some(first.connection.id()));
        assert_eq!(hub.connection(second.connection.id()).unwrap().groups, ["AAPL"]);
        assert_eq!(tabs.connection(TAB).unwrap(), second.connection.id());
    }

    #[test]
    fn a_tab_belongs_to_the_user_who_opened_it() {
        let (tabs, hub) = (Tabs::default(), Hub::new());
        let alices = open(&tabs, &hub, "alice").unwrap();
        assert!(matches!(open(&tabs, &hub, "bob"), Err(Refusal::ForeignTab)));
        assert_eq!(tabs.connection(TAB).unwrap(), alices.connection.id());
    }

    #[test]
    fn a_tab_without_a_stream_is_forgotten_after_a_while_and_one_with_a_stream_is_not() {
        let (tabs, hub) = (Tabs::default(), Hub::new());
        let opened = open(&tabs, &hub, "alice").unwrap();
        let later = Instant::now() + 2 * REMEMBERED;
        tabs.forget(&hub, later);
        assert!(tabs.connection(TAB).is_ok());

        drop(opened);
        tabs.forget(&hub, later + REMEMBERED / 2);
        assert!(tabs.connection(TAB).is_ok());
        tabs.forget(&hub, later + REMEMBERED);
        assert!(matches!(tabs.connection(TAB), Err(Refusal::NoStream)));
    }
}
