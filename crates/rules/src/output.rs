//! What a rule gives.

use crate::cell::{self, Cell};
use crate::program::Program;
use arrow::array::{Array, ArrayRef, RecordBatch};

/// One row that a rule gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    pub time_ns: i64,
    pub cells: Vec<Cell>,
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
