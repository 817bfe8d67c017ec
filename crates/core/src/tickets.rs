//! Tickets: how a page says who it is when it can send no more than a URL.
//!
//! An `EventSource` can set no header, and what is in a URL ends in logs. So the page asks for a ticket with the
//! application's own authentication and opens its stream with that. A ticket is 128 random bits, good for seconds and
//! for once: two that come with it at the same time are told apart under one lock, and whoever finds it in a log later
//! has nothing. Why one lets nobody in is not told, so that nobody can learn which ones there are.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use crate::clock::millis;
use crate::connect::ConnectRequest;
use crate::id::Position;
use crate::identity::{Identity, has_come};
use crate::inner::Inner;
use crate::nodes::ask::MAX_BEHIND;
use crate::nodes::signal::{Say, TicketForm};
use crate::revocations::Revocations;
use crate::sync::Mutex;
use crate::topic::MAX_NAME;

/// How many tickets may be unredeemed at a time: as many as a crowd fetches that comes back in half a minute after a
/// deploy. Full, with names of usual length, they take about 30 MB.
pub const MAX_TICKETS: usize = 100_000;

/// How many of them may be one user's: more than tabs that a browser restores at once, and too few for one login to
/// leave none for others.
pub const MAX_TICKETS_PER_USER: usize = 100;

/// The length of a ticket as text: 128 bits in hexadecimal digits.
const DIGITS: usize = 32;

/// A ticket: what lets one stream in, once, as the identity it was issued for.
///
/// [`Display`](fmt::Display) tells the secret, 32 letters and digits that need no escaping in a URL; `Debug` does not.
/// Give it to the page that asked and to nobody else, in an answer that says `Cache-Control: no-store`. It is known to
/// the hub that issued it alone: to one process, and lost with it, or to all nodes that share a backplane.
///
/// See [`Hub::issue_ticket`](crate::Hub::issue_ticket).
pub struct Ticket(u128);

impl Ticket {
    fn draw() -> Self {
        // From a generator that is made for secrets, and seeded by the system.
        Self(rand::random())
    }

    fn parse(text: &str) -> Option<Self> {
        let is_one = text.len() == DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_one { u128::from_str_radix(text, 16).ok().map(Self) } else { None }
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0DIGITS$x}", self.0)
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(secret)")
    }
}

/// The tickets that were issued and not redeemed. Its lock is a leaf: nothing else is locked meanwhile.
#[derive(Default)]
pub(crate) struct Tickets {
    store: Mutex<Store>,
}

#[derive(Default)]
struct Store {
    claims: HashMap<u128, Claim>,
    /// How many of them each user has.
    of_user: HashMap<Arc<str>, usize>,
    /// Until when they would have been good that were redeemed: of these a node need not wait to hear.
    used: HashMap<u128, u64>,
    /// Who has come with one that this node has not heard of yet. Whoever gives up is taken out within a second.
    waiting: HashMap<u128, oneshot::Sender<()>>,
    revocations: Revocations,
}

/// What somebody gets for a ticket.
struct Claim {
    identity: Identity,
    /// On the hub's clock.
    expires_ms: u64,
}

impl Tickets {
    /// Whether there is room for one more, and for how long it may be good.
    fn admit(&self, identity: &Identity, lifetime: Duration) -> Result<Duration, TicketErrorKind> {
        let left = identity.expires.map(|at| at.duration_since(SystemTime::now()).unwrap_or_default());
        if left.is_some_and(|left| left.is_zero()) {
            return Err(TicketErrorKind::Expired);
        }
        let store = self.store.lock();
        if store.claims.len() >= MAX_TICKETS {
            return Err(TicketErrorKind::Full);
        }
        if let Some(user) = &identity.user {
            // One that came from a ticket itself is worth no more than that was.
            if identity.redeemed.is_some_and(|redeemed| store.revocations.is_newer(user, redeemed)) {
                return Err(TicketErrorKind::Expired);
            }
            if store.of_user.get(user).is_some_and(|tickets| *tickets >= MAX_TICKETS_PER_USER) {
                return Err(TicketErrorKind::TooManyTickets);
            }
        }
        Ok(left.map_or(lifetime, |left| left.min(lifetime)))
    }

    /// Puts one in that was admitted, here or where it was issued.
    fn put(&self, ticket: u128, identity: Identity, expires_ms: u64) {
        let mut store = self.store.lock();
        if let Some(user) = &identity.user {
            *store.of_user.entry(Arc::clone(user)).or_default() += 1;
        }
        let before = store.claims.insert(ticket, Claim { identity, expires_ms });
        before.iter().for_each(|claim| count_out(&mut store.of_user, claim));
        if let Some(waiter) = store.waiting.remove(&ticket) {
            // Whoever waited may have given up.
            let _ = waiter.send(());
        }
    }

    /// Waits until a ticket is known here; false if too many wait already, or somebody else for this one: it is good for one.
    async fn known(&self, ticket: u128) -> bool {
        let issued = {
            let mut store = self.store.lock();
            if store.claims.contains_key(&ticket) || store.used.contains_key(&ticket) {
                return true;
            }
            let is_awaited = store.waiting.get(&ticket).is_some_and(|waiter| !waiter.is_closed());
            if is_awaited || store.waiting.len() >= MAX_TICKETS {
                return false;
            }
            let (waiter, issued) = oneshot::channel();
            store.waiting.insert(ticket, waiter);
            issued
        };
        issued.await.is_ok()
    }

    /// Takes the ticket out, so that nobody else gets anything for it.
    pub(crate) fn redeem(&self, ticket: u128, now_ms: u64) -> Option<Identity> {
        let (claim, revocations) = {
            let mut store = self.store.lock();
            let claim = store.take(ticket)?;
            if store.used.len() < MAX_TICKETS {
                store.used.insert(ticket, claim.expires_ms);
            }
            (claim, store.revocations.last())
        };
        // Also by the wall clock, which may have been set since.
        let is_over = claim.expires_ms <= now_ms || has_come(claim.identity.expires);
        if is_over { None } else { Some(Identity { redeemed: Some(revocations), ..claim.identity }) }
    }

    /// Forgets the tickets of a user, and makes what was redeemed of them worthless.
    pub(crate) fn revoke(&self, user: &str) {
        if user.len() > MAX_NAME {
            return;
        }
        let mut store = self.store.lock();
        store.retain(|claim| claim.identity.user.as_deref() != Some(user));
        store.revocations.add(user);
    }

    /// Forgets all tickets, and makes what was redeemed of them worthless.
    pub(crate) fn forget_all(&self) {
        let mut store = self.store.lock();
        store.retain(|_| false);
        store.revocations.add_all();
    }

    /// Whether a user was revoked since a ticket was redeemed.
    fn is_revoked(&self, user: &str, redeemed: u64) -> bool {
        self.store.lock().revocations.is_newer(user, redeemed)
    }

    /// Forgets what has expired. Called each second.
    pub(crate) fn let_go(&self, now_ms: u64) {
        let mut store = self.store.lock();
        store.retain(|claim| claim.expires_ms > now_ms);
        store.used.retain(|_, expires_ms| *expires_ms > now_ms);
        store.waiting.retain(|_, waiter| !waiter.is_closed());
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.store.lock().claims.len()
    }
}

impl Store {
    fn take(&mut self, ticket: u128) -> Option<Claim> {
        let claim = self.claims.remove(&ticket)?;
        count_out(&mut self.of_user, &claim);
        Some(claim)
    }

    fn retain(&mut self, keep: impl Fn(&Claim) -> bool) {
        let Self { claims, of_user, .. } = self;
        claims.retain(|_, claim| {
            let kept = keep(claim);
            if !kept {
                count_out(of_user, claim);
            }
            kept
        });
        claims.shrink_to(claims.len() * 2);
        of_user.shrink_to(of_user.len() * 2);
    }
}

fn count_out(of_user: &mut HashMap<Arc<str>, usize>, claim: &Claim) {
    let Some(user) = &claim.identity.user else { return };
    if let Some(tickets) = of_user.get_mut(user) {
        *tickets -= 1;
        if *tickets == 0 {
            of_user.remove(user);
        }
    }
}

impl Inner {
    pub(crate) async fn issue_ticket(&self, mut identity: Identity) -> Result<Ticket, TicketError> {
        let refuse = |kind| TicketError { kind, retry_after: self.config.retry_after };
        if identity.user.iter().chain(&identity.groups).any(|name| name.len() > MAX_NAME) {
            return Err(refuse(TicketErrorKind::NameTooLong));
        }
        identity.groups.sort_unstable();
        identity.groups.dedup();
        if identity.groups.len() > self.config.max_groups {
            return Err(refuse(TicketErrorKind::TooManyGroups));
        }
        let lifetime = self.tickets.admit(&identity, self.config.ticket_lifetime).map_err(refuse)?;
        let ticket = Ticket::draw();
        match &self.nodes {
            None => self.tickets.put(ticket.0, identity, self.clock.now_ms().saturating_add(millis(lifetime))),
            Some(nodes) => {
                let form = TicketForm::new(ticket.0, &identity, lifetime);
                let said = self.say(nodes, vec![Say::Ticket(form)]).await;
                said.map_err(|_| refuse(TicketErrorKind::Unavailable))?;
            }
        }
        Ok(ticket)
    }

    /// A node has issued a ticket, at a place of the log.
    pub(crate) fn hear_ticket(&self, at: Position, form: TicketForm) {
        let now_ms = self.clock.now_ms();
        let age_ms = self.clock.unix_ms(now_ms).saturating_sub(at.ms);
        let left_ms = form.lifetime_ms.saturating_sub(age_ms);
        // What several nodes admit at once can exceed the limit by that much.
        if left_ms > 0 && self.tickets.len() < 2 * MAX_TICKETS {
            self.tickets.put(form.ticket, form.into_identity(), now_ms.saturating_add(left_ms));
        }
    }

    /// Whether the user of a request was revoked since the ticket was redeemed that let it in.
    pub(crate) fn is_revoked(&self, request: &ConnectRequest) -> bool {
        let admission = request.user.as_ref().zip(request.redeemed);
        admission.is_some_and(|(user, redeemed)| self.tickets.is_revoked(user, redeemed))
    }

    pub(crate) async fn redeem_ticket(&self, ticket: &str) -> Result<Identity, TicketError> {
        let refuse = |kind| TicketError { kind, retry_after: self.config.retry_after };
        let Ticket(ticket) = Ticket::parse(ticket).ok_or(refuse(TicketErrorKind::Invalid))?;
        let identity = match &self.nodes {
            None => self.tickets.redeem(ticket, self.clock.now_ms()),
            Some(nodes) => {
                // Nobody has the log carry what was never issued; but this node may be a moment behind.
                let known = self.in_time(MAX_BEHIND, self.tickets.known(ticket)).await;
                if known != Some(true) {
                    let is_behind = !self.is_tailing();
                    return Err(refuse(if is_behind {
                        TicketErrorKind::Unavailable
                    } else {
                        TicketErrorKind::Invalid
                    }));
                }
                let redeemed = self.ask_to_redeem(nodes, ticket).await;
                redeemed.ok_or(refuse(TicketErrorKind::Unavailable))?
            }
        };
        identity.ok_or(refuse(TicketErrorKind::Invalid))
    }
}

/// Why a ticket was not issued, or let nobody in.
///
/// As a [`ConnectError`](crate::ConnectError), which `?` makes of it, it says so over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.kind.message())]
pub struct TicketError {
    kind: TicketErrorKind,
    retry_after: Duration,
}

impl TicketError {
    /// What was wrong, for matching.
    pub fn kind(&self) -> TicketErrorKind {
        self.kind
    }

    pub(crate) fn retry_after(&self) -> Duration {
        self.retry_after
    }
}

/// The kinds of [`TicketError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TicketErrorKind {
    /// The ticket was redeemed before, has expired, was revoked, or never was one: 401. Which of them is not told.
    Invalid,
    /// The identity a ticket was asked for has expired or was revoked: 401.
    Expired,
    /// The user's id or a group's name is longer than [`MAX_NAME`] bytes: 400.
    NameTooLong,
    /// More groups than one connection may be in: 400.
    TooManyGroups,
    /// The user has [`MAX_TICKETS_PER_USER`] unredeemed tickets: 429.
    TooManyTickets,
    /// The hub has [`MAX_TICKETS`] unredeemed tickets: 503.
    Full,
    /// The backplane is away, through which nodes agree on tickets: 503. A ticket that was to be redeemed may be used up.
    Unavailable,
}

impl TicketErrorKind {
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Invalid => "this ticket lets nobody in; each is good for one stream and for seconds: get a new one",
            Self::Expired => "the login has expired; log in again",
            Self::NameTooLong => "the id of a user or the name of a group is too long; at most 512 bytes are allowed",
            Self::TooManyGroups => "more groups than one connection may be in (HubBuilder::max_groups_per_connection)",
            Self::TooManyTickets => "this user has as many unused tickets as one user may have; use one first",
            Self::Unavailable => "tickets cannot be issued or redeemed at the moment; try again later",
            Self::Full => "the server has as many unused tickets as it may have; try again later",
        }
    }

    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Invalid | Self::Expired => 401,
            Self::NameTooLong | Self::TooManyGroups => 400,
            Self::TooManyTickets => 429,
            Self::Full | Self::Unavailable => 503,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn who_comes_before_its_ticket_is_known_waits_for_it_alone_and_not_more_than_a_bound_do() {
        let tickets = Tickets::default();
        let mut first = Box::pin(tickets.known(1));
        assert_eq!(first.as_mut().now_or_never(), None);
        assert_eq!(tickets.known(1).now_or_never(), Some(false), "it is good for one");
        tickets.put(1, Identity::user("alice"), 9);
        assert_eq!(first.now_or_never(), Some(true));
        assert_eq!(tickets.known(1).now_or_never(), Some(true));
        for ticket in 0..MAX_TICKETS as u128 {
            assert_eq!(tickets.known(2 + ticket).now_or_never(), None);
        }
        assert_eq!(tickets.known(0).now_or_never(), Some(false), "so many wait");
        tickets.let_go(1);
        assert_eq!(tickets.known(0).now_or_never(), None, "those who gave up are forgotten");
        assert_eq!(tickets.known(0).now_or_never(), None, "and so is who waited for the same");
    }
}
