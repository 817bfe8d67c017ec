//! What the hub of a run is set up with.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use ssehub::{ConnectErrorKind, History, Hub, HubBuilder};

/// For how long a session outlives its transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    /// There are no sessions.
    None,
    /// It is over while the run goes on, or is not.
    Short(Duration),
    /// It outlasts the run.
    Long,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) window: Window,
    pub(crate) max_parked: usize,
    pub(crate) max_connections: usize,
    pub(crate) max_connections_per_user: usize,
    history: History,
    /// Whether a stream may have to be told a gap.
    pub(crate) forgets: bool,
    /// Whether the actors act at once, and things happen as time goes by. Where they take turns, a model has to know when.
    timed: bool,
    keep_alive: Option<Duration>,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) stall: Option<Duration>,
    pub(crate) identities_expire: bool,
}

impl Settings {
    pub(crate) fn draw(rng: &mut StdRng, timed: bool) -> Self {
        let window = match rng.random_range(0..10) {
            0..4 => Window::None,
            4..8 => Window::Long,
            _ => Window::Short(Duration::from_millis(rng.random_range(1..10))),
        };
        let (history, forgets) = match rng.random_range(0..8) {
            0 => (History::none(), true),
            1 => (History::default().events(rng.random_range(1..12)), true),
            _ => (History::default(), false),
        };
        // Whether a place is free depends on when a window is over.
        let limited = timed || !matches!(window, Window::Short(_));
        let few = |rng: &mut StdRng, one_in: u32, few: usize| {
            if limited && rng.random_ratio(1, one_in) { rng.random_range(1..=few) } else { usize::MAX }
        };
        let millis = |rng: &mut StdRng, one_in: u32, least: u64, most: u64| {
            let drawn = timed && rng.random_ratio(1, one_in);
            drawn.then(|| Duration::from_millis(rng.random_range(least..=most)))
        };
        Self {
            window,
            max_parked: if rng.random_ratio(1, 4) { rng.random_range(0..3) } else { 1000 },
            max_connections: few(rng, 5, 4),
            max_connections_per_user: few(rng, 5, 2),
            history,
            forgets,
            timed,
            keep_alive: millis(rng, 2, 10, 20),
            lifetime: millis(rng, 8, 10, 20),
            stall: millis(rng, 6, 10, 10),
            identities_expire: timed && rng.random_ratio(1, 4),
        }
    }

    pub(crate) fn builder(&self) -> HubBuilder {
        let mut hub = Hub::builder()
            .history(self.history.clone())
            .keep_alive(self.keep_alive.unwrap_or(Duration::from_secs(3600)))
            .stall_timeout(self.stall.unwrap_or(Duration::from_secs(3600)))
            .max_parked(self.max_parked)
            .resume_window(match self.window {
                Window::None => Duration::ZERO,
                Window::Short(time) => time,
                Window::Long => Duration::from_secs(3600),
            });
        if self.max_connections < usize::MAX {
            hub = hub.max_connections(self.max_connections);
        }
        if self.max_connections_per_user < usize::MAX {
            hub = hub.max_connections_per_user(self.max_connections_per_user);
        }
        match self.lifetime {
            Some(time) => hub.max_lifetime(time),
            None => hub,
        }
    }

    /// Lets so much time go by, if there is anything that waits for it.
    pub(crate) fn pause(&self, time: Duration) {
        let waits = self.lifetime.is_some() || self.stall.is_some() || self.identities_expire;
        match self.window {
            _ if waits => std::thread::sleep(time),
            Window::Short(window) => std::thread::sleep(window),
            Window::None | Window::Long => {}
        }
    }

    pub(crate) fn has_sessions(&self) -> bool {
        self.window != Window::None
    }

    /// Whether a request may be refused for this reason.
    pub(crate) fn may_refuse(&self, kind: ConnectErrorKind) -> bool {
        match kind {
            ConnectErrorKind::ShuttingDown => true,
            ConnectErrorKind::Full => self.max_connections < usize::MAX,
            ConnectErrorKind::TooManyConnections => self.max_connections_per_user < usize::MAX,
            // Or its user was revoked between ticket and stream.
            ConnectErrorKind::Expired => self.timed,
            _ => false,
        }
    }
}
