//! Rollups: what is left of samples that were too old or too many, one row for each minute, hour or
//! day, and the stored form of such rows.

use crate::bytes::Input;
use crate::chunk::{self, Columns, Head, SAMPLES_MAX, Scratch};
use crate::fold::{Buckets, Fold, FoldNumbers, is_numeric};
use crate::integers::{self, Effort};
use crate::piece::Piece;
use crate::summary::{Numbers, Summary};
use std::collections::BTreeMap;
use tagwerk_model::Kind;

/// Rows of a full chunk.
pub(crate) const ROWS: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    Minute = 1,
    Hour = 2,
    Day = 3,
}

impl Width {
    pub const ALL: [Width; 3] = [Width::Minute, Width::Hour, Width::Day];

    pub(crate) fn from_code(code: u8) -> Option<Width> {
        Width::ALL.into_iter().find(|width| *width as u8 == code)
    }

    pub fn ns(self) -> i64 {
        let seconds = match self {
            Width::Minute => 60,
            Width::Hour => 3_600,
            Width::Day => 86_400,
        };
        seconds * 1_000_000_000
    }

    /// Days begin at midnight UTC.
    pub(crate) fn buckets(self) -> Buckets {
        Buckets { width_ns: self.ns(), origin_ns: 0 }
    }
}

/// Samples of one bucket; there may be others of the same bucket elsewhere.
pub(crate) type Row = Fold;

/// Columns, one after the other.
struct Writer<'a> {
    scratch: &'a mut Scratch,
    out: Vec<u8>,
}

impl Writer<'_> {
    fn whole(&mut self, numbers: impl Iterator<Item = i64>) {
        let numbers: Vec<i64> = numbers.collect();
        integers::encode(&numbers, Effort::Full, self.scratch.floats.integers(), &mut self.out);
    }

    fn bits(&mut self, kind: Kind, bits: impl Iterator<Item = u64>) {
        let bits: Vec<u64> = bits.collect();
        let Scratch { floats, signed, .. } = &mut *self.scratch;
        chunk::encode_bits(kind, &bits, Effort::Full, floats, signed, &mut self.out);
    }
}

/// The stored form of 1 to [`SAMPLES_MAX`] rows in the order of time, and its summary.
pub(crate) fn seal(
    head: &Head,
    width: Width,
    rows: &[Row],
    scratch: &mut Scratch,
) -> (Vec<u8>, Summary) {
    let buckets = width.buckets();
    let mut writer = Writer { scratch, out: Vec::new() };
    chunk::put_head(head, 0, rows.len(), &mut writer.out);
    writer.out.push(width as u8);
    let start = |row: &Row| buckets.start(row.min_time);
    writer.whole(rows.iter().map(|row| start(row) / width.ns()));
    writer.whole(rows.iter().map(|row| row.min_time - start(row)));
    writer.whole(rows.iter().map(|row| row.max_time - start(row)));
    writer.whole(rows.iter().map(|row| row.samples as i64));
    writer.whole(rows.iter().map(|row| (row.samples - row.usable) as i64));
    writer.whole(rows.iter().map(|row| (row.usable - row.good) as i64));
    let kind = head.data_type.kind();
    if is_numeric(kind) {
        let with = || rows.iter().filter_map(|row| Some((row, row.numbers?)));
        writer.whole(with().map(|(row, n)| n.first_at - row.min_time));
        writer.whole(with().map(|(row, n)| row.max_time - n.last_at));
        writer.bits(kind, with().map(|(_, n)| n.first));
        writer.bits(kind, with().map(|(_, n)| n.min));
        writer.bits(kind, with().map(|(_, n)| n.max));
        writer.bits(kind, with().map(|(_, n)| n.last));
        writer.bits(Kind::F64, with().map(|(_, n)| n.sum.to_bits()));
        writer.bits(Kind::F64, with().map(|(_, n)| n.area.unwrap_or(f64::NAN).to_bits()));
    }
    (writer.out, summary(head, width, rows))
}

pub(crate) fn summary(head: &Head, width: Width, rows: &[Row]) -> Summary {
    let all =
        |of: fn(&Row) -> u64| u32::try_from(rows.iter().map(of).sum::<u64>()).unwrap_or(u32::MAX);
    let mut whole: Option<Fold> = None;
    for row in rows {
        match &mut whole {
            Some(whole) => whole.add(row, head.data_type),
            None => whole = Some(*row),
        }
    }
    // When exactly the extremes were there is not known any more.
    let near = |bits: u64, of: fn(&FoldNumbers) -> u64| {
        let row = rows.iter().find(|row| row.numbers.is_some_and(|numbers| of(&numbers) == bits));
        row.map_or(0, |row| row.min_time + (row.max_time - row.min_time) / 2)
    };
    let numbers = whole.and_then(|fold| fold.numbers).filter(|numbers| numbers.sum.is_finite());
    Summary {
        tag: head.tag,
        data_type: head.data_type,
        in_order: true,
        min_time: whole.map_or(0, |fold| fold.min_time),
        max_time: whole.map_or(0, |fold| fold.max_time),
        first_seq: head.first_seq,
        last_seq: head.last_seq,
        epoch: head.epoch,
        count: all(|row| row.samples),
        count_usable: all(|row| row.usable),
        count_good: all(|row| row.good),
        quality: None,
        has_source_times: false,
        numbers: numbers.map(|numbers| Numbers {
            min: numbers.min,
            max: numbers.max,
            first: numbers.first,
            last: numbers.last,
            sum: numbers.sum,
            sum_exact: false,
            min_at: near(numbers.min, |numbers| numbers.min),
            max_at: near(numbers.max, |numbers| numbers.max),
        }),
        rollup: Some(width),
        unsynchronised: false,
    }
}

/// Rows of one tag in the making.
#[derive(Default)]
pub(crate) struct Rolling {
    kinds: Vec<(Head, Width, BTreeMap<i64, Row>)>,
}

impl Rolling {
    /// The rows of this width, type and unit.
    fn rows(&mut self, head: &Head, width: Width) -> &mut BTreeMap<i64, Row> {
        let fits = |(own, its, _): &(Head, Width, _)| {
            *its == width && own.data_type == head.data_type && own.unit == head.unit
        };
        let place = match self.kinds.iter().position(fits) {
            Some(place) => place,
            None => {
                let head = Head { guess: None, ..head.clone() };
                self.kinds.push((head, width, BTreeMap::new()));
                self.kinds.len() - 1
            }
        };
        let (own, _, rows) = &mut self.kinds[place];
        own.first_seq = own.first_seq.min(head.first_seq);
        own.last_seq = own.last_seq.max(head.last_seq);
        own.epoch = own.epoch.max(head.epoch);
        rows
    }

    pub fn add_rows(&mut self, head: &Head, width: Width, added: &[Row]) {
        let rows = self.rows(head, width);
        for row in added {
            let add = |known: &mut Row| known.add(row, head.data_type);
            let start = width.buckets().start(row.min_time);
            rows.entry(start).and_modify(add).or_insert(*row);
        }
    }

    pub fn add_samples(&mut self, head: Head, columns: Columns, width: Width) {
        let piece = Piece::of(head.clone(), columns);
        let spans = width.buckets().spans(&piece.times);
        let rows: Vec<Row> = spans.map(|places| Fold::of_piece(&piece, places)).collect();
        self.add_rows(&head, width, &rows);
    }

    pub fn finish(self) -> impl Iterator<Item = (Head, Width, Vec<Row>)> {
        let rows = |(head, width, rows): (Head, Width, BTreeMap<i64, Row>)| {
            (head, width, rows.into_values().collect())
        };
        self.kinds.into_iter().map(rows)
    }
}

struct Reader<'a> {
    input: Input<'a>,
    count: usize,
}

impl Reader<'_> {
    fn whole(&mut self, count: usize) -> Option<Vec<i64>> {
        let mut numbers = Vec::new();
        integers::decode(&mut self.input, count, &mut numbers)?;
        Some(numbers)
    }

    /// Of numbers from 0.
    fn counts(&mut self) -> Option<Vec<i64>> {
        self.whole(self.count).filter(|numbers| numbers.iter().all(|number| *number >= 0))
    }

    fn bits(&mut self, kind: Kind, count: usize) -> Option<std::vec::IntoIter<u64>> {
        let mut bits = Vec::new();
        chunk::decode_bits(kind, &mut self.input, count, &mut Vec::new(), &mut bits)?;
        Some(bits.into_iter())
    }
}

/// Reads what [`seal`] wrote.
pub(crate) fn decode(bytes: &[u8]) -> Option<(Head, Width, Vec<Row>)> {
    let mut input = Input(bytes);
    let (head, count, flags) = chunk::read_head(&mut input)?;
    let width = Width::from_code(input.u8()?).filter(|_| flags == 0 && count <= SAMPLES_MAX)?;
    let mut reader = Reader { input, count };
    let starts = reader.whole(count)?;
    let (from, to) = (reader.counts()?, reader.counts()?);
    let (samples, bad, uncertain) = (reader.counts()?, reader.counts()?, reader.counts()?);
    let mut rows = Vec::with_capacity(count);
    for place in 0..count {
        let start = starts[place].checked_mul(width.ns())?;
        let usable = samples[place].checked_sub(bad[place])?;
        let good = usable.checked_sub(uncertain[place]).filter(|good| *good >= 0)?;
        let inside = from[place] <= to[place] && to[place] < width.ns() && samples[place] > 0;
        rows.push(Row {
            min_time: start.checked_add(from[place]).filter(|_| inside)?,
            max_time: start.checked_add(to[place])?,
            samples: samples[place] as u64,
            usable: usable as u64,
            good: good as u64,
            numbers: None,
        });
    }
    if is_numeric(head.data_type.kind()) {
        read_numbers(&mut reader, head.data_type.kind(), &mut rows)?;
    }
    let sorted = rows.windows(2).all(|pair| pair[0].max_time <= pair[1].min_time);
    (reader.input.is_empty() && sorted).then_some((head, width, rows))
}

fn read_numbers(reader: &mut Reader<'_>, kind: Kind, rows: &mut [Row]) -> Option<()> {
    let count = rows.iter().filter(|row| row.usable > 0).count();
    let (from, to) = (reader.whole(count)?, reader.whole(count)?);
    let mut first = reader.bits(kind, count)?;
    let (mut min, mut max) = (reader.bits(kind, count)?, reader.bits(kind, count)?);
    let mut last = reader.bits(kind, count)?;
    let (mut sum, mut area) = (reader.bits(Kind::F64, count)?, reader.bits(Kind::F64, count)?);
    let usable = rows.iter_mut().filter(|row| row.usable > 0);
    for ((row, from), to) in usable.zip(from).zip(to) {
        let first_at = row.min_time.checked_add(from).filter(|_| from >= 0)?;
        let last_at = row.max_time.checked_sub(to).filter(|_| to >= 0)?;
        if first_at > last_at {
            return None;
        }
        row.numbers = Some(FoldNumbers {
            min: min.next()?,
            max: max.next()?,
            first: first.next()?,
            last: last.next()?,
            first_at,
            last_at,
            sum: f64::from_bits(sum.next()?),
            area: Some(f64::from_bits(area.next()?)).filter(|area| !area.is_nan()),
        });
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Values;
    use std::sync::Arc;
    use tagwerk_model::{DataType, Qualities, Quality, TagId};

    const SECOND: i64 = 1_000_000_000;

    fn head(data_type: DataType) -> Head {
        let (first_seq, last_seq) = (5, 900);
        Head {
            tag: TagId(7),
            data_type,
            unit: Arc::from("bar"),
            epoch: 2,
            first_seq,
            last_seq,
            guess: None,
        }
    }

    fn rows(data_type: DataType, values: &Values, width: Width) -> Vec<Row> {
        let count = values.len() as i64;
        let times: Vec<i64> = (0..count).map(|i| i * 7 * SECOND - 90 * SECOND + i % 3).collect();
        let piece = Piece::new(TagId(7), data_type, Arc::from("bar"), times, values.clone());
        let each = (0..count).map(|i| match i % 11 {
            4..=6 => Quality::BAD_TIMEOUT,
            _ => Quality::GOOD,
        });
        let piece = Piece { qualities: Qualities::Each(each.collect()), ..piece };
        let spans = width.buckets().spans(&piece.times);
        spans.map(|places| Fold::of_piece(&piece, places)).collect()
    }

    fn values() -> Vec<(DataType, Values)> {
        let each = 0..200i64;
        vec![
            (DataType::Float64, Values::F64(each.clone().map(|i| i as f64 / 8.0 - 3.0).collect())),
            (DataType::Int64, Values::I64(each.clone().map(|i| i64::MIN + i * 7).collect())),
            (DataType::Uint64, Values::U64(each.clone().map(|i| u64::MAX - i as u64).collect())),
            (DataType::Bool, Values::Bool(each.clone().map(|i| i % 5 < 2).collect())),
            (DataType::Text, Values::Text(each.map(|i| Arc::from(format!("{i}"))).collect())),
        ]
    }

    #[test]
    fn rows_come_back_to_the_bit() {
        for (data_type, values) in values() {
            for width in Width::ALL {
                let (head, rows) = (head(data_type), rows(data_type, &values, width));
                let (bytes, summary) = seal(&head, width, &rows, &mut Scratch::default());
                assert_eq!(decode(&bytes), Some((head, width, rows.clone())), "{data_type:?}");
                assert_eq!((summary.count, summary.rollup), (200, Some(width)));
                assert_eq!(summary.min_time, -90 * SECOND);
                for end in 0..bytes.len() {
                    assert_eq!(decode(&bytes[..end]), None);
                }
            }
        }
    }

    #[test]
    fn damaged_rows_never_panic() {
        let (data_type, values) = values().swap_remove(1);
        let rows = rows(data_type, &values, Width::Minute);
        let (bytes, _) = seal(&head(data_type), Width::Minute, &rows, &mut Scratch::default());
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[place] ^= 1 << bit;
                if let Some((head, width, rows)) = decode(&damaged) {
                    seal(&head, width, &rows, &mut Scratch::default());
                }
            }
        }
    }
}
