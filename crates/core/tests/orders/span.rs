//! One stream, what it was given, and whether that was right.

use crate::journal::{Between, Journal, Place};
use crate::settings::Settings;
use crate::support::Tab;

/// A stream and what has come of it.
pub(crate) struct Stream {
    /// Its number among all streams of the run.
    pub(crate) number: usize,
    tab: Tab,
    /// Blocks without an event that have come.
    cursors: usize,
    span: Span,
}

/// What one stream brought.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) connection: String,
    pub(crate) user: Option<u8>,
    /// The groups that its request named.
    pub(crate) groups: Vec<u8>,
    pub(crate) has_session: bool,
    pub(crate) opened: Between,
    /// Where it began; none if it was dropped before that came.
    start: Option<Place>,
    taken: Vec<Taken>,
    /// The reason it was told.
    pub(crate) closing: Option<String>,
    over: bool,
}

/// What was read, in this order.
#[derive(Clone, Copy, Debug)]
enum Taken {
    Event {
        place: Place,
        number: usize,
    },
    /// A block that only moves the cursor.
    Cursor(Place),
    /// Something was forgotten, and the stream goes on here.
    Gap(Place),
    /// All that was committed before this place was there to be read, and there was no more.
    Idle(Place),
}

impl Span {
    pub(crate) fn new(user: Option<u8>, groups: Vec<u8>, has_session: bool, opened: Between) -> Self {
        Self {
            connection: String::new(),
            user,
            groups,
            has_session,
            opened,
            start: None,
            taken: Vec::new(),
            closing: None,
            over: false,
        }
    }

    pub(crate) fn events(&self) -> usize {
        self.taken.iter().filter(|taken| matches!(taken, Taken::Event { .. })).count()
    }

    pub(crate) fn gaps(&self) -> usize {
        self.taken.iter().filter(|taken| matches!(taken, Taken::Gap(_))).count()
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.start.is_some()
    }

    fn has(&self, event: usize) -> bool {
        self.taken.iter().any(|taken| matches!(taken, Taken::Event { number, .. } if *number == event))
    }

    /// Between its first place and its last it was given each event of its audience once and in order, or told a gap.
    pub(crate) fn check(&self, journal: &Journal, settings: &Settings) {
        let Some(mut told) = self.start else { return };
        let mut gap = false;
        let whole = |gap: bool, from: Place, to: Place| {
            let missing = if gap { Vec::new() } else { journal.due(self, from, to) };
            assert!(
                missing.is_empty(),
                "{missing:?} are missing between {from:?} and {to:?} in {self:#?}\n{journal:#?}"
            );
        };
        for taken in &self.taken {
            match *taken {
                Taken::Event { place, number } => {
                    assert!(place > told, "{number} comes again, or too late: {self:#?}");
                    assert!(journal.may_get(self, place, number), "{number} is for others: {self:#?}\n{journal:#?}");
                    whole(gap, told, place);
                    (told, gap) = (place, false);
                }
                Taken::Cursor(place) => {
                    assert!(place >= told, "the cursor goes back to {place:?}: {self:#?}");
                    whole(gap, told, place);
                    told = place;
                }
                Taken::Gap(place) => {
                    assert!(settings.forgets, "a gap where nothing is forgotten: {self:#?}");
                    assert!(place >= told, "a gap goes back to {place:?}: {self:#?}");
                    (told, gap) = (place, true);
                }
                Taken::Idle(place) => whole(gap, told, place),
            }
        }
        match &self.closing {
            Some(reason) if reason == "expired" => assert!(settings.identities_expire, "{self:#?}"),
            Some(reason) if reason == "max-lifetime" => assert!(settings.lifetime.is_some(), "{self:#?}"),
            Some(reason) if reason == "stalled" => assert!(settings.stall.is_some(), "{self:#?}"),
            Some(reason) if reason == "superseded" => assert!(self.has_session && settings.has_sessions(), "{self:#?}"),
            Some(reason) => {
                let ended = journal.ended.get(reason).unwrap_or_else(|| panic!("nobody ended {self:#?}"));
                // Who stalls is out before it is ended, and need not be given what came between.
                whole(gap || settings.stall.is_some(), told, ended.at.after);
            }
            None => assert!(!self.over, "it ended without a word: {self:#?}"),
        }
    }
}

impl Stream {
    pub(crate) fn new(number: usize, tab: Tab, span: Span) -> Self {
        let span = Span { connection: tab.id.clone(), ..span };
        Self { number, tab, cursors: 0, span }
    }

    pub(crate) fn connection(&self) -> &str {
        &self.span.connection
    }

    pub(crate) fn is_over(&self) -> bool {
        self.tab.over
    }

    /// What its client would come back with.
    pub(crate) fn last_event_id(&self) -> &str {
        &self.tab.last_event_id
    }

    /// Takes up to so many writes. Whether there are no more now: then everything before `head` was to be there.
    pub(crate) fn read(&mut self, writes: usize, head: Place) -> bool {
        for _ in 0..writes {
            if !self.tab.read_one() {
                self.take();
                if !self.tab.over {
                    self.span.taken.push(Taken::Idle(head));
                }
                return true;
            }
            self.take();
        }
        false
    }

    /// Waits until this event has come, or the stream is over.
    pub(crate) fn read_up_to(&mut self, event: usize) {
        self.take();
        while !self.span.has(event) && !self.tab.over {
            self.tab.wait();
            self.take();
        }
    }

    /// Waits until the stream is over.
    pub(crate) fn read_to_end(&mut self) {
        while !self.tab.over {
            self.tab.wait();
            self.take();
        }
        self.take();
    }

    /// The transport is gone.
    pub(crate) fn cut(mut self) -> Span {
        self.tab.cut();
        self.span
    }

    /// Takes in what was read.
    fn take(&mut self) {
        self.span.over = self.tab.over;
        for event in self.tab.take() {
            assert_eq!(self.span.closing, None, "hub:closing is the last: {:#?}", self.span);
            let place = || Place::of(event.id.as_deref().expect("it has an id"));
            match event.name.as_str() {
                "hub:connected" => self.span.start = Some(place()),
                "hub:gap" => self.span.taken.push(Taken::Gap(place())),
                "hub:closing" => {
                    let data: serde_json::Value = serde_json::from_str(&event.data).expect("it is JSON");
                    self.span.closing = data["reason"].as_str().map(str::to_owned);
                }
                _ => {
                    let number = event.data.split(' ').next().and_then(|number| number.parse().ok());
                    let number = number.unwrap_or_else(|| panic!("{event:?} is for nobody"));
                    self.span.taken.push(Taken::Event { place: place(), number });
                }
            }
        }
        if self.tab.cursors > self.cursors {
            self.cursors = self.tab.cursors;
            self.span.taken.push(Taken::Cursor(Place::of(&self.tab.last_event_id)));
        }
    }
}
