//! A rule at work: its program, and what it remembers.

use crate::cell;
use crate::error::RuleError;
use crate::lookup;
use crate::output::{Out, Output, as_values};
use crate::over::{self, Memories};
use crate::panes::Panes;
use crate::pending::{Pending, Waiting, picked};
use crate::program::{Body, Program, Window};
use crate::rows::Kept;
use crate::stages;
use crate::state;
use crate::window::{Closed, Partition, Signs};
use crate::work::{Runner, numbered, repeat, run};
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Schema;
use datafusion::common::cast::as_boolean_array;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tagwerk_sql::stream::LastReads;

/// Rows that a rule may keep, and their memory. More: it is stopped.
pub const ROWS_MAX: u64 = 2_000_000;
pub const MEMORY_MAX: usize = 256 * 1024 * 1024;
/// Takes from one look at the size to the next.
const LOOK_EVERY: u32 = 64;
/// Partitions of a window. More: the rule is stopped.
pub const PARTITIONS_MAX: usize = 10_000;
/// Rows that a statement without a window is run over at once.
const ROWS_AT_ONCE: usize = 1_024;
/// An edge's own time that goes back by more was set back, and windows begin anew.
const SET_BACK: i64 = 60_000_000_000;

/// What a rule counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    pub rows_in: u64,
    pub rows_out: u64,
    pub rows_late: u64,
    pub errors: u64,
}

pub struct Instance {
    pub program: Arc<Program>,
    lateness: i64,
    /// The rows' own time is the edge's: it may be set, and goes on while nothing comes.
    pub lives: bool,
    pub counts: Counts,
    pub last_error: Option<String>,
    pub(crate) memories: Vec<Memories>,
    /// Of each source.
    pub(crate) last_reads: Vec<LastReads>,
    pub(crate) pending: Pending,
    pub(crate) partitions: BTreeMap<Vec<u8>, Partition>,
    /// The windows at work, where their rows are not kept.
    pub(crate) panes: Panes,
    pub(crate) order: u64,
    /// Takes since the size was looked at.
    unchecked: u32,
}

impl Instance {
    pub fn new(program: Arc<Program>, lateness: i64) -> Instance {
        let memories = program.overs.iter().map(|_| Memories::default()).collect();
        let last_reads = program.sources.iter().map(|_| LastReads::default()).collect();
        Instance {
            last_reads,
            program,
            lateness,
            lives: false,
            counts: Counts::default(),
            last_error: None,
            memories,
            pending: Pending::default(),
            partitions: BTreeMap::new(),
            panes: Panes::default(),
            order: 0,
            unchecked: 0,
        }
    }

    /// What it remembers, as bytes.
    pub fn save(&mut self) -> Result<Vec<u8>, RuleError> {
        state::save(self)
    }

    /// The same again; none, where the bytes are of another program or damaged.
    pub fn restore(program: &Arc<Program>, lateness: i64, bytes: &[u8]) -> Option<Instance> {
        state::restore(program, lateness, bytes)
    }

    /// Takes rows of a source in the order of their arrival.
    pub fn take(
        &mut self,
        runner: &Runner,
        source: usize,
        rows: &RecordBatch,
        out: &mut Vec<Output>,
    ) -> Result<(), RuleError> {
        let program = self.program.clone();
        self.pass(runner, source, rows, &mut |rows, times| as_values(&program, rows, times, out))
    }

    /// The clock has come this far: windows may be over that no row ends.
    pub fn tick(
        &mut self,
        runner: &Runner,
        now_ns: i64,
        out: &mut Vec<Output>,
    ) -> Result<(), RuleError> {
        let program = self.program.clone();
        self.pass_time(runner, now_ns, &mut |rows, times| as_values(&program, rows, times, out))
    }

    /// As [`Instance::take`], with the rows given as they are, and their times.
    pub fn pass(
        &mut self,
        runner: &Runner,
        source: usize,
        rows: &RecordBatch,
        out: Out<'_>,
    ) -> Result<(), RuleError> {
        self.counts.rows_in += rows.num_rows() as u64;
        let program = self.program.clone();
        let rows = &program.sources[source].seen(rows, &mut self.last_reads[source])?;
        let passed = match &program.window {
            None => {
                let times = cell::times(rows.column(0));
                let times = times.as_ref().map_or(&[][..], |times| times.values());
                let rows = self.with_overs(&program, source, rows, times);
                rows.and_then(|rows| self.row_by_row(runner, &program, rows, out))
            }
            Some(window) => self.arrange(runner, &program, window, source, rows.clone(), out),
        };
        program.used.hold()?;
        passed?;
        self.check_size()
    }

    /// As [`Instance::tick`], with the rows given as they are.
    pub fn pass_time(
        &mut self,
        runner: &Runner,
        now_ns: i64,
        out: Out<'_>,
    ) -> Result<(), RuleError> {
        let program = self.program.clone();
        let Some(window) = &program.window else { return Ok(()) };
        let bound = now_ns.saturating_add(self.pending.ahead).saturating_sub(self.lateness);
        if self.lives && self.pending.bound.is_some_and(|known| bound < known - SET_BACK) {
            return self.end_all(runner, &program, window, out);
        }
        self.pending.bound = self.pending.bound.max(Some(bound));
        let passed = match self.due() {
            Some(due) if due <= now_ns => self.go_on(runner, &program, window, out),
            _ => Ok(()),
        };
        program.used.hold()?;
        passed
    }

    fn with_overs(
        &mut self,
        program: &Program,
        source: usize,
        rows: &RecordBatch,
        times: &[i64],
    ) -> Result<RecordBatch, RuleError> {
        if program.overs.is_empty() {
            return Ok(rows.clone());
        }
        let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
        let whole = &program.sources[source].schema;
        let base = whole.fields().len() - program.overs.len();
        for (over, memories) in program.overs.iter().zip(&mut self.memories) {
            // Those before it are columns for it.
            let fields = whole.fields()[..base + over.place].to_vec();
            let schema = Arc::new(Schema::new(fields));
            let so_far = RecordBatch::try_new(schema, columns.clone())?;
            columns.push(over.run(&so_far, times, memories)?);
        }
        Ok(RecordBatch::try_new(whole.clone(), columns)?)
    }

    fn row_by_row(
        &mut self,
        runner: &Runner,
        program: &Program,
        rows: RecordBatch,
        out: Out<'_>,
    ) -> Result<(), RuleError> {
        match &program.body {
            Body::Stages(stages) => {
                let made = stages::run(stages, &rows)?;
                if let Some(reason) = made.reason {
                    self.counts.errors += made.failed.max(1);
                    self.last_error = Some(reason);
                }
                if made.rows.num_rows() == 0 {
                    return Ok(());
                }
                let times = match &made.kept {
                    None => rows.column(0).clone(),
                    Some(kept) => arrow::compute::filter(rows.column(0), kept)?,
                };
                self.give(program, &made.rows, &times, out);
                Ok(())
            }
            Body::Plan(_) | Body::Totals(_) => {
                let Some(place) = program.row else {
                    return self.one_by_one(runner, program, &rows, out);
                };
                for from in (0..rows.num_rows()).step_by(ROWS_AT_ONCE) {
                    let part = rows.slice(from, ROWS_AT_ONCE.min(rows.num_rows() - from));
                    self.at_once(runner, program, place, &part, out)?;
                }
                Ok(())
            }
        }
    }

    /// Runs the statement over many rows of a stream, which gives the same as one after the other.
    fn at_once(
        &mut self,
        runner: &Runner,
        program: &Program,
        place: usize,
        rows: &RecordBatch,
        out: Out<'_>,
    ) -> Result<(), RuleError> {
        program.sources[0].slot.put(vec![numbered(rows)?]);
        let made = match run(runner, program) {
            Ok(made) => made,
            // Which row it was is found by running them one by one.
            Err(RuleError::Rows(_)) => return self.one_by_one(runner, program, rows, out),
            Err(limit) => return Err(limit),
        };
        if let Some((made, numbers)) = lookup::in_order(&made, place)? {
            let times = arrow::compute::take(rows.column(0), &numbers, None)?;
            self.give(program, &made, &times, out);
        }
        Ok(())
    }

    fn one_by_one(
        &mut self,
        runner: &Runner,
        program: &Program,
        rows: &RecordBatch,
        out: Out<'_>,
    ) -> Result<(), RuleError> {
        for row in 0..rows.num_rows() {
            let one = rows.slice(row, 1);
            let times = one.column(0).clone();
            let put = if program.row.is_some() { numbered(&one)? } else { one };
            program.sources[0].slot.put(vec![put]);
            match run(runner, program) {
                Ok(made) => {
                    for made in made {
                        let times = repeat(&times, made.num_rows())?;
                        self.give(program, &made, &times, out);
                    }
                }
                Err(RuleError::Rows(text)) => {
                    self.counts.errors += 1;
                    self.last_error = Some(text);
                }
                Err(limit) => return Err(limit),
            }
        }
        Ok(())
    }

    /// Hands out rows; `times` are theirs unless they say their own.
    fn give(&mut self, program: &Program, rows: &RecordBatch, times: &ArrayRef, out: Out<'_>) {
        if rows.num_rows() > 0 {
            self.counts.rows_out += rows.num_rows() as u64;
            out(rows, program.time.map_or(times, |place| rows.column(place)));
        }
    }

    /// Puts rows among those that wait for their turn, and takes what has its turn now.
    fn arrange(
        &mut self,
        runner: &Runner,
        program: &Program,
        window: &Window,
        source: usize,
        rows: RecordBatch,
        out: Out<'_>,
    ) -> Result<(), RuleError> {
        let column = match &window.time {
            None => rows.column(0).clone(),
            Some(time) => time.evaluate(&rows)?.into_array(rows.num_rows())?,
        };
        let Some(times) = cell::times(&column) else { return Ok(()) };
        let edge_times = window.time.as_ref().and_then(|_| cell::times(rows.column(0)));
        let mut kept: Vec<(u64, i64)> = Vec::with_capacity(rows.num_rows());
        for row in 0..rows.num_rows() {
            // A row without a time lies in no window.
            if !times.is_valid(row) {
                continue;
            }
            let time = times.value(row);
            let behind = |mark: Option<i64>| mark.is_some_and(|mark| time < mark);
            // A clock that was far ahead when a window was ended, and is right again.
            let far = self.lives && window.time.is_none();
            let far = far && behind(self.pending.bound.map(|bound| bound.saturating_sub(SET_BACK)));
            if far || behind(self.pending.newest) || behind(self.pending.floor) {
                // It may be late: that is judged by what was taken of the rows before it.
                self.put(source, &rows, std::mem::take(&mut kept))?;
                self.go_on(runner, program, window, out)?;
                let set_back = self.lives && window.time.is_none();
                let newest = self.pending.newest.unwrap_or(time);
                if far || (set_back && time < newest.saturating_sub(SET_BACK)) {
                    self.end_all(runner, program, window, out)?;
                } else if self.pending.floor.is_some_and(|floor| time < floor) {
                    self.counts.rows_late += 1;
                    continue;
                }
            }
            kept.push((row as u64, time));
            if self.pending.newest.is_none_or(|newest| time > newest) {
                let own = edge_times.as_ref().map_or(time, |own| own.value(row));
                self.pending.ahead = time.saturating_sub(own);
            }
            let newest = self.pending.newest.map_or(time, |newest| newest.max(time));
            self.pending.newest = Some(newest);
            let bound = newest.saturating_sub(self.lateness);
            self.pending.bound = Some(self.pending.bound.map_or(bound, |known| known.max(bound)));
        }
        self.put(source, &rows, kept)?;
        self.go_on(runner, program, window, out)
    }

    fn put(
        &mut self,
        source: usize,
        rows: &RecordBatch,
        kept: Vec<(u64, i64)>,
    ) -> Result<(), RuleError> {
        if kept.is_empty() {
            return Ok(());
        }
        let times = kept.iter().map(|(_, time)| *time).collect();
        let rows = match kept.len() == rows.num_rows() {
            true => rows.clone(),
            false => picked(rows, kept.iter().map(|(row, _)| *row))?,
        };
        self.pending.rows.push(Waiting { source, rows, times });
        Ok(())
    }

    /// Rows whose time has come enter their windows, and windows that are over are run.
    fn go_on(
        &mut self,
        runner: &Runner,
        program: &Program,
        window: &Window,
        out: Out<'_>,
    ) -> Result<(), RuleError> {
        let Some(bound) = self.pending.bound else { return Ok(()) };
        if let Some(totals) = program.body.totals() {
            return self.go_on_counting(runner, program, (window, totals), bound, out);
        }
        let mut closed = Vec::new();
        for ready in self.pending.ready(bound)? {
            self.pending.floor = self.pending.floor.max(ready.times.iter().copied().max());
            self.enter(program, window, ready, &mut closed)?;
        }
        for (key, partition) in &mut self.partitions {
            if partition.due(&window.kind).is_some_and(|due| due <= bound) {
                let mut over = Vec::new();
                partition.reach(&window.kind, bound, &mut over);
                closed.extend(over.into_iter().map(|closed| (key.clone(), closed)));
            }
        }
        let ended =
            closed.iter().filter(|(_, closed)| closed.by_time).map(|(_, closed)| closed.due);
        self.pending.floor = self.pending.floor.max(ended.max());
        closed.sort_by_key(|(_, closed)| (closed.due, closed.order, closed.start));
        let ended = closed
            .iter()
            .try_for_each(|(key, closed)| self.run_window(runner, program, key, closed, out));
        for partition in self.partitions.values_mut() {
            partition.tidy(&window.kind, self.pending.floor.unwrap_or(i64::MIN));
        }
        if self.partitions.len() > 1 {
            self.partitions.retain(|_, partition| !partition.is_idle());
        }
        ended
    }

    /// Rows with what is computed over the stream, of which the window takes all; none, where it takes
    /// none.
    pub(crate) fn admitted(
        &mut self,
        program: &Program,
        window: &Window,
        ready: Waiting,
    ) -> Result<Option<(RecordBatch, Vec<i64>)>, RuleError> {
        let Waiting { source, rows, mut times } = ready;
        let mut rows = self.with_overs(program, source, &rows, &times)?;
        if let Some(filter) = &window.filter {
            let array = filter.evaluate(&rows)?.into_array(rows.num_rows())?;
            let holds = as_boolean_array(&array)?;
            rows = filter_record_batch(&rows, holds)?;
            let mut holds = holds.iter();
            times.retain(|_| holds.next() == Some(Some(true)));
        }
        Ok((!times.is_empty()).then_some((rows, times)))
    }

    fn enter(
        &mut self,
        program: &Program,
        window: &Window,
        ready: Waiting,
        closed: &mut Vec<(Vec<u8>, Closed)>,
    ) -> Result<(), RuleError> {
        let source = ready.source;
        let Some((rows, times)) = self.admitted(program, window, ready)? else { return Ok(()) };
        let signs = self.signs(window, &rows)?;
        let keys = over::partitions(&window.partition, &rows)?;
        let parts: Vec<(Vec<u8>, Vec<u64>)> = match keys {
            None => vec![(Vec::new(), Vec::new())],
            Some(keys) => {
                let mut parts: BTreeMap<Vec<u8>, Vec<u64>> = BTreeMap::new();
                for (row, key) in keys.into_iter().enumerate() {
                    parts.entry(key).or_default().push(row as u64);
                }
                parts.into_iter().collect()
            }
        };
        let sources = program.sources.len();
        for (key, places) in parts {
            if !self.partitions.contains_key(&key) && self.partitions.len() >= PARTITIONS_MAX {
                let text = format!("its windows have more than {PARTITIONS_MAX} partitions");
                return Err(RuleError::Limit(text));
            }
            let mut over = Vec::new();
            let partition =
                self.partitions.entry(key.clone()).or_insert_with(|| Partition::new(sources));
            if window.partition.is_empty() {
                let part = (rows.clone(), times.clone());
                partition.take(&window.kind, source, part, &signs, &mut over)?;
            } else {
                let part = picked(&rows, places.iter().copied())?;
                let own = places.iter().map(|row| times[*row as usize]).collect();
                let signs: Vec<Signs> =
                    places.iter().filter_map(|row| signs.get(*row as usize).cloned()).collect();
                partition.take(&window.kind, source, (part, own), &signs, &mut over)?;
            }
            closed.extend(over.into_iter().map(|closed| (key.clone(), closed)));
        }
        Ok(())
    }

    fn signs(&mut self, window: &Window, rows: &RecordBatch) -> Result<Vec<Signs>, RuleError> {
        use crate::parse::WindowKind;
        if matches!(
            window.kind,
            WindowKind::Tumbling { .. } | WindowKind::Hopping { .. } | WindowKind::Session { .. }
        ) {
            return Ok(Vec::new());
        }
        let count = rows.num_rows();
        let trigger = match &window.trigger {
            None => None,
            Some(trigger) => Some(trigger.evaluate(rows)?.into_array(count)?),
        };
        let states = window.states.iter().map(|state| {
            let column = state.evaluate(rows)?.into_array(count)?;
            Ok::<_, RuleError>(cell::cells(&column))
        });
        let states = states.collect::<Result<Vec<_>, _>>()?;
        let sign = |row: usize| Signs {
            trigger: trigger.as_ref().is_none_or(|trigger| over::is_true(trigger, row)),
            states: states.iter().map(|cells| cells[row].clone()).collect(),
            order: self.order + 1 + row as u64,
        };
        let signs = (0..count).map(sign).collect();
        self.order += count as u64;
        Ok(signs)
    }

    fn run_window(
        &mut self,
        runner: &Runner,
        program: &Program,
        key: &[u8],
        closed: &Closed,
        out: Out<'_>,
    ) -> Result<(), RuleError> {
        let Some(partition) = self.partitions.get(key) else { return Ok(()) };
        for ((source, kept), rows) in program.sources.iter().zip(&partition.rows).zip(&closed.rows)
        {
            source.slot.put(kept.slices(rows.clone()));
        }
        program.bounds.set(closed.start, closed.end);
        self.ended(program, closed, run(runner, program), out)
    }

    /// Hands out what a window gave.
    pub(crate) fn ended(
        &mut self,
        program: &Program,
        closed: &Closed,
        made: Result<Vec<RecordBatch>, RuleError>,
        out: Out<'_>,
    ) -> Result<(), RuleError> {
        let made = match made {
            Ok(made) => made,
            Err(RuleError::Rows(text)) => {
                self.counts.errors += 1;
                self.last_error = Some(text);
                return Ok(());
            }
            Err(limit) => return Err(limit),
        };
        for rows in made {
            let one: ArrayRef = cell::array(cell::CellType::Time, &[cell::Cell::Time(closed.time)]);
            let times = repeat(&one, rows.num_rows())?;
            self.give(program, &rows, &times, out);
        }
        Ok(())
    }

    /// Ends every window with what it has, and begins anew.
    fn end_all(
        &mut self,
        runner: &Runner,
        program: &Program,
        window: &Window,
        out: Out<'_>,
    ) -> Result<(), RuleError> {
        self.pending.bound = Some(i64::MAX);
        let ended = self.go_on(runner, program, window, out);
        self.partitions.clear();
        (self.panes, self.pending) = (Panes::default(), Pending::default());
        ended
    }

    /// The edge's time at which a tick may do something; none, while nothing waits for it.
    pub fn due(&self) -> Option<i64> {
        let window = self.program.window.as_ref()?;
        let waiting = self.pending.rows.iter().flat_map(|waiting| waiting.times.iter());
        let waiting = waiting.min().copied();
        let over = self.partitions.values().filter_map(|partition| partition.due(&window.kind));
        let due = waiting.into_iter().chain(over).chain(self.panes.due(window)).min()?;
        Some(due.saturating_add(self.lateness).saturating_sub(self.pending.ahead))
    }

    /// From time to time: each look goes over all partitions.
    fn check_size(&mut self) -> Result<(), RuleError> {
        self.unchecked += 1;
        if self.unchecked < LOOK_EVERY {
            return Ok(());
        }
        self.unchecked = 0;
        let kept = self.partitions.values().flat_map(|partition| &partition.rows);
        if kept.map(Kept::count).sum::<u64>() > ROWS_MAX {
            let text = format!("its windows hold more than {ROWS_MAX} rows");
            return Err(RuleError::Limit(text));
        }
        if self.memory() > MEMORY_MAX {
            let text = format!("it keeps more than {} MiB", MEMORY_MAX / 1024 / 1024);
            return Err(RuleError::Limit(text));
        }
        Ok(())
    }

    pub fn memory(&self) -> usize {
        let kept = self.partitions.values().flat_map(|partition| &partition.rows);
        let pending = self.pending.rows.iter().map(|w| w.rows.get_array_memory_size());
        kept.map(Kept::size).sum::<usize>()
            + pending.sum::<usize>()
            + self.memories.iter().map(over::size).sum::<usize>()
            + self.last_reads.iter().map(LastReads::size).sum::<usize>()
            + self.panes.size()
    }
}
