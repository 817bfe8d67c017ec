//! A client that is there when the server is restarted: what it gets of the old process, how it comes back, and what it
//! gets of the next.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::Value;
use ssehub_conformance::{
    client::Stream,
    http1::{Ending, Request},
    playground::events,
    sse::Block,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

/// A client that comes back at once tries again after that long.
const HASTE: Duration = Duration::from_millis(500);

/// Nobody tries for longer than this.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// The event that ends a visit.
pub(super) const END: &str = "end";

/// What all visitors share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) address: SocketAddr,
    /// The number of the event that is sent next.
    pub(super) next: AtomicU64,
    /// Visitors with a stream of the old process.
    pub(super) opened: AtomicUsize,
    /// Visitors with a stream of the next process.
    pub(super) back: AtomicUsize,
    /// Before the restart, not all open their streams at once.
    pub(super) doors: Semaphore,
}

/// What a visitor does when its stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Comes back at once, and again and again.
    Hasty,
    /// Comes back when it has been told to.
    Patient,
}

/// What became of one visitor.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub(super) manner: Manner,
    /// Events from this number on are for it.
    pub(super) since: u64,
    /// The events of the old process.
    pub(super) before: Vec<u64>,
    /// Whether its stream ended with `hub:closing` and as a finished response.
    pub(super) finished: bool,
    pub(super) ended: Instant,
    /// The reconnection time it was told last.
    pub(super) retry: Duration,
    /// 503 with `Retry-After`.
    pub(super) refused: usize,
    /// Connections that nobody took, or that broke without an answer.
    pub(super) unanswered: usize,
    pub(super) arrived: Instant,
    /// The reason of the gap that the next process told first.
    pub(super) gap: Option<String>,
    /// The events of the next process.
    pub(super) after: Vec<u64>,
}

/// Visits the old process and the next.
///
/// # Errors
/// No stream can be had, or one begins, goes on or is refused in a way in which none is to.
pub(super) async fn visit(shared: Arc<Shared>, manner: Manner) -> Result<Visit> {
    let mut stream = {
        let _door = shared.doors.acquire().await?;
        let opened = Stream::try_open(shared.address, &events(&[])).await?;
        opened.map_err(|refusal| anyhow!("refused with {} before the restart", refusal.head.status))?
    };
    stream.forget_bytes();
    let mut retry = opening(&mut stream).await?;
    let since = shared.next.load(SeqCst);
    shared.opened.fetch_add(1, SeqCst);

    let (mut before, mut closing) = (Vec::new(), false);
    let ending = loop {
        let block = match stream.next().await {
            Ok(block) => block,
            Err(ending) => break ending,
        };
        retry = block.retry.or(retry);
        match block.name() {
            "hub:closing" => closing = true,
            _ if block.is_event() => before.push(number(&block)?),
            _ => {}
        }
    };
    let ended = Instant::now();
    let held = stream.last_event_id().to_owned();
    drop(stream);

    let retry = Duration::from_millis(retry.context("no stream tells its reconnection time")?);
    let request = events(&[]).header("last-event-id", held);
    let back = come_back(&shared, &request, manner, retry).await?;
    let (mut stream, arrived) = (back.stream, Instant::now());
    stream.forget_bytes();
    opening(&mut stream).await?;
    shared.back.fetch_add(1, SeqCst);
    let (mut gap, mut after) = (None, Vec::new());
    loop {
        let block = stream.next().await.map_err(|ending| anyhow!("the next process cut it: {ending:?}"))?;
        match block.name() {
            "hub:gap" if gap.is_none() && after.is_empty() => gap = Some(reason(&block)?),
            END => break,
            _ if block.is_event() => after.push(number(&block)?),
            _ => {}
        }
    }
    let finished = closing && ending == Ending::Finished;
    let (refused, unanswered) = (back.refused, back.unanswered);
    Ok(Visit { manner, since, before, finished, ended, retry, refused, unanswered, arrived, gap, after })
}

/// A stream of the next process, and how hard it was to get.
struct Back {
    stream: Stream,
    refused: usize,
    unanswered: usize,
}

async fn come_back(shared: &Shared, request: &Request, manner: Manner, retry: Duration) -> Result<Back> {
    let (mut refused, mut unanswered) = (0, 0);
    let deadline = Instant::now() + BACK_WITHIN;
    let mut pause = if manner == Manner::Hasty { Duration::ZERO } else { retry };
    while Instant::now() < deadline {
        sleep(pause).await;
        let told = match Stream::try_open(shared.address, request).await {
            Ok(Ok(stream)) => return Ok(Back { stream, refused, unanswered }),
            Ok(Err(refusal)) => {
                let after = refusal.head.header("retry-after").and_then(|after| after.parse().ok());
                let after = after.with_context(|| format!("a refusal without Retry-After: {:?}", refusal.head))?;
                ensure!(refusal.head.status == 503, "refused with {}", refusal.head.status);
                refused += 1;
                Duration::from_secs(after)
            }
            Err(_) => {
                unanswered += 1;
                retry
            }
        };
        pause = if manner == Manner::Hasty { HASTE } else { told };
    }
    bail!("nobody let it in for {BACK_WITHIN:?}: {refused} refusals, {unanswered} times no answer")
}

/// Reads the first block, which tells a reconnection time.
async fn opening(stream: &mut Stream) -> Result<Option<u64>> {
    let first = stream.next().await.map_err(|ending| anyhow!("a stream without a block: {ending:?}"))?;
    ensure!(first.name() == "hub:connected", "a stream opens with {first:?}");
    Ok(first.retry)
}

fn number(block: &Block) -> Result<u64> {
    block.text().parse().with_context(|| format!("an event that nobody sent: {block:?}"))
}

fn reason(block: &Block) -> Result<String> {
    let data: Value = serde_json::from_str(block.text()).context("hub:gap carries no JSON")?;
    Ok(data.get("reason").and_then(Value::as_str).context("hub:gap tells no reason")?.to_owned())
}
