//! Sessions whose node is gone: anybody may take them up until their window is over.

use std::collections::HashMap;
use std::sync::Arc;

use crate::id::Position;
use crate::nodes::signal::{JoinedForm, OrphanForm, SessionForm};
use crate::session::{Joined, SessionKey};
use crate::topic::Topic;

/// By whose they are and their name.
#[derive(Debug, Default)]
pub(crate) struct Orphans(HashMap<SessionKey, Orphan>);

#[derive(Debug)]
pub(crate) struct Orphan {
    pub(crate) id: Arc<str>,
    pub(crate) joined: Vec<Joined>,
    pub(crate) until_ms: u64,
    /// The hooks of its node were told that it is gone.
    pub(crate) is_told: bool,
}

impl Orphans {
    /// Keeps one, if there is room for it.
    pub(crate) fn keep(&mut self, key: SessionKey, orphan: Orphan, max: usize) {
        if self.0.len() < max {
            self.0.insert(key, orphan);
        }
    }

    pub(crate) fn take(&mut self, key: &SessionKey) -> Option<Orphan> {
        self.0.remove(key)
    }

    /// The groups of one.
    pub(crate) fn joined(&self, key: &SessionKey) -> Option<&[Joined]> {
        self.0.get(key).map(|orphan| &orphan.joined[..])
    }

    /// Those of a topic are over.
    pub(crate) fn end(&mut self, topic: &Topic) {
        self.0.retain(|(user, _), orphan| match topic {
            Topic::All => false,
            Topic::User(ended) => user.as_ref() != Some(ended),
            Topic::Group(group) => !orphan.joined.iter().any(|joined| joined.group == *group),
            Topic::Connection(id) => orphan.id != *id,
        });
    }

    /// Forgets those whose window is over.
    pub(crate) fn let_go(&mut self, now_ms: u64) {
        self.0.retain(|_, orphan| orphan.until_ms > now_ms);
    }

    /// All of them, as other nodes are to know them.
    pub(crate) fn to_tell(&self, now_ms: u64) -> Vec<OrphanForm> {
        let forms = self.0.iter().map(|((user, name), orphan)| OrphanForm {
            connection: orphan.id.to_string(),
            user: user.as_deref().map(str::to_owned),
            session: SessionForm {
                name: name.to_string(),
                joined: orphan.joined.iter().map(JoinedForm::from).collect(),
            },
            left_ms: orphan.until_ms.saturating_sub(now_ms),
            is_told: orphan.is_told,
        });
        forms.collect()
    }

    /// The log is another one: what was before that has no place in it.
    pub(crate) fn forget_places(&mut self) {
        self.0.values_mut().flat_map(|orphan| &mut orphan.joined).for_each(|joined| joined.since = Position::default());
    }

    /// Hears of one from another node. What is known already stays as it is.
    pub(crate) fn hear(&mut self, form: OrphanForm, now_ms: u64, max: usize) {
        let key = form.session_key();
        if !self.0.contains_key(&key) {
            let orphan = Orphan {
                id: form.connection.into(),
                joined: form.session.joined.into_iter().map(Joined::from).collect(),
                until_ms: now_ms.saturating_add(form.left_ms),
                is_told: form.is_told,
            };
            self.keep(key, orphan, max);
        }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
