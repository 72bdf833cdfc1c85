//! A rule over rows that are there: what it would have given. Nothing is written.

use crate::error::RuleError;
use crate::feed::{Feed, Reading};
use crate::instance::{Counts, Instance};
use crate::output::Output;
use crate::parse::WindowKind;
use crate::program::Program;
use crate::work::Runner;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_model::SampleBatch;
use tagwerk_sql::stream::Stream;

/// Rows that enter a rule at once.
const ROWS: usize = 8_192;

/// Rows in the order of their arrival, or why there are no more.
pub type Batches<'a> = &'a mut dyn Iterator<Item = Result<SampleBatch, String>>;

/// A rule that is tried. The program must be nobody else's.
pub struct Trial {
    pub program: Arc<Program>,
    pub lateness: Duration,
    /// Windows that are over by then are told at the end.
    pub end_ns: i64,
}

/// What became of a trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tried {
    pub counts: Counts,
    pub last_error: Option<String>,
    /// Why it went no further.
    pub stopped: Option<String>,
}

struct Trying<'a> {
    runner: &'a Runner,
    instance: Instance,
    feeds: Vec<Feed>,
    /// The source whose rows are gathered.
    feeding: Option<usize>,
    out: Vec<Output>,
    last_error: Option<String>,
}

/// The times of those rows that a rule gives of samples from `from` to `to` alone: those of windows
/// that lie within, as far as that is known of a window.
pub fn within(program: &Program, from: i64, to: i64) -> Range<i64> {
    let kind = program.window.as_ref().filter(|_| program.time.is_none());
    match kind.map(|window| &window.kind) {
        Some(WindowKind::Tumbling { size } | WindowKind::Hopping { size, .. }) => {
            from.saturating_add(*size)..to.saturating_add(1)
        }
        Some(WindowKind::Sliding { size, delay }) => {
            from.saturating_add(*size)..to.saturating_sub(*delay)
        }
        _ => from..to,
    }
}

impl Trial {
    /// Runs it. `is_rule` tells the devices that are rules: their output is no part of `samples`.
    /// `stop` is asked again and again; what it answers ends the trial. Blocks.
    pub fn run(
        self,
        runner: &Runner,
        batches: Batches<'_>,
        is_rule: &dyn Fn(&str) -> bool,
        stop: &dyn Fn() -> Option<String>,
        given: &mut dyn FnMut(Output),
    ) -> Tried {
        let lateness = i64::try_from(self.lateness.as_nanos()).unwrap_or(i64::MAX);
        let mut trying = Trying {
            runner,
            feeds: self.program.feeds(),
            instance: Instance::new(self.program, lateness),
            feeding: None,
            out: Vec::new(),
            last_error: None,
        };
        let end_ns = self.end_ns.saturating_add(lateness);
        let stopped = trying.all(batches, is_rule, stop, given, end_ns).err();
        trying.out.drain(..).for_each(given);
        let last_error = trying.instance.last_error.take().or(trying.last_error);
        Tried { counts: trying.instance.counts, last_error, stopped }
    }
}

impl Trying<'_> {
    fn all(
        &mut self,
        batches: Batches<'_>,
        is_rule: &dyn Fn(&str) -> bool,
        stop: &dyn Fn() -> Option<String>,
        given: &mut dyn FnMut(Output),
        end_ns: i64,
    ) -> Result<(), String> {
        for batch in batches {
            if let Some(reason) = stop() {
                return Err(reason);
            }
            self.feed(&batch?, is_rule)?;
            self.out.drain(..).for_each(&mut *given);
        }
        self.flush()?;
        let (runner, out) = (self.runner, &mut self.out);
        let ticked = self.instance.tick(runner, end_ns, out);
        self.went(ticked)
    }

    fn feed(&mut self, batch: &SampleBatch, is_rule: &dyn Fn(&str) -> bool) -> Result<(), String> {
        let (device, reading) = (batch.set.device(), Reading::of(batch));
        for source in 0..self.feeds.len() {
            let every = matches!(self.instance.program.sources[source].stream, Stream::Samples);
            if !self.feeds[source].wants(device) || (every && is_rule(device)) {
                continue;
            }
            // Rows of another stream that came before enter before.
            if self.feeding.is_some_and(|before| before != source) {
                self.flush()?;
            }
            self.feeds[source].push(&reading);
            self.feeding = Some(source);
            if self.feeds[source].rows() >= ROWS {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), String> {
        let Some(source) = self.feeding.take() else { return Ok(()) };
        let Some(rows) = self.feeds[source].finish() else { return Ok(()) };
        let (runner, out) = (self.runner, &mut self.out);
        let taken = self.instance.take(runner, source, &rows, out);
        self.went(taken)
    }

    fn went(&mut self, done: Result<(), RuleError>) -> Result<(), String> {
        match done {
            Ok(()) => Ok(()),
            Err(RuleError::Rows(text)) => {
                self.instance.counts.errors += 1;
                self.last_error = Some(text);
                Ok(())
            }
            Err(RuleError::Limit(text)) => Err(text),
        }
    }
}
