//! Rigs for what lies on disk, the journal or history: killed, cut off from power, damaged, without space,
//! with failing calls and with stepping clocks. A row each: what was tried, what was lost, and whether the
//! control failed as it must.

mod calls;
mod cut;
mod full;
mod history;
mod journal;
mod kill;
mod mutate;
mod process;
mod promises;
mod random;
mod subject;
mod writer;

pub use cut::{Mounted, make_file_system, sparse};
pub use journal::{BenchArguments, bench};
pub use subject::Subject;
pub use writer::{WriterArguments, write};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use random::Random;
use serde::Serialize;
use std::time::Instant;

#[derive(Args)]
pub struct Arguments {
    /// A few of each, within seconds
    #[arg(long)]
    short: bool,
    /// Only these rigs
    #[arg(long, value_enum)]
    only: Vec<Rig>,
    /// Brings a run back
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rig {
    /// Kill at every call that changes a file
    Calls,
    /// Kill at random moments
    Kill,
    /// Images of the disk as a power cut leaves them
    Cut,
    /// Flipped bits, cut and zeroed files, swapped segments
    Mutate,
    /// Every call fails once, with no space and with an error of the medium
    Errors,
    /// A disk that is full, and has room again
    Full,
    /// A wall clock that steps
    Clock,
}

impl Rig {
    fn of(subject: Subject) -> &'static [Rig] {
        const SHARED: [Rig; 7] =
            [Rig::Calls, Rig::Kill, Rig::Cut, Rig::Mutate, Rig::Errors, Rig::Full, Rig::Clock];
        match subject {
            Subject::Journal => &SHARED,
            // Its clocks are tried by its own tests, with the hand of the test on them.
            Subject::History => &SHARED[..6],
        }
    }
}

/// How much of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Short,
    Long,
}

/// What a rig found.
#[derive(Debug, Default, Serialize)]
struct Row {
    rig: &'static str,
    /// Kills, cuts, mutations …
    tried: u64,
    /// Numbers that were promised, over all that was tried.
    promised: u64,
    /// Of those, numbers that were not there afterwards.
    lost: u64,
    /// Everything that did not hold, the first ones in words.
    failures: Vec<String>,
    failed: u64,
    /// What the control lost or broke; a rig whose control finds nothing proves nothing.
    control: String,
    control_failed: bool,
    /// Why the rig could not run here.
    skipped: Option<String>,
    notes: Vec<String>,
    seconds: f64,
}

const FAILURES_SHOWN: usize = 20;

impl Row {
    fn fail(&mut self, text: String) {
        self.failed += 1;
        if self.failures.len() < FAILURES_SHOWN {
            self.failures.push(text);
        }
    }

    /// Takes the outcome of one try.
    fn take(&mut self, context: &str, outcome: &promises::Outcome) {
        self.tried += 1;
        self.promised += outcome.promised;
        self.lost += outcome.lost;
        for failure in &outcome.failures {
            self.fail(format!("{context}: {failure}"));
        }
    }

    fn passed(&self) -> bool {
        self.skipped.is_some() || self.failed == 0 && self.lost == 0 && self.control_failed
    }
}

/// Runs the rigs, prints their rows as JSON, and fails when one did not hold.
pub fn run(subject: Subject, arguments: &Arguments) -> Result<()> {
    let seed = arguments.seed.unwrap_or_else(|| u64::from(std::process::id()));
    let form = if arguments.short { Form::Short } else { Form::Long };
    let mut rows = Vec::new();
    for rig in Rig::of(subject) {
        if !arguments.only.is_empty() && !arguments.only.contains(rig) {
            continue;
        }
        let begun = Instant::now();
        let random = Random::new(seed);
        let mut row = match rig {
            Rig::Calls => calls::kill_at_every_call(subject, form)?,
            Rig::Errors => calls::fail_at_every_call(subject, form)?,
            Rig::Kill => kill::run(subject, form, random)?,
            Rig::Cut => cut::run(subject, form, random)?,
            Rig::Mutate => mutate::run(subject, form, random)?,
            Rig::Full => full::run(subject)?,
            Rig::Clock => journal::clock(form, random)?,
        };
        row.seconds = begun.elapsed().as_secs_f64();
        tell(subject, &row);
        rows.push(row);
    }
    println!("{}", serde_json::to_string_pretty(&rows)?);
    let failed: Vec<&str> = rows.iter().filter(|row| !row.passed()).map(|row| row.rig).collect();
    if !failed.is_empty() {
        bail!("{} failed; seed {seed}", failed.join(", "));
    }
    Ok(())
}

fn tell(subject: Subject, row: &Row) {
    let subject = subject.name();
    if let Some(reason) = &row.skipped {
        eprintln!("{subject}: {}: skipped, {reason}", row.rig);
        return;
    }
    eprintln!(
        "{subject}: {}: {} tried, {} numbers promised, {} lost, {} failures, {:.1} s; control: {}",
        row.rig, row.tried, row.promised, row.lost, row.failed, row.seconds, row.control
    );
    row.notes.iter().for_each(|note| eprintln!("         {note}"));
    row.failures.iter().for_each(|failure| eprintln!("         FAILED {failure}"));
}
