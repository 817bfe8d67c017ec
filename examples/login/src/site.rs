//! The site: who is logged in, and who may have a stream.
//!
//! A login's identity goes from hand to hand: the token of the login stands for it, then a ticket, and, once that is
//! redeemed, the cookie of the stream. Each is a secret of its own, and wherever it goes the identity has the same end.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cookie::Cookie;
use parking_lot::Mutex;
use serde_json::json;
use ssehub::{BuildError, ConnectError, ConnectRequest, Connection, Event, Hub, Identity};

use crate::forms::{FreshTicket, Login, NewLogin, NewNote};
use crate::grants::{Grant, Grants};
use crate::{Options, Refusal, Visit};

/// How long a browser waits before it reconnects.
const RETRY: Duration = Duration::from_secs(1);

/// For how long a stream that was cut keeps its connection: as long as a phone may be in a tunnel.
const RESUME_WINDOW: Duration = Duration::from_secs(60);

/// Streams that are open, in all and of one user.
const MAX_OPEN: usize = 5_000;
const MAX_OPEN_PER_USER: usize = 20;

/// Logins that hold, in all and of one user, whose oldest is logged out by one more.
pub(crate) const MAX_LOGINS: usize = 1_000;
const MAX_LOGINS_PER_USER: usize = 10;

/// Streams that may come back, in all and of one user. There are more than may be open, because a browser tells nobody
/// that it will not come back.
pub(crate) const MAX_STREAMS: usize = 10_000;
const MAX_STREAMS_PER_USER: usize = 50;

/// The longest body that a request may have, in bytes.
pub const MAX_BODY: usize = 4096;

/// Why the streams of somebody who has logged out are ended: the page looks for it in `hub:closing`.
const LOGGED_OUT: &str = "logged-out";

/// The site. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Site {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    hub: Hub,
    login_lifetime: Duration,
    doors: Mutex<Doors>,
}

/// What lets people in. The hub is never asked for anything while it is locked.
#[derive(Debug)]
struct Doors {
    logins: Grants,
    streams: Grants,
}

impl Doors {
    /// The login that a token stands for.
    fn login(&self, token: &str) -> Result<&Grant, Refusal> {
        let login = self.logins.find(token).filter(|login| !login.revoked);
        login.ok_or_else(|| ConnectError::unauthorized().into())
    }
}

impl Site {
    /// Opens the site.
    ///
    /// # Errors
    ///
    /// The hub's limits are wrong.
    pub fn open(options: &Options) -> Result<Self, BuildError> {
        let hub = Hub::builder()
            .retry(RETRY)
            .resume_window(RESUME_WINDOW)
            .max_lifetime(options.stream_lifetime())
            .max_connections(MAX_OPEN)
            .max_connections_per_user(MAX_OPEN_PER_USER)
            .build()?;
        let logins = Grants::new(MAX_LOGINS, MAX_LOGINS_PER_USER);
        let streams = Grants::new(MAX_STREAMS, MAX_STREAMS_PER_USER);
        let (login_lifetime, doors) = (options.login_lifetime(), Mutex::new(Doors { logins, streams }));
        Ok(Self { inner: Arc::new(Inner { hub, login_lifetime, doors }) })
    }

    /// The hub, for the framework to shut down.
    pub fn hub(&self) -> &Hub {
        &self.inner.hub
    }

    /// Logs somebody in, and believes whatever name is told: this is where a real application asks for a password.
    ///
    /// # Errors
    ///
    /// The name cannot be one, or too many are logged in.
    pub fn log_in(&self, new: &NewLogin) -> Result<Login, Refusal> {
        let Inner { login_lifetime, doors, .. } = &*self.inner;
        let user = new.check()?;
        let identity = Identity::user(user).expires_in(*login_lifetime);
        let token = doors.lock().logins.give(identity).ok_or(Refusal::TooManyLogins)?;
        Ok(Login { user: user.to_owned(), token, expires_in: login_lifetime.as_secs() })
    }

    /// A ticket for one stream, for somebody who is logged in.
    ///
    /// # Errors
    ///
    /// The token is nobody's, or there are too many tickets.
    pub async fn issue_ticket(&self, token: &str) -> Result<FreshTicket, Refusal> {
        let Inner { hub, doors, .. } = &*self.inner;
        let identity = doors.lock().login(token)?.identity.clone();
        let ticket = hub.issue_ticket(identity).await.map_err(ConnectError::from)?;
        // Once more: a logout that came in between is noticed here, and one that comes now makes the ticket worthless.
        doors.lock().login(token)?;
        Ok(FreshTicket { ticket: ticket.to_string() })
    }

    /// Opens a stream for who comes with a ticket, or again for who comes with the cookie that the first answer has set.
    ///
    /// A browser that reconnects on its own brings the ticket it was opened with, which is used up, and the cookie.
    /// Somebody who has found its URL in a log has no cookie.
    ///
    /// # Errors
    ///
    /// Neither the ticket nor the cookie lets anybody in, the user has logged out, or the hub takes no more streams.
    pub async fn connect(
        &self,
        request: ConnectRequest,
        visit: &Visit,
        cookie: Option<&str>,
    ) -> Result<Opened, Refusal> {
        let Inner { hub, doors, .. } = &*self.inner;
        let request = request.session(visit.session()?);
        let Ok(identity) = hub.redeem_ticket(&visit.ticket).await else {
            let stream = cookie.and_then(|secret| doors.lock().streams.find(secret).cloned());
            return match stream {
                None => Err(ConnectError::unauthorized().into()),
                // With this answer, and no other, a browser is to stop trying.
                Some(Grant { revoked: true, .. }) => Err(ConnectError::stop().into()),
                Some(Grant { identity, .. }) => {
                    Ok(Opened { connection: hub.connect(request.identity(identity))?, cookie: None })
                }
            };
        };
        let connection = hub.connect(request.identity(identity.clone()))?;
        if connection.is_over() {
            // The answer to a `HEAD`: there is no stream that could come back.
            return Ok(Opened { connection, cookie: None });
        }
        // The identity is kept as it was redeemed. Should its user have logged out just now, the hub knows that it is
        // older than that, and opens nothing for it.
        let rest = identity.expires().and_then(|end| end.duration_since(SystemTime::now()).ok()).unwrap_or_default();
        let secret = doors.lock().streams.give(identity).ok_or(Refusal::TooManyStreams)?;
        Ok(Opened { connection, cookie: Some(visit.cookie(secret, rest)) })
    }

    /// Shows a note in all tabs of its user.
    ///
    /// # Errors
    ///
    /// The token is nobody's, or the note is empty or too long.
    pub async fn write(&self, token: &str, new: &NewNote) -> Result<(), Refusal> {
        let Inner { hub, doors, .. } = &*self.inner;
        let text = new.check()?;
        let user = doors.lock().login(token)?.user().to_owned();
        hub.send_to_user(user, Event::json("note", &json!({ "text": text }))?).await?;
        Ok(())
    }

    /// Logs a user out, everywhere: no token of theirs is good any more, no ticket, and no cookie. Their streams end.
    ///
    /// # Errors
    ///
    /// The token is nobody's.
    pub async fn log_out(&self, token: &str) -> Result<(), Refusal> {
        let Inner { hub, doors, .. } = &*self.inner;
        let user = {
            let mut doors = doors.lock();
            let user = doors.login(token)?.user().to_owned();
            doors.logins.revoke(&user);
            doors.streams.revoke(&user);
            user
        };
        // Nobody gets a ticket any more, so that what the hub forgets here is all that there are.
        hub.revoke_user(&user, LOGGED_OUT).await?;
        Ok(())
    }
}

/// What comes of opening a stream.
pub struct Opened {
    /// The stream.
    pub connection: Connection,
    /// What the answer is to set, if it is the stream's first.
    pub cookie: Option<Cookie<'static>>,
}

/// Without the cookie's value.
impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("connection", &self.connection).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::{hint, thread};

    use clap::Parser;
    use futures::StreamExt;
    use tokio::time::timeout;

    use super::*;

    const SESSION: &str = "0123456789abcdefABCDEF";

    /// How long a stream that is over may take to end.
    const DEADLINE: Duration = Duration::from_secs(20);

    fn site() -> Site {
        Site::open(&Options::try_parse_from(["login"]).unwrap()).unwrap()
    }

    fn log_in(site: &Site, user: &str) -> String {
        let new: NewLogin = serde_json::from_value(json!({ "user": user })).unwrap();
        site.log_in(&new).unwrap().token
    }

    /// A visit with a fresh ticket.
    async fn visit(site: &Site, token: &str) -> Visit {
        Visit { ticket: site.issue_ticket(token).await.unwrap().ticket, session: SESSION.to_owned() }
    }

    async fn connect(site: &Site, visit: &Visit, cookie: Option<&str>) -> Result<Opened, Refusal> {
        site.connect(ConnectRequest::new(), visit, cookie).await
    }

    /// The status of an answer.
    fn status<T>(answer: Result<T, Refusal>) -> u16 {
        answer.map_or_else(|refusal| refusal.status(), |_| 200)
    }

    /// The first stream of a visit, and the value of the cookie that came with it.
    async fn open(site: &Site, visit: &Visit) -> (Connection, String) {
        let opened = connect(site, visit, None).await.unwrap();
        (opened.connection, opened.cookie.unwrap().value().to_owned())
    }

    async fn ends(mut connection: Connection) -> String {
        let mut text = Vec::new();
        let end = async {
            while let Some(bytes) = connection.next().await {
                text.extend_from_slice(&bytes);
            }
        };
        timeout(DEADLINE, end).await.expect("the stream did not end");
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn a_ticket_opens_one_stream_and_its_cookie_opens_it_again() {
        let site = site();
        let visit = visit(&site, &log_in(&site, "alice")).await;
        let (first, cookie) = open(&site, &visit).await;
        assert_eq!(status(connect(&site, &visit, None).await), 401);
        assert_eq!(status(connect(&site, &visit, Some("0123456789abcdefABCDEF")).await), 401);

        let again = connect(&site, &visit, Some(&cookie)).await.unwrap();
        assert!(again.cookie.is_none());
        assert_eq!(again.connection.id(), first.id());
        assert_eq!(site.hub().connections_of("alice"), 1);
    }

    #[tokio::test]
    async fn a_ticket_wins_over_a_cookie() {
        let site = site();
        let (_alices, cookie) = open(&site, &visit(&site, &log_in(&site, "alice")).await).await;
        let bobs = connect(&site, &visit(&site, &log_in(&site, "bob")).await, Some(&cookie)).await.unwrap();
        assert!(bobs.cookie.is_some());
        assert_eq!(site.hub().connection(bobs.connection.id()).unwrap().user.as_deref(), Some("bob"));
    }

    #[tokio::test]
    async fn a_logout_ends_everything_of_its_user_and_nothing_else() {
        let site = site();
        let (alice, elsewhere, bob) = (log_in(&site, "alice"), log_in(&site, "alice"), log_in(&site, "bob"));
        let (used, unused) = (visit(&site, &alice).await, visit(&site, &elsewhere).await);
        let (stream, cookie) = open(&site, &used).await;
        let (bobs, _) = open(&site, &visit(&site, &bob).await).await;

        site.log_out(&alice).await.unwrap();
        let last = ends(stream).await;
        assert!(last.ends_with("event: hub:closing\ndata: {\"reason\":\"logged-out\"}\n\n"), "{last}");
        assert_eq!(status(connect(&site, &used, Some(&cookie)).await), 204);
        assert_eq!(status(connect(&site, &unused, None).await), 401);
        for token in [&alice, &elsewhere] {
            assert_eq!(status(site.issue_ticket(token).await), 401);
            assert_eq!(status(site.log_out(token).await), 401);
        }

        assert!(!bobs.is_over() && site.hub().is_online("bob"));
        assert_eq!(status(site.issue_ticket(&bob).await), 200);
        let again = visit(&site, &log_in(&site, "alice")).await;
        assert_eq!(status(connect(&site, &again, None).await), 200);
        assert_eq!(status(connect(&site, &used, Some(&cookie)).await), 204, "the old stream stays over");
    }

    /// What a page does until it is stopped: it comes with a ticket, and comes back with the cookie. Returns its
    /// streams, and what it has to come back with.
    async fn come_and_come_back(site: &Site, token: &str) -> (Vec<Connection>, Option<(Visit, Option<String>)>) {
        let Ok(fresh) = site.issue_ticket(token).await else { return (Vec::new(), None) };
        let visit = Visit { ticket: fresh.ticket, session: SESSION.to_owned() };
        let Ok(first) = connect(site, &visit, None).await else { return (Vec::new(), Some((visit, None))) };
        let mut streams = vec![first.connection];
        let cookie = first.cookie.map(|cookie| cookie.value().to_owned());
        while streams.len() < 4 {
            let Ok(again) = connect(site, &visit, cookie.as_deref()).await else { break };
            streams.push(again.connection);
        }
        (streams, Some((visit, cookie)))
    }

    #[test]
    fn wherever_a_logout_meets_a_page_its_streams_end_and_nothing_lets_it_in() {
        let (site, runtime) = (site(), tokio::runtime::Runtime::new().unwrap());
        for round in 0..500 {
            let user = format!("user-{round}");
            let token = log_in(&site, &user);
            let start = Barrier::new(2);
            let (streams, left) = thread::scope(|threads| {
                let page = threads.spawn(|| {
                    start.wait();
                    runtime.block_on(come_and_come_back(&site, &token))
                });
                start.wait();
                // The page takes some tens of microseconds: meet it anywhere on its way.
                (0..rand::random_range(0..10_000)).for_each(|_| hint::spin_loop());
                runtime.block_on(site.log_out(&token)).unwrap();
                page.join().unwrap()
            });
            runtime.block_on(async {
                for stream in streams {
                    ends(stream).await;
                }
                if let Some((visit, cookie)) = left {
                    let again = status(connect(&site, &visit, cookie.as_deref()).await);
                    assert!(matches!(again, 204 | 401), "round {round}: let in with {again}");
                }
            });
            assert!(!site.hub().is_online(&user), "round {round}: there is a stream after the logout");
        }
    }
}
