//! The encoder: what an application passes comes out of a stream as exactly that, through the strict parser and through
//! a foreign one, with nothing forged and nothing left out; and what it may not pass is an error.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use ssehub::{ConnectRequest, Event, EventErrorKind, History, Hub, MAX_EVENT_NAME, MAX_NAME, SendErrorKind, Topic};
use ssehub_conformance::sse::Block;

use crate::reader::{Reader, as_read, check_foreign, now};
use crate::script::to_the_end;

/// The largest data that is taken.
const MAX_EVENT_BYTES: usize = 1000;

thread_local! {
    static HUB: Hub = Hub::builder()
        .history(History::none())
        .keep_alive(Duration::from_secs(86_400))
        .max_event_bytes(MAX_EVENT_BYTES)
        .build()
        .expect("the options are in range");
}

/// See the [crate].
pub fn wire(data: &[u8]) {
    if let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(data)) {
        HUB.with(|hub| script.run(hub));
    }
}

#[derive(Arbitrary, Debug)]
struct Script<'a> {
    /// How many bytes the foreign parser gets at a time.
    piece: u8,
    /// Whether each event is read before the next is sent.
    read_each: bool,
    /// Why the stream is ended.
    farewell: &'a str,
    #[arbitrary(with = to_the_end)]
    events: Vec<Sent<'a>>,
}

#[derive(Arbitrary, Debug)]
struct Sent<'a> {
    name: Option<&'a str>,
    data: &'a str,
    key: Option<&'a str>,
    retract: bool,
    ephemeral: bool,
    retry: Option<u64>,
}

impl Script<'_> {
    fn run(&self, hub: &Hub) {
        let mut reader = Reader::new(hub.connect(ConnectRequest::new()).expect("the stream is let in"));
        let mut blocks = reader.read();
        let [opening] = blocks.as_slice() else { panic!("a stream opens with one block: {blocks:?}") };
        assert_eq!(opening.order, ["retry", "id", "event", "data"]);
        assert_eq!(opening.name(), "hub:connected");
        let data: serde_json::Value = serde_json::from_str(opening.text()).expect("it is JSON");
        let connection = data["connection"].as_str().expect("a stream tells its connection").to_owned();
        let topic = Topic::connection(&connection);

        let mut sent: Vec<(&Sent<'_>, String)> = Vec::new();
        for event in &self.events {
            if let Some(id) = event.send(hub, &topic) {
                sent.push((event, id));
            }
            if self.read_each {
                blocks.append(&mut reader.read());
            }
        }
        now(hub.disconnect(topic.clone(), self.farewell)).expect("there is one node");
        blocks.append(&mut reader.read());
        assert!(reader.is_over(), "a stream that was ended ends");

        let closing = blocks.last().expect("there is an opening");
        assert_eq!(closing.order, ["event", "data"]);
        assert_eq!(closing.name(), "hub:closing");
        let data: serde_json::Value = serde_json::from_str(closing.text()).expect("it is JSON");
        assert_eq!(data, serde_json::json!({ "reason": self.farewell }));

        let is_read = |place: usize| self.read_each || !is_superseded(&sent, place);
        let expected: Vec<&(&Sent<'_>, String)> =
            sent.iter().enumerate().filter(|(place, _)| is_read(*place)).map(|(_, sent)| sent).collect();
        let received = &blocks[1..blocks.len() - 1];
        assert_eq!(received.len(), expected.len(), "{received:?} is not {expected:?}");
        for (block, (event, id)) in received.iter().zip(expected) {
            event.check(block, id);
        }
        check_foreign(&reader.bytes, usize::from(self.piece), &blocks);

        // A key would outlive the input.
        for key in self.events.iter().filter_map(|event| event.key).filter(|key| key.len() <= MAX_NAME) {
            now(hub.send_unpaced(topic.clone(), Event::message("").retract(key))).expect("a key can be retracted");
        }
    }
}

impl Sent<'_> {
    /// Sends it; none if it was refused, as it had to be.
    fn send(&self, hub: &Hub, topic: &Topic) -> Option<String> {
        let built = self.name.map_or_else(|| Ok(Event::message(self.data)), |name| Event::text(name, self.data));
        let mut event = match (built, self.name.and_then(name_error)) {
            (Ok(event), None) => event,
            (Err(error), Some(kind)) => {
                assert_eq!(error.kind(), kind, "{self:?}");
                return None;
            }
            (built, error) => panic!("{self:?} is {built:?} and should be {error:?}"),
        };
        event = match self.key {
            Some(key) if self.retract => event.retract(key),
            Some(key) => event.key(key),
            None => event,
        };
        if self.ephemeral {
            event = event.ephemeral();
        }
        if let Some(retry) = self.retry {
            event = event.retry(Duration::from_millis(retry));
        }
        let faults = [
            (self.data.len() > MAX_EVENT_BYTES, SendErrorKind::EventTooLarge),
            (self.ephemeral && self.key.is_some(), SendErrorKind::EphemeralKey),
            (self.key.is_some_and(|key| key.len() > MAX_NAME), SendErrorKind::NameTooLong),
        ];
        match now(hub.send_unpaced(topic.clone(), event)) {
            Ok(id) => {
                assert!(!faults.iter().any(|(is_one, _)| *is_one), "{self:?} is taken");
                Some(id.to_string())
            }
            Err(error) => {
                assert!(faults.contains(&(true, error.kind())), "{self:?} is refused: {error}");
                None
            }
        }
    }

    fn check(&self, block: &Block, id: &str) {
        let lines = as_read(self.data).split('\n').count();
        let head = ["id"].into_iter().chain(self.name.map(|_| "event")).chain(self.retry.map(|_| "retry"));
        let order: Vec<_> = head.chain(std::iter::repeat_n("data", lines)).collect();
        assert_eq!(block.order, order);
        assert_eq!(block.id.as_deref(), Some(id));
        assert_eq!(block.event.as_deref(), self.name);
        assert_eq!(block.text(), as_read(self.data));
        assert_eq!(block.retry, self.retry);
    }
}

/// Whether a reader that is behind skips an event: a later one of its key says it all. A retract of a key that is not
/// there is an event like any other.
fn is_superseded(sent: &[(&Sent<'_>, String)], place: usize) -> bool {
    let event = sent[place].0;
    let is_of_key = |(other, _): &(&Sent<'_>, String)| other.key == event.key;
    let is_state = !event.retract || sent[..place].iter().any(|other| is_of_key(other) && !other.0.retract);
    event.key.is_some() && is_state && sent[place + 1..].iter().any(is_of_key)
}

/// What is wrong with a name, if anything is.
fn name_error(name: &str) -> Option<EventErrorKind> {
    if name.is_empty() || name.contains(['\r', '\n', '\0']) {
        Some(EventErrorKind::InvalidName)
    } else if name.len() > MAX_EVENT_NAME {
        Some(EventErrorKind::NameTooLong)
    } else if name.starts_with("hub:") {
        Some(EventErrorKind::ReservedName)
    } else {
        None
    }
}
