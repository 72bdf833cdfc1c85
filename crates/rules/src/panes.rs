//! Windows whose rows are not kept, in panes: stretches of time that lie whole in every window that touches
//! them. A tumbling window is one pane; a hopping one is put together of those that it covers.

use crate::error::RuleError;
use crate::instance::Instance;
use crate::output::Out;
use crate::program::{Program, Window};
use crate::stages;
use crate::totals::{SavedTally, Tally, Totals};
use crate::window::Closed;
use crate::work::{Runner, run_plan};
use arrow::array::RecordBatch;
use std::collections::VecDeque;

/// Panes of one window. With more its rows are kept instead.
pub const PANES_MAX: i64 = 1_024;

/// The panes that windows may need.
#[derive(Default)]
pub struct Panes {
    /// That of the newest row.
    pub open: Option<Tally>,
    /// Those that are over, in their order. Of tumbling windows there are none.
    pub over: VecDeque<SavedTally>,
    /// Windows that begin before this were told.
    pub next: Option<i64>,
}

impl Panes {
    pub fn size(&self) -> usize {
        let over = self.over.iter().map(|pane| pane.rows.get_array_memory_size() + 64);
        self.open.as_ref().map_or(0, Tally::size) + over.sum::<usize>()
    }

    /// Start of the next window that holds a row.
    fn next_window(&self, (size, hop): (i64, i64)) -> Option<i64> {
        let over = self.over.iter().map(|pane| pane.start);
        let mut starts = over.chain(self.open.iter().map(|pane| pane.start));
        let from = self.next.unwrap_or(i64::MIN);
        let first = starts.find(|start| *start >= from)?;
        Some(first.saturating_sub(size).saturating_add(hop).max(from))
    }

    /// When the next window is over.
    pub fn due(&self, window: &Window) -> Option<i64> {
        let (size, hop) = window.panes()?;
        Some(self.next_window((size, hop))?.saturating_add(size))
    }

    /// What windows from this time on do not need.
    fn drop_before(&mut self, start: i64) {
        while self.over.front().is_some_and(|pane| pane.start < start) {
            self.over.pop_front();
        }
        if self.open.as_ref().is_some_and(|pane| pane.start < start) {
            self.open = None;
        }
    }

    /// The window as one; none, where there is no pane in it.
    fn window(
        &mut self,
        totals: &Totals,
        (start, end, hop): (i64, i64, i64),
    ) -> Result<Option<Tally>, RuleError> {
        let within = |at: i64| (start..end).contains(&at);
        let open = self.open.as_ref().is_some_and(|pane| within(pane.start));
        if open && let Some(pane) = self.open.take() {
            if start.saturating_add(hop) == end {
                return Ok(Some(pane));
            }
            self.over.push_back(totals.saved(pane)?);
        }
        let panes: Vec<&SavedTally> = self.over.iter().filter(|pane| within(pane.start)).collect();
        match panes.is_empty() {
            true => Ok(None),
            false => Ok(Some(totals.together(start, &panes)?)),
        }
    }
}

impl Window {
    /// How long its windows are and how far apart they begin, where they are whole panes.
    pub fn panes(&self) -> Option<(i64, i64)> {
        use crate::parse::WindowKind;
        match self.kind {
            WindowKind::Tumbling { size } => Some((size, size)),
            WindowKind::Hopping { size, hop } => {
                (hop > 0 && size % hop == 0 && size / hop <= PANES_MAX).then_some((size, hop))
            }
            _ => None,
        }
    }
}

impl Instance {
    /// As `go_on`, for windows whose rows are not kept.
    pub(crate) fn go_on_counting(
        &mut self,
        runner: &Runner,
        program: &Program,
        (window, totals): (&Window, &Totals),
        bound: i64,
        out: Out<'_>,
    ) -> Result<(), RuleError> {
        let Some((size, hop)) = window.panes() else { return Ok(()) };
        let pane = |time: i64| time.div_euclid(hop).saturating_mul(hop);
        for ready in self.pending.ready(bound)? {
            self.pending.floor = self.pending.floor.max(ready.times.iter().copied().max());
            let Some((rows, times)) = self.admitted(program, window, ready)? else { continue };
            let mut from = 0;
            for same in times.chunk_by(|a, b| pane(*a) == pane(*b)) {
                let start = pane(same[0]);
                if self.panes.open.as_ref().is_some_and(|open| open.start != start) {
                    self.end_windows(runner, (program, totals), (size, hop), start, out)?;
                }
                let kept = match self.panes.open.take() {
                    Some(open) if open.start == start => Some(open),
                    Some(open) => {
                        self.panes.over.push_back(totals.saved(open)?);
                        None
                    }
                    None => None,
                };
                let mut open = match kept {
                    Some(open) => open,
                    None => totals.tally(start)?,
                };
                count(totals, &mut open, &rows.slice(from, same.len()))?;
                from += same.len();
                self.panes.open = Some(open);
            }
        }
        let told = self.end_windows(runner, (program, totals), (size, hop), bound, out)?;
        self.pending.floor = self.pending.floor.max(told);
        Ok(())
    }

    /// Gives the windows that are over at this time; the end of the last of them.
    fn end_windows(
        &mut self,
        runner: &Runner,
        (program, totals): (&Program, &Totals),
        (size, hop): (i64, i64),
        time: i64,
        out: Out<'_>,
    ) -> Result<Option<i64>, RuleError> {
        let mut told = None;
        while let Some(start) = self.panes.next_window((size, hop))
            && start.saturating_add(size) <= time
        {
            let end = start.saturating_add(size);
            let tally = self.panes.window(totals, (start, end, hop))?;
            let next = start.saturating_add(hop);
            self.panes.next = Some(next);
            self.panes.drop_before(next);
            told = Some(end);
            if let Some(tally) = tally {
                self.end_tally(runner, program, totals, (tally, start, end), out)?;
            }
        }
        Ok(told)
    }

    fn end_tally(
        &mut self,
        runner: &Runner,
        program: &Program,
        totals: &Totals,
        (tally, start, end): (Tally, i64, i64),
        out: Out<'_>,
    ) -> Result<(), RuleError> {
        let made = match &tally.failed {
            Some(text) => Err(RuleError::Rows(text.clone())),
            None => totals.result(tally).and_then(|rows| {
                totals.slot.put(vec![rows]);
                program.bounds.set(start, end);
                let made = run_plan(runner, program, &totals.rest);
                totals.slot.put(Vec::new());
                made
            }),
        };
        let rows = Vec::new();
        let closed = Closed { start, end, time: end, due: end, order: 0, by_time: true, rows };
        self.ended(program, &closed, made, out)
    }
}

/// Takes rows of a pane. One that cannot be computed fails the windows that it is in, as it does where the
/// statement is run over all of their rows.
fn count(totals: &Totals, tally: &mut Tally, rows: &RecordBatch) -> Result<(), RuleError> {
    if tally.failed.is_some() {
        return Ok(());
    }
    let counted = stages::run(&totals.stages, rows).map_err(RuleError::from).and_then(|made| {
        match made.reason {
            Some(reason) => Err(RuleError::Rows(reason)),
            None if made.rows.num_rows() == 0 => Ok(()),
            None => totals.add(tally, &made.rows),
        }
    });
    match counted {
        Err(RuleError::Rows(text)) => {
            tally.failed = Some(text);
            Ok(())
        }
        other => other,
    }
}
