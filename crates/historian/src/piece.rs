//! Samples of one tag as columns, in the order of time: what readers get.

use crate::chunk::{Columns, Head, NO_SOURCE_TIME};
use crate::value::Values;
use std::ops::Range;
use std::sync::Arc;
use tagwerk_model::{DataType, Qualities, Quality, TagId, ValueRef};

/// Samples of one tag with one type and unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    pub tag: TagId,
    /// As they were when the samples were taken.
    pub data_type: DataType,
    pub unit: Arc<str>,
    /// When the gateway read them, ns since 1970. Empty where nobody wanted them.
    pub times: Vec<i64>,
    /// [`NO_SOURCE_TIME`] where the source gave none.
    pub source_times: Option<Vec<i64>>,
    pub qualities: Qualities,
    /// At the place of a bad sample is anything. Empty where nobody wanted them.
    pub values: Values,
    pub(crate) count: usize,
    /// Of the first sample's chunk: orders samples with equal times.
    pub(crate) seq: u64,
}

impl Piece {
    /// Good samples, at ascending times, of which there are as many as values.
    pub fn new(
        tag: TagId,
        data_type: DataType,
        unit: Arc<str>,
        times: Vec<i64>,
        values: Values,
    ) -> Piece {
        let qualities = Qualities::One(Quality::GOOD);
        let (count, source_times, seq) = (times.len(), None, 0);
        Piece { tag, data_type, unit, times, source_times, qualities, values, count, seq }
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn quality(&self, place: usize) -> Quality {
        match &self.qualities {
            Qualities::One(quality) => *quality,
            Qualities::Each(qualities) => qualities[place],
        }
    }

    /// The value at a place; none when it is bad.
    pub fn value(&self, place: usize) -> Option<ValueRef<'_>> {
        (!self.quality(place).is_bad()).then(|| self.values.get(place))
    }

    pub fn source_time(&self, place: usize) -> Option<i64> {
        let times = self.source_times.as_ref()?;
        Some(times[place]).filter(|time| *time != NO_SOURCE_TIME)
    }

    /// A decoded chunk, sorted by time where it has times. Samples of equal time keep the order of
    /// their coming.
    pub(crate) fn of(head: Head, columns: Columns) -> Piece {
        let count = columns.runs.iter().map(|run| run.count as usize).sum();
        let qualities = match &columns.runs[..] {
            [run] => Qualities::One(run.quality),
            runs => {
                let each =
                    runs.iter().flat_map(|r| std::iter::repeat_n(r.quality, r.count as usize));
                Qualities::Each(each.collect())
            }
        };
        let sorted = columns.times.is_sorted();
        let values = Values::from_bits(head.data_type.kind(), columns.bits, &columns.dictionary);
        let piece = Piece {
            tag: head.tag,
            data_type: head.data_type,
            unit: head.unit,
            times: columns.times,
            source_times: columns.source_times,
            qualities,
            values,
            count,
            seq: head.first_seq,
        };
        if sorted {
            return piece;
        }
        let mut order: Vec<usize> = (0..piece.len()).collect();
        order.sort_by_key(|place| piece.times[*place]);
        Piece::gather(&[&piece], order.into_iter().map(|place| (0, place)))
    }

    pub(crate) fn same_shape(&self, other: &Piece) -> bool {
        self.data_type == other.data_type && self.unit == other.unit
    }

    /// The other way round in time.
    pub fn reverse(&mut self) {
        self.times.reverse();
        if let Some(times) = &mut self.source_times {
            times.reverse();
        }
        if let Qualities::Each(qualities) = &mut self.qualities {
            qualities.reverse();
        }
        self.values.reverse();
    }

    /// A part of it: of places that it has.
    pub fn slice(&self, range: Range<usize>) -> Piece {
        let times = |times: &Vec<i64>| match times.is_empty() {
            true => Vec::new(),
            false => times[range.clone()].to_vec(),
        };
        Piece {
            tag: self.tag,
            data_type: self.data_type,
            unit: self.unit.clone(),
            times: times(&self.times),
            source_times: self.source_times.as_ref().map(times),
            qualities: match &self.qualities {
                Qualities::One(quality) => Qualities::One(*quality),
                Qualities::Each(qualities) => Qualities::Each(qualities[range.clone()].to_vec()),
            },
            count: range.len(),
            values: match self.values.is_empty() {
                true => self.values.clone(),
                false => self.values.slice(range),
            },
            seq: self.seq,
        }
    }

    /// Samples of several pieces with one shape: which piece, and the place in it. There must be
    /// one piece at least.
    pub(crate) fn gather(
        pieces: &[&Piece],
        places: impl Iterator<Item = (usize, usize)> + Clone,
    ) -> Piece {
        let first = pieces[0];
        let timed = pieces.iter().any(|piece| piece.source_times.is_some());
        let one = match first.qualities {
            Qualities::One(quality) => {
                let same = |piece: &&Piece| piece.qualities == Qualities::One(quality);
                pieces.iter().all(same).then_some(quality)
            }
            Qualities::Each(_) => None,
        };
        let source = |(piece, place): (usize, usize)| {
            pieces[piece].source_time(place).unwrap_or(NO_SOURCE_TIME)
        };
        let values: Vec<&Values> = pieces.iter().map(|piece| &piece.values).collect();
        let times: Vec<i64> =
            places.clone().map(|(piece, place)| pieces[piece].times[place]).collect();
        Piece {
            tag: first.tag,
            data_type: first.data_type,
            unit: first.unit.clone(),
            count: times.len(),
            times,
            source_times: timed.then(|| places.clone().map(source).collect()),
            qualities: match one {
                Some(quality) => Qualities::One(quality),
                None => {
                    let quality = |(piece, place): (usize, usize)| pieces[piece].quality(place);
                    Qualities::Each(places.clone().map(quality).collect())
                }
            },
            values: match values.iter().all(|values| values.is_empty()) {
                true => first.values.clone(),
                false => Values::gather(&values, places),
            },
            seq: first.seq,
        }
    }
}
