//! What a chunk's directory entry says of its samples, so that most questions need no decoding.

use crate::chunk::{Columns, Head};
use crate::rollup::Width;
use tagwerk_model::{DataType, Kind, Quality, TagId};

/// What is known of a chunk without reading it. Times are as the samples carry them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    pub tag: TagId,
    pub data_type: DataType,
    /// Times never go back inside the chunk.
    pub in_order: bool,
    pub min_time: i64,
    pub max_time: i64,
    pub first_seq: u64,
    pub last_seq: u64,
    pub epoch: u32,
    /// All samples.
    pub count: u32,
    /// Samples that have a value: good and uncertain ones.
    pub count_usable: u32,
    pub count_good: u32,
    /// The quality that all samples have, if they do.
    pub quality: Option<Quality>,
    pub has_source_times: bool,
    /// Over the samples with a value; none when there are none, for text, bytes and lists, and when
    /// one of the floats is not finite.
    pub numbers: Option<Numbers>,
    /// The chunk holds rollups of this width instead of samples.
    pub rollup: Option<Width>,
    pub(crate) unsynchronised: bool,
}

/// Numbers as bits of the type: 0 or 1, two's complement, or a double's bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Numbers {
    pub min: u64,
    pub max: u64,
    /// Of the earliest and the latest sample.
    pub first: u64,
    pub last: u64,
    pub sum: f64,
    /// The sum of whole numbers had no rounding.
    pub sum_exact: bool,
    /// When the smallest and the largest was first there.
    pub min_at: i64,
    pub max_at: i64,
}

impl Numbers {
    /// One of the bits as a number of the type.
    pub fn as_f64(data_type: DataType, bits: u64) -> f64 {
        match data_type.kind() {
            Kind::F64 => f64::from_bits(bits),
            Kind::I64 => bits as i64 as f64,
            _ => bits as f64,
        }
    }
}

impl Summary {
    pub(crate) fn of(head: &Head, columns: &Columns) -> Summary {
        let (mut usable, mut good) = (0, 0);
        for run in &columns.runs {
            usable += if run.quality.is_bad() { 0 } else { run.count };
            good += if run.quality.is_good() { run.count } else { 0 };
        }
        let bounds = |(low, high): (i64, i64), time: &i64| (low.min(*time), high.max(*time));
        let (min_time, max_time) = columns.times.iter().fold((i64::MAX, i64::MIN), bounds);
        Summary {
            tag: head.tag,
            data_type: head.data_type,
            in_order: columns.times.is_sorted(),
            min_time,
            max_time,
            first_seq: head.first_seq,
            last_seq: head.last_seq,
            epoch: head.epoch,
            count: columns.len() as u32,
            count_usable: usable,
            count_good: good,
            quality: match &columns.runs[..] {
                [run] => Some(run.quality),
                _ => None,
            },
            has_source_times: columns.source_times.is_some(),
            numbers: if usable == 0 { None } else { numbers(head.data_type.kind(), columns) },
            rollup: None,
            unsynchronised: head.guess.is_some(),
        }
    }
}

fn numbers(kind: Kind, columns: &Columns) -> Option<Numbers> {
    match kind {
        Kind::Bool | Kind::U64 => whole(columns, i128::from),
        Kind::I64 => whole(columns, |bits| i128::from(bits as i64)),
        Kind::F64 => floats(columns),
        _ => None,
    }
}

/// Whole numbers up to here are doubles without rounding.
const EXACT_MAX: i128 = 1 << 53;

fn whole(columns: &Columns, number: impl Fn(u64) -> i128) -> Option<Numbers> {
    let mut all: Option<Collected<i128>> = None;
    let mut sum = 0i128;
    columns.usable(|place| {
        let value = number(columns.bits[place]);
        sum += value;
        collect(&mut all, value, columns, place);
    });
    let exact = sum.abs() <= EXACT_MAX;
    all.map(|all| all.finish(sum as f64, exact))
}

fn floats(columns: &Columns) -> Option<Numbers> {
    let mut all: Option<Collected<f64>> = None;
    let mut sum = 0.0;
    columns.usable(|place| {
        let value = f64::from_bits(columns.bits[place]);
        sum += value;
        collect(&mut all, value, columns, place);
    });
    // One that is not finite makes the sum so, and stays.
    all.filter(|_| sum.is_finite()).map(|all| all.finish(sum, false))
}

struct Collected<T> {
    min: (T, u64, i64),
    max: (T, u64, i64),
    first: (i64, u64),
    last: (i64, u64),
}

fn collect<T: PartialOrd + Copy>(
    all: &mut Option<Collected<T>>,
    value: T,
    columns: &Columns,
    place: usize,
) {
    let (time, bits) = (columns.times[place], columns.bits[place]);
    let Some(all) = all else {
        let (extreme, end) = ((value, bits, time), (time, bits));
        *all = Some(Collected { min: extreme, max: extreme, first: end, last: end });
        return;
    };
    if value < all.min.0 || (value == all.min.0 && time < all.min.2) {
        all.min = (value, bits, time);
    }
    if value > all.max.0 || (value == all.max.0 && time < all.max.2) {
        all.max = (value, bits, time);
    }
    if time < all.first.0 {
        all.first = (time, bits);
    }
    if time >= all.last.0 {
        all.last = (time, bits);
    }
}

impl<T> Collected<T> {
    fn finish(self, sum: f64, sum_exact: bool) -> Numbers {
        Numbers {
            min: self.min.1,
            max: self.max.1,
            first: self.first.1,
            last: self.last.1,
            sum,
            sum_exact,
            min_at: self.min.2,
            max_at: self.max.2,
        }
    }
}
