//! One columnar batch of samples, the same all the way from driver to sink.
//!
//! A batch is one row: one read of one group, or one source timestamp. Values lie in one typed
//! column per kind, in the order of the tags in the set; a bad sample has a place in its column, but
//! its value there means nothing.

use crate::quality::Quality;
use crate::scale::Scale;
use crate::tag::TagSet;
use crate::value::{DataType, Kind, Value, ValueRef};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq)]
pub struct SampleBatch {
    pub set: Arc<TagSet>,
    pub rows: Rows,
    /// Monotonic time of the read, nanoseconds since the machine started.
    pub moment_ns: u64,
    /// The gateway's wall-clock time of the read, as best known when the batch was made or read.
    pub unix_ns: i64,
    pub source_times: SourceTimes,
    pub qualities: Qualities,
    pub columns: Columns,
    /// Samples that the group's schedule asked for since its last batch, this one included.
    pub expected: u32,
    /// Samples of this read that deadband or report-on-change kept back.
    pub suppressed: u32,
}

/// Which tags of the set a batch holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    All,
    /// Indices into the set, ascending.
    Some(Vec<u32>),
}

/// The times that the source itself gives, nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceTimes {
    None,
    One(i64),
    /// One per sample of the batch.
    Each(Vec<i64>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Qualities {
    One(Quality),
    /// One per sample of the batch.
    Each(Vec<Quality>),
}

impl Qualities {
    /// One where all are equal.
    fn of(qualities: &[Quality]) -> Qualities {
        match qualities.split_first() {
            None => Qualities::One(Quality::GOOD),
            Some((first, rest)) if rest.iter().all(|q| q == first) => Qualities::One(*first),
            Some(_) => Qualities::Each(qualities.to_vec()),
        }
    }
}

/// Values by kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    pub bools: Vec<bool>,
    pub i64s: Vec<i64>,
    pub u64s: Vec<u64>,
    pub f64s: Vec<f64>,
    pub texts: Vec<Box<str>>,
    pub bytes: Vec<Box<[u8]>>,
    pub lists: Vec<Box<[Value]>>,
}

impl Columns {
    /// Columns wide enough for every tag of `set`.
    pub fn for_set(set: &TagSet) -> Columns {
        Columns {
            bools: vec![false; set.count(Kind::Bool)],
            i64s: vec![0; set.count(Kind::I64)],
            u64s: vec![0; set.count(Kind::U64)],
            f64s: vec![0.0; set.count(Kind::F64)],
            texts: vec!["".into(); set.count(Kind::Text)],
            bytes: vec![[].into(); set.count(Kind::Bytes)],
            lists: vec![[].into(); set.count(Kind::List)],
        }
    }

    pub fn get(&self, kind: Kind, slot: usize) -> ValueRef<'_> {
        match kind {
            Kind::Bool => ValueRef::Bool(self.bools[slot]),
            Kind::I64 => ValueRef::I64(self.i64s[slot]),
            Kind::U64 => ValueRef::U64(self.u64s[slot]),
            Kind::F64 => ValueRef::F64(self.f64s[slot]),
            Kind::Text => ValueRef::Text(&self.texts[slot]),
            Kind::Bytes => ValueRef::Bytes(&self.bytes[slot]),
            Kind::List => ValueRef::List(&self.lists[slot]),
        }
    }

    /// Appends to the column of the value's kind.
    pub fn push(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Bool(v) => self.bools.push(v),
            ValueRef::I64(v) => self.i64s.push(v),
            ValueRef::U64(v) => self.u64s.push(v),
            ValueRef::F64(v) => self.f64s.push(v),
            ValueRef::Text(v) => self.texts.push(v.into()),
            ValueRef::Bytes(v) => self.bytes.push(v.into()),
            ValueRef::List(v) => self.lists.push(v.into()),
        }
    }

    /// Replaces the value in place `slot` of the column of its kind.
    pub fn set(&mut self, slot: usize, value: ValueRef<'_>) {
        match value {
            ValueRef::Bool(v) => self.bools[slot] = v,
            ValueRef::I64(v) => self.i64s[slot] = v,
            ValueRef::U64(v) => self.u64s[slot] = v,
            ValueRef::F64(v) => self.f64s[slot] = v,
            ValueRef::Text(v) => self.texts[slot] = v.into(),
            ValueRef::Bytes(v) => self.bytes[slot] = v.into(),
            ValueRef::List(v) => self.lists[slot] = v.into(),
        }
    }

    pub fn len(&self, kind: Kind) -> usize {
        match kind {
            Kind::Bool => self.bools.len(),
            Kind::I64 => self.i64s.len(),
            Kind::U64 => self.u64s.len(),
            Kind::F64 => self.f64s.len(),
            Kind::Text => self.texts.len(),
            Kind::Bytes => self.bytes.len(),
            Kind::List => self.lists.len(),
        }
    }
}

/// One sample of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleRef<'a> {
    /// Index of the tag in the set.
    pub index: usize,
    /// `None` when the quality is bad.
    pub value: Option<ValueRef<'a>>,
    pub quality: Quality,
    pub source_time: Option<i64>,
}

impl SampleBatch {
    /// Every tag of the set with this quality and no value: how an outage begins.
    pub fn without_values(
        set: Arc<TagSet>,
        quality: Quality,
        moment_ns: u64,
        unix_ns: i64,
    ) -> Self {
        SampleBatch {
            columns: Columns::for_set(&set),
            expected: set.len() as u32,
            set,
            rows: Rows::All,
            moment_ns,
            unix_ns,
            source_times: SourceTimes::None,
            qualities: Qualities::One(quality),
            suppressed: 0,
        }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        match &self.rows {
            Rows::All => self.set.len(),
            Rows::Some(indices) => indices.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn quality(&self, position: usize) -> Quality {
        match &self.qualities {
            Qualities::One(quality) => *quality,
            Qualities::Each(qualities) => qualities[position],
        }
    }

    /// The samples in the order of the set.
    pub fn samples(&self) -> impl Iterator<Item = SampleRef<'_>> {
        let mut next = [0usize; Kind::ALL.len()];
        (0..self.len()).map(move |position| {
            let index = match &self.rows {
                Rows::All => position,
                Rows::Some(indices) => indices[position] as usize,
            };
            let kind = self.set.kind(index);
            let slot = next[kind as usize];
            next[kind as usize] += 1;
            let quality = self.quality(position);
            SampleRef {
                index,
                value: (!quality.is_bad()).then(|| self.columns.get(kind, slot)),
                quality,
                source_time: match &self.source_times {
                    SourceTimes::None => None,
                    SourceTimes::One(time) => Some(*time),
                    SourceTimes::Each(times) => Some(times[position]),
                },
            }
        })
    }

    /// The same batch with only the samples for which `keep` says yes; `None` when none is left.
    pub fn filtered(&self, mut keep: impl FnMut(&SampleRef<'_>) -> bool) -> Option<SampleBatch> {
        let mut indices = Vec::new();
        let mut qualities = Vec::new();
        let mut times = Vec::new();
        let mut columns = Columns::default();
        let mut slots = [0usize; Kind::ALL.len()];
        for sample in self.samples() {
            let kind = self.set.kind(sample.index);
            let slot = slots[kind as usize];
            slots[kind as usize] += 1;
            if keep(&sample) {
                indices.push(sample.index as u32);
                qualities.push(sample.quality);
                times.extend(sample.source_time);
                columns.push(self.columns.get(kind, slot));
            }
        }
        if indices.is_empty() {
            return None;
        }
        Some(SampleBatch {
            set: self.set.clone(),
            rows: if indices.len() == self.set.len() { Rows::All } else { Rows::Some(indices) },
            moment_ns: self.moment_ns,
            unix_ns: self.unix_ns,
            source_times: match &self.source_times {
                SourceTimes::Each(_) => SourceTimes::Each(times),
                other => other.clone(),
            },
            qualities: Qualities::of(&qualities),
            columns,
            expected: self.expected,
            suppressed: self.suppressed,
        })
    }
}

/// Fills one read of a group, tag by tag in any order, and is used again for the next.
///
/// Starts with every tag bad (`BAD_WAITING`); putting a value makes it good. Scaled tags take the raw
/// number and hold the scaled one.
pub struct BatchBuilder {
    set: Arc<TagSet>,
    scales: Box<[Option<Scale>]>,
    columns: Columns,
    qualities: Box<[Quality]>,
    source_times: Option<Box<[i64]>>,
}

impl BatchBuilder {
    /// `scales` has one entry per tag of the set; the type of a scaled tag is `float64`.
    pub fn new(set: Arc<TagSet>, scales: Box<[Option<Scale>]>) -> BatchBuilder {
        debug_assert_eq!(set.len(), scales.len());
        BatchBuilder {
            columns: Columns::for_set(&set),
            qualities: vec![Quality::BAD_WAITING; set.len()].into(),
            source_times: None,
            scales,
            set,
        }
    }

    pub fn set(&self) -> &Arc<TagSet> {
        &self.set
    }

    /// Makes every tag bad again, for the next read.
    pub fn clear(&mut self) {
        self.qualities.fill(Quality::BAD_WAITING);
        self.source_times = None;
    }

    pub fn put_bool(&mut self, index: usize, value: bool) {
        match (self.set.kind(index), self.scales[index]) {
            (Kind::Bool, _) => {
                self.columns.bools[self.set.slot(index)] = value;
                self.qualities[index] = Quality::GOOD;
            }
            _ => self.put_u64(index, u64::from(value)),
        }
    }

    pub fn put_i64(&mut self, index: usize, value: i64) {
        let slot = self.set.slot(index);
        match (self.set.kind(index), self.scales[index]) {
            (Kind::I64, None) => self.columns.i64s[slot] = value,
            (Kind::F64, Some(scale)) => return self.put_scaled(index, scale.apply(value as f64)),
            (Kind::U64, None) if value >= 0 => self.columns.u64s[slot] = value as u64,
            _ => return self.put_quality(index, Quality::BAD_ENCODING),
        }
        self.qualities[index] = Quality::GOOD;
    }

    pub fn put_u64(&mut self, index: usize, value: u64) {
        let slot = self.set.slot(index);
        match (self.set.kind(index), self.scales[index]) {
            (Kind::U64, None) => self.columns.u64s[slot] = value,
            (Kind::F64, Some(scale)) => return self.put_scaled(index, scale.apply(value as f64)),
            (Kind::I64, None) if value <= i64::MAX as u64 => {
                self.columns.i64s[slot] = value as i64;
            }
            _ => return self.put_quality(index, Quality::BAD_ENCODING),
        }
        self.qualities[index] = Quality::GOOD;
    }

    pub fn put_f64(&mut self, index: usize, value: f64) {
        match (self.set.kind(index), self.scales[index]) {
            (Kind::F64, None) => self.put_scaled(index, value),
            (Kind::F64, Some(scale)) => self.put_scaled(index, scale.apply(value)),
            _ => self.put_quality(index, Quality::BAD_ENCODING),
        }
    }

    /// A float that is not a number is a fault of the source, not a value.
    fn put_scaled(&mut self, index: usize, value: f64) {
        self.columns.f64s[self.set.slot(index)] = value;
        self.qualities[index] =
            if value.is_finite() { Quality::GOOD } else { Quality::BAD_OUT_OF_RANGE };
    }

    pub fn put_text(&mut self, index: usize, value: &str) {
        if self.set.kind(index) != Kind::Text {
            return self.put_quality(index, Quality::BAD_ENCODING);
        }
        let place = &mut self.columns.texts[self.set.slot(index)];
        if **place != *value {
            *place = value.into();
        }
        self.qualities[index] = Quality::GOOD;
    }

    pub fn put_bytes(&mut self, index: usize, value: &[u8]) {
        if self.set.kind(index) != Kind::Bytes {
            return self.put_quality(index, Quality::BAD_ENCODING);
        }
        let place = &mut self.columns.bytes[self.set.slot(index)];
        if **place != *value {
            *place = value.into();
        }
        self.qualities[index] = Quality::GOOD;
    }

    pub fn put(&mut self, index: usize, value: ValueRef<'_>) {
        match value {
            ValueRef::Bool(v) => self.put_bool(index, v),
            ValueRef::I64(v) => self.put_i64(index, v),
            ValueRef::U64(v) => self.put_u64(index, v),
            ValueRef::F64(v) => self.put_f64(index, v),
            ValueRef::Text(v) => self.put_text(index, v),
            ValueRef::Bytes(v) => self.put_bytes(index, v),
            ValueRef::List(v) => {
                if self.set.kind(index) != Kind::List {
                    return self.put_quality(index, Quality::BAD_ENCODING);
                }
                self.columns.lists[self.set.slot(index)] = v.into();
                self.qualities[index] = Quality::GOOD;
            }
        }
    }

    /// Sets the quality; after a value, to say that it is uncertain.
    pub fn put_quality(&mut self, index: usize, quality: Quality) {
        self.qualities[index] = quality;
    }

    pub fn put_source_time(&mut self, index: usize, unix_ns: i64) {
        let count = self.set.len();
        self.source_times.get_or_insert_with(|| vec![0; count].into())[index] = unix_ns;
    }

    pub fn quality(&self, index: usize) -> Quality {
        self.qualities[index]
    }

    /// What was put last; means nothing where the quality is bad.
    pub fn value(&self, index: usize) -> ValueRef<'_> {
        self.columns.get(self.set.kind(index), self.set.slot(index))
    }

    /// None where the source gave none.
    pub fn source_time(&self, index: usize) -> Option<i64> {
        self.source_times.as_ref().map(|times| times[index]).filter(|time| *time != 0)
    }

    /// Some of the tags as a batch, by ascending index, with their source times or without; `None` for
    /// no tags.
    pub fn part(
        &self,
        tags: Vec<u32>,
        timed: bool,
        moment_ns: u64,
        unix_ns: i64,
    ) -> Option<SampleBatch> {
        let times = self.source_times.as_ref().filter(|_| timed);
        let times: Option<Vec<i64>> =
            times.map(|times| tags.iter().map(|tag| times[*tag as usize]).collect());
        let qualities: Vec<Quality> =
            tags.iter().map(|tag| self.qualities[*tag as usize]).collect();
        let mut columns = Columns::default();
        for index in tags.iter().map(|tag| *tag as usize) {
            columns.push(self.columns.get(self.set.kind(index), self.set.slot(index)));
        }
        let expected = tags.len() as u32;
        (expected > 0).then(|| SampleBatch {
            rows: if tags.len() == self.set.len() { Rows::All } else { Rows::Some(tags) },
            set: self.set.clone(),
            moment_ns,
            unix_ns,
            source_times: times.map_or(SourceTimes::None, SourceTimes::Each),
            qualities: Qualities::of(&qualities),
            columns,
            expected,
            suppressed: 0,
        })
    }

    /// The read as a batch. The builder keeps its values; call [`BatchBuilder::clear`] before the
    /// next read.
    pub fn batch(&self, moment_ns: u64, unix_ns: i64, expected: u32) -> SampleBatch {
        SampleBatch {
            set: self.set.clone(),
            rows: Rows::All,
            moment_ns,
            unix_ns,
            source_times: match &self.source_times {
                None => SourceTimes::None,
                Some(times) => SourceTimes::Each(times.to_vec()),
            },
            qualities: Qualities::of(&self.qualities),
            columns: self.columns.clone(),
            expected,
            suppressed: 0,
        }
    }
}

/// The type under which a tag's value is published: a scaled number is a `float64`.
pub fn published_type(declared: DataType, scale: Option<Scale>) -> DataType {
    match scale {
        Some(_) => DataType::Float64,
        None => declared,
    }
}

#[cfg(test)]
mod tests;
