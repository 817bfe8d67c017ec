//! What becomes of a signal on the node that hears it: on each, at the same place of the log.

use std::sync::Arc;

use crate::cell::Closing;
use crate::clock::millis;
use crate::groups::{Change, GroupErrorKind};
use crate::hooks::DisconnectReason;
use crate::id::Position;
use crate::inner::Inner;
use crate::nodes::Nodes;
use crate::nodes::announce::Note;
use crate::nodes::ask::Reply;
use crate::nodes::early::Joining;
use crate::nodes::signal::{Answer, End, GroupChange, NodeId, Presence, Say, Signal, Standing};
use crate::sync::Ordering;
use crate::topic::Topic;

impl Inner {
    /// The tail of the backplane starts: others have to be told what they cannot know, and asked what this node cannot.
    pub(crate) fn listen_anew(&self, missed: bool) {
        let Some(nodes) = &self.nodes else { return };
        let now_ms = self.clock.now_ms();
        let mut directory = nodes.directory.lock();
        directory.hear_all(now_ms);
        if missed {
            directory.ask_all(now_ms);
            nodes.outbox.say(Say::Hello(None));
        }
        drop(directory);
        if missed {
            nodes.is_one_of_them.store(false, Ordering::Relaxed);
            self.say_claims_again();
            // Some may have been redeemed, and some users logged out.
            self.tickets.forget_all();
        }
        nodes.outbox.tell_all();
    }

    /// Hears what a node says, this one too, at a place of the log.
    pub(crate) fn hear(self: &Arc<Self>, at: Position, signal: Signal) {
        let Some(nodes) = &self.nodes else { return };
        // What lasts may have been said by a node that is no more.
        let is_alive = !signal.lasts();
        let Signal { from, says } = signal;
        let now_ms = self.clock.now_ms();
        let is_other = if from == nodes.id {
            nodes.directory.lock().hear_itself(now_ms);
            false
        } else {
            nodes.directory.lock().hear(from, is_alive, now_ms)
        };
        for say in says {
            self.hear_say(nodes, at, from, say);
        }
        // A node that has just started asks all of them.
        if is_other && self.log.read().has_begun() && nodes.directory.lock().asks(from, now_ms) {
            nodes.outbox.say(Say::Hello(Some(from)));
        }
    }

    fn hear_say(self: &Arc<Self>, nodes: &Nodes, at: Position, from: NodeId, say: Say) {
        let is_own = from == nodes.id;
        match say {
            Say::Alive => {}
            Say::Hello(of) if !is_own && of.is_none_or(|of| of == nodes.id) => nodes.outbox.tell_all(),
            Say::Hello(_) => {}
            Say::Leaving if !is_own => {
                let now_ms = self.clock.now_ms();
                let until_ms = now_ms + millis(self.config.resume_window);
                nodes.directory.lock().leave(from, now_ms, until_ms, self.config.max_parked);
            }
            Say::Leaving => {}
            Say::Presence(presence) if !is_own => self.hear_presence(nodes, at, from, presence),
            Say::Presence(presence) => {
                for here in &presence.here {
                    here.session_key().iter().for_each(|key| self.has_heard_itself(key, &here.connection, 0, at));
                }
            }
            Say::Group(change) => self.hear_group(nodes, at, from, &change),
            Say::End(end) => self.hear_end(nodes, from, &end),
            Say::Revoke(user) => self.tickets.revoke(&user),
            Say::Answer { to, ask, answer } if to == nodes.id => nodes.asks.answer(ask, Reply::Of(from, answer)),
            Say::Answer { .. } => {}
            Say::Ticket(form) => self.hear_ticket(at, form),
            Say::Redeem { ask, ticket } => {
                let identity = self.tickets.redeem(ticket, self.clock.now_ms());
                if is_own {
                    nodes.redeems.answer(ask, identity);
                }
            }
            Say::Claim { user, session, connection, number } => {
                let key = (user.map(Arc::from), Arc::from(session));
                if is_own {
                    self.has_heard_itself(&key, &connection, number, at);
                } else if nodes.directory.lock().is_new_claim(from, number) {
                    let then = |here| nodes.directory.lock().claimed_by(from, at, &key, &connection, here);
                    self.hand_over(&key, &connection, then);
                }
            }
        }
    }

    fn hear_presence(&self, nodes: &Nodes, at: Position, from: NodeId, mut presence: Presence) {
        presence.forget_places_behind(at);
        // Two nodes have a session: a client came back to the second before the first had said of it, or one of them did
        // not hear the other.
        for here in &presence.here {
            let Some(key) = here.session_key() else { continue };
            let is_here = self.cell(&here.connection).is_some();
            let said = match here.standing {
                Standing::New if !is_here => at,
                Standing::Heard { ms, seq } => Position { ms, seq },
                Standing::New | Standing::Claimed => continue,
            };
            match self.heard(&key) {
                Some(heard) if (said, from) > (heard, nodes.id) => self.hand_over(&key, &here.connection, |_| {}),
                // The other hands it over when it knows.
                Some(_) if is_here => nodes.outbox.note(&here.connection.as_str().into(), Note::Changed),
                Some(_) | None => {}
            }
        }
        // With the log locked nobody comes back here meanwhile.
        let _log = self.log.read();
        // What this node has taken over is its own, whatever the other has not heard yet.
        presence.here.retain(|here| self.cell(&here.connection).is_none());
        let mut orphans = std::mem::take(&mut presence.orphans);
        orphans.retain(|orphan| self.cell(&orphan.connection).is_none());
        let now_ms = self.clock.now_ms();
        let until_ms = now_ms + millis(self.config.resume_window);
        let mut directory = nodes.directory.lock();
        directory.update(from, presence, until_ms, self.config.max_parked);
        for orphan in orphans {
            directory.hear_of_orphan(orphan, now_ms, self.config.max_parked);
        }
    }

    fn hear_group(&self, nodes: &Nodes, at: Position, from: NodeId, change: &GroupChange) {
        let GroupChange { ask, at: node, connection, group, joins } = change;
        if from == nodes.id {
            let mut asked = nodes.directory.lock().nodes_with(&Topic::All);
            asked.insert(nodes.id);
            nodes.asks.answer(*ask, Reply::Asked(asked));
        }
        if self.cell(connection).is_none() {
            nodes
                .directory
                .lock()
                .change_group(connection, Joining { group: group.as_str().into(), at, joins: *joins });
        }
        let what = joins.map_or(Change::Leave, |joins| Change::Join { snapshot: joins.snapshot });
        let done = match self.change_group_here(connection, group, what, Some(at)) {
            Ok(()) => Answer::Done,
            Err(error) => match error.kind() {
                GroupErrorKind::UnknownConnection => Answer::UnknownConnection,
                _ => Answer::TooManyGroups,
            },
        };
        // Who does not have it keeps silent where another one is known to.
        let is_asked = || match node {
            Some(node) => *node == nodes.id && nodes.directory.lock().node_of(connection).is_none(),
            None => true,
        };
        if done != Answer::UnknownConnection || is_asked() {
            answer(nodes, from, *ask, done);
        }
    }

    fn hear_end(&self, nodes: &Nodes, from: NodeId, end: &End) {
        let End { ask, topic, reason } = end;
        let topic = Topic::from(topic);
        let having = {
            let mut directory = nodes.directory.lock();
            directory.end_sessions(&topic);
            directory.nodes_with(&topic)
        };
        if from == nodes.id {
            let here = self.end_here(&topic, reason);
            return nodes.asks.answer(*ask, Reply::Ended { here, having });
        }
        // Streams that wait for their log were opened after what a node reads that has just started, and who asked then has
        // its answers.
        if self.log.read().has_begun() {
            let ended = self.end_here(&topic, reason);
            answer(nodes, from, *ask, Answer::Ended(ended as u64));
        }
    }

    /// Ends the streams of a topic on this node, and returns how many those are.
    pub(crate) fn end_here(&self, topic: &Topic, reason: &str) -> usize {
        let reason = DisconnectReason::Ended(reason.into());
        let at = self.head.load(Ordering::SeqCst);
        self.disconnect(topic, &Closing { at, reason, retry: None, now: false })
    }
}

/// Tells who asked.
fn answer(nodes: &Nodes, to: NodeId, ask: u64, answer: Answer) {
    if to == nodes.id {
        nodes.asks.answer(ask, Reply::Of(to, answer));
    } else {
        nodes.outbox.say(Say::Answer { to, ask, answer });
    }
}
