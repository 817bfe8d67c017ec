//! One reader: its stream, what it holds, and the check of each event that comes.
//!
//! It behaves as a page does that names a session: it comes back with its last id, and expects to be who it was. What
//! it does to its stream meanwhile is in [`acts`](super::acts).

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use ssehub_conformance::{
    client::Stream,
    http1::{Ending, Request, Response},
    playground::{Pair, events, query},
    sse::{Block, Position},
    wait::PATIENCE,
};
use tokio::{
    sync::{OwnedRwLockReadGuard, RwLock, Semaphore},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    options::Plan,
    tally::{Fault, Presence, Tally, now},
    track::{Flaw, Kind, Track},
    world::{World, follows_feed, room_name, user_of, watches_prices},
};
use crate::api;

/// So many requests are under way at a time.
const DOORS: usize = 64;

/// A reader that was refused or cut begins anew after that long.
const AFTER_A_FAULT: Duration = Duration::from_secs(1);

/// The receive buffer of who follows the feed: a reader that stops reading is felt at once.
const SMALL_BUFFER: u32 = 4096;

/// What all readers and publishers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) address: SocketAddr,
    pub(crate) plan: Plan,
    pub(crate) world: World,
    pub(crate) tally: Tally,
    /// Read by whoever is just changing what the server's gauges show; written by whoever compares them.
    pub(crate) acting: Arc<RwLock<()>>,
    /// Publishers are to stop.
    pub(crate) quiet: CancellationToken,
    /// Readers are to see that they have everything, and leave.
    pub(crate) settle: CancellationToken,
    doors: Semaphore,
}

impl Shared {
    pub(crate) fn new(address: SocketAddr, plan: Plan, world: World) -> Result<Self> {
        Ok(Self {
            address,
            plan,
            world,
            tally: Tally::new()?,
            acting: Arc::default(),
            quiet: CancellationToken::new(),
            settle: CancellationToken::new(),
            doors: Semaphore::new(DOORS),
        })
    }

    /// A request to the server's API.
    pub(super) async fn call(&self, request: Request, status: u16) -> Result<Response> {
        let _door = self.doors.acquire().await?;
        api::call(self.address, request, status).await
    }

    /// Waits for so long, or until everybody is to settle.
    pub(super) async fn pause(&self, time: Duration) {
        tokio::select! {
            () = self.settle.cancelled() => {}
            () = sleep(time) => {}
        }
    }
}

/// Who a reader has to be when it comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// The connection that it was.
    Same,
    /// Another one: its session is over.
    Other,
    /// Either: its session is over, or is just ending.
    Either,
}

/// What may end a stream without being a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Excuse {
    None,
    /// The server has said that it ends it.
    Closing,
    /// The reader did not read.
    Stalled,
}

/// One reader.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(super) shared: Arc<Shared>,
    pub(super) number: usize,
    pub(super) random: StdRng,
    presence: Presence,
    session: String,
    pub(super) stream: Option<Stream>,
    pub(super) connection: String,
    /// The last id, as a browser holds it.
    held: String,
    place: (u64, u64),
    pub(super) tracks: BTreeMap<usize, Track>,
    /// Rooms that it has joined beside its own.
    pub(super) joined: Vec<usize>,
    /// Streams so far.
    pub(super) streams: u64,
    fences: u64,
    fence: Option<String>,
    /// Events made since then have found it reading.
    pub(super) reading_since: u64,
    excuse: Excuse,
    /// Whether it was away for longer than is retained.
    pub(super) may_miss: bool,
    acting: Option<OwnedRwLockReadGuard<()>>,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>, number: usize) -> Self {
        let random = StdRng::seed_from_u64(shared.plan.seed.rotate_left(32) ^ number as u64);
        Self {
            shared,
            number,
            random,
            presence: Presence::Nowhere,
            session: String::new(),
            stream: None,
            connection: String::new(),
            held: String::new(),
            place: (0, 0),
            tracks: BTreeMap::new(),
            joined: Vec::new(),
            streams: 0,
            fences: 0,
            fence: None,
            reading_since: u64::MAX,
            excuse: Excuse::None,
            may_miss: false,
            acting: None,
        }
    }

    /// Reads and acts until everybody is to settle; begins anew after a fault.
    pub(crate) async fn run(mut self) {
        while let Err(error) = self.live().await {
            self.fault(Fault::Answer, 1, || format!("{error:#}"));
            self.stream = None;
            self.moves(Presence::Abandoned);
            self.done();
            if self.shared.settle.is_cancelled() {
                return;
            }
            sleep(AFTER_A_FAULT).await;
        }
    }

    async fn live(&mut self) -> Result<()> {
        self.begin().await?;
        let plan = self.shared.plan.clone();
        loop {
            let pause = plan.acts_every.mul_f64(self.random.random_range(0.2..1.8));
            if self.read(Instant::now() + pause).await? {
                return self.settle().await;
            }
            self.act().await?;
            self.done();
        }
    }

    /// Opens the first stream of a session.
    pub(super) async fn begin(&mut self) -> Result<()> {
        self.acts().await;
        self.session = format!("{:032x}", self.random.random::<u128>());
        self.held.clear();
        self.place = (0, 0);
        self.tracks.clear();
        self.joined.clear();
        let mut sent = Vec::new();
        for number in self.shared.world.sequences_of(self.number) {
            let sequence = self.shared.world.sequence(number).context("there is no such sequence")?;
            sent.push((number, sequence.kind, sequence.sent()));
        }
        self.connection = self.open().await?;
        for (number, kind, sent) in sent {
            self.tracks.insert(number, Track::new(kind, sent, self.begun(number)));
        }
        self.moves(Presence::Open);
        self.done();
        Ok(())
    }

    /// Opens the next stream of the session, where the last one ended.
    pub(super) async fn resume(&mut self, expected: Expected) -> Result<()> {
        // Who is cut before the end of the snapshot that it began with holds no id, and begins at the head again.
        let blind = self.held.is_empty();
        let connection = self.open().await?;
        if blind {
            self.may_jump();
        }
        let same = connection == self.connection;
        match expected {
            Expected::Same if !same => self.fault(Fault::Session, 1, || "came back as somebody else".to_owned()),
            Expected::Other if same => self.fault(Fault::Session, 1, || "a session outlived its end".to_owned()),
            _ => {}
        }
        if !same {
            for room in std::mem::take(&mut self.joined) {
                self.forget_room(room);
            }
        }
        self.connection = connection;
        self.moves(Presence::Open);
        Ok(())
    }

    /// Opens a stream, reads its first block and tells its connection.
    async fn open(&mut self) -> Result<String> {
        let shared = Arc::clone(&self.shared);
        let _door = shared.doors.acquire().await?;
        self.excuse = Excuse::None;
        let opened = Stream::try_open(shared.address, &self.request()).await.context("a stream could not be opened")?;
        let mut stream = match opened {
            Ok(stream) => stream,
            Err(refusal) => bail!("a stream was refused with {}", refusal.head.status),
        };
        stream.forget_bytes();
        let first = timeout(PATIENCE, stream.next()).await.context("the first block of a stream did not come")?;
        let first = first.map_err(|ending| anyhow!("a stream ended before its first block: {ending:?}"))?;
        ensure!(first.name() == "hub:connected", "a stream opens with {first:?}");
        let data: Value = serde_json::from_str(first.text()).context("hub:connected carries no JSON")?;
        let connection = data.get("connection").and_then(Value::as_str).context("hub:connected tells no connection")?;
        self.hold(&first);
        self.stream = Some(stream);
        self.streams += 1;
        self.reading_since = now();
        Ok(connection.to_owned())
    }

    fn request(&self) -> Request {
        let (user, room) = (user_of(self.number).to_string(), room_name(self.shared.world.room_of(self.number)));
        let mut pairs: Vec<Pair<'_>> = vec![("user", &user), ("group", &room), ("session", &self.session)];
        if follows_feed(self.number) {
            pairs.push(("group", "feed"));
        }
        if watches_prices(self.number) {
            pairs.extend([("group", "prices"), ("snapshot", "true")]);
        }
        let mut request = events(&pairs);
        if follows_feed(self.number) {
            request = request.receive_buffer(SMALL_BUFFER);
        }
        if self.held.is_empty() { request } else { request.header("last-event-id", self.held.as_str()) }
    }

    /// Reads until `deadline`, over as many streams as that takes; true if everybody is to settle.
    async fn read(&mut self, deadline: Instant) -> Result<bool> {
        let shared = Arc::clone(&self.shared);
        let (over, settle) = (tokio::time::sleep_until(deadline), shared.settle.cancelled());
        tokio::pin!(over, settle);
        loop {
            let stream = self.stream.as_mut().context("there is no stream to read")?;
            tokio::select! {
                biased;
                () = &mut settle => return Ok(true),
                () = &mut over => return Ok(false),
                next = stream.next() => self.take_or_return(next).await?,
            }
        }
    }

    /// Takes a block; at the end of the stream, comes back with the next one.
    async fn take_or_return(&mut self, next: Result<Block, Ending>) -> Result<()> {
        match next {
            Ok(block) => self.take(&block),
            Err(ending) if self.excuse == Excuse::None => bail!("a stream was cut: {ending:?}"),
            Err(_) => {
                self.shared.tally.did("ended by the server");
                let acting_already = self.acting.is_some();
                self.acts().await;
                self.resume(Expected::Same).await?;
                if !acting_already {
                    self.done();
                }
            }
        }
        Ok(())
    }

    /// Takes a block.
    pub(super) fn take(&mut self, block: &Block) {
        self.hold(block);
        match block.name() {
            "hub:gap" => {
                self.shared.tally.did("gap told");
                if !self.may_miss {
                    self.fault(Fault::NeedlessGap, 1, || block.text().to_owned());
                }
                self.may_jump();
            }
            "hub:closing" => self.excuse = Excuse::Closing,
            "fence" => self.fence = Some(block.text().to_owned()),
            _ if block.is_event() => self.event(block),
            _ => {}
        }
    }

    /// Remembers the id of a block, which only ever rises.
    fn hold(&mut self, block: &Block) {
        let Some(id) = &block.id else { return };
        let place = Position::parse(id).map_or((0, 0), |position| position.place);
        let is_new = block.is_event() && !block.name().starts_with("hub:");
        if place < self.place || is_new && place == self.place {
            let before = self.place;
            self.fault(Fault::Order, 1, || format!("{id} after {before:?}: {}", block.name()));
        }
        self.place = place;
        self.held.clone_from(id);
    }

    /// Checks an event of a sequence: `SEQUENCE NUMBER NANOSECONDS …`.
    fn event(&mut self, block: &Block) {
        let mut words = block.text().split(' ').map(str::parse::<u64>);
        let (Some(Ok(sequence)), Some(Ok(number)), Some(Ok(made))) = (words.next(), words.next(), words.next()) else {
            return self.fault(Fault::Answer, 1, || format!("an event that nobody sent: {:?}", block.text()));
        };
        let is_live = block.id.is_some() && made >= self.reading_since;
        self.shared.tally.count_delivered(is_live.then(|| now().saturating_sub(made)));
        let track = usize::try_from(sequence).ok().and_then(|sequence| self.tracks.get_mut(&sequence));
        let Some(track) = track else {
            return self.fault(Fault::Privacy, 1, || format!("number {number} of sequence {sequence}"));
        };
        let before = *track;
        let Err(flaw) = track.take(number, block.id.is_none()) else { return };
        let what = || format!("number {number} of sequence {sequence}, id {:?}, for {before:?}", block.id);
        match flaw {
            Flaw::Again => self.fault(Fault::Duplicate, 1, what),
            Flaw::TooLate => self.fault(Fault::Privacy, 1, what),
            Flaw::Lost(events) => {
                self.fault(Fault::Lost, events, what);
                self.fault(Fault::SilentGap, 1, what);
            }
        }
    }

    /// What was sent until now may be missing, and that is no silent gap.
    fn may_jump(&mut self) {
        for (number, track) in &mut self.tracks {
            track.may_jump(self.shared.world.sequence(*number).map_or(0, |sequence| sequence.begun()));
        }
    }

    /// Sends an event to this very connection and reads up to it: what was sent before must have come by then.
    ///
    /// While publishers are at work, an event of a key may give way to one that comes after the fence: then `kinds` has to
    /// leave them out.
    pub(super) async fn fence(&mut self, kinds: &[Kind]) -> Result<()> {
        let owed: Vec<(usize, u64)> = self
            .tracks
            .iter()
            .filter(|(_, track)| kinds.contains(&track.kind()))
            .filter_map(|(number, _)| Some((*number, self.shared.world.sequence(*number)?.sent())))
            .collect();
        self.fences += 1;
        let token = self.fences.to_string();
        let to = format!("connection:{}", self.connection);
        let target = format!("/send{}", query(&[("to", &to), ("event", "fence")]));
        self.shared.call(Request::new("POST", target).body(token.clone()), 200).await?;
        let deadline = Instant::now() + PATIENCE;
        while self.fence.as_ref() != Some(&token) {
            let stream = self.stream.as_mut().context("there is no stream to read")?;
            let next = tokio::time::timeout_at(deadline, stream.next()).await.context("a fence did not come")?;
            self.take_or_return(next).await?;
        }
        for (number, sent) in owed {
            let Some(track) = self.tracks.get(&number) else { continue };
            let missing = track.missing(sent);
            if missing > 0 {
                let track = *track;
                let what = || format!("at a fence, of {sent} events of sequence {number}: {track:?}");
                self.fault(Fault::Lost, missing, what);
                self.fault(Fault::SilentGap, 1, what);
            }
        }
        Ok(())
    }

    /// With no publisher at work, sees that everything has come, and leaves.
    async fn settle(&mut self) -> Result<()> {
        self.fence(&[Kind::Every, Kind::Newest]).await?;
        self.cut().await;
        self.moves(Presence::Abandoned);
        Ok(())
    }

    /// Loses the connection in one of the ways in which connections are lost.
    pub(super) async fn cut(&mut self) {
        let Some(stream) = self.stream.take() else { return };
        match self.random.random_range(0..3) {
            0 => stream.reset(),
            1 => stream.fin().await,
            _ => drop(stream),
        }
    }

    /// From here to [`done`](Self::done), the server's gauges may change because of this reader.
    pub(super) async fn acts(&mut self) {
        if self.acting.is_none() {
            self.acting = Some(Arc::clone(&self.shared.acting).read_owned().await);
        }
    }

    pub(super) fn done(&mut self) {
        self.acting = None;
    }

    /// Does not read: the server may end its stream.
    pub(super) fn stalls(&mut self) {
        self.excuse = Excuse::Stalled;
        self.reading_since = u64::MAX;
    }

    /// Has read everything there was, after it had stalled.
    pub(super) fn has_caught_up(&mut self) {
        if self.excuse == Excuse::Stalled {
            self.excuse = Excuse::None;
        }
        self.reading_since = now();
    }

    /// Whether the server has said that it ends the stream.
    pub(super) fn is_closing(&self) -> bool {
        self.excuse == Excuse::Closing
    }

    pub(super) fn moves(&mut self, to: Presence) {
        self.shared.tally.moves(self.presence, to);
        self.presence = to;
    }

    /// How many events of a sequence have begun to be sent.
    pub(super) fn begun(&self, number: usize) -> u64 {
        self.shared.world.sequence(number).map_or(0, |sequence| sequence.begun())
    }

    pub(super) fn forget_room(&mut self, room: usize) {
        for number in self.shared.world.sequences_of_room(room) {
            self.tracks.remove(&number);
        }
    }

    pub(super) fn fault(&self, fault: Fault, count: u64, what: impl FnOnce() -> String) {
        let who = self.number;
        self.shared.tally.fault(fault, count, || format!("reader {who}: {}", what()));
    }
}
