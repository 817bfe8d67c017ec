//! One event stream: its connection, and what came over it.

use std::os::fd::OwnedFd;

use crate::response::Response;
use crate::scan::Scanner;
use crate::share::{Came, Progress, Share};
use crate::times::Times;

/// A stream that has been asked for.
#[derive(Debug)]
pub(crate) struct Stream {
    /// None once it has ended.
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
    pub(crate) fn new(socket: OwnedFd, share: Share) -> Self {
        let (response, scanner) = (Response::default(), Scanner::default());
        Self { socket: Some(socket), share, progress: Progress::new(share, 0), response, scanner }
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
