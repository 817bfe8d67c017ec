//! What readers do beside reading, at random: they are lost and come back, join and leave, stall, are kicked, and open a
//! stream before the server knows that the last one is gone.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rand::RngExt as _;
use ssehub_conformance::{
    http1::Request,
    playground::{path, query},
    wait::PATIENCE,
};
use tokio::time::timeout;

use super::{
    reader::{Expected, Reader},
    tally::Presence,
    track::Kind,
    world::{follows_feed, room_name},
};

/// More rooms than that are joined by nobody beside the own one.
const MOST_JOINED: usize = 3;

impl Reader {
    /// Does one of the things that readers do.
    pub(super) async fn act(&mut self) -> Result<()> {
        self.account.may_miss(false);
        if follows_feed(self.number) && self.random.random_bool(0.5) {
            return self.stall().await;
        }
        match self.random.random_range(0..100) {
            0..35 => self.be_lost().await,
            35..45 => self.start_over().await,
            45..60 if self.joined.len() < MOST_JOINED => self.join().await,
            45..70 if !self.joined.is_empty() => self.leave().await,
            70..84 => self.be_faster_than_the_server().await,
            84..94 => self.be_kicked().await,
            94..97 if self.shared.plan.is_long() => self.come_late().await,
            _ => self.be_lost().await,
        }
    }

    /// Is cut off and comes back within the window: who it was, and with everything that was sent meanwhile.
    async fn be_lost(&mut self) -> Result<()> {
        self.shared.tally.did("lost and resumed");
        self.acts().await;
        self.cut().await;
        self.moves(Presence::Away);
        self.done();
        let time = self.up_to(self.shared.plan.away);
        self.shared.pause(time).await;
        self.acts().await;
        self.resume(Expected::Same).await
    }

    /// Goes for good; and somebody else comes.
    async fn start_over(&mut self) -> Result<()> {
        self.shared.tally.did("gone for good");
        self.acts().await;
        self.cut().await;
        self.moves(Presence::Abandoned);
        self.begin().await
    }

    /// Comes back when its session is over and what it missed may be forgotten.
    async fn come_late(&mut self) -> Result<()> {
        self.shared.tally.did("back too late");
        self.acts().await;
        self.cut().await;
        self.moves(Presence::Abandoned);
        self.done();
        let late = self.shared.plan.window * 2;
        let time = late + self.up_to(late);
        self.shared.pause(time).await;
        self.acts().await;
        self.account.may_miss(true);
        // Whoever is called to settle comes back earlier.
        let early = self.shared.settle.is_cancelled();
        self.resume(if early { Expected::Either } else { Expected::Other }).await
    }

    /// Joins a room.
    async fn join(&mut self) -> Result<()> {
        let world = &self.shared.world;
        let room = self.random.random_range(0..world.rooms());
        if room == world.room_of(self.number) || self.joined.contains(&room) {
            return Ok(());
        }
        self.shared.tally.did("joined a room");
        self.acts().await;
        let sent = self.shared.world.sent(self.shared.world.sequences_of_room(room));
        self.shared.call(Request::new("POST", self.seat_in(room)), 204).await?;
        self.account.opens(sent);
        self.joined.push(room);
        Ok(())
    }

    /// Leaves a room; what was sent to it before comes all the same, and nothing after.
    async fn leave(&mut self) -> Result<()> {
        let nth = self.random.random_range(0..self.joined.len());
        self.shared.tally.did("left a room");
        self.acts().await;
        let room = self.joined.swap_remove(nth);
        let sequences = self.shared.world.sequences_of_room(room);
        let sent = self.shared.world.sent(sequences);
        self.shared.call(Request::new("DELETE", self.seat_in(room)), 204).await?;
        self.account.ends(&sequences);
        let streams = self.streams;
        // What other sequences owe is checked by each next event of theirs.
        self.fence(&[]).await?;
        // The next stream of a session knows nothing of the rooms that were left before.
        if streams == self.streams {
            self.account.check(&sent);
        }
        self.account.closes(&sequences);
        Ok(())
    }

    /// Stops reading for a while. Either the server waits, or it gives the stream up and the reader comes back.
    async fn stall(&mut self) -> Result<()> {
        self.shared.tally.did("stalled");
        self.stalls();
        let time = self.up_to(self.shared.plan.stall);
        self.shared.pause(time).await;
        self.fence(&[Kind::Every]).await?;
        self.has_caught_up();
        Ok(())
    }

    /// Opens the next stream while the server still believes in the last one: the next one wins, the last one ends.
    async fn be_faster_than_the_server(&mut self) -> Result<()> {
        self.shared.tally.did("took over");
        self.acts().await;
        let old = self.stream.take();
        self.resume(Expected::Same).await?;
        if let Some(mut old) = old {
            let to_its_end = async { while old.next().await.is_ok() {} };
            timeout(PATIENCE, to_its_end).await.context("the stream before was not ended")?;
        }
        Ok(())
    }

    /// Is thrown out, which also ends its session.
    async fn be_kicked(&mut self) -> Result<()> {
        self.shared.tally.did("kicked");
        self.acts().await;
        let to = format!("connection:{}", self.connection);
        let answer =
            self.shared.call(Request::new("POST", format!("/disconnect{}", query(&[("to", &to)]))), 200).await?;
        let answer = answer.json();
        ensure!(answer == serde_json::json!({ "disconnected": 1 }), "a kick was answered with {answer}");
        loop {
            let stream = self.stream.as_mut().context("there is no stream to read")?;
            let next = timeout(PATIENCE, stream.next()).await.context("a stream was not ended")?;
            let Ok(block) = next else { break };
            self.take(&block);
        }
        ensure!(self.is_closing(), "a stream was ended without hub:closing");
        self.resume(Expected::Other).await
    }

    /// Where one joins and leaves a room.
    fn seat_in(&self, room: usize) -> String {
        path(&["groups", &room_name(room), "connections", &self.connection])
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.random.random_range(0.0..1.0))
    }
}
