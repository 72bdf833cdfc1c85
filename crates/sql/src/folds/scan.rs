//! Folds as batches of rows: tag by tag where there are many, and where there are few, made by two
//! threads and put in the order of time, in which statements mostly want them.

use super::table::Column;
use crate::columns::repeated;
use crate::partition::{Batches, Cancel};
use crate::samples::ROWS;
use crate::select::Span;
use crate::source::{Rows, Source};
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringViewArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use std::cell::Cell;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tagwerk_historian::{Buckets, FoldRow, Need, Scan};
use tagwerk_model::TagId;
use tokio::runtime::Handle;

/// Samples of which the work is shared: with fewer, it is done before another has begun, and of more
/// there may be too many rows to put in order.
pub const SHARED: RangeInclusive<u64> = 16_384..=65_536;

/// What is known of a tag whose samples are folded.
#[derive(Clone)]
pub struct Known {
    pub id: TagId,
    pub device: Arc<str>,
    pub tag: Arc<str>,
    /// Among the tags of a device's table.
    pub place: Option<usize>,
}

/// Tags, found by their numbers.
pub struct Tags {
    each: Vec<Known>,
    by_id: HashMap<TagId, usize>,
}

impl Tags {
    fn new(each: Vec<Known>) -> Tags {
        let by_id = each.iter().enumerate().map(|(place, tag)| (tag.id, place)).collect();
        Tags { each, by_id }
    }

    /// Finds tags that are mostly the one before again, or the next one, or the first.
    fn places(&self) -> impl Fn(TagId) -> Option<usize> {
        let near = Cell::new(0);
        move |tag| {
            let is = |place: &usize| self.each.get(*place).is_some_and(|known| known.id == tag);
            let near_by = [near.get(), near.get() + 1, 0].into_iter().find(is);
            let place = near_by.or_else(|| self.by_id.get(&tag).copied())?;
            near.set(place);
            Some(place)
        }
    }

    pub fn finder<'a>(&'a self) -> impl Fn(TagId) -> Option<&'a Known> {
        let place = self.places();
        move |tag| self.each.get(place(tag)?)
    }

    /// A text of each row's tag, which is held once.
    pub fn texts(&self, rows: &[FoldRow], text: fn(&Known) -> &str) -> Result<ArrayRef> {
        if self.each.len() >= rows.len() {
            let find = self.finder();
            let of_tag = |rows: &[FoldRow]| (find(rows[0].tag).map_or("", text), rows.len());
            return repeated(rows.chunk_by(|a, b| a.tag == b.tag).map(of_tag));
        }
        let texts = StringViewArray::from_iter_values(self.each.iter().map(text));
        let place = self.places();
        let places = rows.iter().map(|row| place(row.tag).unwrap_or_default() as u32);
        Ok(take(&texts, &UInt32Array::from_iter_values(places), None)?)
    }
}

#[derive(Clone)]
pub struct FoldsScan {
    pub source: Arc<dyn Source>,
    pub span: Span,
    pub columns: Arc<[Column]>,
    pub schema: SchemaRef,
    pub buckets: Option<Buckets>,
    pub need: Need,
}

/// Of tags of which no value is told.
const COUNTS: Need = Need { counts_only: true, ends: false, area: false };

impl FoldsScan {
    /// Of the first tags, which are so many, values are told.
    pub fn maker(self, tags: Vec<Known>, told: usize) -> Batches {
        let tags = Arc::new(Tags::new(tags));
        Arc::new(move |cancel: Cancel| {
            let (told, others) = tags.each.split_at(told);
            let told = self.folds(told, cancel.clone(), self.need);
            let mut folds: Rows<Vec<FoldRow>> = match others.is_empty() {
                true => told,
                false => Box::new(told.chain(self.folds(others, cancel, COUNTS))),
            };
            let (scan, tags) = (self.clone(), tags.clone());
            let mut batch = move || match next_rows(&mut folds, ROWS)? {
                rows if rows.is_empty() => Ok(None),
                rows => scan.batch(&rows, &tags).map(Some),
            };
            Box::new(std::iter::from_fn(move || batch().transpose()))
        })
    }

    fn folds(&self, tags: &[Known], cancel: Cancel, need: Need) -> Rows<Vec<FoldRow>> {
        let scan = Scan {
            tags: tags.iter().map(|tag| tag.id).collect(),
            from_unix_ns: self.span.start,
            to_unix_ns: self.span.end,
            cancel: Some(cancel),
            ..Scan::default()
        };
        self.source.folds(&scan, self.buckets, need)
    }

    fn batch(&self, rows: &[FoldRow], tags: &Tags) -> Result<RecordBatch> {
        let arrays = self.columns.iter().map(|column| column.array(rows, tags));
        let arrays = arrays.collect::<Result<Vec<ArrayRef>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)?)
    }
}

/// About so many rows, or all that are left; none at the end.
pub fn next_rows(folds: &mut Rows<Vec<FoldRow>>, count: usize) -> Result<Vec<FoldRow>> {
    let mut rows = Vec::new();
    while rows.len() < count {
        let Some(more) = folds.next() else { break };
        let mut more = more.map_err(DataFusionError::Execution)?;
        match rows.is_empty() {
            true => rows = more,
            false => rows.append(&mut more),
        }
    }
    Ok(rows)
}

/// Tags that are folded by two threads, each taking the next one that nobody has taken.
pub struct Shared {
    scan: FoldsScan,
    tags: Tags,
    told: usize,
}

impl Shared {
    /// Of the first tags, which are so many, values are told.
    pub fn new(scan: FoldsScan, mut tags: Vec<Known>, told: usize) -> Shared {
        let by_name = |tag: &Known| (tag.tag.clone(), tag.device.clone());
        let (first, others) = tags.split_at_mut(told);
        first.sort_by_cached_key(by_name);
        others.sort_by_cached_key(by_name);
        Shared { scan, tags: Tags::new(tags), told }
    }

    /// The other thread begins at once, and this one when the batches are waited for.
    pub fn batches(
        self: Arc<Self>,
        cancel: Cancel,
    ) -> impl Future<Output = Result<Vec<RecordBatch>>> + Send {
        let next = Arc::new(AtomicUsize::new(0));
        let beside = Handle::try_current().ok().map(|runtime| {
            let (shared, next, cancel) = (self.clone(), next.clone(), cancel.clone());
            runtime.spawn_blocking(move || shared.fold(&next, &cancel))
        });
        async move {
            let mut folded = self.fold(&next, &cancel)?;
            // The other may not have begun when all is done.
            if let Some(beside) = beside.filter(|_| folded.len() < self.tags.each.len()) {
                let ended = beside.await;
                let ended = ended.map_err(|error| DataFusionError::External(Box::new(error)));
                folded.append(&mut ended??);
            }
            self.in_order(folded)
        }
    }

    fn in_order(&self, mut folded: Vec<(usize, Vec<FoldRow>)>) -> Result<Vec<RecordBatch>> {
        folded.sort_by_key(|(place, _)| *place);
        let Need { ends, area, .. } = self.scan.need;
        let rows = match ends || area {
            // Of what is said of a course in time, a tag's is one by itself.
            true => folded.into_iter().flat_map(|(_, rows)| rows).collect(),
            false => by_time(&folded),
        };
        rows.chunks(ROWS).map(|rows| self.scan.batch(rows, &self.tags)).collect()
    }

    /// Folds tags that nobody has taken: their places, and what they come to.
    fn fold(&self, next: &AtomicUsize, cancel: &Cancel) -> Result<Vec<(usize, Vec<FoldRow>)>> {
        let mut folded = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(tag) = self.tags.each.get(place..=place) else { return Ok(folded) };
            let need = if place < self.told { self.scan.need } else { COUNTS };
            let mut folds = self.scan.folds(tag, cancel.clone(), need);
            folded.push((place, next_rows(&mut folds, usize::MAX)?));
        }
    }
}

/// The rows of all tags by the start of their buckets, those of one bucket in the order of their tags.
fn by_time(folded: &[(usize, Vec<FoldRow>)]) -> Vec<FoldRow> {
    let mut order = Vec::with_capacity(folded.iter().map(|(_, rows)| rows.len()).sum());
    for (_, rows) in folded {
        order.extend(rows.iter().map(|row| (row.start, row)));
    }
    order.sort_by_key(|(start, _)| *start);
    order.into_iter().map(|(_, row)| *row).collect()
}
