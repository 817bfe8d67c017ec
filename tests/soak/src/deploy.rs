//! A restart under load: SIGTERM to a process with thousands of streams, and the next one at the same address.
//!
//! The log is in memory, so the next process starts with an empty one. What has to hold all the same: streams are ended
//! and not cut, and with everything that was accepted; who comes meanwhile is refused and told when to come again; who
//! does as told comes spread over the range of times; and everybody who comes back is told that there is a gap.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use rustix::process::Signal;
use socket2::{Domain, Socket, Type};
use ssehub_conformance::{http1::Request, subject::Framework};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

pub use self::{options::Options, report::Report};
use self::{
    publish::publish,
    visitor::{END, Manner, Shared, visit},
};
use crate::{
    api,
    server::{ANY_PORT, Server, open_many_files},
    wait::until,
};

mod options;
mod publish;
mod report;
mod visitor;

/// So many streams are opened at a time before the restart.
const DOORS: usize = 64;

/// How long it may take until every stream is open.
const OPEN_WITHIN: Duration = Duration::from_secs(120);

/// Events flow for so long before the signal, and again when all are back.
const UNDER_LOAD: Duration = Duration::from_secs(2);

/// How long the old process may take to end.
const EXIT_WITHIN: Duration = Duration::from_secs(20);

/// How long everybody may take to come back.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// Restarts the playground in `framework` while it has so many streams.
///
/// # Errors
/// A process can't be started, does not end or does not answer. Promises that are broken are in the report.
pub async fn run(subject: &Path, framework: Framework, streams: usize) -> Result<Report> {
    open_many_files(streams)?;
    let mut old = Server::start(subject, framework, ANY_PORT, &[]).await?;
    let shared = Arc::new(Shared {
        address: old.address,
        next: AtomicU64::new(0),
        opened: AtomicUsize::new(0),
        back: AtomicUsize::new(0),
        doors: Semaphore::new(DOORS),
    });
    let mut visitors = JoinSet::new();
    for nth in 0..streams {
        visitors.spawn(visit(Arc::clone(&shared), if nth % 2 == 0 { Manner::Hasty } else { Manner::Patient }));
    }
    until(OPEN_WITHIN, "every stream to be open", async || Ok((shared.opened.load(SeqCst) == streams).then_some(())))
        .await?;
    let stop = CancellationToken::new();
    let publisher = tokio::spawn(publish(Arc::clone(&shared), stop.clone()));
    sleep(UNDER_LOAD).await;

    let signalled = Instant::now();
    old.signal(Signal::TERM)?;
    let ends = async {
        let exit = old.exit(EXIT_WITHIN).await?;
        anyhow::Ok((exit, signalled.elapsed()))
    };
    let begins = async {
        until(EXIT_WITHIN, "the address to be free", async || Ok(is_free(shared.address)?.then_some(()))).await?;
        let next = Server::start(subject, framework, shared.address, &[]).await?;
        anyhow::Ok((next, signalled.elapsed()))
    };
    let ((exit, exited), (next, listened)) = tokio::try_join!(ends, begins)?;

    // Who does not come back is among those that failed.
    let _everybody =
        until(BACK_WITHIN, "everybody to be back", async || Ok((shared.back.load(SeqCst) == streams).then_some(())))
            .await;
    sleep(UNDER_LOAD).await;
    stop.cancel();
    let accepted = publisher.await??;
    api::call(next.address, Request::new("POST", format!("/send?to=all&event={END}")), 200).await?;
    let (mut visits, mut failed) = (Vec::new(), Vec::new());
    let everybody = async {
        while let Some(visit) = visitors.join_next().await {
            match visit {
                Ok(Ok(visit)) => visits.push(visit),
                Ok(Err(error)) => failed.push(format!("{error:#}")),
                Err(error) => failed.push(error.to_string()),
            }
        }
    };
    let in_time = timeout(BACK_WITHIN, everybody).await;
    if in_time.is_err() {
        failed.push(format!("{} have not seen the end", visitors.len()));
    }
    let what = format!("{} with {streams} streams", framework.name());
    Ok(Report { what, visits, failed, accepted, signalled, exit, exited, listened })
}

/// Whether nobody listens there.
fn is_free(address: SocketAddr) -> Result<bool> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).context("no socket")?;
    // Connections of the old process that are not quite over are no obstacle.
    socket.set_reuse_address(true)?;
    Ok(socket.bind(&address.into()).is_ok())
}
