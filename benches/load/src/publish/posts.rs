//! One request for each event, one behind the other on one connection.
//!
//! Requests do not wait for the answers to those before, so that what is measured is the server and not the way to it
//! and back; but only so many are under way at a time.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use ssehub_order::{Order, Receivers, data};

use super::{Template, To};
use crate::answers::Answers;
use crate::connect::connect;

/// Requests whose answers have not come.
const MOST_UNDER_WAY: u64 = 64;

/// Bytes that wait to be sent; beyond them no request is added.
const MOST_WAITING: usize = 64 * 1024;

/// Events that are being posted.
#[derive(Debug)]
pub(crate) struct Posts {
    server: SocketAddr,
    socket: OwnedFd,
    template: Template,
    order: Order<To>,
    started: Instant,
    /// How many events were made.
    made: u64,
    /// Requests that were not sent; the first `sent` bytes were.
    waiting: Vec<u8>,
    sent: usize,
    answers: Answers,
}

impl Posts {
    pub(super) fn start(server: SocketAddr, nth: u64, template: Template, order: Order<To>) -> Result<Self> {
        let socket = connect(server, nth).context("publish")?;
        let started = Instant::now();
        let (waiting, answers) = (Vec::with_capacity(2 * MOST_WAITING), Answers::default());
        let mut posts = Self { server, socket, template, order, started, made: 0, waiting, sent: 0, answers };
        posts.write()?;
        Ok(posts)
    }

    /// Reads what has come of the answers.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<()> {
        let length = match recv(&self.socket, &mut *buffer, RecvFlags::DONTWAIT) {
            Ok((length, _)) => length,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(anyhow!(error).context("publish")),
        };
        self.answers.take(buffer.get(..length).unwrap_or_default()).map_err(|error| anyhow!("publish: {error}"))?;
        let (good, count) = (self.answers.good(), self.order.count);
        ensure!(length > 0 || good == count, "publish: the connection ended with {good} of {count} events answered");
        Ok(())
    }

    /// Makes the events that are due and sends what the connection takes; `true` once all are answered.
    pub(super) fn write(&mut self) -> Result<bool> {
        loop {
            while self.may_go_on() && self.order.due(self.started, self.made).is_none_or(|due| due <= Instant::now()) {
                self.add();
            }
            if self.waiting.is_empty() {
                return Ok(self.answers.good() == self.order.count);
            }
            let rest = self.waiting.get(self.sent..).unwrap_or_default();
            match send(&self.socket, rest, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(sent) => self.sent += sent,
                // There is room again before the next answer comes.
                Err(Errno::AGAIN | Errno::INTR) => return Ok(false),
                Err(error) => return Err(anyhow!(error).context("publish")),
            }
            if self.sent == self.waiting.len() {
                self.waiting.clear();
                self.sent = 0;
            }
        }
    }

    /// When the next event is to be made, if it may be made at all before an answer comes.
    pub(super) fn due(&self) -> Option<Instant> {
        self.may_go_on().then(|| self.order.due(self.started, self.made).unwrap_or(self.started))
    }

    fn may_go_on(&self) -> bool {
        self.made < self.order.count
            && self.made - self.answers.good() < MOST_UNDER_WAY
            && self.waiting.len() < MOST_WAITING
    }

    /// Adds the request with the next event.
    fn add(&mut self) {
        let turn = self.order.turn(self.made);
        let (Template { before, behind }, server, waiting) = (&self.template, self.server, &mut self.waiting);
        let data = data(turn.counter, self.order.size);
        // Writing to a Vec cannot fail.
        let _ = match &self.order.receivers {
            Receivers::Same(to) => write!(waiting, "POST {before}{}{behind}", to.name()),
            Receivers::Users(_) => write!(waiting, "POST {before}user:{}{behind}", turn.target),
            Receivers::Groups(_) => write!(waiting, "POST {before}group:{}{behind}", turn.target),
        };
        let length = data.len();
        let _ = write!(
            waiting,
            " HTTP/1.1\r\nhost: {server}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n{data}"
        );
        self.made += 1;
    }
}

impl AsFd for Posts {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
