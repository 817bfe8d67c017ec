//! One reader: its session, its streams one after the other, and what it does when one ends.
//!
//! It behaves as a page does that names a session: it comes back with its last id, and expects to be who it was. What
//! it does to its stream meanwhile is in [`acts`](super::acts).

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use ssehub_conformance::{
    client::Stream,
    http1::{Ending, Request},
    playground::{Pair, events, query},
    sse::Block,
    wait::PATIENCE,
};
use tokio::{
    sync::OwnedRwLockReadGuard,
    time::{Instant, sleep, timeout},
};

use super::{
    account::{Account, FENCE},
    shared::Shared,
    tally::{Fault, Presence},
    track::Kind,
    world::{follows_feed, room_name, user_of, watches_prices},
};

/// A reader that was refused or cut begins anew after that long.
const AFTER_A_FAULT: Duration = Duration::from_secs(1);

/// The receive buffer of who follows the feed: a reader that stops reading is felt at once.
const SMALL_BUFFER: u32 = 4096;

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
    pub(super) account: Account,
    /// Rooms that it has joined beside its own.
    pub(super) joined: Vec<usize>,
    /// Streams so far.
    pub(super) streams: u64,
    fences: u64,
    fence: Option<String>,
    excuse: Excuse,
    acting: Option<OwnedRwLockReadGuard<()>>,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>, number: usize) -> Self {
        let random = StdRng::seed_from_u64(shared.plan.seed.rotate_left(32) ^ number as u64);
        Self {
            account: Account::new(Arc::clone(&shared), number),
            shared,
            number,
            random,
            presence: Presence::Nowhere,
            session: String::new(),
            stream: None,
            connection: String::new(),
            joined: Vec::new(),
            streams: 0,
            fences: 0,
            fence: None,
            excuse: Excuse::None,
            acting: None,
        }
    }

    /// Reads and acts until everybody is to settle; begins anew after a fault.
    pub(crate) async fn run(mut self) {
        while let Err(error) = self.live().await {
            self.account.fault(Fault::Answer, 1, || format!("{error:#}"));
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
        self.account = Account::new(Arc::clone(&self.shared), self.number);
        self.joined.clear();
        let sent = self.shared.world.sent(self.shared.world.sequences_of(self.number));
        self.connection = self.open().await?;
        self.account.opens(sent);
        self.moves(Presence::Open);
        self.done();
        Ok(())
    }

    /// Opens the next stream of the session, where the last one ended.
    pub(super) async fn resume(&mut self, expected: Expected) -> Result<()> {
        // Who is cut before the end of the snapshot that it began with holds no id, and begins at the head again.
        let blind = self.account.held().is_empty();
        let connection = self.open().await?;
        if blind {
            self.account.may_jump();
        }
        let same = connection == self.connection;
        match expected {
            Expected::Same if !same => {
                self.account.fault(Fault::Session, 1, || "came back as somebody else".to_owned())
            }
            Expected::Other if same => {
                self.account.fault(Fault::Session, 1, || "a session outlived its end".to_owned())
            }
            _ => {}
        }
        if !same {
            for room in std::mem::take(&mut self.joined) {
                self.account.closes(&self.shared.world.sequences_of_room(room));
            }
        }
        self.connection = connection;
        self.moves(Presence::Open);
        Ok(())
    }

    /// Opens a stream, reads its first block and tells its connection.
    async fn open(&mut self) -> Result<String> {
        let shared = Arc::clone(&self.shared);
        let _door = shared.door().await?;
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
        self.account.hold(&first);
        self.account.reads();
        self.stream = Some(stream);
        self.streams += 1;
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
        match self.account.held() {
            "" => request,
            held => request.header("last-event-id", held),
        }
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
        self.account.take(block);
        match block.name() {
            "hub:closing" => self.excuse = Excuse::Closing,
            FENCE => self.fence = Some(block.text().to_owned()),
            _ => {}
        }
    }

    /// Sends an event to this very connection and reads up to it: what was sent before must have come by then.
    ///
    /// While publishers are at work, an event of a key may give way to one that comes after the fence: then `kinds` has to
    /// leave them out.
    pub(super) async fn fence(&mut self, kinds: &[Kind]) -> Result<()> {
        let sent = self.account.sent(kinds);
        self.fences += 1;
        let token = self.fences.to_string();
        let to = format!("connection:{}", self.connection);
        let target = format!("/send{}", query(&[("to", &to), ("event", FENCE)]));
        self.shared.call(Request::new("POST", target).body(token.clone()), 200).await?;
        let deadline = Instant::now() + PATIENCE;
        while self.fence.as_ref() != Some(&token) {
            let stream = self.stream.as_mut().context("there is no stream to read")?;
            let next = tokio::time::timeout_at(deadline, stream.next()).await.context("a fence did not come")?;
            self.take_or_return(next).await?;
        }
        self.account.check(&sent);
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
        self.account.reads_nothing();
    }

    /// Has read everything there was, after it had stalled.
    pub(super) fn has_caught_up(&mut self) {
        if self.excuse == Excuse::Stalled {
            self.excuse = Excuse::None;
        }
        self.account.reads();
    }

    /// Whether the server has said that it ends the stream.
    pub(super) fn is_closing(&self) -> bool {
        self.excuse == Excuse::Closing
    }

    pub(super) fn moves(&mut self, to: Presence) {
        self.shared.tally.moves(self.presence, to);
        self.presence = to;
    }
}
