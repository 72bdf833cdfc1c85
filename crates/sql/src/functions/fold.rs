//! Aggregates over a tag's course in time: what lies between one sample and the next counts.
//!
//! Stretches of samples are folded as they come; stretches are joined at the end in the order of time.
//! Stretches that overlap are samples of several tags in one group, which is told.

use crate::columns::time_type;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, TimestampNanosecondType};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// Stretches of one group. More: an error, since they are many tags in one group.
const STRETCHES_MAX: usize = 10_000;
const STRETCH_BYTES: usize = 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    TimeWeightedAverage,
    CounterDelta,
    Rate,
    SecondsWhere,
}

pub const ALL: &[Kind] =
    &[Kind::TimeWeightedAverage, Kind::CounterDelta, Kind::Rate, Kind::SecondsWhere];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::TimeWeightedAverage => "time_weighted_average",
            Kind::CounterDelta => "counter_delta",
            Kind::Rate => "rate",
            Kind::SecondsWhere => "seconds_where",
        }
    }

    /// What lies between two samples.
    fn between(self, from: (i64, f64), to: (i64, f64)) -> f64 {
        let seconds = (i128::from(to.0) - i128::from(from.0)) as f64 / 1e9;
        match self {
            Kind::TimeWeightedAverage | Kind::SecondsWhere => from.1 * seconds,
            // A counter that began again has counted what it shows.
            Kind::CounterDelta | Kind::Rate if to.1 < from.1 => to.1,
            Kind::CounterDelta | Kind::Rate => to.1 - from.1,
        }
    }

    fn result(self, whole: Option<Stretch>) -> Option<f64> {
        let whole = whole?;
        let seconds = (i128::from(whole.last.0) - i128::from(whole.first.0)) as f64 / 1e9;
        match self {
            Kind::TimeWeightedAverage if seconds > 0.0 => Some(whole.sum / seconds),
            Kind::TimeWeightedAverage => Some(whole.last.1),
            Kind::Rate => (seconds > 0.0).then(|| whole.sum / seconds),
            Kind::CounterDelta | Kind::SecondsWhere => Some(whole.sum),
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Fold {
    kind: Kind,
    signature: Signature,
}

impl Fold {
    pub fn new(kind: Kind) -> Fold {
        Fold { kind, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for Fold {
    fn name(&self) -> &str {
        self.kind.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [DataType::Timestamp(..), value] if value.is_numeric() || value.is_null() => {
                Ok(vec![time_type(), DataType::Float64])
            }
            [DataType::Timestamp(..), DataType::Boolean] if self.kind == Kind::SecondsWhere => {
                Ok(vec![time_type(), DataType::Float64])
            }
            _ => {
                let name = self.name();
                plan_err!("{name} takes a time and then a value: {name}(time, value)")
            }
        }
    }

    fn accumulator(&self, _arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Folding { kind: self.kind, stretches: Vec::new() }))
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![state_field(arguments.name)])
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// The same aggregate over samples that are folded already: of the first value and the last, each
/// behind its time, and of the area between them.
pub fn of_stretches(kind: Kind) -> Arc<AggregateUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(AggregateUDF::new_from_impl(OfStretches { kind, signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OfStretches {
    kind: Kind,
    signature: Signature,
}

impl AggregateUDFImpl for OfStretches {
    fn name(&self) -> &str {
        self.kind.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arguments.to_vec())
    }

    fn accumulator(&self, _arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Joining(Folding { kind: self.kind, stretches: Vec::new() })))
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![state_field(arguments.name)])
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

fn state_field(name: &str) -> FieldRef {
    Arc::new(Field::new(format!("{name}_stretches"), DataType::Binary, true))
}

#[derive(Debug)]
struct Joining(Folding);

impl Accumulator for Joining {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [first_at, first, last_at, last, area] = values else {
            return exec_err!("five columns were expected");
        };
        let times = |column: &ArrayRef| column.as_primitive::<TimestampNanosecondType>().clone();
        let numbers = |column: &ArrayRef| column.as_primitive::<Float64Type>().clone();
        let (first_at, last_at) = (times(first_at), times(last_at));
        let (first, last, area) = (numbers(first), numbers(last), numbers(area));
        for row in (0..area.len()).filter(|row| area.is_valid(*row)) {
            self.0.push(Stretch {
                first: (first_at.value(row), first.value(row)),
                last: (last_at.value(row), last.value(row)),
                sum: area.value(row),
            })?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.evaluate()
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(states)
    }
}

/// Samples that follow one another, folded.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stretch {
    first: (i64, f64),
    last: (i64, f64),
    sum: f64,
}

impl Stretch {
    fn of(sample: (i64, f64)) -> Stretch {
        Stretch { first: sample, last: sample, sum: 0.0 }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.first.0.to_le_bytes());
        out.extend_from_slice(&self.first.1.to_le_bytes());
        out.extend_from_slice(&self.last.0.to_le_bytes());
        out.extend_from_slice(&self.last.1.to_le_bytes());
        out.extend_from_slice(&self.sum.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> Option<Stretch> {
        let word = |i: usize| bytes.get(i * 8..)?.first_chunk::<8>().copied();
        let (time, number) =
            (|i| word(i).map(i64::from_le_bytes), |i| word(i).map(f64::from_le_bytes));
        Some(Stretch {
            first: (time(0)?, number(1)?),
            last: (time(2)?, number(3)?),
            sum: number(4)?,
        })
    }
}

#[derive(Debug)]
struct Folding {
    kind: Kind,
    stretches: Vec<Stretch>,
}

impl Folding {
    fn add(&mut self, sample: (i64, f64)) -> Result<()> {
        match self.stretches.last_mut() {
            Some(stretch) if sample.0 >= stretch.last.0 => {
                stretch.sum += self.kind.between(stretch.last, sample);
                stretch.last = sample;
            }
            _ => self.push(Stretch::of(sample))?,
        }
        Ok(())
    }

    fn push(&mut self, stretch: Stretch) -> Result<()> {
        if self.stretches.len() >= STRETCHES_MAX {
            return self.mixed();
        }
        self.stretches.push(stretch);
        Ok(())
    }

    fn mixed<T>(&self) -> Result<T> {
        exec_err!(
            "{} got samples that overlap in time: samples of several tags are in one group; add device and tag to GROUP BY, or choose one tag in WHERE",
            self.kind.name()
        )
    }

    fn whole(&self) -> Result<Option<Stretch>> {
        let mut ordered = self.stretches.clone();
        ordered.sort_by_key(|stretch| (stretch.first.0, stretch.last.0));
        let mut whole: Option<Stretch> = None;
        for stretch in ordered {
            whole = Some(match whole {
                None => stretch,
                Some(before) if stretch.first.0 < before.last.0 => return self.mixed(),
                Some(before) => Stretch {
                    first: before.first,
                    last: stretch.last,
                    sum: before.sum + self.kind.between(before.last, stretch.first) + stretch.sum,
                },
            });
        }
        Ok(whole)
    }
}

impl Accumulator for Folding {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [times, values] = values else { return exec_err!("two columns were expected") };
        let times = times.as_primitive::<TimestampNanosecondType>();
        let values = values.as_primitive::<Float64Type>();
        for row in 0..times.len() {
            if times.is_valid(row) && values.is_valid(row) {
                self.add((times.value(row), values.value(row)))?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.kind.result(self.whole()?)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.stretches.capacity() * size_of::<Stretch>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut bytes = Vec::with_capacity(self.stretches.len() * STRETCH_BYTES);
        self.stretches.iter().for_each(|stretch| stretch.encode(&mut bytes));
        Ok(vec![ScalarValue::Binary(Some(bytes))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [states] = states else { return exec_err!("one column of states was expected") };
        for bytes in states.as_binary::<i32>().iter().flatten() {
            for stretch in bytes.chunks(STRETCH_BYTES).filter_map(Stretch::decode) {
                self.push(stretch)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(kind: Kind, samples: &[(i64, f64)]) -> Result<Option<f64>> {
        let mut folding = Folding { kind, stretches: Vec::new() };
        for (seconds, value) in samples {
            folding.add((seconds * 1_000_000_000, *value))?;
        }
        Ok(kind.result(folding.whole()?))
    }

    #[test]
    fn a_value_holds_until_the_next() {
        let samples = [(0, 10.0), (10, 20.0), (40, 0.0)];
        let mean = folded(Kind::TimeWeightedAverage, &samples).unwrap();
        assert_eq!(mean, Some((10.0 * 10.0 + 20.0 * 30.0) / 40.0));
        assert_eq!(folded(Kind::TimeWeightedAverage, &[(5, 7.0)]).unwrap(), Some(7.0));
        assert_eq!(folded(Kind::TimeWeightedAverage, &[]).unwrap(), None);
    }

    #[test]
    fn a_counter_that_begins_again_has_counted_what_it_shows() {
        let samples = [(0, 100.0), (1, 150.0), (2, 20.0), (3, 30.0)];
        assert_eq!(folded(Kind::CounterDelta, &samples).unwrap(), Some(80.0));
        assert_eq!(folded(Kind::Rate, &samples).unwrap(), Some(80.0 / 3.0));
    }

    #[test]
    fn time_in_a_state_is_counted() {
        let samples = [(0, 1.0), (10, 0.0), (15, 1.0), (20, 1.0)];
        assert_eq!(folded(Kind::SecondsWhere, &samples).unwrap(), Some(15.0));
    }

    #[test]
    fn stretches_are_joined_in_the_order_of_time_and_overlaps_are_told() {
        let apart = [(20, 3.0), (30, 3.0), (0, 1.0), (10, 1.0)];
        let mean = folded(Kind::TimeWeightedAverage, &apart).unwrap();
        assert_eq!(mean, Some((1.0 * 20.0 + 3.0 * 10.0) / 30.0));
        let mixed = [(0, 1.0), (10, 1.0), (5, 2.0), (15, 2.0)];
        assert!(folded(Kind::TimeWeightedAverage, &mixed).is_err());
    }
}
