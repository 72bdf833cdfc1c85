//! Functions of one row's values, as plain Rust over cells. NULL in gives NULL out, and what a function
//! cannot make sense of gives NULL too, never an error: one odd row must not end a statement.

mod bits;
mod bytes;
mod json;
mod numbers;
mod places;
mod times;
mod units;

use crate::columns::time_type;
use arrow::array::{
    Array, ArrayBuilder, ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array,
    Float64Builder, Int64Array, ListBuilder, StringArray, StringBuilder,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Decimal128Type, Field, Float64Type, Int64Type, TimestampNanosecondType, UInt64Type,
};
use arrow::util::display::FormatOptions;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What an argument or an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Number,
    /// Also a number of another type that has no fraction: values of tags are doubles.
    Whole,
    Text,
    /// Text stands for its UTF-8.
    Bytes,
    Truth,
    Time,
    /// Given only, and never taken.
    Numbers,
    Texts,
}

/// One value. Text and bytes are the column's.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    Number(f64),
    Whole(i128),
    Text(&'a str),
    Bytes(&'a [u8]),
    Time(i64),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Number(f64),
    Whole(i128),
    Text(String),
    Bytes(Vec<u8>),
    Truth(bool),
    Numbers(Vec<Option<f64>>),
    Texts(Vec<Option<String>>),
}

/// Each gets as many cells as it takes, of the sorts that it takes.
type Body = fn(&[Cell<'_>]) -> Option<Answer>;

pub struct Plain {
    name: &'static str,
    takes: &'static [Sort],
    gives: Sort,
    body: Body,
}

const LISTS: [&[Plain]; 7] =
    [numbers::ALL, units::ALL, places::ALL, bits::ALL, bytes::ALL, json::ALL, times::ALL];

pub fn all() -> impl Iterator<Item = ScalarUDF> {
    let plains = LISTS.into_iter().flatten();
    plains.map(|plain| ScalarUDF::new_from_impl(Called { plain, signature: signature() }))
}

fn signature() -> Signature {
    Signature::user_defined(Volatility::Immutable)
}

struct Called {
    plain: &'static Plain,
    signature: Signature,
}

impl std::fmt::Debug for Called {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.plain.name)
    }
}

impl PartialEq for Called {
    fn eq(&self, other: &Called) -> bool {
        self.plain.name == other.plain.name
    }
}

impl Eq for Called {}

impl Hash for Called {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.plain.name.hash(state);
    }
}

impl ScalarUDFImpl for Called {
    fn name(&self) -> &str {
        self.plain.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(match self.plain.gives {
            Sort::Number => DataType::Float64,
            Sort::Whole => DataType::Int64,
            Sort::Text => DataType::Utf8,
            Sort::Bytes => DataType::Binary,
            Sort::Truth => DataType::Boolean,
            Sort::Time => time_type(),
            Sort::Numbers => list_of(DataType::Float64),
            Sort::Texts => list_of(DataType::Utf8),
        })
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let Plain { name, takes, .. } = self.plain;
        if arguments.len() != takes.len() {
            let (wanted, given) = (takes.len(), arguments.len());
            return plan_err!("{name} takes {wanted} arguments, and {given} are given");
        }
        let pairs = takes.iter().zip(arguments).enumerate();
        pairs
            .map(|(at, (sort, given))| match stored_as(*sort, given) {
                Some(taken) => Ok(taken),
                None => {
                    let (at, wanted) = (at + 1, in_words(*sort));
                    let given = crate::sql_name(given);
                    plan_err!("argument {at} of {name} is {wanted}, not {given}")
                }
            })
            .collect()
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let columns = arguments.args.iter().zip(self.plain.takes);
        let columns = columns.map(|(argument, sort)| read_as(*sort, &argument.to_array(rows)?));
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        let mut cells = Vec::with_capacity(columns.len());
        let answers = (0..rows).map(|row| {
            cells.clear();
            for (column, sort) in columns.iter().zip(self.plain.takes) {
                cells.push(cell(*sort, column, row)?);
            }
            (self.plain.body)(&cells)
        });
        Ok(ColumnarValue::Array(array(self.plain.gives, answers)))
    }
}

fn list_of(items: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(items, true)))
}

/// In which type an argument is asked for; none where it is of another sort.
fn stored_as(sort: Sort, given: &DataType) -> Option<DataType> {
    use DataType::{Binary, BinaryView, LargeBinary, LargeUtf8, Null, Utf8, Utf8View};
    let text = matches!(given, Utf8 | LargeUtf8 | Utf8View);
    match (sort, given) {
        (sort, DataType::Dictionary(_, values)) => stored_as(sort, values),
        // A bare NULL is of every sort.
        (_, Null) => Some(Null),
        (Sort::Number | Sort::Whole, given) => given.is_numeric().then(|| given.clone()),
        (Sort::Text, _) => text.then_some(Utf8),
        (Sort::Bytes, Binary | BinaryView | LargeBinary) => Some(Binary),
        (Sort::Bytes, _) => text.then_some(Binary),
        (Sort::Truth, DataType::Boolean) => Some(DataType::Boolean),
        (Sort::Time, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64) => {
            Some(time_type())
        }
        // A time may be written as text, as in comparisons.
        (Sort::Time, _) => text.then_some(Utf8),
        _ => None,
    }
}

fn in_words(sort: Sort) -> &'static str {
    match sort {
        Sort::Number | Sort::Whole => "a number",
        Sort::Text => "a text",
        Sort::Bytes => "bytes or a text",
        Sort::Truth => "true or false",
        Sort::Time => "a time",
        Sort::Numbers | Sort::Texts => "a list",
    }
}

/// What does not fit is NULL.
fn read_as(sort: Sort, column: &ArrayRef) -> Result<ArrayRef> {
    let wanted = match (sort, column.data_type()) {
        (Sort::Number, _) => DataType::Float64,
        (Sort::Whole, DataType::UInt64 | DataType::Decimal128(_, 0)) => return Ok(column.clone()),
        (Sort::Whole, given) if given.is_integer() => DataType::Int64,
        (Sort::Whole, _) => DataType::Float64,
        (Sort::Text, _) => DataType::Utf8,
        (Sort::Bytes, _) => DataType::Binary,
        (Sort::Truth, _) => DataType::Boolean,
        (Sort::Time, _) => time_type(),
        (Sort::Numbers | Sort::Texts, given) => given.clone(),
    };
    let options = CastOptions { safe: true, format_options: FormatOptions::default() };
    Ok(cast_with_options(column, &wanted, &options)?)
}

fn cell(sort: Sort, column: &ArrayRef, row: usize) -> Option<Cell<'_>> {
    if column.is_null(row) {
        return None;
    }
    Some(match sort {
        Sort::Number => Cell::Number(column.as_primitive::<Float64Type>().value(row)),
        Sort::Whole => Cell::Whole(match column.data_type() {
            DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).into(),
            DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
            DataType::Decimal128(..) => column.as_primitive::<Decimal128Type>().value(row),
            _ => without_fraction(column.as_primitive::<Float64Type>().value(row))?,
        }),
        Sort::Text => Cell::Text(column.as_string::<i32>().value(row)),
        Sort::Bytes => Cell::Bytes(column.as_binary::<i32>().value(row)),
        Sort::Truth => Cell::Whole(column.as_boolean().value(row).into()),
        Sort::Time => Cell::Time(column.as_primitive::<TimestampNanosecondType>().value(row)),
        Sort::Numbers | Sort::Texts => return None,
    })
}

/// A double that is a whole number which a 64-bit register can hold.
fn without_fraction(number: f64) -> Option<i128> {
    let fits = number.fract() == 0.0 && number.abs() <= 2f64.powi(64);
    fits.then_some(number as i128)
}

fn array(sort: Sort, answers: impl Iterator<Item = Option<Answer>>) -> ArrayRef {
    match sort {
        Sort::Number => Arc::new(Float64Array::from_iter(answers.map(|answer| match answer? {
            // Zero has one sign.
            Answer::Number(number) => number.is_finite().then_some(number + 0.0),
            _ => None,
        }))),
        Sort::Text => Arc::new(StringArray::from_iter(answers.map(|answer| match answer? {
            Answer::Text(text) => Some(text),
            _ => None,
        }))),
        Sort::Bytes => Arc::new(BinaryArray::from_iter(answers.map(|answer| match answer? {
            Answer::Bytes(bytes) => Some(bytes),
            _ => None,
        }))),
        Sort::Truth => Arc::new(BooleanArray::from_iter(answers.map(|answer| match answer? {
            Answer::Truth(truth) => Some(truth),
            _ => None,
        }))),
        Sort::Numbers => lists(Float64Builder::new(), answers, |answer, builder| match answer {
            Answer::Numbers(items) => {
                builder.extend(items);
                true
            }
            _ => false,
        }),
        Sort::Texts => lists(StringBuilder::new(), answers, |answer, builder| match answer {
            Answer::Texts(items) => {
                builder.extend(items);
                true
            }
            _ => false,
        }),
        Sort::Whole | Sort::Time => {
            Arc::new(Int64Array::from_iter(answers.map(|answer| match answer? {
                Answer::Whole(whole) => i64::try_from(whole).ok(),
                _ => None,
            })))
        }
    }
}

/// A list of each answer that `put` takes.
fn lists<B: ArrayBuilder>(
    items: B,
    answers: impl Iterator<Item = Option<Answer>>,
    put: impl Fn(Answer, &mut B) -> bool,
) -> ArrayRef {
    let mut lists = ListBuilder::new(items);
    for answer in answers {
        let is_there = answer.is_some_and(|answer| put(answer, lists.values()));
        lists.append(is_there);
    }
    Arc::new(lists.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_may_come_as_a_double() {
        assert_eq!(without_fraction(3.0), Some(3));
        assert_eq!(without_fraction(3.5), None);
        assert_eq!(without_fraction(f64::NAN), None);
        assert_eq!(without_fraction(f64::INFINITY), None);
        assert_eq!(without_fraction(2f64.powi(63)), Some(1 << 63));
    }

    #[test]
    fn no_name_is_there_twice() {
        let mut names: Vec<String> = all().map(|function| function.name().to_owned()).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
