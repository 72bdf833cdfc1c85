//! Folds of what history holds: chunks whose summaries say enough are not decoded.

use crate::ReadError;
use crate::fold::{Buckets, Fold, Need};
use crate::historian::Historian;
use crate::piece::Piece;
use crate::read::{ChunkView, Chunks, Pieces, Scan};
use std::collections::VecDeque;
use tagwerk_model::{DataType, TagId};

/// Samples of one tag and type, folded. There may be several of one bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoldRow {
    pub tag: TagId,
    pub data_type: DataType,
    /// Where the bucket begins; without buckets, the earliest time of the fold.
    pub start: i64,
    pub fold: Fold,
}

impl Historian {
    /// The samples in the range, folded into buckets, tag by tag. Blocking. With the area, folds of a
    /// tag do not overlap and come in the order of time.
    pub fn folds(&self, request: &Scan, buckets: Option<Buckets>, need: Need) -> Folds {
        let request = Scan { newest_first: false, ..request.clone() };
        let source = match need.area {
            // The area depends on the order of all samples.
            true => Source::Pieces(self.scan(&request)),
            false => Source::Chunks(self.chunks(&request)),
        };
        Folds { request, buckets, need, source, ready: VecDeque::new() }
    }
}

enum Source {
    Pieces(Pieces),
    Chunks(Chunks),
}

/// See [`Historian::folds`].
pub struct Folds {
    request: Scan,
    buckets: Option<Buckets>,
    need: Need,
    source: Source,
    /// The last one may still grow.
    ready: VecDeque<FoldRow>,
}

impl Iterator for Folds {
    type Item = Result<FoldRow, ReadError>;

    fn next(&mut self) -> Option<Result<FoldRow, ReadError>> {
        loop {
            if self.ready.len() > 1 {
                return self.ready.pop_front().map(Ok);
            }
            let piece = match &mut self.source {
                Source::Pieces(pieces) => pieces.next(),
                Source::Chunks(chunks) => match chunks.next() {
                    Some(Ok(chunk)) => match self.summarised(&chunk) {
                        Some(row) => {
                            self.push(row);
                            continue;
                        }
                        None => Some(chunk.decode()),
                    },
                    Some(Err(error)) => Some(Err(error)),
                    None => None,
                },
            };
            match piece {
                Some(Ok(piece)) => self.add(&piece),
                Some(Err(error)) => return Some(Err(error)),
                None => return self.ready.pop_front().map(Ok),
            }
        }
    }
}

impl Folds {
    fn summarised(&self, chunk: &ChunkView) -> Option<FoldRow> {
        let summary = chunk.summary();
        let (low, high) = (summary.min_time, summary.max_time);
        let inside = low >= self.request.from_unix_ns && high < self.request.to_unix_ns;
        let whole = self.buckets.is_none_or(|buckets| buckets.hold(low, high));
        if !(inside && whole) {
            return None;
        }
        let fold = Fold::of_summary(summary, self.need)?;
        let start = self.buckets.map_or(low, |buckets| buckets.start(low));
        Some(FoldRow { tag: summary.tag, data_type: summary.data_type, start, fold })
    }

    fn add(&mut self, piece: &Piece) {
        let mut at = piece.times.partition_point(|time| *time < self.request.from_unix_ns);
        let end = piece.times.partition_point(|time| *time < self.request.to_unix_ns);
        while at < end {
            let (start, next) = match self.buckets {
                None => (piece.times[at], end),
                Some(buckets) => {
                    let start = buckets.start(piece.times[at]);
                    (start, at + within(&piece.times[at..end], buckets.end(start)))
                }
            };
            let (tag, data_type) = (piece.tag, piece.data_type);
            self.push(FoldRow { tag, data_type, start, fold: Fold::of_piece(piece, at..next) });
            at = next;
        }
    }

    fn push(&mut self, row: FoldRow) {
        match self.ready.back_mut() {
            Some(last)
                if (last.tag, last.data_type) == (row.tag, row.data_type)
                    && (self.buckets.is_none() || last.start == row.start) =>
            {
                last.fold.add(&row.fold, row.data_type);
                last.start = last.start.min(row.start);
            }
            _ => self.ready.push_back(row),
        }
    }
}

/// How many of the ascending times lie before `end`, of which the first does.
fn within(times: &[i64], end: i64) -> usize {
    let mut reach = 1;
    while reach < times.len() && times[reach] < end {
        reach *= 2;
    }
    let low = reach / 2;
    let high = reach.min(times.len());
    (low + times[low..high].partition_point(|time| *time < end)).max(1)
}
