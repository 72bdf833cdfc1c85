//! What a rule gives.

use crate::cell::{self, Cell};
use crate::program::Program;
use arrow::array::{Array, ArrayRef, RecordBatch};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

/// Rows remembered for showing.
const NEWEST_MAX: usize = 50;

/// One row that a rule gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    pub time_ns: i64,
    pub cells: Vec<Cell>,
}

/// The rows that a rule gave last. Who looks at them does not wait for the rule.
#[derive(Clone, Default)]
pub struct Newest(Arc<Mutex<VecDeque<Output>>>);

impl Newest {
    pub fn remember(&self, rows: impl ExactSizeIterator<Item = Output>) {
        let mut newest = self.0.lock();
        let before = rows.len().saturating_sub(NEWEST_MAX);
        for row in rows.skip(before) {
            if newest.len() == NEWEST_MAX {
                newest.pop_front();
            }
            newest.push_back(row);
        }
    }

    /// Oldest first.
    pub fn list(&self) -> Vec<Output> {
        self.0.lock().iter().cloned().collect()
    }
}

/// Where the rows go that a rule gives, with their times.
pub type Out<'a> = &'a mut dyn FnMut(&RecordBatch, &ArrayRef);

/// Takes such rows apart.
pub fn as_values(program: &Program, rows: &RecordBatch, times: &ArrayRef, out: &mut Vec<Output>) {
    let times = cell::times(times);
    let columns = program.places.iter().map(|place| cell::cells(rows.column(*place)));
    let mut columns: Vec<_> = columns.map(Vec::into_iter).collect();
    out.reserve(rows.num_rows());
    for row in 0..rows.num_rows() {
        let time_ns = times.as_ref().filter(|t| t.is_valid(row)).map_or(0, |t| t.value(row));
        let cells = columns.iter_mut().map(|cells| cells.next().unwrap_or(Cell::Null));
        out.push(Output { time_ns, cells: cells.collect() });
    }
}
