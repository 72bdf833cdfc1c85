//! Rows in the order of series and time, with those that are missing between them.

use super::{Fill, Grid};
use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, PrimitiveArray, RecordBatch, UInt32Array,
};
use arrow::compute::{cast, partition, take};
use arrow::datatypes::{DataType, SchemaRef, TimestampNanosecondType};
use datafusion::common::{Result, exec_err};
use std::ops::Range;

/// No row.
const NONE: u32 = u32::MAX;

/// What is to be filled: rows of one series after the other, each in the order of time.
pub struct Rows {
    pub rows: RecordBatch,
    /// Place of the bucket's column.
    pub time: usize,
    /// Places of the columns that tell the series apart.
    pub keys: Vec<usize>,
    pub fills: Vec<(ArrayRef, Fill)>,
    pub grid: Grid,
    /// Of what comes out: the columns of the rows, and one for each fill.
    pub schema: SchemaRef,
}

/// Gives the filled rows, part by part.
pub struct Filled {
    from: Rows,
    times: PrimitiveArray<TimestampNanosecondType>,
    columns: Vec<Column>,
    series: std::vec::IntoIter<Range<usize>>,
    /// The series at work, its next row, and the next bucket to be given.
    current: Range<usize>,
    row: usize,
    bucket: Option<i64>,
}

struct Column {
    fill: Fill,
    values: ArrayRef,
    /// For each row, the nearest one with a value in its series: itself or before, itself or behind.
    before: Vec<u32>,
    behind: Vec<u32>,
}

/// A row that comes out.
struct Slot {
    /// Where it comes from; made up when there is none.
    row: Option<usize>,
    time: Option<i64>,
    /// The nearest rows of the series: itself, or those around it.
    before: Option<usize>,
    behind: Option<usize>,
    /// Some row of its series.
    series: Option<usize>,
}

impl Filled {
    pub fn new(from: Rows) -> Result<Filled> {
        let count = from.rows.num_rows();
        let times = from.rows.column(from.time);
        let Some(times) = times.as_primitive_opt::<TimestampNanosecondType>().cloned() else {
            return exec_err!("gaps are filled between times in nanoseconds");
        };
        let keys: Vec<ArrayRef> =
            from.keys.iter().map(|place| from.rows.column(*place).clone()).collect();
        let series = match (keys.is_empty(), count) {
            // Without keys there is one series, though it may have no row.
            (true, _) => std::iter::once(0..count).collect(),
            (false, 0) => Vec::new(),
            (false, _) => partition(&keys)?.ranges(),
        };
        let column = |(values, fill): &(ArrayRef, Fill)| Column::new(values, *fill, &series);
        let columns = from.fills.iter().map(column).collect::<Result<Vec<Column>>>()?;
        let series = series.into_iter();
        Ok(Filled { from, times, columns, series, current: 0..0, row: 0, bucket: None })
    }

    /// At most so many rows more; none behind the last.
    pub fn next(&mut self, rows_max: usize) -> Result<Option<RecordBatch>> {
        let slots: Vec<Slot> = std::iter::from_fn(|| self.slot()).take(rows_max).collect();
        if slots.is_empty() {
            return Ok(None);
        }
        let mut arrays = Vec::new();
        for (place, column) in self.from.rows.columns().iter().enumerate() {
            arrays.push(if place == self.from.time {
                let times = PrimitiveArray::<TimestampNanosecondType>::from_iter(
                    slots.iter().map(|slot| slot.time),
                );
                cast(&times, column.data_type())?
            } else if self.from.keys.contains(&place) {
                taken(column, slots.iter().map(|slot| slot.series))?
            } else {
                taken(column, slots.iter().map(|slot| slot.row))?
            });
        }
        for column in &self.columns {
            arrays.push(column.filled(&slots, &self.times)?);
        }
        Ok(Some(RecordBatch::try_new(self.from.schema.clone(), arrays)?))
    }

    fn slot(&mut self) -> Option<Slot> {
        loop {
            let row = (self.row < self.current.end).then_some(self.row);
            let time = row.and_then(|row| self.time(row));
            match (row, self.bucket) {
                (None, None) => {
                    self.current = self.series.next()?;
                    self.row = self.current.start;
                    self.bucket = Some(self.from.grid.first_ns);
                }
                (row, Some(bucket)) if row.is_none() || time.is_some_and(|time| time > bucket) => {
                    self.step(bucket);
                    return Some(Slot {
                        row: None,
                        time: Some(bucket),
                        before: (self.row > self.current.start).then(|| self.row - 1),
                        behind: row,
                        series: (!self.current.is_empty()).then_some(self.current.start),
                    });
                }
                (row, bucket) => {
                    if let Some(bucket) = bucket.filter(|bucket| time == Some(*bucket)) {
                        self.step(bucket);
                    }
                    self.row += 1;
                    return Some(Slot { row, time, before: row, behind: row, series: row });
                }
            }
        }
    }

    fn step(&mut self, bucket: i64) {
        let next = bucket.checked_add(self.from.grid.width_ns);
        self.bucket = next.filter(|next| *next <= self.from.grid.last_ns);
    }

    fn time(&self, row: usize) -> Option<i64> {
        self.times.is_valid(row).then(|| self.times.value(row))
    }
}

impl Column {
    fn new(values: &ArrayRef, fill: Fill, series: &[Range<usize>]) -> Result<Column> {
        let values = match fill {
            Fill::Carry => values.clone(),
            Fill::Interpolate => cast(values, &DataType::Float64)?,
        };
        let (mut before, mut behind) = (vec![NONE; values.len()], vec![NONE; values.len()]);
        for range in series {
            let mut known = NONE;
            for row in range.clone() {
                known = if values.is_valid(row) { row as u32 } else { known };
                before[row] = known;
            }
            known = NONE;
            for row in range.clone().rev() {
                known = if values.is_valid(row) { row as u32 } else { known };
                behind[row] = known;
            }
        }
        Ok(Column { fill, values, before, behind })
    }

    fn filled(
        &self,
        slots: &[Slot],
        times: &PrimitiveArray<TimestampNanosecondType>,
    ) -> Result<ArrayRef> {
        let before = |slot: &Slot| known(&self.before, slot.before);
        if self.fill == Fill::Carry {
            return taken(&self.values, slots.iter().map(before));
        }
        let values = self.values.as_primitive::<arrow::datatypes::Float64Type>();
        let point = |row: usize| {
            times.is_valid(row).then(|| (i128::from(times.value(row)), values.value(row)))
        };
        let number = |slot: &Slot| {
            let (low, high) = (before(slot)?, known(&self.behind, slot.behind)?);
            if low == high {
                return Some(values.value(low));
            }
            let (at, (from, a), (to, b)) = (i128::from(slot.time?), point(low)?, point(high)?);
            Some(a + (b - a) * ((at - from) as f64 / (to - from) as f64))
        };
        Ok(std::sync::Arc::new(Float64Array::from_iter(slots.iter().map(number))))
    }
}

fn known(rows: &[u32], row: Option<usize>) -> Option<usize> {
    rows.get(row?).copied().filter(|row| *row != NONE).map(|row| row as usize)
}

fn taken(column: &ArrayRef, rows: impl Iterator<Item = Option<usize>>) -> Result<ArrayRef> {
    let places = UInt32Array::from_iter(rows.map(|row| row.map(|row| row as u32)));
    Ok(take(column, &places, None)?)
}
