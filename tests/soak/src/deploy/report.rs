//! What a restart came to, and whether that is good.

use std::{fmt, ops::RangeInclusive, process::ExitStatus, time::Duration};

use tokio::time::Instant;

use super::{
    publish::Accepted,
    visitor::{Manner, Visit},
};

/// The reconnection times that the playground draws from when it shuts down.
const RETRY: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(5);

/// The steps of the curve of arrivals.
const STEP: Duration = Duration::from_millis(500);

/// What a restart came to.
#[derive(Debug)]
pub struct Report {
    pub(super) what: String,
    pub(super) visits: Vec<Visit>,
    /// What went wrong with a visitor.
    pub(super) failed: Vec<String>,
    pub(super) accepted: Vec<Accepted>,
    /// When the old process was told to end.
    pub(super) signalled: Instant,
    pub(super) exit: ExitStatus,
    /// How long the old process took to end.
    pub(super) exited: Duration,
    /// After how long the next process listened.
    pub(super) listened: Duration,
}

impl Report {
    /// What is not as it has to be; nothing if all is well.
    #[must_use]
    pub fn flaws(&self) -> Vec<String> {
        let mut flaws: Vec<String> = self.failed.iter().take(10).map(|why| format!("a client: {why}")).collect();
        let mut flaw = |count: usize, what: &str| {
            if count > 0 {
                flaws.push(format!("{count} {what}"));
            }
        };
        let visits = |is_bad: fn(&Visit) -> bool| self.visits.iter().filter(|visit| is_bad(visit)).count();
        flaw(self.failed.len(), "clients failed");
        flaw(visits(|visit| !visit.finished), "streams were cut instead of ended");
        flaw(visits(|visit| !RETRY.contains(&visit.retry)), "streams were told no reconnection time of the range");
        flaw(self.lost_before(), "accepted events did not reach a stream before it ended");
        flaw(visits(|visit| visit.gap.as_deref() != Some("unknown-log")), "clients came back and were told no gap");
        flaw(self.lost_after(), "events of the next process did not reach a stream");
        flaw(visits(|visit| !rises(visit)), "streams had an event twice or out of order");
        flaw(usize::from(!self.exit.success()), "process did not end with success");
        let most = self.most_patient();
        flaw(usize::from(most as f64 > self.limit()), &format!("rush: {most} patient clients within a second"));
        flaws
    }

    /// How many clients came back.
    #[must_use]
    pub fn visits(&self) -> usize {
        self.visits.len()
    }

    /// Events that the old process accepted and did not deliver, over all streams.
    fn lost_before(&self) -> usize {
        let of = |visit: &Visit| {
            let owed = self.accepted_by_old().filter(|number| *number >= visit.since);
            owed.filter(|number| visit.before.binary_search(number).is_err()).count()
        };
        self.visits.iter().map(of).sum()
    }

    /// Events that the next process accepted and did not deliver, over all streams.
    fn lost_after(&self) -> usize {
        let of = |visit: &Visit| self.accepted_by_next().filter(|n| visit.after.binary_search(n).is_err()).count();
        self.visits.iter().map(of).sum()
    }

    fn accepted_by_old(&self) -> impl Iterator<Item = u64> {
        self.accepted.iter().filter(|event| self.is_old(event)).map(|event| event.number)
    }

    fn accepted_by_next(&self) -> impl Iterator<Item = u64> {
        self.accepted.iter().filter(|event| !self.is_old(event)).map(|event| event.number)
    }

    fn is_old(&self, event: &Accepted) -> bool {
        self.accepted.first().is_some_and(|first| first.log == event.log)
    }

    fn of(&self, manner: Manner) -> impl Iterator<Item = &Visit> {
        self.visits.iter().filter(move |visit| visit.manner == manner)
    }

    /// When clients arrived at the next process, since the signal.
    fn arrivals(&self, manner: Manner) -> Vec<Duration> {
        let mut arrivals: Vec<Duration> =
            self.of(manner).map(|visit| visit.arrived.duration_since(self.signalled)).collect();
        arrivals.sort_unstable();
        arrivals
    }

    /// The most patient clients that arrived within one second.
    fn most_patient(&self) -> usize {
        most_within(&self.arrivals(Manner::Patient), Duration::from_secs(1))
    }

    /// Patient clients a second, spread evenly over the range.
    fn promised(&self) -> f64 {
        self.of(Manner::Patient).count() as f64 / (*RETRY.end() - *RETRY.start()).as_secs_f64()
    }

    /// Chance puts more into one second than into another.
    fn limit(&self) -> f64 {
        1.5 * self.promised() + 30.0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended =
            self.visits.iter().map(|visit| visit.ended.duration_since(self.signalled)).max().unwrap_or_default();
        let count = |of: fn(&Visit) -> usize| self.visits.iter().map(of).sum::<usize>();
        writeln!(formatter, "{}", self.what)?;
        writeln!(
            formatter,
            "old process: {} events; last stream ended after {:.2} s, exit after {:.2} s ({})",
            self.accepted_by_old().count(),
            ended.as_secs_f64(),
            self.exited.as_secs_f64(),
            self.exit,
        )?;
        writeln!(
            formatter,
            "next process: listening after {:.2} s; {} events; gap told to {} of {}",
            self.listened.as_secs_f64(),
            self.accepted_by_next().count(),
            self.visits.iter().filter(|visit| visit.gap.is_some()).count(),
            self.visits.len(),
        )?;
        writeln!(
            formatter,
            "meanwhile: {} refusals (503 with Retry-After), {} connections without an answer",
            count(|visit| visit.refused),
            count(|visit| visit.unanswered),
        )?;
        writeln!(
            formatter,
            "patient clients: {:.0}/s promised, at most {} arrived within a second (allowed {:.0})",
            self.promised(),
            self.most_patient(),
            self.limit(),
        )?;
        let (patient, hasty) = (curve(&self.arrivals(Manner::Patient)), curve(&self.arrivals(Manner::Hasty)));
        writeln!(formatter, "arrivals in each half second: patient {patient:?}, hasty {hasty:?}")?;
        writeln!(formatter, "lost silently: {} before the restart, {} after", self.lost_before(), self.lost_after())?;
        let flaws = self.flaws();
        if flaws.is_empty() {
            return write!(formatter, "verdict: every promise kept");
        }
        write!(formatter, "verdict: FAILED\n  {}", flaws.join("\n  "))
    }
}

/// Whether a stream and the next one tell each event once, in order.
fn rises(visit: &Visit) -> bool {
    visit.before.iter().chain(&visit.after).is_sorted_by(|earlier, later| earlier < later)
}

/// How many of these sorted times lie within `span` of each other, at most.
fn most_within(times: &[Duration], span: Duration) -> usize {
    let from = |nth: usize, first: Duration| times.iter().skip(nth).take_while(|time| **time - first < span).count();
    times.iter().enumerate().map(|(nth, first)| from(nth, *first)).max().unwrap_or(0)
}

/// How many of these sorted times lie in each step.
fn curve(times: &[Duration]) -> Vec<usize> {
    let step = |time: &Duration| (time.as_millis() / STEP.as_millis()) as usize;
    let steps = times.last().map_or(0, |last| step(last) + 1);
    (0..steps).map(|nth| times.iter().filter(|time| step(time) == nth).count()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn accepted(number: u64, log: &str) -> Accepted {
        Accepted { number, log: log.to_owned() }
    }

    /// One that arrived `millis` after the signal.
    fn visit(signalled: Instant, manner: Manner, millis: u64) -> Visit {
        Visit {
            manner,
            since: 1,
            before: vec![1, 2],
            finished: true,
            ended: signalled,
            retry: SECOND,
            refused: 0,
            unanswered: 0,
            arrived: signalled + Duration::from_millis(millis),
            gap: Some("unknown-log".to_owned()),
            after: vec![4],
        }
    }

    fn report(visits: impl FnOnce(Instant) -> Vec<Visit>) -> Report {
        let signalled = Instant::now();
        Report {
            what: "axum with 2 streams".to_owned(),
            visits: visits(signalled),
            failed: Vec::new(),
            accepted: vec![accepted(0, "a"), accepted(1, "a"), accepted(2, "a"), accepted(4, "b")],
            signalled,
            exit: ExitStatus::default(),
            exited: SECOND,
            listened: SECOND,
        }
    }

    #[test]
    fn a_restart_that_kept_every_promise_is_good() {
        let good = report(|at| vec![visit(at, Manner::Hasty, 900), visit(at, Manner::Patient, 2100)]);
        assert_eq!(good.flaws(), [""; 0]);
        let text = good.to_string();
        assert!(text.contains("patient [0, 0, 0, 0, 1], hasty [0, 1]"), "{text}");
    }

    #[test]
    fn each_broken_promise_is_told() {
        let bad: [fn(&mut Visit); 7] = [
            |visit| visit.finished = false,
            |visit| visit.retry = Duration::from_secs(3) * 2,
            |visit| visit.before = vec![1],
            |visit| visit.gap = None,
            |visit| visit.gap = Some("trimmed".to_owned()),
            |visit| visit.after = Vec::new(),
            |visit| visit.after = vec![2, 4],
        ];
        for (nth, spoil) in bad.into_iter().enumerate() {
            let report = report(|at| {
                let mut visit = visit(at, Manner::Patient, 2000);
                spoil(&mut visit);
                vec![visit]
            });
            assert_eq!(report.flaws().len(), 1, "spoilt in way {nth}: {:?}", report.flaws());
        }
    }

    #[test]
    fn a_rush_of_patient_clients_is_told() {
        let rush = report(|at| (0..1000).map(|nth| visit(at, Manner::Patient, 1000 + nth)).collect());
        assert_eq!(rush.flaws(), ["1 rush: 1000 patient clients within a second"]);
        let spread = report(|at| (0..1000).map(|nth| visit(at, Manner::Patient, 1000 + 4 * nth)).collect());
        assert_eq!(spread.flaws(), [""; 0]);
        let hasty = report(|at| (0..1000).map(|nth| visit(at, Manner::Hasty, 1000 + nth)).collect());
        assert_eq!(hasty.flaws(), [""; 0]);
    }
}
