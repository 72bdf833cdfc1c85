//! Folds of what history holds: chunks whose summaries say enough are not decoded, and where samples
//! are gone, rollups speak for them.

use crate::ReadError;
use crate::chunk::Wanted;
use crate::fold::{Buckets, Fold, Need, is_numeric};
use crate::historian::{Historian, Inner};
use crate::piece::Piece;
use crate::read::{Runs, Scan, Sweep};
use crate::sources::{Source, all_sources, load_run};
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
    /// The samples in the range, folded into buckets, tag by tag, some rows at a time. Blocking. Rollups count that lie
    /// within the range and within one bucket. With the area, folds of a tag come in the order of
    /// time and do not overlap.
    pub fn folds(&self, request: &Scan, buckets: Option<Buckets>, need: Need) -> Folds {
        let request = Scan { newest_first: false, ..request.clone() };
        Folds {
            inner: self.0.clone(),
            asked: Asked { request, buckets, need },
            runs: Runs::all(TOGETHER),
            next_tag: 0,
            of_tag: None,
            ready: Vec::new(),
            damaged: VecDeque::new(),
            ended: false,
        }
    }
}

/// See [`Historian::folds`].
pub struct Folds {
    inner: Arc<Inner>,
    asked: Asked,
    runs: Runs,
    next_tag: usize,
    of_tag: Option<OfTag>,
    /// The last one may still grow.
    ready: Vec<FoldRow>,
    /// Damage to be told; the rest of the tag is folded all the same.
    damaged: VecDeque<ReadError>,
    ended: bool,
}

/// Rows that are given at once, about.
const ROWS: usize = 256;
/// Samples that are folded at once, about.
const TOGETHER: usize = 8_192;

struct Asked {
    request: Scan,
    buckets: Option<Buckets>,
    need: Need,
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
    /// At least one row.
    type Item = Result<Vec<FoldRow>, ReadError>;

    fn next(&mut self) -> Option<Result<Vec<FoldRow>, ReadError>> {
        while !self.ended {
            if let Some(error) = self.damaged.pop_front() {
                return Some(Err(error));
            }
            if self.ready.len() > ROWS {
                let last = self.ready.split_off(self.ready.len() - 1);
                return Some(Ok(std::mem::replace(&mut self.ready, last)));
            }
            if let Err(error) = self.asked.request.check() {
                self.ended = true;
                return Some(Err(error));
            }
            if let Err(error) = self.advance() {
                return Some(Err(error));
            }
        }
        let rest = std::mem::take(&mut self.ready);
        (!rest.is_empty()).then_some(Ok(rest))
    }
}

impl Folds {
    /// Folds some more.
    fn advance(&mut self) -> Result<(), ReadError> {
        let Some(of_tag) = &mut self.of_tag else { return self.begin_tag() };
        let piece = match &mut of_tag.samples {
            Samples::InOrder(sweep) => sweep.next(&mut self.runs).transpose()?,
            Samples::Chunks(chunks) => {
                let next = chunks.as_slice().first().map(|chunk| &chunk.summary);
                if let Some(row) = next.and_then(|summary| self.asked.summarised(summary)) {
                    chunks.next();
                    self.push(row);
                    return Ok(());
                }
                self.asked.load(chunks, &mut self.runs).transpose()?
            }
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
        let Some(tag) = self.asked.request.tags.get(self.next_tag).copied() else {
            self.ended = true;
            return Ok(());
        };
        self.next_tag += 1;
        let (from, to) = (self.asked.request.from_unix_ns, self.asked.request.to_unix_ns);
        let (mut samples, rollups) = all_sources(&self.inner, tag, from, to)?;
        let rollups = self.rolled(tag, &rollups)?;
        let samples = match self.asked.need.area {
            true => {
                let wanted = Wanted { source_times: false, ..Wanted::ALL };
                Samples::InOrder(Box::new(Sweep::new(samples, &self.asked.request, wanted)))
            }
            false => {
                samples.sort_by_key(|source| source.summary.min_time);
                Samples::Chunks(samples.into_iter())
            }
        };
        self.of_tag = Some(OfTag { samples, rollups });
        Ok(())
    }

    fn rolled(&mut self, tag: TagId, sources: &[Source]) -> Result<Rollups, ReadError> {
        let mut all = Rollups::new();
        let (from, to) = (self.asked.request.from_unix_ns, self.asked.request.to_unix_ns);
        for source in sources {
            self.asked.request.check()?;
            let (head, rows) = match source.load_rows() {
                Ok(loaded) => loaded,
                Err(error @ ReadError::Damaged { .. }) => {
                    self.damaged.push_back(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            for mut fold in rows {
                fold.numbers = fold.numbers.filter(|_| !self.asked.need.counts_only);
                let (low, high) = (fold.min_time, fold.max_time);
                let whole = self.asked.buckets.is_none_or(|buckets| buckets.hold(low, high));
                if !(low >= from && high < to && whole) {
                    continue;
                }
                let (data_type, start) =
                    (head.data_type, self.asked.buckets.map_or(low, |buckets| buckets.start(low)));
                let place = (self.asked.buckets.map_or(i64::MIN, |_| start), data_type as u8);
                let add = |known: &mut FoldRow| known.fold.add(&fold, data_type);
                let row = FoldRow { tag, data_type, start, fold };
                all.entry(place).and_modify(add).or_insert(row);
            }
        }
        Ok(all)
    }

    fn add(&mut self, piece: &Piece) {
        let at = piece.times.partition_point(|time| *time < self.asked.request.from_unix_ns);
        let end = piece.times.partition_point(|time| *time < self.asked.request.to_unix_ns);
        let (tag, data_type, need) = (piece.tag, piece.data_type, self.asked.need);
        match self.asked.buckets {
            None if at < end => {
                let (start, fold) = (piece.times[at], Fold::of_piece_needed(piece, at..end, need));
                self.push(FoldRow { tag, data_type, start, fold });
            }
            None => {}
            Some(buckets) => {
                if let [first, .., last] = piece.times[at..end] {
                    let rows = last.abs_diff(first) / buckets.width_ns.unsigned_abs().max(1);
                    self.ready.reserve((end - at).min((rows as usize).saturating_add(2)));
                }
                for places in buckets.spans(&piece.times[at..end]) {
                    let places = at + places.start..at + places.end;
                    let start = buckets.start(piece.times[places.start]);
                    let fold = Fold::of_piece_needed(piece, places, need);
                    self.push(FoldRow { tag, data_type, start, fold });
                }
            }
        }
    }

    /// Takes a fold of samples, and before it the rollups of earlier buckets.
    fn push(&mut self, row: FoldRow) {
        if self.asked.buckets.is_some()
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
        match self.ready.last_mut() {
            Some(last)
                if (last.tag, last.data_type) == (row.tag, row.data_type)
                    && (self.asked.buckets.is_none() || last.start == row.start) =>
            {
                last.fold.add(&row.fold, row.data_type);
                last.start = last.start.min(row.start);
            }
            _ => self.ready.push(row),
        }
    }
}

impl Asked {
    /// What a fold is made of.
    fn wanted(&self, data_type: DataType) -> Wanted {
        let values = !self.need.counts_only && is_numeric(data_type.kind());
        Wanted { times: true, source_times: false, values }
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

    /// The next chunk, of which samples are needed, and those behind it of which they are too.
    fn load(
        &self,
        chunks: &mut std::vec::IntoIter<Source>,
        runs: &mut Runs,
    ) -> Option<Result<Piece, ReadError>> {
        let waiting = chunks.as_slice();
        let wanted = self.wanted(waiting.first()?.summary.data_type);
        let apart = waiting.windows(2).take_while(|two| {
            let (before, behind) = (&two[0].summary, &two[1].summary);
            before.max_time < behind.min_time && self.summarised(behind).is_none()
        });
        let run = runs.length(waiting.iter().take(1 + apart.count()));
        let together = match run {
            1 => None,
            _ => load_run(waiting[..run].iter(), wanted, &mut runs.scratch),
        };
        if let Some(piece) = together {
            chunks.by_ref().take(run).for_each(drop);
            return Some(Ok(piece));
        }
        chunks.next().map(|chunk| chunk.load(wanted))
    }
}
