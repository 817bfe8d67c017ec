//! One event stream: its connection, and what came over it.

use std::os::fd::OwnedFd;

use crate::response::Response;
use crate::scan::Scanner;
use crate::share::{Came, Progress, Share};
use crate::times::Times;

/// A stream that is asked for once, or again to continue it.
#[derive(Debug)]
pub(crate) struct Stream {
    /// None before it is asked for, and once it has ended.
    pub(crate) socket: Option<OwnedFd>,
    pub(crate) share: Share,
    pub(crate) progress: Progress,
    response: Response,
    scanner: Scanner,
}

/// What has come to all streams together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Streams that were answered.
    pub(crate) opened: u64,
    /// Streams that ended.
    pub(crate) ended: u64,
    pub(crate) received: u64,
    pub(crate) duplicates: u64,
    pub(crate) gaps: u64,
}

impl Stream {
    /// One that is to receive `share`, and remembers where it is if it is to be continued.
    pub(crate) fn new(share: Share, continued: bool) -> Self {
        let scanner = if continued { Scanner::with_ids() } else { Scanner::default() };
        Self { socket: None, share, progress: Progress::new(share, 0), response: Response::default(), scanner }
    }

    /// It has been asked for over `socket`.
    pub(crate) fn open(&mut self, socket: OwnedFd) {
        self.response = Response::default();
        self.scanner.restart();
        self.socket = Some(socket);
    }

    /// Where to continue, if it is known.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.scanner.last_id()
    }

    /// Takes what came at `now`; none is the end. The error is what a refused stream was told, or what is wrong with it.
    pub(crate) fn take(
        &mut self,
        bytes: &[u8],
        now: u64,
        counts: &mut Counts,
        times: &mut Times,
    ) -> Result<(), String> {
        let Self { response, scanner, progress, .. } = self;
        let was_open = response.status().is_some();
        response.take(bytes, |content| {
            scanner.scan(content, |event| match progress.take(event.counter) {
                Came::Owed { event: which, gap } => {
                    counts.received += 1;
                    counts.gaps += u64::from(gap);
                    times.record(which, now.saturating_sub(event.made));
                }
                Came::Surplus => counts.duplicates += 1,
            });
        })?;
        if !was_open && let Some(status) = response.status() {
            if status != 200 {
                return Err(format!("refused with status {status}"));
            }
            counts.opened += 1;
        }
        if bytes.is_empty() || response.has_ended() {
            if response.status().is_none() {
                return Err("ended without an answer".to_owned());
            }
            self.socket = None;
            counts.ended += 1;
        }
        Ok(())
    }
}
