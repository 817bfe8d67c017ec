//! Whatever is done, in whatever order, a log answers as the one in memory does.

use std::collections::HashMap;

use bytes::Bytes;
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any},
    prop_oneof,
    test_runner::{Config, TestCaseError, TestRunner},
};
use ssehub::{EventId, History, Record};
use tokio::{runtime::Handle, task::block_in_place};

use crate::{
    subject::{Line, Log, Memory, Subject},
    tail::Tail,
};

/// How many sequences are drawn.
const SEQUENCES: u32 = 48;

#[derive(Clone, Debug)]
enum Step {
    /// A lasting record of so many bytes, and the keys that it sets and removes.
    Last {
        size: u16,
        changes: Vec<(u8, bool)>,
    },
    Pass,
    Restart,
    /// Asks for all, or for what is behind the one appended so many steps ago.
    Tail(Option<usize>),
}

/// What a tail brings, with each id as the number of its append; none for where the log began.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    after: Option<usize>,
    head: Option<usize>,
    missed: bool,
    state: Vec<(Option<usize>, Vec<Bytes>, Bytes)>,
    entries: Vec<(Option<usize>, Bytes)>,
}

/// A log and the ids it gave, numbered.
struct Numbered {
    log: Box<dyn Log>,
    line: Option<Line>,
    ids: Vec<EventId>,
    numbers: HashMap<EventId, usize>,
}

/// Random appends, restarts and tails, on this log and on that in memory, come to the same.
pub async fn a_log_does_as_the_one_in_memory_does(subject: &dyn Subject) {
    let config = Config { cases: SEQUENCES, failure_persistence: None, max_shrink_iters: 100, ..Config::default() };
    let runtime = Handle::current();
    let drawn = (1_usize..12, vec(step(), 1..60));
    let run = |(events, steps): (usize, Vec<Step>)| -> Result<(), TestCaseError> {
        runtime.block_on(compare(subject, &History::default().events(events), &steps));
        Ok(())
    };
    let result = block_in_place(|| TestRunner::new(config).run(&drawn, run));
    result.unwrap_or_else(|error| panic!("{error}"));
}

fn step() -> impl Strategy<Value = Step> {
    let changes = vec((0..6_u8, any::<bool>()), 0..4);
    prop_oneof![
        8 => (0..300_u16, changes).prop_map(|(size, changes)| Step::Last { size, changes }),
        3 => Just(Step::Pass),
        1 => Just(Step::Restart),
        4 => proptest::option::of(0..30_usize).prop_map(Step::Tail),
    ]
}

async fn compare(subject: &dyn Subject, history: &History, steps: &[Step]) {
    let mut ours = Numbered::new(subject, history).await;
    let mut model = Numbered::new(&Memory, history).await;
    let keeps_passing = ours.log.keeps_passing();
    let mut lasts = Vec::new();
    for (number, step) in steps.iter().chain([&Step::Tail(None)]).enumerate() {
        match step {
            Step::Last { .. } | Step::Pass => {
                let record = step.record(lasts.len());
                lasts.push(matches!(step, Step::Last { .. }));
                ours.append(record.clone()).await;
                model.append(record).await;
            }
            Step::Restart => {
                ours.restart().await;
                model.restart().await;
            }
            Step::Tail(back) => {
                let asked = back.and_then(|back| lasts.len().checked_sub(back + 1));
                // What is not kept cannot be asked for after a restart.
                let asked = asked.filter(|asked| keeps_passing || lasts[*asked]);
                let (seen, expected) = (ours.tail(asked).await, model.tail(asked).await);
                seen.is_told_what_is_missed(asked, &lasts, keeps_passing);
                let (seen, expected) =
                    if keeps_passing { (seen, expected) } else { (seen.lasting(&lasts), expected.lasting(&lasts)) };
                assert_eq!(seen.without_a_word(), expected.without_a_word(), "step {number}, asked for {asked:?}");
            }
        }
    }
}

impl Step {
    fn record(&self, number: usize) -> Record {
        match self {
            Self::Last { size, changes } => {
                let record = Record::new([number.to_string().as_bytes(), &vec![b'.'; usize::from(*size)]].concat());
                changes.iter().fold(record, |record, (key, set)| {
                    let key = vec![*key];
                    if *set { record.set(key) } else { record.remove(key) }
                })
            }
            _ => Record::new(number.to_string()).passing(),
        }
    }
}

impl Numbered {
    async fn new(subject: &dyn Subject, history: &History) -> Self {
        let mut log = subject.log(history.clone()).await;
        let line = log.line().await;
        Self { log, line: Some(line), ids: Vec::new(), numbers: HashMap::new() }
    }

    fn line(&self) -> &Line {
        self.line.as_ref().expect("there is a line between the steps")
    }

    async fn append(&mut self, record: Record) {
        let id = self.line().append(record).await;
        self.numbers.insert(id, self.ids.len());
        self.ids.push(id);
    }

    async fn restart(&mut self) {
        self.line = None;
        self.line = Some(self.log.reopen().await);
    }

    async fn tail(&self, asked: Option<usize>) -> Seen {
        let mut tail = Tail::of(self.line(), asked.map(|asked| self.ids[asked])).await;
        let entries = tail.to_head().await;
        assert!(tail.is_quiet(), "the head is the newest");
        let number = |id: EventId| self.numbers.get(&id).copied();
        let start = tail.start;
        let sort = |mut keys: Vec<Bytes>| {
            keys.sort_unstable();
            keys
        };
        Seen {
            after: number(start.after),
            head: number(start.head),
            missed: start.missed,
            state: start.state.into_iter().map(|kept| (number(kept.id), sort(kept.keys), kept.record)).collect(),
            entries: entries.into_iter().map(|(id, bytes)| (number(id), bytes)).collect(),
        }
    }
}

impl Seen {
    /// The same without passing entries.
    fn lasting(mut self, lasts: &[bool]) -> Self {
        self.entries.retain(|(number, _)| number.is_some_and(|number| lasts[number]));
        self.head = self.entries.last().map_or(self.after, |(number, _)| *number);
        self
    }

    /// The same without the word on what passed: a log may say that something is missed when nothing is.
    fn without_a_word(self) -> Self {
        Self { missed: true, ..self }
    }

    /// If passing entries do not come, that is told; and a log that keeps them does not say so without need.
    fn is_told_what_is_missed(&self, asked: Option<usize>, lasts: &[bool], keeps_passing: bool) {
        let first = asked.map_or(0, |asked| asked + 1);
        let comes = |number: usize| self.entries.iter().any(|(entry, _)| *entry == Some(number));
        let is_missed = (first..lasts.len()).any(|number| !lasts[number] && !comes(number));
        assert!(self.missed >= is_missed, "what passed behind {asked:?} does not come: {self:?}");
        if keeps_passing && asked.is_some() && self.after == asked {
            assert_eq!(self.missed, is_missed, "all that passed behind {asked:?} comes: {self:?}");
        }
    }
}
