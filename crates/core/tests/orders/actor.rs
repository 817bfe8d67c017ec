//! An actor: its clients, and how it does what was drawn for it.

use rand::RngExt as _;
use rand::rngs::StdRng;
use ssehub::{ConnectErrorKind, ConnectRequest, Identity};

use crate::act::{Act, Opening};
use crate::journal::To;
use crate::span::Stream;
use crate::support::now;
use crate::world::{World, user_name};
use crate::{CLIENTS, USERS};

/// How many sessions are named by somebody. So several clients, also of different users, name the same.
const SESSIONS: usize = 2;

pub(crate) struct Actor {
    pub(crate) clients: Vec<Client>,
}

/// A page in a browser.
pub(crate) struct Client {
    /// Its number among all clients.
    number: usize,
    user: Option<u8>,
    session: Option<usize>,
    pub(crate) stream: Option<Stream>,
    /// The last id it was told.
    held: String,
}

/// What has come of an act, in this order, for who wants to know what must be there now.
pub(crate) enum News {
    Opened {
        stream: usize,
        id: String,
        user: Option<u8>,
        session: Option<usize>,
        groups: Vec<u8>,
    },
    Refused {
        kind: ConnectErrorKind,
        user: Option<u8>,
        session: Option<usize>,
    },
    /// There was nothing more to read.
    Read {
        stream: usize,
        id: String,
        over: bool,
    },
    Dropped {
        stream: usize,
        id: String,
    },
    /// Somebody joined or left a group; or there is no such connection.
    Changed {
        who: To,
        group: u8,
        joins: bool,
        known: bool,
    },
    /// So many streams were ended.
    Ended {
        whom: To,
        count: usize,
    },
    ShutDown,
}

impl Actor {
    pub(crate) fn draw(rng: &mut StdRng, number: usize) -> Self {
        let client = |own: usize| Client {
            number: number * CLIENTS + own,
            user: rng.random_ratio(4, 5).then(|| rng.random_range(0..USERS)),
            session: rng.random_ratio(2, 3).then(|| rng.random_range(0..SESSIONS)),
            stream: None,
            held: String::new(),
        };
        Self { clients: (0..CLIENTS).map(client).collect() }
    }

    pub(crate) fn act(&mut self, world: &World, act: Act) -> Vec<News> {
        match act {
            Act::Open { own, opening } => self.clients[own].open(world, &opening),
            Act::Abandon { own } => self.clients[own].abandon(world),
            Act::Read { own, writes } => self.clients[own].read(world, writes),
            Act::Cut { own, later } => self.clients[own].cut(world, later),
            Act::Bury { reads } => bury(world, reads),
            Act::Send { to } => {
                if let Some(to) = world.find(to) {
                    world.send(to);
                }
                Vec::new()
            }
            Act::Join { client, group } => change(world, world.connection(client).map(To::Connection), group, true),
            Act::Leave { client, group } => change(world, world.connection(client).map(To::Connection), group, false),
            Act::JoinUser { user, group } => change(world, Some(To::User(user)), group, true),
            Act::LeaveUser { user, group } => change(world, Some(To::User(user)), group, false),
            Act::Disconnect { whom } => {
                let ended = |whom: To| News::Ended { count: world.end(&whom), whom };
                world.find(whom).map(ended).into_iter().collect()
            }
            Act::Revoke { user } => vec![News::Ended { count: world.revoke(user), whom: To::User(user) }],
            Act::Issue { user } => {
                world.tickets.issue(&world.hub, user);
                Vec::new()
            }
            Act::Redeem { newest } => redeem(world, newest),
            Act::Pause { time } => {
                world.settings.pause(time);
                Vec::new()
            }
            Act::ShutDown => world.shut_down().then_some(News::ShutDown).into_iter().collect(),
        }
    }
}

impl Client {
    pub(crate) fn open(&mut self, world: &World, opening: &Opening) -> Vec<News> {
        let mut news = Vec::new();
        if let Some(stream) = self.stream.take() {
            if opening.early {
                world.left_behind.lock().push(stream);
            } else {
                news.push(dropped(world, stream));
            }
        }
        let Some(request) = self.request(world, opening) else { return news };
        let (user, session) = (self.user, self.session.filter(|_| world.settings.has_sessions()));
        match world.open(request, user, &opening.groups, session.is_some()) {
            Ok(stream) => {
                world.set_connection(self.number, stream.connection());
                news.push(opened(&stream, user, session, &opening.groups));
                self.stream = Some(stream);
            }
            Err(error) => {
                assert!(world.settings.may_refuse(error.kind()), "refused: {error}");
                news.push(News::Refused { kind: error.kind(), user, session });
            }
        }
        news
    }

    /// What it asks for; none if a ticket that it was issued was taken back at once.
    fn request(&self, world: &World, opening: &Opening) -> Option<ConnectRequest> {
        let identity = self.user.map_or_else(Identity::anonymous, |user| Identity::user(user_name(user)));
        let identity = match opening.expires.filter(|_| world.settings.identities_expire) {
            Some(time) => identity.expires_in(time),
            None => identity,
        };
        let identity = if opening.by_ticket {
            let ticket = now(world.hub.issue_ticket(identity));
            assert!(ticket.is_ok() || world.settings.identities_expire, "no ticket is issued: {ticket:?}");
            now(world.hub.redeem_ticket(&ticket.ok()?.to_string())).ok()?
        } else {
            identity
        };
        let request = ConnectRequest::new().identity(identity);
        let request = match self.session {
            Some(session) => request.session(format!("the session with number {session}").replace(' ', "-")),
            None => request,
        };
        Some(if opening.resumes { request.last_event_id(&self.held) } else { request })
    }

    /// Gone before it was let in: nothing has come of it.
    fn abandon(&self, world: &World) -> Vec<News> {
        let opening = Opening { by_ticket: true, ..Opening::back() };
        drop(self.request(world, &opening));
        Vec::new()
    }

    fn read(&mut self, world: &World, writes: usize) -> Vec<News> {
        let head = world.mark();
        let Some(stream) = &mut self.stream else { return Vec::new() };
        let is_all = stream.read(writes, head);
        let news = read(stream);
        self.hold();
        if let Some(over) = self.stream.take_if(|stream| stream.is_over()) {
            world.spans.lock().push(over.cut());
        }
        if is_all { vec![news] } else { Vec::new() }
    }

    fn cut(&mut self, world: &World, later: bool) -> Vec<News> {
        match self.stream.take() {
            None => Vec::new(),
            Some(stream) if later => {
                world.left_behind.lock().push(stream);
                Vec::new()
            }
            Some(stream) => vec![dropped(world, stream)],
        }
    }

    /// Reads until an event has come, or the stream is over.
    pub(crate) fn read_up_to(&mut self, event: usize) {
        self.stream.iter_mut().for_each(|stream| stream.read_up_to(event));
        self.hold();
    }

    /// Remembers what it would come back with.
    fn hold(&mut self) {
        if let Some(told) = self.stream.as_ref().map(Stream::last_event_id).filter(|told| !told.is_empty()) {
            told.clone_into(&mut self.held);
        }
    }
}

fn opened(stream: &Stream, user: Option<u8>, session: Option<usize>, groups: &[u8]) -> News {
    News::Opened { stream: stream.number, id: stream.connection().to_owned(), user, session, groups: groups.to_vec() }
}

fn read(stream: &Stream) -> News {
    News::Read { stream: stream.number, id: stream.connection().to_owned(), over: stream.is_over() }
}

/// Drops a stream here and now.
fn dropped(world: &World, stream: Stream) -> News {
    let news = News::Dropped { stream: stream.number, id: stream.connection().to_owned() };
    let span = stream.cut();
    world.spans.lock().push(span);
    news
}

/// Drops a stream that was left behind by any client, perhaps after another read.
fn bury(world: &World, reads: bool) -> Vec<News> {
    let head = world.mark();
    let Some(mut stream) = world.left_behind.lock().pop() else { return Vec::new() };
    let mut news = Vec::new();
    if reads {
        stream.read(usize::MAX, head);
        news.push(read(&stream));
    }
    news.push(dropped(world, stream));
    news
}

fn change(world: &World, who: Option<To>, group: u8, joins: bool) -> Vec<News> {
    let Some(who) = who else { return Vec::new() };
    let known = world.change(who.clone(), group, joins);
    vec![News::Changed { who, group, joins, known }]
}

fn redeem(world: &World, newest: usize) -> Vec<News> {
    let Some((user, identity)) = world.tickets.redeem(&world.hub, newest) else { return Vec::new() };
    match world.open(ConnectRequest::new().identity(identity), Some(user), &[], false) {
        Ok(stream) => {
            let news = opened(&stream, Some(user), None, &[]);
            world.left_behind.lock().push(stream);
            vec![news]
        }
        Err(error) => {
            assert!(world.settings.may_refuse(error.kind()), "refused: {error}");
            vec![News::Refused { kind: error.kind(), user: Some(user), session: None }]
        }
    }
}
