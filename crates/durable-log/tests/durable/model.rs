//! The log against a model of it, reopened at random.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use ssehub::{Backplane as _, EventId, History, Record};
use ssehub_durable::DurableLog;

use crate::support::{append, key, take_all};

#[derive(Clone, Debug)]
enum Step {
    Append { bytes: usize, set: Vec<u8>, remove: Vec<u8> },
    Pass,
    Group(u8),
    Follow(prop::sample::Index),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let keys = || prop::collection::vec(0..6_u8, 0..3);
    let append = (0..3000_usize, keys(), keys()).prop_map(|(bytes, set, remove)| Step::Append { bytes, set, remove });
    let step = prop_oneof![
        8 => append,
        2 => Just(Step::Pass),
        1 => (1..20_u8).prop_map(Step::Group),
        3 => any::<prop::sample::Index>().prop_map(Step::Follow),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..60)
}

/// What there has to be.
#[derive(Default)]
struct Model {
    /// All that was ever appended.
    entries: Vec<(EventId, Bytes)>,
    /// How many of them retention has taken.
    trimmed: usize,
    state: BTreeMap<Bytes, EventId>,
}

impl Model {
    fn append(&mut self, id: EventId, record: &Record, events: usize, bytes: usize) {
        self.entries.push((id, record.bytes().clone()));
        for change in record.state() {
            match change {
                ssehub::StateChange::Set(key) => drop(self.state.insert(key.clone(), id)),
                ssehub::StateChange::Remove(key) => drop(self.state.remove(key)),
            }
        }
        let is_over = |kept: &[(EventId, Bytes)]| {
            kept.len() > 1 && (kept.len() > events || kept.iter().map(|(_, it)| it.len()).sum::<usize>() > bytes)
        };
        while is_over(&self.entries[self.trimmed..]) {
            self.trimmed += 1;
        }
    }

    fn kept(&self) -> &[(EventId, Bytes)] {
        &self.entries[self.trimmed..]
    }

    /// What the state keeps of what retention has taken: id, keys, bytes.
    fn state(&self) -> Vec<(EventId, Vec<Bytes>, Bytes)> {
        let gone = self.entries[..self.trimmed].iter();
        let keys_of = |id| self.state.iter().filter(|(_, of)| **of == id).map(|(key, _)| key.clone()).collect();
        let state = gone.map(|(id, bytes)| (*id, keys_of(*id), bytes.clone()));
        state.filter(|(_, keys, _): &(_, Vec<Bytes>, _)| !keys.is_empty()).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn the_log_does_as_its_model_does(steps in steps(), events in 1..12_usize, bytes in 1..20_000_usize, ahead: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps, events, bytes, ahead));
    }
}

async fn run(steps: Vec<Step>, events: usize, bytes: usize, ahead: bool) {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let builder = DurableLog::builder(dir.path());
        let builder = if ahead { builder.flush_every(Duration::from_millis(1)) } else { builder };
        let log = builder.open().unwrap();
        log.retain(&History::default().events(events).bytes(bytes));
        log
    };
    let mut log = open();
    let (name, mut model) = (log.name(), Model::default());
    for step in steps {
        match step {
            Step::Append { bytes: length, set, remove } => {
                let mut record = Record::new(vec![model.entries.len() as u8; length]);
                for key in set {
                    record = record.set(vec![key]);
                }
                for key in remove {
                    record = record.remove(vec![key]);
                }
                let id = append(&log, record.clone()).await;
                model.append(id, &record, events, bytes);
            }
            Step::Pass => drop(append(&log, Record::new("passing").passing()).await),
            Step::Group(count) => {
                let records: Vec<_> = (0..count).map(|n| Record::new(vec![n; 10])).collect();
                let appends = records.iter().map(|record| append(&log, record.clone()));
                let mut ids = futures::future::join_all(appends).await.into_iter().zip(&records).collect::<Vec<_>>();
                ids.sort_by_key(|(id, _)| key(*id));
                ids.into_iter().for_each(|(id, record)| model.append(id, record, events, bytes));
            }
            Step::Follow(from) if !model.entries.is_empty() => {
                // What is flushed later is also trimmed later.
                if ahead {
                    drop(log);
                    log = open();
                }
                let at = from.index(model.entries.len());
                let asked = model.entries[at].0;
                let (start, entries) = take_all(&log, Some(asked)).await;
                let entries: Vec<_> = entries.into_iter().filter(|(_, bytes)| bytes != "passing").collect();
                let is_gone = at + 1 < model.trimmed;
                let from = if is_gone { model.trimmed } else { at + 1 };
                assert_eq!(entries, model.entries[from..], "behind {at} of {}", model.entries.len());
                assert_eq!(start.after, model.entries[from - 1].0);
                let state: Vec<_> = start.state.into_iter().map(|kept| (kept.id, kept.keys, kept.record)).collect();
                assert_eq!(state, if is_gone { model.state() } else { vec![] });
            }
            Step::Follow(_) => {}
            Step::Reopen => {
                drop(log);
                log = open();
                assert!(log.recovery().was_closed());
                assert_eq!((log.name(), log.recovery().retained()), (name, model.kept().len()));
            }
        }
    }
    drop(log);
    let log = open();
    let (start, entries) = take_all(&log, None).await;
    assert_eq!(entries, model.kept());
    let state: Vec<_> = start.state.into_iter().map(|kept| (kept.id, kept.keys, kept.record)).collect();
    assert_eq!(state, model.state());
}
