//! What the rigs are put upon: where its writer differs, and what is asked of what it left.

use crate::store::promises::{Outcome, Promises};
use crate::store::writer::{Commits, WriterArguments};
use crate::store::{history, journal};
use anyhow::Result;
use clap::ValueEnum;
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Subject {
    /// The journal by itself
    Journal,
    /// A journal and the history that is fed from it
    History,
}

impl Subject {
    pub fn name(self) -> &'static str {
        match self {
            Subject::Journal => "journal",
            Subject::History => "history",
        }
    }

    /// What every rig begins with.
    pub fn arguments(self, folder: &Path) -> WriterArguments {
        WriterArguments {
            folder: folder.to_owned(),
            subject: self,
            seed: 1,
            steps: 0,
            commits: Commits::Caller,
            segment_kib: 16,
            stream_kib: match self {
                Subject::Journal => 192,
                // History holds what the journal forgets.
                Subject::History => 64,
            },
            reserve_kib: 0,
            keep_oldest: false,
            pause_us: 0,
            real_time: false,
            buffered: None,
            lies: false,
            fragile: false,
        }
    }

    /// Steps of a life that is watched call by call: enough to begin new segments and to drop old ones.
    pub fn steps(self) -> u64 {
        match self {
            Subject::Journal => 150,
            Subject::History => 40,
        }
    }

    /// The call at which the first of two such lives is killed: when it has what the second may lose.
    pub fn first_life_writes(self) -> &'static str {
        match self {
            Subject::Journal => "90",
            // The journal is full by then, and forgets from the beginning of the second.
            Subject::History => "900",
        }
    }

    /// Appends after which a volatile store must have something to lose: of history only what the journal
    /// has forgotten.
    pub fn volatile_after(self) -> u64 {
        match self {
            Subject::Journal => 20,
            Subject::History => 800,
        }
    }

    /// Lives in one store until the next begins.
    pub fn lives(self) -> u64 {
        match self {
            Subject::Journal => 25,
            // It forgets nothing, and all of it is read after each life.
            Subject::History => 10,
        }
    }

    pub fn check(self, folder: &Path, promises: &Promises) -> Result<Outcome> {
        match self {
            Subject::Journal => journal::check(folder, promises),
            Subject::History => history::check(folder, promises),
        }
    }

    /// What the control does wrong when a kill is to show it.
    pub fn volatile(self) -> &'static str {
        match self {
            Subject::Journal => "a journal with a buffer of its own",
            Subject::History => "a history that keeps its segments to itself",
        }
    }

    /// What the control does wrong when a power cut is to show it.
    pub fn unsynced(self) -> &'static str {
        match self {
            Subject::Journal => "a writer that does not sync",
            Subject::History => "a history that does not sync while the journal forgets",
        }
    }
}
