//! What is computed over a stream, row after row, before anything else looks at the rows: the value of
//! a row before, whether it changed, sums that run.

use crate::cell::{Cell, CellType, array, cells, size_of_cells};
use crate::parse::OverKind;
use crate::program::Physical;
use arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::common::Result;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Partitions that one call keeps. More: the rule is stopped.
const PARTITIONS_MAX: usize = 100_000;

pub struct Over {
    kind: OverKind,
    /// Its column's name ends in this number.
    pub place: usize,
    /// Of the argument.
    argument: CellType,
    /// Of what it gives.
    pub cell: CellType,
    value: Physical,
    default: Option<Physical>,
    back: usize,
    filter: Option<Physical>,
    partition: Vec<Physical>,
}

/// What a call remembers of one partition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    last: VecDeque<Cell>,
    count: u64,
    sum: Option<Cell>,
    time: i64,
}

pub type Memories = BTreeMap<Vec<u8>, Memory>;

impl Over {
    pub fn new(
        (place, kind, argument): (usize, OverKind, CellType),
        (value, back, default): (Physical, usize, Option<Physical>),
        filter: Option<Physical>,
        partition: Vec<Physical>,
    ) -> std::result::Result<Over, String> {
        let number = matches!(argument, CellType::I64 | CellType::U64 | CellType::F64);
        let ordered = number || matches!(argument, CellType::Text | CellType::Time);
        let cell = match kind {
            OverKind::Lag | OverKind::Latest | OverKind::ChangedValue => argument,
            OverKind::HadChanged => CellType::Bool,
            OverKind::RunningCount => CellType::I64,
            OverKind::RunningSum if number => argument,
            OverKind::RunningAvg | OverKind::RateOf if number => CellType::F64,
            OverKind::RunningMin | OverKind::RunningMax if ordered => argument,
            _ => return Err(format!("{} needs a number", kind.name())),
        };
        Ok(Over { kind, place, argument, cell, value, default, back, filter, partition })
    }

    pub fn expressions(&self) -> impl Iterator<Item = &Physical> {
        let some = std::iter::once(&self.value).chain(&self.default).chain(&self.filter);
        some.chain(&self.partition)
    }

    pub fn each(&mut self, change: &mut dyn FnMut(&mut Physical) -> Result<()>) -> Result<()> {
        let some = std::iter::once(&mut self.value).chain(&mut self.default);
        some.chain(&mut self.filter).chain(&mut self.partition).try_for_each(change)
    }

    /// The column over these rows.
    pub fn run(
        &self,
        rows: &RecordBatch,
        times: &[i64],
        memories: &mut Memories,
    ) -> Result<ArrayRef> {
        let of = |expr: &Physical| expr.evaluate(rows)?.into_array(rows.num_rows());
        let values = self.typed(&of(&self.value)?)?;
        let defaults = match &self.default {
            Some(default) => Some(self.typed(&of(default)?)?),
            None => None,
        };
        let filter = self.filter.as_ref().map(of).transpose()?;
        let keys = partitions(&self.partition, rows)?;
        let mut out = Vec::with_capacity(values.len());
        for (row, value) in values.into_iter().enumerate() {
            let default = defaults.as_ref().map_or(Cell::Null, |all| all[row].clone());
            let key = keys.as_ref().map_or(&[][..], |keys| &keys[row]);
            let passes = filter.as_ref().is_none_or(|filter| is_true(filter, row));
            if !memories.contains_key(key) {
                if memories.len() >= PARTITIONS_MAX {
                    return datafusion::common::exec_err!(
                        "more than {PARTITIONS_MAX} partitions are remembered"
                    );
                }
                memories.insert(key.to_vec(), Memory::default());
            }
            let Some(memory) = memories.get_mut(key) else { continue };
            let time = times.get(row).copied().unwrap_or_default();
            out.push(self.step(memory, value, default, (passes, time)));
        }
        Ok(array(self.cell, &out))
    }

    fn typed(&self, column: &ArrayRef) -> Result<Vec<Cell>> {
        let wanted = self.argument.arrow();
        Ok(match *column.data_type() == wanted {
            true => cells(column),
            false => cells(&arrow::compute::cast(column, &wanted)?),
        })
    }

    /// What it gives for a row; one that does not pass its filter is shown and not remembered.
    fn step(&self, memory: &mut Memory, value: Cell, default: Cell, row: (bool, i64)) -> Cell {
        let (passes, time) = row;
        let or_default = |cell: Option<&Cell>| cell.cloned().unwrap_or(default.clone());
        match self.kind {
            OverKind::Lag => {
                let full = memory.last.len() >= self.back;
                let given = or_default(memory.last.front().filter(|_| full));
                if passes {
                    if full {
                        memory.last.pop_front();
                    }
                    memory.last.push_back(value);
                }
                given
            }
            OverKind::Latest => {
                if passes && !value.is_null() {
                    memory.last = [value].into();
                }
                or_default(memory.last.front())
            }
            OverKind::HadChanged | OverKind::ChangedValue => {
                let changed = memory.last.front() != Some(&value);
                if passes {
                    memory.last = [value.clone()].into();
                }
                match self.kind {
                    OverKind::HadChanged => Cell::Bool(passes && changed),
                    _ if passes && changed => value,
                    _ => Cell::Null,
                }
            }
            OverKind::RateOf => {
                if value.is_null() || !passes {
                    return Cell::Null;
                }
                let grown = memory.last.front().and_then(|before| difference(&value, before));
                let seconds = (time.saturating_sub(memory.time)) as f64 / 1e9;
                memory.last = [value].into();
                memory.time = time;
                match grown {
                    Some(grown) if seconds != 0.0 => Cell::F64(grown / seconds),
                    _ => Cell::Null,
                }
            }
            _ => self.run_on(memory, value, passes),
        }
    }

    fn run_on(&self, memory: &mut Memory, value: Cell, passes: bool) -> Cell {
        if passes && !value.is_null() {
            memory.count += 1;
            let before = memory.sum.take();
            memory.sum = Some(match (self.kind, before) {
                (OverKind::RunningMin, Some(before)) if is_less(&before, &value) => before,
                (OverKind::RunningMax, Some(before)) if is_less(&value, &before) => before,
                (OverKind::RunningSum, Some(before)) => sum(before, value),
                (OverKind::RunningAvg, before) => {
                    let sum = before.and_then(|sum| sum.as_f64()).unwrap_or(0.0);
                    Cell::F64(sum + value.as_f64().unwrap_or(0.0))
                }
                _ => value,
            });
        }
        match (self.kind, &memory.sum) {
            (OverKind::RunningCount, _) => Cell::I64(memory.count as i64),
            (OverKind::RunningAvg, Some(Cell::F64(sum))) => Cell::F64(sum / memory.count as f64),
            (_, Some(sum)) => sum.clone(),
            (_, None) => Cell::Null,
        }
    }
}

/// Of integers exact, whatever their size.
fn difference(a: &Cell, b: &Cell) -> Option<f64> {
    Some(match (a, b) {
        (Cell::I64(a), Cell::I64(b)) => (i128::from(*a) - i128::from(*b)) as f64,
        (Cell::U64(a), Cell::U64(b)) => (i128::from(*a) - i128::from(*b)) as f64,
        (a, b) => a.as_f64()? - b.as_f64()?,
    })
}

/// An integer that grows beyond its type stays NULL: no sum is better than a wrong one.
fn sum(before: Cell, value: Cell) -> Cell {
    match (before, value) {
        (Cell::I64(a), Cell::I64(b)) => a.checked_add(b).map_or(Cell::Null, Cell::I64),
        (Cell::U64(a), Cell::U64(b)) => a.checked_add(b).map_or(Cell::Null, Cell::U64),
        (Cell::F64(a), Cell::F64(b)) => Cell::F64(a + b),
        _ => Cell::Null,
    }
}

fn is_less(a: &Cell, b: &Cell) -> bool {
    match (a, b) {
        (Cell::I64(a), Cell::I64(b)) => a <= b,
        (Cell::U64(a), Cell::U64(b)) => a <= b,
        (Cell::F64(a), Cell::F64(b)) => a <= b,
        (Cell::Text(a), Cell::Text(b)) => a <= b,
        (Cell::Time(a), Cell::Time(b)) => a <= b,
        _ => false,
    }
}

pub fn is_true(condition: &ArrayRef, row: usize) -> bool {
    use arrow::array::AsArray;
    let holds = condition.as_boolean_opt();
    holds.is_some_and(|holds| holds.is_valid(row) && holds.value(row))
}

/// Of each row the partition; none, where there is one for all.
pub fn partitions(keys: &[Physical], rows: &RecordBatch) -> Result<Option<Vec<Vec<u8>>>> {
    if keys.is_empty() {
        return Ok(None);
    }
    let mut out = vec![Vec::new(); rows.num_rows()];
    for key in keys {
        let column = key.evaluate(rows)?.into_array(rows.num_rows())?;
        for (key, cell) in out.iter_mut().zip(cells(&column)) {
            cell.key(key);
        }
    }
    Ok(Some(out))
}

/// Memory of what is remembered.
pub fn size(memories: &Memories) -> usize {
    let of = |(key, memory): (&Vec<u8>, &Memory)| {
        let (front, back) = memory.last.as_slices();
        key.len() + size_of::<Memory>() + size_of_cells(front) + size_of_cells(back)
    };
    memories.iter().map(of).sum()
}
