//! The windows of one partition: which rows each holds, and when it is over. Rows come in the order of
//! their time.

use crate::cell::Cell;
use crate::error::RuleError;
use crate::parse::WindowKind;
use crate::rows::Kept;
use arrow::array::RecordBatch;
use std::collections::VecDeque;
use std::ops::Range;

/// A window that is over.
#[derive(Debug, PartialEq)]
pub struct Closed {
    pub start: i64,
    pub end: i64,
    /// Of the rows that it gives, unless they say their own.
    pub time: i64,
    /// The time that had to be reached for it.
    pub due: i64,
    /// The row that did it, counted over all partitions; 0, where time did.
    pub order: u64,
    /// Time ended it: a row before that time comes too late for it.
    pub by_time: bool,
    /// Of each source.
    pub rows: Vec<Range<u64>>,
}

/// What a row says beside its columns.
#[derive(Clone, Debug, Default)]
pub struct Signs {
    pub trigger: bool,
    pub states: Vec<Cell>,
    /// Counted over all partitions.
    pub order: u64,
}

#[derive(Default)]
pub struct Partition {
    pub rows: Vec<Kept>,
    pub marks: Marks,
}

/// Beside the rows, what a partition remembers.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Marks {
    /// Start of the next tumbling or hopping window; of the session or the state at work, its first row.
    start: Option<i64>,
    /// Time of its newest row.
    last: i64,
    /// Of `state_window(x)`.
    state: Option<Cell>,
    /// Rows since a count window was given.
    since: u64,
    /// Rows whose sliding window is not over: number, time and order.
    waiting: VecDeque<(u64, i64, u64)>,
}

impl Partition {
    pub fn new(sources: usize) -> Partition {
        Partition { rows: (0..sources).map(|_| Kept::default()).collect(), ..Partition::default() }
    }

    /// Takes rows of a source; windows that end by rows are told at once.
    pub fn take(
        &mut self,
        kind: &WindowKind,
        source: usize,
        (rows, times): (RecordBatch, Vec<i64>),
        signs: &[Signs],
        closed: &mut Vec<Closed>,
    ) -> Result<(), RuleError> {
        let first = self.rows[source].end();
        self.rows[source].push(rows, times.clone())?;
        for (place, time) in times.iter().enumerate() {
            let number = first + place as u64;
            let sign = signs.get(place);
            match kind {
                WindowKind::Tumbling { .. } | WindowKind::Hopping { .. } => {}
                WindowKind::Sliding { .. } => {
                    if let Some(sign) = sign.filter(|sign| sign.trigger) {
                        self.marks.waiting.push_back((number, *time, sign.order));
                    }
                }
                WindowKind::Session { gap, longest } => {
                    self.session(*gap, *longest, *time, closed);
                }
                WindowKind::Count { rows, every } => {
                    self.count((*rows, *every), (number, *time), sign, closed);
                }
                WindowKind::State => self.state((number, *time), sign, closed),
                WindowKind::OpenClose => self.open_close((number, *time), sign, closed),
            }
        }
        Ok(())
    }

    /// A row that comes too late for the session ends it.
    fn session(&mut self, gap: i64, longest: Option<i64>, time: i64, closed: &mut Vec<Closed>) {
        if let Some(due) = self.session_due(gap, longest)
            && time >= due
        {
            self.close_session(due, closed);
        }
        self.marks.start.get_or_insert(time);
        self.marks.last = time;
    }

    fn session_due(&self, gap: i64, longest: Option<i64>) -> Option<i64> {
        let start = self.marks.start?;
        let quiet = self.marks.last.saturating_add(gap);
        Some(longest.map_or(quiet, |longest| quiet.min(start.saturating_add(longest))))
    }

    fn close_session(&mut self, due: i64, closed: &mut Vec<Closed>) {
        let Some(start) = self.marks.start.take() else { return };
        let rows = self.rows.iter().map(|kept| kept.at(start)..kept.at(due));
        let rows: Vec<Range<u64>> = rows.collect();
        let time = self.marks.last;
        closed.push(Closed { start, end: time, time, due, order: 0, by_time: true, rows });
    }

    fn count(
        &mut self,
        (rows, every): (u64, u64),
        (number, time): (u64, i64),
        sign: Option<&Signs>,
        closed: &mut Vec<Closed>,
    ) {
        self.marks.since += 1;
        if self.marks.since < every {
            return;
        }
        self.marks.since = 0;
        let kept = &self.rows[0];
        let from = (number + 1).saturating_sub(rows).max(kept.first());
        let start = kept.time(from).unwrap_or(time);
        let order = sign.map_or(0, |sign| sign.order);
        let rows = std::iter::once(from..number + 1).collect();
        closed.push(Closed { start, end: time, time, due: time, order, by_time: false, rows });
    }

    /// Ends what is open with the rows before this one.
    fn end_state(&mut self, before: u64, sign: Option<&Signs>, due: i64, closed: &mut Vec<Closed>) {
        let Some(start) = self.marks.start.take() else { return };
        let (time, order) = (self.marks.last, sign.map_or(0, |sign| sign.order));
        let rows = std::iter::once(self.marks.since..before).collect();
        closed.push(Closed { start, end: time, time, due, order, by_time: false, rows });
    }

    fn state(
        &mut self,
        (number, time): (u64, i64),
        sign: Option<&Signs>,
        closed: &mut Vec<Closed>,
    ) {
        let state = sign.and_then(|sign| sign.states.first()).filter(|state| !state.is_null());
        if self.marks.state.as_ref() != state {
            self.end_state(number, sign, time, closed);
            self.marks.state = state.cloned();
            if state.is_some() {
                (self.marks.start, self.marks.since) = (Some(time), number);
            }
        }
        self.marks.last = time;
    }

    fn open_close(
        &mut self,
        (number, time): (u64, i64),
        sign: Option<&Signs>,
        closed: &mut Vec<Closed>,
    ) {
        let holds =
            |place: usize| sign.and_then(|sign| sign.states.get(place)) == Some(&Cell::Bool(true));
        if self.marks.start.is_none() {
            if !holds(0) {
                return;
            }
            (self.marks.start, self.marks.since) = (Some(time), number);
        }
        self.marks.last = time;
        if holds(1) {
            self.end_state(number + 1, sign, time, closed);
        }
    }

    /// Tells which windows are over when the time has come this far; no row before it will come.
    pub fn reach(&mut self, kind: &WindowKind, time: i64, closed: &mut Vec<Closed>) {
        match kind {
            WindowKind::Tumbling { size } => self.hop(*size, *size, time, closed),
            WindowKind::Hopping { size, hop } => self.hop(*size, *hop, time, closed),
            WindowKind::Sliding { size, delay } => self.slide(*size, *delay, time, closed),
            WindowKind::Session { gap, longest } => {
                if let Some(due) = self.session_due(*gap, *longest)
                    && time >= due
                {
                    self.close_session(due, closed);
                }
            }
            _ => {}
        }
    }

    fn earliest(&self, from: i64) -> Option<i64> {
        self.rows.iter().filter_map(|kept| kept.time(kept.at(from))).min()
    }

    /// Start of the next window that holds a row.
    fn next_hop(&self, size: i64, hop: i64) -> Option<i64> {
        let mut from = self.marks.start.unwrap_or(i64::MIN);
        loop {
            let first = self.earliest(from)?;
            let holds = first.saturating_sub(size).div_euclid(hop).saturating_add(1);
            let start = holds.saturating_mul(hop).max(from);
            if first >= start {
                return Some(start);
            }
            // It lies between two windows that do not touch.
            from = start;
        }
    }

    fn hop(&mut self, size: i64, hop: i64, time: i64, closed: &mut Vec<Closed>) {
        while let Some(start) = self.next_hop(size, hop)
            && start.saturating_add(size) <= time
        {
            let end = start.saturating_add(size);
            let rows = self.rows.iter().map(|kept| kept.at(start)..kept.at(end)).collect();
            closed.push(Closed { start, end, time: end, due: end, order: 0, by_time: true, rows });
            self.marks.start = Some(start.saturating_add(hop));
        }
    }

    fn drop_before(&mut self, time: i64) {
        for kept in &mut self.rows {
            let row = kept.at(time);
            kept.drop_before(row);
        }
    }

    fn slide(&mut self, size: i64, delay: i64, time: i64, closed: &mut Vec<Closed>) {
        while let Some((number, at, order)) = self.marks.waiting.front().copied()
            && (at.saturating_add(delay) < time || delay == 0 && at <= time)
        {
            self.marks.waiting.pop_front();
            let kept = &self.rows[0];
            let from = kept.at(at.saturating_sub(size).saturating_add(1));
            let to = match delay {
                0 => number + 1,
                _ => kept.at(at.saturating_add(delay).saturating_add(1)).max(number + 1),
            };
            let rows = std::iter::once(from..to).collect();
            let (start, end) = (at.saturating_sub(size), at.saturating_add(delay));
            let due = end.saturating_add(i64::from(delay > 0));
            closed.push(Closed { start, end, time: at, due, order, by_time: delay > 0, rows });
        }
    }

    /// Forgets rows that no window will need, once what was closed has been read. No row will come
    /// before this time.
    pub fn tidy(&mut self, kind: &WindowKind, time: i64) {
        match kind {
            WindowKind::Tumbling { .. } | WindowKind::Hopping { .. } => {
                if let Some(start) = self.marks.start {
                    self.drop_before(start);
                }
            }
            WindowKind::Sliding { size, .. } => {
                let waiting = self.marks.waiting.front().map(|(_, at, _)| *at);
                let oldest = waiting.unwrap_or(time).min(time);
                self.drop_before(oldest.saturating_sub(*size).saturating_add(1));
            }
            WindowKind::Session { .. } => match self.marks.start {
                Some(start) => self.drop_before(start),
                None => self.drop_before(i64::MAX),
            },
            WindowKind::State | WindowKind::OpenClose => {
                let keep = match self.marks.start {
                    Some(_) => self.marks.since,
                    None => self.rows[0].end(),
                };
                self.rows[0].drop_before(keep);
            }
            WindowKind::Count { rows, .. } => {
                let end = self.rows[0].end();
                self.rows[0].drop_before((end + 1).saturating_sub(*rows));
            }
        }
    }

    /// When something is over at the latest by time alone; none: never.
    pub fn due(&self, kind: &WindowKind) -> Option<i64> {
        match kind {
            WindowKind::Tumbling { size } => {
                Some(self.next_hop(*size, *size)?.saturating_add(*size))
            }
            WindowKind::Hopping { size, hop } => {
                Some(self.next_hop(*size, *hop)?.saturating_add(*size))
            }
            WindowKind::Sliding { delay, .. } => {
                // With a delay, once the time has passed.
                let passed = i64::from(*delay > 0);
                let front = self.marks.waiting.front();
                front.map(|(_, at, _)| at.saturating_add(*delay).saturating_add(passed))
            }
            WindowKind::Session { gap, longest } => self.session_due(*gap, *longest),
            _ => None,
        }
    }

    /// Nothing that must be kept.
    pub fn is_idle(&self) -> bool {
        self.rows.iter().all(Kept::is_empty) && self.marks.start.is_none() && self.marks.since == 0
    }
}
