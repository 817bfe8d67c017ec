//! Mixed load for as long as one likes: readers that come, go, stall, join, leave and come back, publishers at a steady
//! pace and in bursts; each event checked, the gauges compared each minute, and at the end a verdict.

use std::{any::Any, path::Path, sync::Arc, time::Duration};

use anyhow::Result;
use rustix::process::Signal;
use ssehub_conformance::{client::Stream, playground::events};
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until, timeout},
};

pub use self::{options::Options, report::Report, tally::Fault};
use self::{
    publish::publish,
    reader::Reader,
    sample::{Gauges, Observer, Sample},
    shared::Shared,
    world::World,
};
use crate::{
    server::{ANY_PORT, Server, Usage, open_many_files},
    wait::until,
};

mod account;
mod acts;
mod options;
mod publish;
mod reader;
mod report;
mod sample;
mod shared;
mod tally;
mod track;
mod world;

/// How long it may take until every reader has its first stream.
const OPEN_WITHIN: Duration = Duration::from_secs(120);

/// How long publishers and readers may take to end.
const END_WITHIN: Duration = Duration::from_secs(180);

/// How long the server may take to let everything go, beside the window of its sessions and two keep-alives.
const LET_GO_WITHIN: Duration = Duration::from_secs(20);

/// How long the server may take to end.
const EXIT_WITHIN: Duration = Duration::from_secs(20);

/// Runs the load against `subject` and prints a line each minute.
///
/// # Errors
/// The server can't be started or stops answering. Promises that are broken are in the report.
pub async fn run(subject: &Path, options: &Options) -> Result<Report> {
    let (framework, streams, plan) = (options.framework, options.streams(), options.plan());
    open_many_files(streams)?;
    let world = World::new(streams);
    let what =
        format!("{} with {streams} readers for {:.1} minutes", framework.name(), plan.duration.as_secs_f64() / 60.0);
    let mut server = Server::start(subject, framework, ANY_PORT, &plan.server(&world)).await?;
    let before = warm_up(&server).await?;
    let shared = Arc::new(Shared::new(server.address, plan.clone(), world)?);

    let mut readers = JoinSet::new();
    for number in 0..streams {
        readers.spawn(Reader::new(Arc::clone(&shared), number).run());
    }
    until(OPEN_WITHIN, "every reader to have a stream", async || {
        Ok((shared.tally.open() + shared.tally.away() == streams).then_some(()))
    })
    .await?;
    let mut publishers = JoinSet::new();
    for publisher in shared.world.publishers() {
        publishers.spawn(publish(Arc::clone(&shared), publisher));
    }
    println!("{what}\n{}", Sample::HEAD);
    let mut observer = Observer::new(Arc::clone(&shared));
    let mut samples = Vec::new();
    let end = Instant::now() + plan.duration;
    while Instant::now() < end {
        sleep_until((Instant::now() + plan.line_every).min(end)).await;
        let sample = observer.sample(&server).await?;
        println!("{sample}");
        samples.push(sample);
    }

    shared.quiet.cancel();
    ended(&shared, "publisher", &mut publishers).await;
    shared.settle.cancel();
    ended(&shared, "reader", &mut readers).await;
    let mut left = (Gauges::ask(server.address).await?, server.usage()?);
    let limit = plan.window + 2 * plan.keep_alive + LET_GO_WITHIN;
    // Whatever is not let go in time is in the report.
    let _in_time = until(limit, "everything to be let go", async || {
        // In this order: the file of a request to the API is closed a moment after its answer has come.
        let usage = server.usage()?;
        left = (Gauges::ask(server.address).await?, usage);
        Ok((left.0.are_zero() && usage.files <= before.files).then_some(()))
    })
    .await;
    server.signal(Signal::TERM)?;
    let exit = server.exit(EXIT_WITHIN).await?;
    let tally = &shared.tally;
    Ok(Report {
        what,
        duration: plan.duration,
        samples,
        sent: tally.sent(),
        delivered: tally.delivered(),
        done: tally.done(),
        faults: tally.faults(),
        told: tally.told(),
        before,
        after: left.1,
        left: left.0,
        exit,
    })
}

/// What the server holds when it has served one stream, and so has everything that it opens with the first.
async fn warm_up(server: &Server) -> Result<Usage> {
    let stream = Stream::open(server.address, &events(&[])).await;
    let with_one = server.usage()?;
    stream.fin().await;
    let limit = Duration::from_secs(60);
    until(limit, "the first stream to be noticed gone", async || {
        Ok(Gauges::ask(server.address).await?.are_zero().then_some(()))
    })
    .await?;
    until(limit, "the first stream's file to be closed", async || {
        let usage = server.usage()?;
        Ok((usage.files < with_one.files).then_some(usage))
    })
    .await
}

/// Waits until all have ended; one that panicked has met what no server should send.
async fn ended(shared: &Shared, who: &str, tasks: &mut JoinSet<()>) {
    let everybody = async {
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                shared.tally.fault(Fault::Answer, 1, || format!("a {who}: {}", words(error)));
            }
        }
    };
    if timeout(END_WITHIN, everybody).await.is_err() {
        let count = tasks.len() as u64;
        shared.tally.fault(Fault::Answer, count, || format!("{count} times, a {who} did not end"));
        tasks.shutdown().await;
    }
}

/// What a task said when it panicked.
fn words(error: JoinError) -> String {
    let said: Box<dyn Any + Send> = match error.try_into_panic() {
        Ok(said) => said,
        Err(error) => return error.to_string(),
    };
    let text = said.downcast_ref::<String>().map(String::as_str).or_else(|| said.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked without a word").to_owned()
}
