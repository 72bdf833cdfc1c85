//! Folds of what history holds: chunks whose summaries say enough are not decoded, and where samples
//! are gone, rollups speak for them.

use crate::ReadError;
use crate::chunk::Wanted;
use crate::fold::{Buckets, Fold, Need, is_numeric};
use crate::historian::{Historian, Inner};
use crate::piece::Piece;
use crate::read::{Scan, Sweep};
use crate::sources::{Source, all_sources};
use crate::summary::Summary;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
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
    /// The samples in the range, folded into buckets, tag by tag. Blocking. Rollups count that lie
    /// within the range and within one bucket. With the area, folds of a tag come in the order of
    /// time and do not overlap.
    pub fn folds(&self, request: &Scan, buckets: Option<Buckets>, need: Need) -> Folds {
        let request = Scan { newest_first: false, ..request.clone() };
        Folds {
            inner: self.0.clone(),
            request,
            buckets,
            need,
            next_tag: 0,
            of_tag: None,
            ready: VecDeque::new(),
            damaged: VecDeque::new(),
            ended: false,
        }
    }
}

/// See [`Historian::folds`].
pub struct Folds {
    inner: Arc<Inner>,
    request: Scan,
    buckets: Option<Buckets>,
    need: Need,
    next_tag: usize,
    of_tag: Option<OfTag>,
    /// The last one may still grow.
    ready: VecDeque<FoldRow>,
    /// Damage to be told; the rest of the tag is folded all the same.
    damaged: VecDeque<ReadError>,
    ended: bool,
}

/// What is left of the tag at work.
struct OfTag {
    samples: Samples,
    rollups: Rollups,
}

/// By the start of their buckets, without buckets all at one place, and by type.
type Rollups = BTreeMap<(i64, u8), FoldRow>;

enum Samples {
    /// The area depends on the order of all samples.
    InOrder(Box<Sweep>),
    Chunks(std::vec::IntoIter<Source>),
}

impl Iterator for Folds {
    type Item = Result<FoldRow, ReadError>;

    fn next(&mut self) -> Option<Result<FoldRow, ReadError>> {
        while !self.ended {
            if let Some(error) = self.damaged.pop_front() {
                return Some(Err(error));
            }
            if self.ready.len() > 1 {
                return self.ready.pop_front().map(Ok);
            }
            if let Err(error) = self.request.check() {
                self.ended = true;
                return Some(Err(error));
            }
            if let Err(error) = self.advance() {
                return Some(Err(error));
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

impl Folds {
    /// Folds some more.
    fn advance(&mut self) -> Result<(), ReadError> {
        let Some(of_tag) = &mut self.of_tag else { return self.begin_tag() };
        let piece = match &mut of_tag.samples {
            Samples::InOrder(sweep) => sweep.next().transpose()?,
            Samples::Chunks(chunks) => match chunks.next() {
                Some(chunk) => match self.summarised(&chunk.summary) {
                    Some(row) => {
                        self.push(row);
                        return Ok(());
                    }
                    None => Some(chunk.load(self.wanted(chunk.summary.data_type))?),
                },
                None => None,
            },
        };
        match piece {
            Some(piece) => self.add(&piece),
            None => {
                let rollups = self.of_tag.take().map(|of_tag| of_tag.rollups).unwrap_or_default();
                rollups.into_values().for_each(|row| self.push_last(row));
            }
        }
        Ok(())
    }

    fn begin_tag(&mut self) -> Result<(), ReadError> {
        let Some(tag) = self.request.tags.get(self.next_tag).copied() else {
            self.ended = true;
            return Ok(());
        };
        self.next_tag += 1;
        let (from, to) = (self.request.from_unix_ns, self.request.to_unix_ns);
        let (mut samples, rollups) = all_sources(&self.inner, tag, from, to)?;
        let rollups = self.rolled(tag, &rollups)?;
        let samples = match self.need.area {
            true => {
                let wanted = Wanted { source_times: false, ..Wanted::ALL };
                Samples::InOrder(Box::new(Sweep::new(samples, &self.request, wanted)))
            }
            false => {
                samples.sort_by_key(|source| source.summary.min_time);
                Samples::Chunks(samples.into_iter())
            }
        };
        self.of_tag = Some(OfTag { samples, rollups });
        Ok(())
    }

    /// What a fold is made of.
    fn wanted(&self, data_type: DataType) -> Wanted {
        let values = !self.need.counts_only && is_numeric(data_type.kind());
        Wanted { times: true, source_times: false, values }
    }

    fn rolled(&mut self, tag: TagId, sources: &[Source]) -> Result<Rollups, ReadError> {
        let mut all = Rollups::new();
        let (from, to) = (self.request.from_unix_ns, self.request.to_unix_ns);
        for source in sources {
            self.request.check()?;
            let (head, rows) = match source.load_rows() {
                Ok(loaded) => loaded,
                Err(error @ ReadError::Damaged { .. }) => {
                    self.damaged.push_back(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            for mut fold in rows {
                fold.numbers = fold.numbers.filter(|_| !self.need.counts_only);
                let (low, high) = (fold.min_time, fold.max_time);
                let whole = self.buckets.is_none_or(|buckets| buckets.hold(low, high));
                if !(low >= from && high < to && whole) {
                    continue;
                }
                let (data_type, start) =
                    (head.data_type, self.buckets.map_or(low, |buckets| buckets.start(low)));
                let place = (self.buckets.map_or(i64::MIN, |_| start), data_type as u8);
                let add = |known: &mut FoldRow| known.fold.add(&fold, data_type);
                let row = FoldRow { tag, data_type, start, fold };
                all.entry(place).and_modify(add).or_insert(row);
            }
        }
        Ok(all)
    }

    fn summarised(&self, summary: &Summary) -> Option<FoldRow> {
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
        let at = piece.times.partition_point(|time| *time < self.request.from_unix_ns);
        let end = piece.times.partition_point(|time| *time < self.request.to_unix_ns);
        let (tag, data_type) = (piece.tag, piece.data_type);
        match self.buckets {
            None if at < end => {
                let (start, fold) = (piece.times[at], Fold::of_piece(piece, at..end));
                self.push(FoldRow { tag, data_type, start, fold });
            }
            None => {}
            Some(buckets) => {
                for places in buckets.spans(&piece.times[at..end]) {
                    let places = at + places.start..at + places.end;
                    let start = buckets.start(piece.times[places.start]);
                    let fold = Fold::of_piece(piece, places);
                    self.push(FoldRow { tag, data_type, start, fold });
                }
            }
        }
    }

    /// Takes a fold of samples, and before it the rollups of earlier buckets.
    fn push(&mut self, row: FoldRow) {
        if self.buckets.is_some()
            && let Some(of_tag) = &mut self.of_tag
            && !of_tag.rollups.is_empty()
        {
            let later = of_tag.rollups.split_off(&(row.start.saturating_add(1), 0));
            let earlier = std::mem::replace(&mut of_tag.rollups, later);
            earlier.into_values().for_each(|row| self.push_last(row));
        }
        self.push_last(row);
    }

    fn push_last(&mut self, row: FoldRow) {
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
