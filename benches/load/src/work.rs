//! The works: open, warm up, measure, publish, read, measure.

use std::process;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use ssehub_load::Report;
use ssehub_order::{Order, Receivers};

use crate::generator::Generator;
use crate::options::{Options, Work};
use crate::process::{cpu_ns, memory};
use crate::publish::To;
use crate::times::Times;

/// Events for each target before the measurement, so that caches are filled and each stream is known to be heard.
const WARM_UP: u64 = 3;

/// Where nobody receives them, this part of the events goes before, so that a server's history is in use.
const WARM_UP_PART: u64 = 4;

/// How long to read on once everything has come: what comes then is surplus.
const LINGER: Duration = Duration::from_millis(200);

/// How long streams wait before the server's memory is read.
const IDLE: Duration = Duration::from_secs(1);

/// Does the work that is asked for.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let rss_before = memory(options.pid)?;
    let meter = Meter::start(options.pid, Duration::ZERO)?;
    let continued = options.work == Work::Replay;
    let mut generator = Generator::new(options.url, options.shape(), options.how(), options.streams, continued)?;
    let opening = generator.open()?;
    let connects_per_second = (options.streams > 0).then(|| options.streams as f64 / opening.as_secs_f64());
    let (events, expected, cost) = if options.work == Work::Idle {
        let cost = meter.stop(opening, generator.idle)?;
        generator.linger(IDLE)?;
        (0, 0, cost)
    } else {
        warm_up(options, &mut generator)?;
        let measure = if options.work == Work::Replay { replayed } else { published };
        let (expected, cost) = measure(options, &mut generator)?;
        (options.events, expected, cost)
    };
    let counts = generator.counts;
    Ok(Report {
        work: format!("{:?}", options.work).to_lowercase(),
        streams: options.streams,
        publishers: options.publishers,
        events,
        deliveries: counts.received,
        expected,
        lost: expected.saturating_sub(counts.received),
        duplicates: counts.duplicates,
        gaps: counts.gaps,
        ended: counts.ended,
        server_cpu_ns: cost.server,
        own_cpu_ns: cost.own,
        wall_ns: cost.wall.as_nanos() as u64,
        own_busy: cost.own as f64 / cost.wall.as_nanos().max(1) as f64,
        server_rss_before: rss_before,
        server_rss_after: memory(options.pid)?,
        connects_per_second,
        latency_ns: generator.times.latency(),
        last_receiver_ns: generator.times.last_receiver()?,
    })
}

fn warm_up(options: &Options, generator: &mut Generator) -> Result<()> {
    let events = match options.work {
        Work::Commit => options.events.div_ceil(WARM_UP_PART),
        _ => WARM_UP * options.shape().targets(options.streams),
    };
    let expected = generator.publish(&options.order(events), options.publishers, Times::new(0)?)?;
    generator.until_received(expected, Instant::now() + options.deadline, options.quiet)?;
    let received = generator.counts.received;
    ensure!(received == expected, "only {received} of {expected} events came while the server was warmed up");
    Ok(())
}

/// Publishes and reads. Tells how many deliveries were to come, and what it cost.
fn published(options: &Options, generator: &mut Generator) -> Result<(u64, Cost)> {
    if options.work == Work::Slow {
        generator.stall(options.stalled)?;
    }
    let timed = if options.rate.is_some() { options.events } else { 0 };
    let times = Times::new(usize::try_from(timed).context("too many events")?)?;
    let order = Order { rate: options.rate, ..options.order(options.events) };
    let meter = Meter::start(options.pid, generator.idle)?;
    let started = Instant::now();
    let due = order.due(started, options.events).unwrap_or(started);
    let expected = generator.publish(&order, options.publishers, times)?;
    let last = generator.until_received(expected, due + options.deadline, options.quiet)?;
    let cost = meter.stop(last - started, generator.idle)?;
    generator.linger(LINGER)?;
    Ok((expected, cost))
}

/// Publishes while all streams are away, and opens them where they were. Tells how many deliveries were to come, and
/// what it cost from the first connection on.
fn replayed(options: &Options, generator: &mut Generator) -> Result<(u64, Cost)> {
    generator.close();
    if options.retained > 0 {
        let kept = Order { receivers: Receivers::Same(To::Nobody), ..options.order(options.retained) };
        generator.publish(&kept, 1, Times::new(0)?)?;
        generator.until_received(0, Instant::now() + options.deadline, options.quiet)?;
    }
    let expected = generator.publish(&options.order(options.events), 1, Times::new(0)?)?;
    generator.until_received(0, Instant::now() + options.deadline, options.quiet)?;
    generator.linger(LINGER)?;
    let meter = Meter::start(options.pid, generator.idle)?;
    let started = Instant::now();
    generator.open()?;
    let last = generator.until_received(expected, started + options.deadline, options.quiet)?;
    let cost = meter.stop(last - started, generator.idle)?;
    generator.linger(LINGER)?;
    Ok((expected, cost))
}

/// What the server and this program had used when it was started.
struct Meter {
    pid: u32,
    server: u64,
    own: u64,
    idle: Duration,
}

/// What was used since, but for what this program used to wait.
struct Cost {
    server: u64,
    own: u64,
    wall: Duration,
}

impl Meter {
    fn start(pid: u32, idle: Duration) -> Result<Self> {
        Ok(Self { pid, server: cpu_ns(pid)?, own: cpu_ns(process::id())?, idle })
    }

    fn stop(self, wall: Duration, idle: Duration) -> Result<Cost> {
        let server = cpu_ns(self.pid)?.saturating_sub(self.server);
        let own = cpu_ns(process::id())?.saturating_sub(self.own);
        let idle = (idle - self.idle).as_nanos() as u64;
        Ok(Cost { server, own: own.saturating_sub(idle), wall })
    }
}
