//! The program under test: writes a store and says on standard output what it was promised.
//!
//! `a …` an append returned (it survives a kill) · `c STREAM END` everything below is on disk (it survives
//! a power cut) · `o STREAM OLDEST` · `x FROM TO` gone with a full disk · `e …` something failed · `ready` · `end`.

use crate::store::subject::Subject;
use anyhow::Result;
use clap::{Args, ValueEnum};
use std::io::Write;
use std::path::PathBuf;

#[derive(Args, Clone)]
pub struct WriterArguments {
    pub folder: PathBuf,
    #[arg(long, value_enum, default_value_t = Subject::Journal)]
    pub subject: Subject,
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Steps; 0 for no end
    #[arg(long, default_value_t = 0)]
    pub steps: u64,
    #[arg(long, value_enum, default_value_t = Commits::Caller)]
    pub commits: Commits,
    #[arg(long, default_value_t = 16)]
    pub segment_kib: u64,
    #[arg(long, default_value_t = 192)]
    pub stream_kib: u64,
    #[arg(long, default_value_t = 0)]
    pub reserve_kib: u64,
    /// A full disk refuses new data instead of dropping the oldest
    #[arg(long)]
    pub keep_oldest: bool,
    /// Waits between steps
    #[arg(long, default_value_t = 0)]
    pub pause_us: u64,
    /// Waits take as long as they say; without it a clock of the writer's own jumps over them
    #[arg(long)]
    pub real_time: bool,
    /// NEGATIVE CONTROL: keeps this many bytes to itself
    #[arg(long)]
    pub buffered: Option<usize>,
    /// NEGATIVE CONTROL: calls data safe that it never synced
    #[arg(long)]
    pub lies: bool,
    /// NEGATIVE CONTROL: ends at the first error
    #[arg(long)]
    pub fragile: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Commits {
    /// By the writer itself, so that the calls come in the same order every time
    Caller,
    /// By the journal's thread
    Thread,
}

pub fn write(arguments: &WriterArguments) -> Result<()> {
    match arguments.subject {
        Subject::Journal => super::journal::write(arguments),
        Subject::History => super::history::write(arguments),
    }
}

/// One call of the kernel for each line: what is said is out.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A rig that has gone needs no answer.
    let _ = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
}
