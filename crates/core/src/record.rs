//! What the records say that a hub gives its backplane: one byte of version, a checksum, and the content in postcard's
//! format (<https://postcard.jamesmunns.com/wire-format>).
//!
//! They come from other processes, of other versions too, and from disks. So what is read is checked like what an
//! application sends: nothing in a record can forge a line on the wire or pass a limit, and one that cannot be read is
//! skipped, counted and logged.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::backplane::Record;
use crate::clock::millis;
use crate::encode::Draft;
use crate::event::{Event, check_name};
use crate::log::Pending;
use crate::nodes::signal::Signal;
use crate::topic::{Audience, MAX_AUDIENCE, MAX_NAME, Topic};

/// The version of what is written, and the only one that is read.
const VERSION: u8 = 1;

/// The version and the checksum.
const HEADER: usize = 5;

/// What a record says.
#[derive(Debug)]
pub(crate) enum Content {
    Event(Pending),
    UserGroup(UserGroup),
    Signal(Signal),
}

/// A user is put into a group, or taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserGroup {
    pub(crate) user: Arc<str>,
    pub(crate) group: Arc<str>,
    pub(crate) joined: bool,
}

/// Why bytes are no record.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("it has {0} bytes, and the shortest record has {HEADER}")]
    TooShort(usize),
    #[error("it is of version {0}, and this hub reads version {VERSION}")]
    Version(u8),
    #[error("its checksum is wrong")]
    Checksum,
    #[error("it cannot be read: {0}")]
    Format(#[from] postcard::Error),
    #[error("it is over a limit, or has a name that no event may have")]
    Invalid,
}

/// The form of a content. Variants and fields stay as they are: other processes have written them.
#[derive(Serialize, Deserialize)]
enum Form<'a> {
    Event(#[serde(borrow)] EventForm<'a>),
    UserGroup { user: &'a str, group: &'a str, joined: bool },
    Signal(Signal),
}

#[derive(Serialize, Deserialize)]
struct EventForm<'a> {
    #[serde(borrow)]
    topics: Vec<TopicForm<'a>>,
    #[serde(borrow)]
    except: Vec<TopicForm<'a>>,
    name: Option<&'a str>,
    data: &'a str,
    key: Option<&'a str>,
    retract: bool,
    ephemeral: bool,
    retry_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
enum TopicForm<'a> {
    All,
    User(&'a str),
    Group(&'a str),
    Connection(&'a str),
}

impl Record {
    /// The record of an event.
    pub(crate) fn of_event(audience: &Audience, event: &Event) -> Self {
        let form = Form::Event(EventForm {
            topics: audience.topics.iter().map(TopicForm::from).collect(),
            except: audience.except.iter().map(TopicForm::from).collect(),
            name: event.name.as_deref(),
            data: &event.data,
            key: event.key.as_deref(),
            retract: event.retract,
            ephemeral: event.ephemeral,
            retry_ms: event.retry.map(millis),
        });
        let record = Self::new(form.encode(event.data.len()));
        if event.ephemeral {
            return record.passing();
        }
        let keys = event
            .key
            .as_deref()
            .into_iter()
            .flat_map(|key| audience.topics.iter().filter_map(move |topic| state_key(topic, key)));
        keys.fold(record, |record, key| if event.retract { record.remove(key) } else { record.set(key) })
    }

    /// The record of a change of a user's groups.
    pub(crate) fn of_user_group(change: &UserGroup) -> Self {
        let UserGroup { user, group, joined } = change;
        let record = Self::new(Form::UserGroup { user, group, joined: *joined }.encode(user.len() + group.len()));
        let key = join_key(b'g', user, group);
        if *joined { record.set(key) } else { record.remove(key) }
    }

    /// The record of what a node says.
    pub(crate) fn of_signal(signal: Signal) -> Self {
        let lasts = signal.lasts();
        let record = Self::new(Form::Signal(signal).encode(256));
        if lasts { record } else { record.passing() }
    }
}

impl Content {
    /// Reads a record.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let (header, body) = bytes.split_at_checked(HEADER).ok_or(RecordError::TooShort(bytes.len()))?;
        let (version, checksum) = header.split_first().ok_or(RecordError::TooShort(bytes.len()))?;
        if *version != VERSION {
            return Err(RecordError::Version(*version));
        }
        if *checksum != crc32fast::hash(body).to_le_bytes() {
            return Err(RecordError::Checksum);
        }
        match postcard::from_bytes(body)? {
            Form::Event(event) => event.check().map(Self::Event),
            Form::UserGroup { user, group, joined } if user.len().max(group.len()) <= MAX_NAME => {
                Ok(Self::UserGroup(UserGroup { user: user.into(), group: group.into(), joined }))
            }
            Form::Signal(signal) if signal.is_valid() => Ok(Self::Signal(signal)),
            Form::UserGroup { .. } | Form::Signal(_) => Err(RecordError::Invalid),
        }
    }
}

impl Form<'_> {
    fn encode(&self, size_hint: usize) -> Bytes {
        let mut bytes = BytesMut::with_capacity(HEADER + size_hint + 64).writer();
        let header = [VERSION, 0, 0, 0, 0];
        bytes.get_mut().put_slice(&header);
        // Memory takes whatever is written, and the form has nothing that cannot be.
        if let Err(error) = postcard::to_io(self, &mut bytes) {
            tracing::error!(%error, "a record could not be written");
        }
        let mut bytes = bytes.into_inner();
        let checksum = crc32fast::hash(bytes.get(HEADER..).unwrap_or_default()).to_le_bytes();
        if let Some(room) = bytes.get_mut(1..HEADER) {
            room.copy_from_slice(&checksum);
        }
        bytes.freeze()
    }
}

impl EventForm<'_> {
    /// What is to be committed, if an application could have sent it.
    fn check(self) -> Result<Pending, RecordError> {
        let names = self.topics.iter().chain(&self.except).map(TopicForm::name).chain(self.key);
        let too_long = names.into_iter().any(|name| name.len() > MAX_NAME);
        let too_many = self.topics.len().max(self.except.len()) > MAX_AUDIENCE;
        let bad_name = self.name.is_some_and(|name| check_name(name).is_err());
        if too_long
            || too_many
            || bad_name
            || self.ephemeral && self.key.is_some()
            || self.retract && self.key.is_none()
        {
            return Err(RecordError::Invalid);
        }
        let mut audience: Audience = self.topics.iter().map(Topic::from).collect();
        audience.except = self.except.iter().map(Topic::from).collect();
        audience.dedup();
        Ok(Pending {
            draft: Draft::new(self.name, self.retry_ms.map(Duration::from_millis), self.data),
            audience,
            key: self.key.map(Arc::from),
            retract: self.retract,
            ephemeral: self.ephemeral,
        })
    }
}

impl Pending {
    /// Leaves of an event that lives on as state the topics where it still is the newest of its key.
    pub(crate) fn narrow(&mut self, keys: &[Bytes]) {
        let Some(key) = self.key.as_deref() else { return };
        self.audience.topics.retain(|topic| state_key(topic, key).is_some_and(|key| keys.contains(&key)));
    }
}

impl<'a> From<&'a Topic> for TopicForm<'a> {
    fn from(topic: &'a Topic) -> Self {
        match topic {
            Topic::All => Self::All,
            Topic::User(id) => Self::User(id),
            Topic::Group(name) => Self::Group(name),
            Topic::Connection(id) => Self::Connection(id),
        }
    }
}

impl From<&TopicForm<'_>> for Topic {
    fn from(form: &TopicForm<'_>) -> Self {
        match form {
            TopicForm::All => Self::All,
            TopicForm::User(id) => Self::user(id),
            TopicForm::Group(name) => Self::group(name),
            TopicForm::Connection(id) => Self::connection(id),
        }
    }
}

impl TopicForm<'_> {
    fn name(&self) -> &str {
        match self {
            Self::All => "",
            Self::User(name) | Self::Group(name) | Self::Connection(name) => name,
        }
    }
}

/// Under what a backplane keeps the newest event of a key in a topic. The state of one connection is kept for as long
/// as the connection lives, which a backplane does not know: it is not kept there.
fn state_key(topic: &Topic, key: &str) -> Option<Bytes> {
    let kind = match topic {
        Topic::All => b'a',
        Topic::User(_) => b'u',
        Topic::Group(_) => b'r',
        Topic::Connection(_) => return None,
    };
    Some(join_key(kind, topic.name(), key))
}

/// Two names that no other two can look like.
fn join_key(kind: u8, first: &str, second: &str) -> Bytes {
    let mut bytes = BytesMut::with_capacity(3 + first.len() + second.len());
    bytes.put_u8(kind);
    // Names have at most 512 bytes.
    bytes.put_u16(first.len() as u16);
    bytes.put_slice(first.as_bytes());
    bytes.put_slice(second.as_bytes());
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Record {
        let audience = Audience::group("market").or_user("bob").or_connection("c").except_user("alice");
        Record::of_event(
            &audience,
            &Event::text("price", "213.25\n\r").unwrap().key("AAPL").retry(Duration::from_millis(7)),
        )
    }

    #[test]
    fn an_event_survives_the_round_trip() {
        let Ok(Content::Event(pending)) = Content::decode(event().bytes()) else { panic!("an event") };
        assert_eq!(pending.audience.topics.len(), 3);
        assert_eq!(pending.audience.except, [Topic::user("alice")]);
        assert_eq!(pending.key.as_deref(), Some("AAPL"));
        let id: crate::EventId = "5-1-abc".parse().unwrap();
        let frame = pending.draft.seal(id);
        assert_eq!(&frame.bytes()[..], b"id: 5-1-abc\nevent: price\nretry: 7\ndata: 213.25\ndata: \ndata: \n\n");
    }

    #[test]
    fn a_record_that_is_damaged_anywhere_is_refused() {
        let record = event();
        let bytes = record.bytes();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.to_vec();
                damaged[place] ^= 1 << bit;
                assert!(Content::decode(&damaged).is_err(), "bit {bit} of byte {place}");
            }
            assert!(Content::decode(&bytes[..place]).is_err(), "cut at {place}");
        }
        let mut later = bytes.to_vec();
        later[0] = 2;
        assert_eq!(Content::decode(&later).unwrap_err(), RecordError::Version(2));
    }

    #[test]
    fn what_no_application_can_send_is_refused() {
        let form = |name, key, retract, ephemeral| {
            let (topics, except) = (vec![TopicForm::All], vec![]);
            let form = EventForm { topics, except, name, data: "", key, retract, ephemeral, retry_ms: None };
            Content::decode(&Form::Event(form).encode(0)).map(|_| ())
        };
        assert_eq!(form(Some("a"), Some("k"), true, false), Ok(()));
        let long = "k".repeat(MAX_NAME + 1);
        for bad in [
            form(Some("a\nb"), None, false, false),
            form(Some("hub:gap"), None, false, false),
            form(None, Some(&long), false, false),
            form(None, Some("k"), false, true),
            form(None, None, true, false),
        ] {
            assert_eq!(bad, Err(RecordError::Invalid));
        }
    }

    #[test]
    fn keys_of_the_state_are_those_of_the_topics_that_have_one() {
        let record = event();
        assert_eq!(record.state().len(), 2, "a connection's state is not kept");
        let one = Record::of_event(&Audience::group("ab"), &Event::message("").key("c"));
        let other = Record::of_event(&Audience::group("a"), &Event::message("").key("bc"));
        assert_ne!(one.state(), other.state());
        let Ok(Content::Event(mut pending)) = Content::decode(record.bytes()) else { panic!("an event") };
        pending.narrow(&[state_key(&Topic::user("bob"), "AAPL").unwrap()]);
        assert_eq!(pending.audience.topics[..], [Topic::user("bob")]);
    }
}
