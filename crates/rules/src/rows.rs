//! Rows of a stream in the order of their time, kept while a window may need them.

use crate::error::RuleError;
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use std::collections::VecDeque;
use std::ops::Range;

/// Small pieces in a row that are put together.
const PIECES_MAX: usize = 32;
/// A piece with more rows is left as it is.
const SMALL: usize = 256;

/// Rows by their number, counted from the first that ever came.
#[derive(Default)]
pub struct Kept {
    pieces: VecDeque<Piece>,
    /// Number of the first row kept.
    first: u64,
    end: u64,
    small: usize,
}

struct Piece {
    first: u64,
    rows: RecordBatch,
    times: Vec<i64>,
}

impl Kept {
    pub fn end(&self) -> u64 {
        self.end
    }

    pub fn first(&self) -> u64 {
        self.first
    }

    pub fn is_empty(&self) -> bool {
        self.first == self.end
    }

    /// Begins again at this number, empty.
    pub fn begin_at(&mut self, row: u64) {
        (self.first, self.end) = (row, row);
        self.pieces.clear();
        self.small = 0;
    }

    pub fn push(&mut self, rows: RecordBatch, times: Vec<i64>) -> Result<(), RuleError> {
        if times.is_empty() {
            return Ok(());
        }
        let first = self.end;
        self.end += times.len() as u64;
        self.small = if times.len() < SMALL { self.small + 1 } else { 0 };
        self.pieces.push_back(Piece { first, rows, times });
        if self.small >= PIECES_MAX {
            self.put_together()?;
        }
        Ok(())
    }

    fn put_together(&mut self) -> Result<(), RuleError> {
        let many = self.small.min(self.pieces.len());
        let tail: Vec<Piece> = self.pieces.split_off(self.pieces.len() - many).into();
        self.small = 0;
        let Some(head) = tail.first() else { return Ok(()) };
        let (first, schema) = (head.first, head.rows.schema());
        let rows = concat_batches(&schema, tail.iter().map(|piece| &piece.rows))?;
        let times = tail.into_iter().flat_map(|piece| piece.times).collect();
        self.pieces.push_back(Piece { first, rows, times });
        Ok(())
    }

    /// Time of a row that is kept.
    pub fn time(&self, row: u64) -> Option<i64> {
        let piece = self.piece(row)?;
        piece.times.get((row - piece.first) as usize).copied()
    }

    fn piece(&self, row: u64) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.first <= row);
        self.pieces.get(after.checked_sub(1)?)
    }

    /// The number of the first row whose time is not before this.
    pub fn at(&self, time: i64) -> u64 {
        let before = |piece: &Piece| piece.times.last().is_some_and(|last| *last < time);
        let place = self.pieces.partition_point(before);
        match self.pieces.get(place) {
            None => self.end,
            Some(piece) => piece
                .first
                .max(self.first)
                .max(piece.first + piece.times.partition_point(|t| *t < time) as u64),
        }
    }

    /// These rows.
    pub fn slices(&self, rows: Range<u64>) -> Vec<RecordBatch> {
        let rows = rows.start.max(self.first)..rows.end.min(self.end);
        let mut slices = Vec::new();
        let from = self
            .pieces
            .partition_point(|piece| piece.first + piece.times.len() as u64 <= rows.start);
        for piece in self.pieces.iter().skip(from) {
            let start = rows.start.max(piece.first);
            let end = rows.end.min(piece.first + piece.times.len() as u64);
            if start >= end {
                break;
            }
            slices.push(piece.rows.slice((start - piece.first) as usize, (end - start) as usize));
        }
        slices
    }

    /// Times of these rows.
    pub fn times(&self, rows: Range<u64>) -> impl Iterator<Item = i64> + '_ {
        rows.filter_map(|row| self.time(row))
    }

    /// Rows before this number are needed no more.
    pub fn drop_before(&mut self, row: u64) {
        self.first = self.first.max(row.min(self.end));
        while let Some(piece) = self.pieces.front()
            && piece.first + piece.times.len() as u64 <= self.first
        {
            self.pieces.pop_front();
            self.small = self.small.min(self.pieces.len());
        }
    }

    /// All rows that are kept, and their times.
    pub fn all(&self) -> (Vec<RecordBatch>, Vec<i64>) {
        (self.slices(self.first..self.end), self.times(self.first..self.end).collect())
    }

    pub fn size(&self) -> usize {
        let of = |piece: &Piece| piece.rows.get_array_memory_size() + piece.times.len() * 8 + 64;
        self.pieces.iter().map(of).sum()
    }

    pub fn count(&self) -> u64 {
        self.end - self.first
    }
}
