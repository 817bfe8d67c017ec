//! One thread and one epoll instance that hold all streams, and the requests to publish beside them.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use ssehub_order::{Order, Receivers};

use crate::connect::{Ask, request};
use crate::publish::{How, Publisher, To};
use crate::shape::Shape;
use crate::share::Progress;
use crate::stream::{Counts, Stream};
use crate::times::{Times, now};

/// What the first request to publish is called among the sockets; streams are called by their number.
const PUBLISHER: u64 = 1 << 32;

/// Streams that may wait for their answer at a time: fewer than any server's backlog.
const OPENING: u64 = 64;

/// The longest time without any answer while streams are opened.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a wait lasts at most before the clock is looked at.
const TICK: Duration = Duration::from_millis(20);

/// All streams to one server.
pub(crate) struct Generator {
    server: SocketAddr,
    shape: Shape,
    epoll: OwnedFd,
    streams: Vec<Stream>,
    /// Of each hundred streams, so many read nothing.
    stalled: u64,
    how: How,
    /// Requests to publish; none where it has been answered.
    publishers: Vec<Option<Publisher>>,
    pub(crate) counts: Counts,
    pub(crate) times: Times,
    /// How long it asked in vain.
    pub(crate) idle: Duration,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
}

impl Generator {
    /// For `streams` streams, which are not open yet; `continued` ones remember where they are.
    pub(crate) fn new(server: SocketAddr, shape: Shape, how: How, streams: u64, continued: bool) -> Result<Self> {
        Ok(Self {
            server,
            shape,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            streams: (0..streams).map(|nth| Stream::new(shape.share(nth, streams), continued)).collect(),
            how,
            stalled: 0,
            publishers: Vec::new(),
            counts: Counts::default(),
            times: Times::new(0)?,
            idle: Duration::ZERO,
            events: Vec::with_capacity(1024),
            buffer: vec![0; 64 * 1024],
        })
    }

    /// Opens all streams, each where it was if it knows that, and waits until they are answered. Tells how long it took.
    pub(crate) fn open(&mut self) -> Result<Duration> {
        let started = Instant::now();
        self.counts.opened = 0;
        let streams = self.streams.len();
        for nth in 0..streams {
            let Some(stream) = self.streams.get_mut(nth) else { break };
            let name = nth as u64;
            let ask = Ask::Stream { path: &self.shape.path(name), last_id: stream.last_id() };
            let socket = request(self.server, name, ask).with_context(|| format!("stream {nth} of {streams}"))?;
            epoll::add(&self.epoll, &socket, epoll::EventData::new_u64(name), epoll::EventFlags::IN)?;
            stream.open(socket);
            self.until_opened((name + 1).saturating_sub(OPENING))?;
        }
        self.until_opened(streams as u64)?;
        Ok(started.elapsed())
    }

    /// Closes all streams.
    pub(crate) fn close(&mut self) {
        self.streams.iter_mut().for_each(|stream| stream.socket = None);
    }

    fn until_opened(&mut self, enough: u64) -> Result<()> {
        let mut latest = Instant::now();
        while self.counts.opened < enough {
            if self.read()? {
                latest = Instant::now();
            }
            let opened = self.counts.opened;
            ensure!(latest.elapsed() < PATIENCE, "only {opened} streams were answered in {PATIENCE:?}");
        }
        Ok(())
    }

    /// The last `percent` of each hundred streams read nothing from now on.
    pub(crate) fn stall(&mut self, percent: u64) -> Result<()> {
        self.stalled = percent;
        for (nth, stream) in (0..).zip(&self.streams) {
            if self.is_stalled(nth)
                && let Some(socket) = &stream.socket
            {
                epoll::delete(&self.epoll, socket)?;
            }
        }
        Ok(())
    }

    fn is_stalled(&self, nth: u64) -> bool {
        nth % 100 >= 100 - self.stalled
    }

    /// Forgets what came before, and has the server publish `order`, in as many parts at a time as there are
    /// `publishers`. Tells how many deliveries are to come.
    pub(crate) fn publish(&mut self, order: &Order<To>, publishers: u64, times: Times) -> Result<u64> {
        ensure!(!self.is_publishing(), "the server has not answered the last request to publish");
        self.counts = Counts { opened: self.counts.opened, ended: self.counts.ended, ..Counts::default() };
        self.times = times;
        let owed = if order.receivers == Receivers::Same(To::Nobody) { 0 } else { order.count };
        for stream in &mut self.streams {
            stream.progress = Progress::new(stream.share, owed);
        }
        let reading = (0..).zip(&self.streams).filter(|(nth, _)| !self.is_stalled(*nth));
        let expected = reading.map(|(_, stream)| stream.share.of(owed)).sum();
        self.publishers.clear();
        for nth in 0..publishers {
            let part = Order { count: (order.count + nth) / publishers, ..order.clone() };
            let publisher = Publisher::start(self.server, self.streams.len() as u64 + nth, &self.how, &part)?;
            let name = epoll::EventData::new_u64(PUBLISHER + nth);
            epoll::add(&self.epoll, &publisher, name, epoll::EventFlags::IN)?;
            self.publishers.push(Some(publisher));
        }
        Ok(expected)
    }

    fn is_publishing(&self) -> bool {
        self.publishers.iter().any(Option::is_some)
    }

    /// Reads until `expected` deliveries have come and the request to publish is answered, until `deadline`, or until
    /// that is answered and nothing has come for `quiet`. Tells when the last delivery came, or where none is expected
    /// when the answer did.
    pub(crate) fn until_received(&mut self, expected: u64, deadline: Instant, quiet: Duration) -> Result<Instant> {
        let mut latest = Instant::now();
        let mut last_delivery = latest;
        while self.counts.received < expected || self.is_publishing() {
            let before = self.counts.received;
            let something = self.read()?;
            let now = Instant::now();
            if something {
                latest = now;
            }
            if self.counts.received > before || expected == 0 {
                last_delivery = now;
            }
            if now >= deadline || (!self.is_publishing() && now - latest >= quiet) {
                break;
            }
        }
        Ok(last_delivery)
    }

    /// Reads whatever comes for that long.
    pub(crate) fn linger(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.read()?;
        }
        Ok(())
    }

    /// Asks again and again whether something has come. If this thread slept, the server's would have to wake it, and
    /// a server that writes less often would pay for that more often; clients on other machines cost it nothing.
    fn spin(&mut self, time: Duration) -> Result<()> {
        let begun = Instant::now();
        loop {
            let asked = Instant::now();
            match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&Timespec::default())) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            if !self.events.is_empty() {
                return Ok(());
            }
            let now = Instant::now();
            self.idle += now - asked;
            if now - begun >= time {
                return Ok(());
            }
        }
    }

    /// Waits a moment for something to come, and reads once from each socket that has it; `false` when nothing came.
    fn read(&mut self) -> Result<bool> {
        let wait = self.due().map_or(TICK, |due| due.saturating_duration_since(Instant::now()).min(TICK));
        self.spin(wait)?;
        let something = !self.events.is_empty();
        for event in self.events.drain(..) {
            let name = { event.data }.u64();
            if let Some(nth) = name.checked_sub(PUBLISHER) {
                if let Some(publisher) = usize::try_from(nth).ok().and_then(|nth| self.publishers.get_mut(nth)) {
                    go_on(publisher, true, &mut self.buffer)?;
                }
                continue;
            }
            let stream = usize::try_from(name).ok().and_then(|nth| self.streams.get_mut(nth));
            let Some(stream) = stream else { continue };
            let Some(socket) = &stream.socket else { continue };
            let length = match recv(socket, &mut *self.buffer, RecvFlags::DONTWAIT) {
                Ok((length, _)) => length,
                Err(Errno::AGAIN | Errno::INTR) => continue,
                // A connection that was reset has ended.
                Err(Errno::CONNRESET | Errno::PIPE) => 0,
                Err(error) => return Err(anyhow!(error).context(format!("stream {name}"))),
            };
            let bytes = self.buffer.get(..length).unwrap_or_default();
            let taken = stream.take(bytes, now(), &mut self.counts, &mut self.times);
            taken.map_err(|error| anyhow!("stream {name}: {error}"))?;
        }
        for publisher in &mut self.publishers {
            go_on(publisher, false, &mut self.buffer)?;
        }
        Ok(something)
    }

    /// When the next event is to be posted.
    fn due(&self) -> Option<Instant> {
        self.publishers.iter().flatten().filter_map(Publisher::due).min()
    }
}

/// Lets a request to publish go on; once it is done, it is none.
fn go_on(publisher: &mut Option<Publisher>, ready: bool, buffer: &mut [u8]) -> Result<()> {
    if let Some(request) = publisher
        && request.go_on(ready, buffer)?
    {
        *publisher = None;
    }
    Ok(())
}
