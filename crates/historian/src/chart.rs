//! A tag's past as few points as a chart has room for, without losing its extremes or a change of
//! quality. Summaries serve where a chunk lies inside of one slice of time.

use crate::chunk::Wanted;
use crate::historian::Historian;
use crate::piece::Piece;
use crate::read::Scan;
use crate::rollup::Row;
use crate::sources::all_sources;
use crate::summary::{Numbers, Summary};
use crate::{ReadError, TagInfo};
use std::collections::BTreeMap;
use tagwerk_model::{DataType, Kind, Quality, Severity, TagId, Value};

#[derive(Clone, Debug, PartialEq)]
pub struct ChartPoint {
    pub unix_ns: i64,
    /// None when the quality is bad.
    pub value: Option<Value>,
    pub quality: Quality,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// In the order of time.
    pub points: Vec<ChartPoint>,
    /// Not all samples are points.
    pub thinned: bool,
    /// Samples in the chunks that were looked at; about those of the range.
    pub samples: u64,
    /// Samples that damage took away.
    pub damaged: u64,
    /// Up to here, points are what rollups know: extremes and ends of a minute, an hour or a day.
    pub rolled_up_to: Option<i64>,
    pub tag: Option<TagInfo>,
}

/// Points of one slice: first, smallest, largest, last.
const PER_SLICE: usize = 4;
/// A range with at most this many samples per point asked for is looked at sample by sample.
const POINTS_MIN: usize = 16;

/// What is kept of a slice of time.
struct Slice {
    first: ChartPoint,
    last: ChartPoint,
    low: Option<(f64, ChartPoint)>,
    high: Option<(f64, ChartPoint)>,
    changes: Vec<ChartPoint>,
}

/// Changes of quality kept in one slice; there are no more to see.
const CHANGES_MAX: usize = 8;

impl Slice {
    fn add(slices: &mut BTreeMap<i128, Slice>, at: i128, point: &ChartPoint, number: Option<f64>) {
        let slice = slices.entry(at).or_insert_with(|| Slice {
            first: point.clone(),
            last: point.clone(),
            low: None,
            high: None,
            changes: Vec::new(),
        });
        if point.unix_ns < slice.first.unix_ns {
            slice.first = point.clone();
        }
        if point.unix_ns >= slice.last.unix_ns {
            slice.last = point.clone();
        }
        let Some(number) = number.filter(|number| !number.is_nan()) else {
            return;
        };
        if slice.low.as_ref().is_none_or(|(low, _)| number < *low) {
            slice.low = Some((number, point.clone()));
        }
        if slice.high.as_ref().is_none_or(|(high, _)| number > *high) {
            slice.high = Some((number, point.clone()));
        }
    }

    fn points(self) -> impl Iterator<Item = ChartPoint> {
        let extremes = self.low.into_iter().chain(self.high).map(|(_, point)| point);
        [self.first, self.last].into_iter().chain(extremes).chain(self.changes)
    }
}

struct Thinning {
    from: i64,
    to: i64,
    width: i128,
    slices: BTreeMap<i128, Slice>,
    severity: Option<Severity>,
}

impl Thinning {
    fn slice_of(&self, time: i64) -> i128 {
        (i128::from(time) - i128::from(self.from)) / self.width
    }

    fn inside(&self, time: i64) -> bool {
        time >= self.from && time < self.to
    }

    /// Takes the summary alone when that is enough.
    fn add_summary(&mut self, summary: &Summary) -> bool {
        let (Some(numbers), Some(quality)) = (summary.numbers, summary.quality) else {
            return false;
        };
        let (low, high) = (summary.min_time, summary.max_time);
        if !(self.inside(low) && self.inside(high) && self.slice_of(low) == self.slice_of(high)) {
            return false;
        }
        let at = self.slice_of(low);
        let corners = [
            (low, numbers.first),
            (numbers.min_at, numbers.min),
            (numbers.max_at, numbers.max),
            (high, numbers.last),
        ];
        for (unix_ns, bits) in corners {
            let value = Some(value_of(summary.data_type.kind(), bits));
            let point = ChartPoint { unix_ns, value, quality };
            let number = Numbers::as_f64(summary.data_type, bits);
            Slice::add(&mut self.slices, at, &point, Some(number));
        }
        self.note_quality(
            at,
            low,
            Some(value_of(summary.data_type.kind(), numbers.first)),
            quality,
        );
        true
    }

    fn add_piece(&mut self, piece: &Piece) {
        for place in 0..piece.len() {
            let unix_ns = piece.times[place];
            if !self.inside(unix_ns) {
                continue;
            }
            let (value, quality) = (piece.value(place), piece.quality(place));
            let number = value.and_then(|value| value.as_f64());
            let at = self.slice_of(unix_ns);
            let value = value.map(|value| value.to_value());
            let point = ChartPoint { unix_ns, value, quality };
            Slice::add(&mut self.slices, at, &point, number);
            self.note_quality(at, unix_ns, point.value, quality);
        }
    }

    fn add_row(&mut self, data_type: DataType, row: &Row) {
        let inside = self.inside(row.min_time) && self.inside(row.max_time);
        let Some(numbers) = row.numbers.filter(|_| inside) else { return };
        // When exactly the extremes were there is not known any more.
        let middle = row.min_time + (row.max_time - row.min_time) / 2;
        let corners = [
            (numbers.first_at, numbers.first),
            (middle, numbers.min),
            (middle, numbers.max),
            (numbers.last_at, numbers.last),
        ];
        for (unix_ns, bits) in corners {
            let value = Some(value_of(data_type.kind(), bits));
            let point = ChartPoint { unix_ns, value, quality: Quality::GOOD };
            let at = self.slice_of(unix_ns);
            Slice::add(&mut self.slices, at, &point, Some(Numbers::as_f64(data_type, bits)));
        }
    }

    fn note_quality(&mut self, at: i128, unix_ns: i64, value: Option<Value>, quality: Quality) {
        let severity = Some(quality.severity());
        let changed = self.severity.is_some() && self.severity != severity;
        self.severity = severity;
        if changed
            && let Some(slice) = self.slices.get_mut(&at)
            && slice.changes.len() < CHANGES_MAX
        {
            slice.changes.push(ChartPoint { unix_ns, value, quality });
        }
    }
}

fn value_of(kind: Kind, bits: u64) -> Value {
    match kind {
        Kind::Bool => Value::Bool(bits != 0),
        Kind::I64 => Value::I64(bits as i64),
        Kind::F64 => Value::F64(f64::from_bits(bits)),
        _ => Value::U64(bits),
    }
}

impl Historian {
    /// The samples of `tag` in the range, all of them when they are at most `points`, else about so
    /// many: of each slice of time the first, the smallest, the largest and the last, and every
    /// change of quality. Blocking.
    pub fn chart(
        &self,
        tag: TagId,
        from_unix_ns: i64,
        to_unix_ns: i64,
        points: usize,
    ) -> Result<Chart, ReadError> {
        let request = Scan { tags: vec![tag], from_unix_ns, to_unix_ns, ..Scan::default() };
        let mut chart = Chart { tag: self.tag(tag), ..Chart::default() };
        let (mut chunks, rollups) = all_sources(&self.0, tag, from_unix_ns, to_unix_ns)?;
        chart.rolled_up_to = rollups.iter().map(|chunk| chunk.summary.max_time).max();
        chunks.extend(rollups);
        chunks.sort_by_key(|chunk| chunk.summary.min_time);
        chart.samples = chunks.iter().map(|chunk| u64::from(chunk.summary.count)).sum();
        let points = points.max(POINTS_MIN);
        if chart.samples <= points as u64 && chart.rolled_up_to.is_none() {
            for piece in self.scan(&request) {
                match piece {
                    Ok(piece) => push_all(&piece, &mut chart.points),
                    Err(ReadError::Damaged { samples, .. }) => chart.damaged += u64::from(samples),
                    Err(error) => return Err(error),
                }
            }
            return Ok(chart);
        }
        let slices = (points / PER_SLICE) as i128;
        let low = chunks.first().map_or(from_unix_ns, |chunk| chunk.summary.min_time);
        let high = chunks.iter().map(|chunk| chunk.summary.max_time).max().unwrap_or(to_unix_ns);
        // An open range is as wide as there are samples.
        let (from, to) = (from_unix_ns.max(low), to_unix_ns.min(high.saturating_add(1)));
        let width = ((i128::from(to) - i128::from(from)) / slices).max(1);
        let mut thinning = Thinning { from, to, width, slices: BTreeMap::new(), severity: None };
        for chunk in chunks {
            if thinning.add_summary(&chunk.summary) {
                continue;
            }
            let added = match chunk.summary.rollup {
                None => chunk.load(Wanted::ALL).map(|piece| thinning.add_piece(&piece)),
                Some(_) => chunk.load_rows().map(|(head, rows)| {
                    rows.iter().for_each(|row| thinning.add_row(head.data_type, row));
                }),
            };
            match added {
                Ok(()) => {}
                Err(ReadError::Damaged { samples, .. }) => chart.damaged += u64::from(samples),
                Err(error) => return Err(error),
            }
        }
        chart.points = thinning.slices.into_values().flat_map(Slice::points).collect();
        chart.points.sort_by_key(|point| point.unix_ns);
        chart.points.dedup();
        chart.thinned = true;
        Ok(chart)
    }
}

fn push_all(piece: &Piece, points: &mut Vec<ChartPoint>) {
    points.extend((0..piece.len()).map(|place| ChartPoint {
        unix_ns: piece.times[place],
        value: piece.value(place).map(|value| value.to_value()),
        quality: piece.quality(place),
    }));
}
