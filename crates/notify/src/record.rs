//! What is written into the journal's record stream: each notice before it leaves, what became of it, and
//! from time to time all that waits. As JSON, so that a person with a hex dump can read it.

use crate::desk::{Desk, Letter, Outcome, Tally};
use crate::episode::{Episode, Heard, Key};
use crate::leg::{Leg, Taken};
use crate::plan::Plan;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A notice was made, and may have left since.
pub const NOTICE_KIND: u16 = 51;
/// A notice was delivered, refused or given up.
pub const OUTCOME_KIND: u16 = 52;
/// All that waits, and up to which change that is so.
pub const SNAPSHOT_KIND: u16 = 53;
/// Changes remembered while no snapshot says that somebody is told. More: the oldest are forgotten.
const UNCLAIMED_MAX: usize = 10_000;
/// Pieces in one record of a snapshot.
const PART_PIECES: usize = 200;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Made {
    pub at_ns: i64,
    /// Changes below this place of the record stream had been taken.
    pub position: u64,
    pub taken: Taken,
    pub letter: Letter,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// This part, counted from 0, of so many.
    pub part: usize,
    pub parts: usize,
    /// None: nobody is told of anything.
    pub position: Option<u64>,
    pub now_ns: i64,
    pub next_id: u64,
    pub pieces: Vec<Piece>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    Episode(Key, Episode),
    Leg(Leg),
    Letter(u64, Letter),
    Channel(Box<str>, Tally),
}

impl Snapshot {
    /// All parts of the state up to a place; none: of nobody being told.
    pub fn of(desk: &Desk, position: Option<u64>) -> Vec<Snapshot> {
        let mut pieces: Vec<Piece> = Vec::new();
        let episodes = desk.episodes.iter();
        pieces.extend(episodes.map(|(key, of)| Piece::Episode(key.clone(), of.clone())));
        pieces.extend(desk.legs.iter().map(|leg| Piece::Leg(leg.clone())));
        pieces.extend(desk.letters.iter().map(|(id, of)| Piece::Letter(*id, of.clone())));
        let channels = desk.channels.iter();
        pieces.extend(channels.map(|(name, of)| Piece::Channel(name.clone(), of.clone())));
        let parts = pieces.len().div_ceil(PART_PIECES).max(1);
        let mut chunks = pieces.chunks(PART_PIECES);
        let part = |part| Snapshot {
            part,
            parts,
            position,
            now_ns: desk.now_ns,
            next_id: desk.next_id,
            pieces: chunks.next().unwrap_or_default().to_vec(),
        };
        (0..parts).map(part).collect()
    }
}

/// Reads what was written, in its order, and gives the state at its end.
#[derive(Default)]
pub struct Replay {
    desk: Desk,
    /// From where on changes are taken; none: from the end of what is written.
    position: Option<u64>,
    /// Changes with their places, which no notice tells yet that they were taken.
    changes: VecDeque<(u64, Heard)>,
    /// Of a snapshot that is not whole yet.
    parts: Vec<Snapshot>,
}

impl Replay {
    pub fn change(&mut self, seq: u64, heard: Heard) {
        // Before anybody was told of anything, only those that a snapshot may just have missed matter.
        if self.position.is_none() && self.changes.len() >= UNCLAIMED_MAX {
            self.changes.pop_front();
        }
        self.changes.push_back((seq, heard));
    }

    pub fn made(&mut self, made: Made, plan: &Plan) {
        if self.position.is_none() {
            return;
        }
        self.take_below(made.position, plan);
        self.desk.advance(made.at_ns, plan);
        let Made { taken, letter, .. } = made;
        let way = (letter.route.clone(), letter.channel.clone());
        self.desk.hand_over((&way.0, &way.1), taken, |_, _| letter);
    }

    pub fn outcome(&mut self, outcome: &Outcome) {
        self.desk.settle(outcome);
    }

    pub fn snapshot(&mut self, part: Snapshot) {
        if part.part == 0 {
            self.parts.clear();
        }
        let (whole, place) = (part.parts, part.part);
        if place != self.parts.len() {
            self.parts.clear();
            return;
        }
        self.parts.push(part);
        if self.parts.len() < whole {
            return;
        }
        self.desk = Desk::default();
        for part in self.parts.drain(..) {
            self.position = part.position;
            (self.desk.now_ns, self.desk.next_id) = (part.now_ns, part.next_id);
            part.pieces.into_iter().for_each(|piece| self.desk.put(piece));
        }
        let from = self.position.unwrap_or(u64::MAX);
        self.changes.retain(|(seq, _)| *seq >= from);
    }

    /// The state, and from which place on changes are to be taken; none where nobody was told of
    /// anything.
    pub fn end(mut self, end: u64, plan: &Plan) -> Option<(Desk, u64)> {
        self.position?;
        self.take_below(end, plan);
        Some((self.desk, end))
    }

    fn take_below(&mut self, position: u64, plan: &Plan) {
        while let Some((seq, _)) = self.changes.front()
            && *seq < position
            && let Some((_, heard)) = self.changes.pop_front()
        {
            self.desk.take(&heard, plan);
        }
    }
}

impl Desk {
    fn put(&mut self, piece: Piece) {
        match piece {
            Piece::Episode(key, episode) => drop(self.episodes.insert(key, episode)),
            Piece::Leg(leg) => self.legs.push(leg),
            Piece::Letter(id, letter) => drop(self.letters.insert(id, letter)),
            Piece::Channel(name, tally) => drop(self.channels.insert(name, tally)),
        }
    }
}
