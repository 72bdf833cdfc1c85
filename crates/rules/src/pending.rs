//! Rows that wait until no row before them will come any more.

use crate::error::RuleError;
use arrow::array::RecordBatch;

/// Rows that wait for those before them.
#[derive(Default)]
pub struct Pending {
    pub rows: Vec<Waiting>,
    /// The newest time seen.
    pub newest: Option<i64>,
    /// Rows up to this time are taken, and windows up to it end.
    pub bound: Option<i64>,
    /// Rows before this are late: one after them was taken, or their window was ended.
    pub floor: Option<i64>,
    /// By how much the newest time is ahead of the edge's: nothing, where it is the edge's.
    pub ahead: i64,
}

pub struct Waiting {
    pub source: usize,
    pub rows: RecordBatch,
    pub times: Vec<i64>,
}

impl Pending {
    /// Takes out the rows that are not behind this time, in the order of their time.
    pub fn ready(&mut self, bound: i64) -> Result<Vec<Waiting>, RuleError> {
        let mut order: Vec<(i64, usize, u64)> = Vec::new();
        let mut sorted = true;
        let mut last = i64::MIN;
        let mut whole = true;
        for (place, waiting) in self.rows.iter().enumerate() {
            for (row, time) in waiting.times.iter().enumerate() {
                if *time > bound {
                    whole = false;
                    continue;
                }
                sorted &= *time >= last;
                last = *time;
                order.push((*time, place, row as u64));
            }
        }
        if whole && sorted {
            return Ok(std::mem::take(&mut self.rows));
        }
        if !sorted {
            order.sort_by_key(|(time, ..)| *time);
        }
        let mut ready = Vec::new();
        for run in order.chunk_by(|a, b| a.1 == b.1) {
            let waiting = &self.rows[run[0].1];
            let rows = picked(&waiting.rows, run.iter().map(|(.., row)| *row))?;
            let times = run.iter().map(|(time, ..)| *time).collect();
            ready.push(Waiting { source: waiting.source, rows, times });
        }
        let mut left = Vec::new();
        for waiting in std::mem::take(&mut self.rows) {
            let rows = waiting.times.iter().enumerate().filter(|(_, time)| **time > bound);
            let rows: Vec<u64> = rows.map(|(row, _)| row as u64).collect();
            if rows.is_empty() {
                continue;
            }
            let times = waiting.times.iter().copied().filter(|time| *time > bound).collect();
            let rows = picked(&waiting.rows, rows.into_iter())?;
            left.push(Waiting { source: waiting.source, rows, times });
        }
        self.rows = left;
        Ok(ready)
    }
}

/// These rows of a batch.
pub fn picked(
    rows: &RecordBatch,
    places: impl Iterator<Item = u64>,
) -> Result<RecordBatch, RuleError> {
    let places: Vec<u64> = places.collect();
    let in_a_row = places.windows(2).all(|pair| pair[1] == pair[0] + 1);
    if let (true, Some(first)) = (in_a_row, places.first()) {
        return Ok(rows.slice(*first as usize, places.len()));
    }
    let indices = arrow::array::UInt64Array::from(places);
    Ok(arrow::compute::take_record_batch(rows, &indices)?)
}
