//! Functions of the engine's that make lists of any length, with a bound on what they make: they ask for
//! memory at once, and count none of it.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Int64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit, TimestampNanosecondType,
};
use datafusion::common::{Result, exec_err};
use datafusion::functions_nested::{range, repeat, resize};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use std::sync::Arc;

/// Items that one call makes for a batch of rows; a text counts one for each eight bytes.
const ITEMS_MAX: i128 = 1_000_000;
const DAY: i128 = 86_400_000_000_000;

pub fn all() -> impl Iterator<Item = ScalarUDF> {
    let bounded = [
        (range::range_udf(), Asks::Steps),
        (range::gen_series_udf(), Asks::Steps),
        (repeat::array_repeat_udf(), Asks::Copies),
        (resize::array_resize_udf(), Asks::Items),
    ];
    bounded.into_iter().map(|(inner, asks)| ScalarUDF::new_from_impl(Bounded { inner, asks }))
}

/// What the arguments say about the length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Asks {
    /// From one value to another, by steps.
    Steps,
    /// The first argument, as often as the second says.
    Copies,
    /// As many as the second argument says.
    Items,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    asks: Asks,
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.inner().return_type(arguments)
    }

    fn return_field_from_args(
        &self,
        arguments: ReturnFieldArgs,
    ) -> Result<arrow::datatypes::FieldRef> {
        self.inner.inner().return_field_from_args(arguments)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.inner().coerce_types(arguments)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let columns = arguments.args.iter().map(|argument| argument.to_array(rows));
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        if columns.iter().all(|column| *column.data_type() != DataType::Null) {
            let mut items = 0;
            for row in 0..rows {
                items += self.items(&columns, row)?;
                if items > ITEMS_MAX {
                    let name = self.name();
                    return exec_err!("{name} would give more than {ITEMS_MAX} items");
                }
            }
        }
        self.inner.inner().invoke_with_args(arguments)
    }
}

impl Bounded {
    /// How many there will be for a row at most.
    fn items(&self, columns: &[ArrayRef], row: usize) -> Result<i128> {
        if columns.iter().any(|column| column.is_null(row)) && self.asks != Asks::Items {
            return Ok(0);
        }
        match self.asks {
            Asks::Steps => steps(columns, row),
            Asks::Copies => Ok(whole(&columns[1], row)?.max(0) * width(&columns[0], row)),
            Asks::Items => Ok(whole(&columns[1], row)?.max(0)),
        }
    }
}

fn whole(column: &ArrayRef, row: usize) -> Result<i128> {
    let number = cast(&column.slice(row, 1), &DataType::Int64)?;
    let number = number.as_primitive::<Int64Type>();
    Ok(if number.is_null(0) { 0 } else { number.value(0).into() })
}

/// Items that one copy is.
fn width(column: &ArrayRef, row: usize) -> i128 {
    let bytes = column.slice(row, 1).to_data().get_slice_memory_size().unwrap_or_default();
    (bytes as i128 / 8).max(1)
}

fn steps(columns: &[ArrayRef], row: usize) -> Result<i128> {
    let (from, to, step) = match columns {
        [to] => return Ok(whole(to, row)?.max(0) + 1),
        [from, to] => (from, to, None),
        [from, to, step, ..] => (from, to, Some(step)),
        [] => return Ok(0),
    };
    let times = DataType::Timestamp(TimeUnit::Nanosecond, None);
    let of_time =
        matches!(from.data_type(), DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
    if !of_time {
        let span = whole(to, row)? - whole(from, row)?;
        let step = step.map_or(Ok(1), |step| whole(step, row))?;
        return Ok(count(span, step, step));
    }
    let instant = |column: &ArrayRef| -> Result<i128> {
        let time = cast(&column.slice(row, 1), &times)?;
        Ok(time.as_primitive::<TimestampNanosecondType>().value(0).into())
    };
    let span = instant(to)? - instant(from)?;
    let Some(step) = step else { return Ok(span.abs() / DAY + 1) };
    let interval = DataType::Interval(IntervalUnit::MonthDayNano);
    let step = cast(&step.slice(row, 1), &interval)?;
    let step = step.as_primitive::<IntervalMonthDayNanoType>().value(0);
    let rest = i128::from(step.days) * DAY + i128::from(step.nanoseconds);
    let months = i128::from(step.months);
    Ok(count(span, months * 28 * DAY + rest, months * 31 * DAY + rest))
}

/// Steps of a length between these two.
fn count(span: i128, one: i128, other: i128) -> i128 {
    if one == 0 && other == 0 {
        // Refused by the function itself.
        return 0;
    }
    if (one > 0) != (other > 0) {
        return if span == 0 { 1 } else { span.abs() };
    }
    if (span > 0) != (one > 0) {
        return 1;
    }
    span.abs() / one.abs().min(other.abs()) + 1
}
