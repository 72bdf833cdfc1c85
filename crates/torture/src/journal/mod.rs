//! Rigs for the journal: killed, cut off from power, damaged, without space, with failing calls and with
//! stepping clocks. A row each: what was tried, what was lost, and whether the control failed as it must.

mod bench;
mod calls;
mod check;
mod clock;
mod cut;
mod full;
mod kill;
mod mutate;
mod process;
mod random;
mod writer;

pub use bench::{BenchArguments, bench};
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
    const ALL: [Rig; 7] =
        [Rig::Calls, Rig::Kill, Rig::Cut, Rig::Mutate, Rig::Errors, Rig::Full, Rig::Clock];
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
    fn take(&mut self, context: &str, outcome: &check::Outcome) {
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
pub fn run(arguments: &Arguments) -> Result<()> {
    let seed = arguments.seed.unwrap_or_else(|| u64::from(std::process::id()));
    let form = if arguments.short { Form::Short } else { Form::Long };
    let mut rows = Vec::new();
    for rig in Rig::ALL {
        if !arguments.only.is_empty() && !arguments.only.contains(&rig) {
            continue;
        }
        let begun = Instant::now();
        let random = Random::new(seed);
        let mut row = match rig {
            Rig::Calls => calls::kill_at_every_call(form)?,
            Rig::Errors => calls::fail_at_every_call(form)?,
            Rig::Kill => kill::run(form, random)?,
            Rig::Cut => cut::run(form, random)?,
            Rig::Mutate => mutate::run(form, random)?,
            Rig::Full => full::run()?,
            Rig::Clock => clock::run(form, random)?,
        };
        row.seconds = begun.elapsed().as_secs_f64();
        tell(&row);
        rows.push(row);
    }
    println!("{}", serde_json::to_string_pretty(&rows)?);
    let failed: Vec<&str> = rows.iter().filter(|row| !row.passed()).map(|row| row.rig).collect();
    if !failed.is_empty() {
        bail!("{} failed; seed {seed}", failed.join(", "));
    }
    Ok(())
}

fn tell(row: &Row) {
    if let Some(reason) = &row.skipped {
        eprintln!("journal: {}: skipped, {reason}", row.rig);
        return;
    }
    eprintln!(
        "journal: {}: {} tried, {} numbers promised, {} lost, {} failures, {:.1} s; control: {}",
        row.rig, row.tried, row.promised, row.lost, row.failed, row.seconds, row.control
    );
    row.notes.iter().for_each(|note| eprintln!("         {note}"));
    row.failures.iter().for_each(|failure| eprintln!("         FAILED {failure}"));
}
