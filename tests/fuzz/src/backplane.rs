//! Backplane entries: whatever the tail of a backplane brings, the hub takes in exactly the entries that follow one
//! another in its log, and its streams show them with the very ids and data they have there; the first that does not
//! follow ends that tail, and nothing behind it is seen.

pub(crate) mod tail;

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arbitrary::{Arbitrary, Unstructured};
use ssehub::{Audience, ConnectRequest, Event, EventId, History, Hub, LogName, Record, Start, Tailed};
use ssehub_conformance::sse::Block;

use crate::reader::{Reader, as_read};
use crate::script::to_the_end;
use tail::{Gate, Press, Script};

/// Nothing is too old while a test runs.
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Where places are counted from: a log is about as old as its hub.
static NOW_MS: LazyLock<u64> =
    LazyLock::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64));

thread_local! {
    static PRESS: Press = Press::new();
}

/// See the [crate].
pub fn backplane(data: &[u8]) {
    if let Ok(story) = Story::arbitrary_take_rest(Unstructured::new(data)) {
        story.check();
    }
}

/// What a tail brings.
#[derive(Arbitrary, Debug)]
struct Story<'a> {
    /// None: the tail begins with an entry.
    start: Option<(Place, Place)>,
    /// From which entry that the hub took in a client resumes that comes at the end.
    resumes_from: u8,
    #[arbitrary(with = to_the_end)]
    entries: Vec<Entry<'a>>,
}

/// Where something stands in a log.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Place {
    /// None: as late as can be.
    ms: Option<u8>,
    seq: Option<u8>,
    is_elsewhere: bool,
}

#[derive(Arbitrary, Debug)]
struct Entry<'a> {
    at: At,
    to: To,
    name: Option<&'a str>,
    data: &'a str,
    ephemeral: bool,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum At {
    /// The next place after whatever came before.
    Next,
    SameAgain,
    Anywhere(Place),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum To {
    All,
    Alice,
    Bob,
    AllButAlice,
    Nobody,
}

/// An entry of the log.
struct Sent<'a> {
    id: EventId,
    entry: &'a Entry<'a>,
    name: Option<&'a str>,
}

impl Place {
    fn id(self) -> EventId {
        let ms = self.ms.map_or(u64::MAX, |ms| *NOW_MS + u64::from(ms));
        let log = if self.is_elsewhere { "elsewhere" } else { "here" };
        EventId::new(ms, self.seq.map_or(u64::MAX, u64::from), name(log))
    }
}

impl At {
    fn id(self, before: EventId) -> EventId {
        match self {
            Self::Next => EventId::new(before.ms(), before.seq().wrapping_add(1), before.log()),
            Self::SameAgain => before,
            Self::Anywhere(place) => place.id(),
        }
    }
}

impl Entry<'_> {
    fn record(&self, name: Option<&str>) -> Record {
        let audience = match self.to {
            To::All => Audience::all(),
            To::Alice => Audience::user("alice"),
            To::Bob => Audience::user("bob"),
            To::AllButAlice => Audience::all().except_user("alice"),
            To::Nobody => Audience::nobody(),
        };
        let event = name.map_or_else(|| Ok(Event::message(self.data)), |name| Event::text(name, self.data));
        let event = event.expect("the name was checked");
        PRESS.with(|press| press.record(audience, if self.ephemeral { event.ephemeral() } else { event }))
    }

    fn is_for_alice(&self) -> bool {
        matches!(self.to, To::All | To::Alice)
    }
}

/// What the hub makes of a tail.
struct Outcome<'a> {
    taken: Vec<Sent<'a>>,
    /// How many of them it had taken when its streams began; none if they never do.
    began_after: Option<usize>,
}

impl Story<'_> {
    fn check(&self) {
        let (gate, script) = self.script();
        let hub = Hub::builder()
            .history(History::default().age(YEAR))
            .keep_alive(YEAR)
            .backplane(script)
            .build()
            .expect("the options are in range");
        let alice = || ConnectRequest::new().user("alice");
        let mut early = Reader::new(hub.connect(alice()).expect("the stream is let in"));
        gate.open();
        gate.wait();

        let outcome = self.outcome();
        assert_eq!(hub.stats().published, outcome.taken.len() as u64);
        let Some(began_after) = outcome.began_after else {
            assert_eq!(early.read(), [], "nothing begins before the hub knows its log");
            return;
        };
        let live: Vec<&Sent<'_>> =
            outcome.taken[began_after..].iter().filter(|sent| sent.entry.is_for_alice()).collect();
        check_stream(&early.read(), &live);

        let places = outcome.taken.len() + 1;
        let from = usize::from(self.resumes_from) % places;
        let start = self.start.map(|(after, _)| after.id()).expect("the streams have begun");
        let id = from.checked_sub(1).map_or(start, |last| outcome.taken[last].id);
        let missed: Vec<&Sent<'_>> =
            outcome.taken[from..].iter().filter(|sent| sent.entry.is_for_alice() && !sent.entry.ephemeral).collect();
        let request = alice().last_event_id(&id.to_string());
        let mut late = Reader::new(hub.connect(request).expect("the stream is let in"));
        check_stream(&late.read(), &missed);
    }

    /// What the tail brings, and the gate it waits behind.
    fn script(&self) -> (Gate, Script) {
        let mut items = Vec::new();
        let mut before = EventId::new(*NOW_MS, 0, name("here"));
        if let Some((after, head)) = self.start {
            before = after.id();
            let (after, head) = (before, head.id());
            items.push(Tailed::Start(Start { after, head, missed: true, state: Vec::new() }));
        }
        for entry in &self.entries {
            before = entry.at.id(before);
            items.push(Tailed::Entry(before, entry.record(entry.usable_name()).bytes().clone()));
        }
        Script::new(items)
    }

    fn outcome(&self) -> Outcome<'_> {
        let mut outcome = Outcome { taken: Vec::new(), began_after: None };
        let Some((after, head)) = self.start.map(|(after, head)| (after.id(), head.id())) else { return outcome };
        let mut before = after;
        if !follows(head, after) {
            outcome.began_after = Some(0);
        }
        for entry in &self.entries {
            let id = entry.at.id(before);
            if !follows(id, before) {
                break;
            }
            before = id;
            outcome.taken.push(Sent { id, entry, name: entry.usable_name() });
            if outcome.began_after.is_none() && !follows(head, id) {
                outcome.began_after = Some(outcome.taken.len());
            }
        }
        outcome
    }
}

impl<'a> Entry<'a> {
    /// Its name, if an event may have it.
    fn usable_name(&self) -> Option<&'a str> {
        self.name.filter(|name| Event::text(name, "").is_ok())
    }
}

/// Whether an id stands behind another, in one log.
fn follows(id: EventId, before: EventId) -> bool {
    id.log() == before.log() && (id.ms(), id.seq()) > (before.ms(), before.seq())
}

/// A stream's opening and these events, and nothing else.
fn check_stream(blocks: &[Block], events: &[&Sent<'_>]) {
    let [opening, received @ ..] = blocks else { panic!("a stream opens with a block") };
    assert_eq!(opening.name(), "hub:connected");
    let received: Vec<_> =
        received.iter().map(|block| (block.id.clone(), block.event.as_deref(), block.text().to_owned())).collect();
    let expected: Vec<_> =
        events.iter().map(|sent| (Some(sent.id.to_string()), sent.name, as_read(sent.entry.data))).collect();
    assert_eq!(received, expected);
}

fn name(name: &str) -> LogName {
    name.parse().expect("letters alone are a name")
}
