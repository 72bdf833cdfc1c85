//! What samples of one tag come to together: counts, extremes, ends, sum and area. Two folds of
//! different samples make the fold of both, so that summaries, rollups and samples can be mixed.

use crate::piece::Piece;
use crate::summary::{Numbers, Summary};
use crate::value::Values;
use std::cmp::Ordering;
use std::ops::Range;
use tagwerk_model::{DataType, Kind, Qualities, Quality};

/// At least one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fold {
    /// Of the earliest and the latest sample, whatever their quality.
    pub min_time: i64,
    pub max_time: i64,
    pub samples: u64,
    /// Samples that have a value: good and uncertain ones.
    pub usable: u64,
    pub good: u64,
    /// None when no sample has a value, and for text, bytes and lists.
    pub numbers: Option<FoldNumbers>,
}

/// Over the samples with a value. Numbers as bits of the type, as in [`Numbers`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoldNumbers {
    pub min: u64,
    pub max: u64,
    pub first: u64,
    pub last: u64,
    pub first_at: i64,
    pub last_at: i64,
    pub sum: f64,
    /// From the first to the last, each value holding until the next, in seconds times the value.
    /// None where nobody asked for it.
    pub area: Option<f64>,
}

/// What a summary need not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Nothing but counts and times.
    pub counts_only: bool,
    /// When the first and the last value were there.
    pub ends: bool,
    /// The area, which no summary has.
    pub area: bool,
}

/// Spans of equal width, side by side for all time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    /// More than 0.
    pub width_ns: i64,
    /// Where one of them begins.
    pub origin_ns: i64,
}

impl Buckets {
    /// Where the bucket of a time begins.
    pub fn start(&self, time: i64) -> i64 {
        if let Some(since) = time.checked_sub(self.origin_ns) {
            return time.saturating_sub(since.rem_euclid(self.width_ns.max(1)));
        }
        let into = (i128::from(time) - i128::from(self.origin_ns))
            .rem_euclid(i128::from(self.width_ns.max(1)));
        i128::from(time).saturating_sub(into).max(i128::from(i64::MIN)) as i64
    }

    /// One past the last time of the bucket that begins there.
    pub fn end(&self, start: i64) -> i64 {
        start.saturating_add(self.width_ns.max(1))
    }

    /// The places of ascending times, bucket by bucket.
    pub fn spans<'a>(&self, times: &'a [i64]) -> impl Iterator<Item = Range<usize>> + use<'a> {
        let (buckets, mut at) = (*self, 0);
        std::iter::from_fn(move || {
            let rest = times.get(at..).filter(|rest| !rest.is_empty())?;
            let end = buckets.end(buckets.start(rest[0]));
            let places = at..at + within(rest, end);
            at = places.end;
            Some(places)
        })
    }

    pub(crate) fn hold(&self, low: i64, high: i64) -> bool {
        self.start(low) == self.start(high)
    }
}

/// How many of the ascending times lie before `end`, of which the first does. Buckets are short.
fn within(times: &[i64], end: i64) -> usize {
    let mut reach = 1;
    while reach < times.len() && times[reach] < end {
        reach *= 2;
    }
    let (low, high) = (reach / 2, reach.min(times.len()));
    (low + times[low..high].partition_point(|time| *time < end)).max(1)
}

impl Fold {
    /// What the summary of a chunk says, when it says enough.
    pub(crate) fn of_summary(summary: &Summary, need: Need) -> Option<Fold> {
        let numeric = is_numeric(summary.data_type.kind());
        let numbers = match summary.numbers {
            _ if need.counts_only => None,
            None if numeric && summary.count_usable > 0 => return None,
            None => None,
            Some(_) if need.area => return None,
            Some(_) if need.ends && summary.count_usable != summary.count => return None,
            Some(numbers) => Some(FoldNumbers {
                min: numbers.min,
                max: numbers.max,
                first: numbers.first,
                last: numbers.last,
                first_at: summary.min_time,
                last_at: summary.max_time,
                sum: numbers.sum,
                area: None,
            }),
        };
        Some(Fold {
            min_time: summary.min_time,
            max_time: summary.max_time,
            samples: u64::from(summary.count),
            usable: u64::from(summary.count_usable),
            good: u64::from(summary.count_good),
            numbers,
        })
    }

    /// Samples at these places of a piece, of which there must be one.
    pub fn of_piece(piece: &Piece, places: Range<usize>) -> Fold {
        Fold::of_places::<true>(piece, places)
    }

    /// The same, as much as is needed.
    pub(crate) fn of_piece_needed(piece: &Piece, places: Range<usize>, need: Need) -> Fold {
        match need.area {
            true => Fold::of_places::<true>(piece, places),
            false => Fold::of_places::<false>(piece, places),
        }
    }

    fn of_places<const AREA: bool>(piece: &Piece, places: Range<usize>) -> Fold {
        let times = &piece.times[places.clone()];
        let samples = times.len() as u64;
        let (usable, good) = match &piece.qualities {
            Qualities::One(quality) => {
                (samples * u64::from(!quality.is_bad()), samples * u64::from(quality.is_good()))
            }
            Qualities::Each(each) => {
                let count = |is: fn(&Quality) -> bool| {
                    each[places.clone()].iter().filter(|quality| is(quality)).count() as u64
                };
                (count(|quality| !quality.is_bad()), count(|quality| quality.is_good()))
            }
        };
        let (min_time, max_time) =
            (times.first().copied().unwrap_or(0), times.last().copied().unwrap_or(0));
        let of = Of { piece, places, all: usable == samples };
        let numbers = match &piece.values {
            Values::F64(v) => of.numbers::<_, AREA>(v, |v| v, f64::to_bits),
            Values::I64(v) => of.numbers::<_, AREA>(v, |v| v as f64, |v| v as u64),
            Values::U64(v) => of.numbers::<_, AREA>(v, |v| v as f64, |v| v),
            Values::Bool(v) => of.numbers::<_, AREA>(v, |v| f64::from(u8::from(v)), u64::from),
            Values::Text(_) | Values::Bytes(_) | Values::List(_) => None,
        };
        Fold { min_time, max_time, samples, usable, good, numbers }
    }

    /// Adds other samples of the same tag and type. Where the two overlap in time, the area is what
    /// their means make probable.
    pub fn add(&mut self, other: &Fold, data_type: DataType) {
        self.min_time = self.min_time.min(other.min_time);
        self.max_time = self.max_time.max(other.max_time);
        self.samples += other.samples;
        self.usable += other.usable;
        self.good += other.good;
        self.numbers = match (self.numbers, other.numbers) {
            (Some(a), Some(b)) => Some(a.and(b, data_type)),
            (a, b) => a.or(b),
        };
    }
}

impl FoldNumbers {
    fn and(self, other: FoldNumbers, data_type: DataType) -> FoldNumbers {
        let (a, b) = if other.first_at < self.first_at { (other, self) } else { (self, other) };
        let area = a.area.zip(b.area).map(|(x, y)| joined(&a, x, &b, y, data_type));
        let least = |x: u64, y: u64| if order(data_type, y, x).is_lt() { y } else { x };
        let most = |x: u64, y: u64| if order(data_type, y, x).is_gt() { y } else { x };
        let late = if b.last_at >= a.last_at { &b } else { &a };
        FoldNumbers {
            min: least(a.min, b.min),
            max: most(a.max, b.max),
            first: a.first,
            last: late.last,
            first_at: a.first_at,
            last_at: late.last_at,
            sum: a.sum + b.sum,
            area,
        }
    }

    /// The mean over time; of one instant, the last value.
    pub fn time_weighted_average(&self, data_type: DataType) -> Option<f64> {
        let seconds = seconds(self.first_at, self.last_at);
        match seconds > 0.0 {
            true => self.area.map(|area| area / seconds),
            false => Some(Numbers::as_f64(data_type, self.last)),
        }
    }
}

/// The area of two stretches, of which `a` begins first.
fn joined(a: &FoldNumbers, x: f64, b: &FoldNumbers, y: f64, data_type: DataType) -> f64 {
    if a.last_at <= b.first_at {
        return x + Numbers::as_f64(data_type, a.last) * seconds(a.last_at, b.first_at) + y;
    }
    let covered = seconds(a.first_at, a.last_at) + seconds(b.first_at, b.last_at);
    (x + y) / covered * seconds(a.first_at, a.last_at.max(b.last_at))
}

fn seconds(from: i64, to: i64) -> f64 {
    (i128::from(to) - i128::from(from)) as f64 / 1e9
}

fn order(data_type: DataType, a: u64, b: u64) -> Ordering {
    match data_type.kind() {
        // As the engine orders them: what is not a number is greatest.
        Kind::F64 => f64::from_bits(a).total_cmp(&f64::from_bits(b)),
        Kind::I64 => (a as i64).cmp(&(b as i64)),
        _ => a.cmp(&b),
    }
}

pub(crate) fn is_numeric(kind: Kind) -> bool {
    matches!(kind, Kind::Bool | Kind::I64 | Kind::U64 | Kind::F64)
}

/// Numbers in an order of their own, which their keys have too.
trait Ordered: Copy {
    type Key: Ord + Copy;

    fn key(self) -> Self::Key;
    fn of(key: Self::Key) -> Self;

    /// The least and the greatest of several.
    fn extremes(values: &[Self]) -> Option<(Self, Self)> {
        extremes_by_key(values)
    }
}

fn extremes_by_key<T: Ordered>(values: &[T]) -> Option<(T, T)> {
    let first = values.first()?.key();
    let wider = |(min, max): (T::Key, T::Key), value: &T| {
        (std::cmp::min(min, value.key()), std::cmp::max(max, value.key()))
    };
    let (min, max) = values.iter().fold((first, first), wider);
    Some((T::of(min), T::of(max)))
}

macro_rules! ordered {
    ($($kind:ty),*) => {$(
        impl Ordered for $kind {
            type Key = $kind;

            fn key(self) -> $kind {
                self
            }

            fn of(key: $kind) -> $kind {
                key
            }
        }
    )*};
}
ordered!(bool, i64, u64);

/// What is not a number is greatest, or least where its sign is set.
impl Ordered for f64 {
    type Key = i64;

    fn key(self) -> i64 {
        turned(self.to_bits() as i64)
    }

    fn of(key: i64) -> f64 {
        f64::from_bits(turned(key) as u64)
    }

    /// As numbers, which several are compared as at once; the order of keys is another only where there
    /// are zeros of both signs, or what is not a number.
    fn extremes(values: &[f64]) -> Option<(f64, f64)> {
        let first = *values.first()?;
        let (mut least, mut most) = ([first; LANES], [first; LANES]);
        let chunks = values.chunks_exact(LANES);
        let rest = chunks.remainder();
        let mut unordered = rest.iter().any(|value| value.is_nan());
        for chunk in chunks {
            for lane in 0..LANES {
                let value = chunk[lane];
                least[lane] = if value < least[lane] { value } else { least[lane] };
                most[lane] = if value > most[lane] { value } else { most[lane] };
                unordered |= value.is_nan();
            }
        }
        let least = rest.iter().chain(&least).fold(first, |a, b| if *b < a { *b } else { a });
        let most = rest.iter().chain(&most).fold(first, |a, b| if *b > a { *b } else { a });
        match unordered || least == 0.0 || most == 0.0 {
            true => extremes_by_key(values),
            false => Some((least, most)),
        }
    }
}

/// Of negative numbers all bits but the sign, there and back.
fn turned(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// Some samples of a piece.
struct Of<'a> {
    piece: &'a Piece,
    places: Range<usize>,
    /// Every one of them has a value.
    all: bool,
}

impl Of<'_> {
    fn numbers<T: Ordered, const AREA: bool>(
        &self,
        values: &[T],
        number: impl Fn(T) -> f64,
        bits: impl Fn(T) -> u64,
    ) -> Option<FoldNumbers> {
        // Of text and the like there are none, and nobody wants them of others.
        let values = values.get(self.places.clone())?;
        let times = &self.piece.times[self.places.clone()];
        if self.all {
            return fold_all::<_, AREA>(values, times, number, bits);
        }
        let samples = values.iter().copied().zip(times.iter().copied());
        let usable = |(place, sample)| {
            (!self.piece.quality(self.places.start + place).is_bad()).then_some(sample)
        };
        fold::<_, AREA>(samples.enumerate().filter_map(usable), number, bits)
    }
}

fn fold<T: Ordered, const AREA: bool>(
    mut samples: impl Iterator<Item = (T, i64)>,
    number: impl Fn(T) -> f64,
    bits: impl Fn(T) -> u64,
) -> Option<FoldNumbers> {
    let (first, first_at) = samples.next()?;
    let (mut min, mut max) = (first.key(), first.key());
    let (mut last, mut last_at) = (first, first_at);
    let mut sum = number(first);
    // Whole nanoseconds, so that equal stretches add without rounding.
    let mut area = 0.0;
    for (value, at) in samples {
        if AREA {
            area += number(last) * nanoseconds(last_at, at);
        }
        sum += number(value);
        (min, max) = (min.min(value.key()), max.max(value.key()));
        (last, last_at) = (value, at);
    }
    Some(FoldNumbers {
        min: bits(T::of(min)),
        max: bits(T::of(max)),
        first: bits(first),
        last: bits(last),
        first_at,
        last_at,
        sum,
        area: AREA.then_some(area / 1e9),
    })
}

/// Sums that do not wait for each other.
const LANES: usize = 8;

/// The same where every sample has a value, but for the last digits of the sum.
fn fold_all<T: Ordered, const AREA: bool>(
    values: &[T],
    times: &[i64],
    number: impl Fn(T) -> f64,
    bits: impl Fn(T) -> u64,
) -> Option<FoldNumbers> {
    let (first, last) = (*values.first()?, *values.last()?);
    let (min, max) = T::extremes(values)?;
    // Added to anything, it changes nothing: not even the sign of 0.
    let mut lanes = [-0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder().iter().fold(-0.0, |sum, value| sum + number(*value));
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += number(*value));
    }
    let sum = lanes.iter().sum::<f64>() + rest;
    let stretches = values.iter().zip(times.windows(2));
    let area = AREA.then(|| {
        let areas = stretches.map(|(value, at)| number(*value) * nanoseconds(at[0], at[1]));
        areas.fold(0.0, |area, of| area + of) / 1e9
    });
    Some(FoldNumbers {
        min: bits(min),
        max: bits(max),
        first: bits(first),
        last: bits(last),
        first_at: *times.first()?,
        last_at: *times.last()?,
        sum,
        area,
    })
}

/// From one time to a later one; those that are signed are sooner converted.
fn nanoseconds(from: i64, to: i64) -> f64 {
    let between = to.wrapping_sub(from);
    if between >= 0 { between as f64 } else { between as u64 as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tagwerk_model::TagId;

    const SECOND: i64 = 1_000_000_000;

    fn piece(samples: &[(i64, f64)]) -> Piece {
        let times = samples.iter().map(|(at, _)| at * SECOND).collect();
        let values = Values::F64(samples.iter().map(|(_, value)| *value).collect());
        Piece::new(TagId(1), DataType::Float64, Arc::from("bar"), times, values)
    }

    #[test]
    fn a_fold_is_what_its_parts_make_wherever_it_is_cut() {
        let piece = piece(&[(0, 1.0), (2, 5.0), (3, -2.0), (7, 4.0), (7, 3.0)]);
        let whole = Fold::of_piece(&piece, 0..5);
        let numbers = whole.numbers.unwrap();
        assert_eq!((numbers.min, numbers.max), ((-2.0f64).to_bits(), 5.0f64.to_bits()));
        assert_eq!((numbers.sum, numbers.area), (11.0, Some(2.0 + 5.0 - 8.0)));
        assert_eq!(numbers.time_weighted_average(DataType::Float64), Some(-1.0 / 7.0));
        assert_eq!((numbers.last, numbers.last_at), (3.0f64.to_bits(), 7 * SECOND));
        for cut in 1..5 {
            let (mut a, b) = (Fold::of_piece(&piece, 0..cut), Fold::of_piece(&piece, cut..5));
            let mut other = b;
            a.add(&b, DataType::Float64);
            assert_eq!(a, whole, "cut at {cut}");
            other.add(&Fold::of_piece(&piece, 0..cut), DataType::Float64);
            // Of equal instants either may be the last.
            assert_eq!((other.samples, other.numbers.unwrap().area), (5, numbers.area));
        }
    }

    #[test]
    fn without_the_area_all_else_is_the_same() {
        let piece = piece(&[(0, 1.5), (2, 5.25), (3, -2.0), (7, 0.1), (7, 0.2)]);
        for (from, to) in [(0, 5), (1, 3), (4, 5)] {
            let mut whole = Fold::of_piece(&piece, from..to);
            let less = Fold::of_piece_needed(&piece, from..to, Need::default());
            assert!(whole.numbers.unwrap().area.is_some());
            whole.numbers.iter_mut().for_each(|numbers| numbers.area = None);
            assert_eq!(less, whole);
        }
    }

    #[test]
    fn bad_samples_count_and_have_no_value() {
        let mut piece = piece(&[(0, 1.0), (1, 99.0), (2, 3.0)]);
        let bad = Quality::BAD_TIMEOUT;
        piece.qualities = Qualities::Each(vec![Quality::GOOD, bad, bad]);
        let fold = Fold::of_piece(&piece, 0..3);
        assert_eq!((fold.samples, fold.usable, fold.good, fold.max_time), (3, 1, 1, 2 * SECOND));
        let numbers = fold.numbers.unwrap();
        assert_eq!((numbers.sum, numbers.last_at, numbers.area), (1.0, 0, Some(0.0)));
        assert_eq!(Fold::of_piece(&piece, 1..3).numbers, None);
    }

    #[test]
    fn what_is_not_a_number_is_the_greatest() {
        let fold = Fold::of_piece(&piece(&[(0, f64::NAN), (1, 2.0)]), 0..2).numbers.unwrap();
        assert_eq!((fold.min, f64::from_bits(fold.max).is_nan()), (2.0f64.to_bits(), true));
    }

    #[test]
    fn many_samples_come_to_what_they_come_to_one_by_one() {
        let numbers = [1.5, -0.0, 0.0, -7.25, f64::NAN, -f64::NAN, f64::INFINITY, -1e300, 3.0];
        let order = |n: &&f64| f64::key(**n);
        for (from, to) in (0..9).flat_map(|from| (from + 1..=9).map(move |to| (from, to))) {
            let values = &numbers[from..to];
            let samples: Vec<(i64, f64)> = (0..).zip(values.iter().copied()).collect();
            let fold = Fold::of_piece(&piece(&samples), 0..samples.len()).numbers.unwrap();
            let by_order = |n: Option<&f64>| n.copied().unwrap().to_bits();
            assert_eq!(fold.min, by_order(values.iter().min_by(|a, b| a.total_cmp(b))));
            assert_eq!(fold.max, by_order(values.iter().max_by_key(order)));
            assert_eq!((fold.first, fold.last), (values[0].to_bits(), by_order(values.last())));
        }
        let whole: Vec<(i64, f64)> = (0..1_003).map(|n| (n, n as f64)).collect();
        let fold = Fold::of_piece(&piece(&whole), 0..1_003).numbers.unwrap();
        assert_eq!((fold.sum, fold.area), (502_503.0, Some(501_501.0)));
        let zero = Fold::of_piece(&piece(&[(0, -0.0)]), 0..1).numbers.unwrap();
        assert_eq!(zero.sum.to_bits(), (-0.0f64).to_bits());
    }

    #[test]
    fn buckets_lie_side_by_side() {
        let buckets = Buckets { width_ns: 10, origin_ns: 3 };
        assert_eq!([2, 3, 12, 13].map(|time| buckets.start(time)), [-7, 3, 3, 13]);
        assert!(buckets.hold(3, 12) && !buckets.hold(12, 13));
        assert_eq!(buckets.start(i64::MIN), i64::MIN);
        assert_eq!(buckets.end(i64::MAX - 1), i64::MAX);
    }
}
