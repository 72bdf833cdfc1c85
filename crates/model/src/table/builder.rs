//! Gathers the rows of a table within its limits, and finds the types of columns where nobody says
//! them.

use super::{ColumnType, ColumnValues, Table, TableColumn, parse_unix_ns};
use crate::limits;
use std::collections::HashMap;
use std::fmt;

/// What a value takes at least, however short it is: so the memory of many empty ones is bounded too.
const VALUE_BYTES: usize = 8;
/// Letters of a value that a message repeats.
const SHOWN_MAX: usize = 40;

/// A value as a source gives it.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    /// A text, and nothing else.
    Text(Box<str>),
    /// A text that may mean something else, as in CSV.
    Loose(Box<str>),
    Bytes(Box<[u8]>),
    /// Nanoseconds since 1970.
    Time(i64),
}

/// Why rows are no table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableWrong {
    pub problem: String,
    pub remedy: String,
}

impl fmt::Display for TableWrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.problem, self.remedy)
    }
}

impl std::error::Error for TableWrong {}

pub fn wrong(problem: impl Into<String>, remedy: impl Into<String>) -> TableWrong {
    TableWrong { problem: problem.into(), remedy: remedy.into() }
}

struct Gathered {
    name: Box<str>,
    wanted: Option<ColumnType>,
    /// The source has it.
    met: bool,
    values: Vec<Given>,
}

/// A table in the making. With columns that are said, those and no others are in it.
pub struct TableBuilder {
    columns: Vec<Gathered>,
    places: HashMap<Box<str>, usize>,
    said: bool,
    rows: usize,
    bytes: usize,
}

impl TableBuilder {
    pub fn new(said: &[(Box<str>, ColumnType)]) -> TableBuilder {
        let column = |(name, of): &(Box<str>, ColumnType)| Gathered {
            name: name.clone(),
            wanted: Some(*of),
            met: false,
            values: Vec::new(),
        };
        let places = said.iter().enumerate().map(|(place, (name, _))| (name.clone(), place));
        TableBuilder {
            columns: said.iter().map(column).collect(),
            places: places.collect(),
            said: !said.is_empty(),
            rows: 0,
            bytes: 0,
        }
    }

    /// The place of a column that the source has; none, where it is left out.
    pub fn column(&mut self, name: &str) -> Result<Option<usize>, TableWrong> {
        if let Some(place) = self.places.get(name) {
            self.columns[*place].met = true;
            return Ok(Some(*place));
        }
        if self.said {
            return Ok(None);
        }
        if name.is_empty() || name.len() > limits::NAME_BYTES_MAX || name.contains(char::is_control)
        {
            let problem = format!("a column is called {:?}", shortened(name));
            let remedy =
                format!("give it a name of 1 to {} bytes in one line", limits::NAME_BYTES_MAX);
            return Err(wrong(problem, remedy));
        }
        if self.columns.len() >= limits::TABLE_COLUMNS_MAX {
            let max = limits::TABLE_COLUMNS_MAX;
            let problem = format!("the table has more than {max} columns");
            return Err(wrong(problem, "say under `columns` which of them are needed"));
        }
        let place = self.columns.len();
        self.places.insert(name.into(), place);
        let values = vec![Given::Null; self.rows.saturating_sub(1)];
        self.bytes += values.len() * VALUE_BYTES;
        self.columns.push(Gathered { name: name.into(), wanted: None, met: true, values });
        Ok(Some(place))
    }

    /// The source knows the type of a column. One that is said counts more.
    pub fn expect(&mut self, place: usize, of: ColumnType) {
        if let Some(column) = self.columns.get_mut(place) {
            column.wanted.get_or_insert(of);
        }
    }

    /// Begins the next row.
    pub fn row(&mut self) -> Result<(), TableWrong> {
        self.fill();
        if self.rows >= limits::TABLE_ROWS_MAX {
            let max = limits::TABLE_ROWS_MAX;
            let problem = format!("the table has more than {max} rows");
            return Err(wrong(problem, "let the source give fewer, such as by a WHERE"));
        }
        self.rows += 1;
        Ok(())
    }

    /// The value of a column in the row at work; the last one counts.
    pub fn put(&mut self, place: usize, value: Given) -> Result<(), TableWrong> {
        self.bytes += VALUE_BYTES
            + match &value {
                Given::Text(text) | Given::Loose(text) => text.len(),
                Given::Bytes(bytes) => bytes.len(),
                _ => 0,
            };
        if self.bytes > limits::TABLE_BYTES_MAX {
            let max = limits::TABLE_BYTES_MAX / 1024 / 1024;
            let problem = format!("the table is larger than {max} MiB");
            return Err(wrong(problem, "let the source give fewer rows or columns"));
        }
        let rows = self.rows;
        let Some(column) = self.columns.get_mut(place).filter(|_| rows > 0) else { return Ok(()) };
        column.values.truncate(rows - 1);
        column.values.resize(rows - 1, Given::Null);
        column.values.push(value);
        Ok(())
    }

    fn fill(&mut self) {
        let rows = self.rows;
        for column in &mut self.columns {
            let missing = rows - column.values.len();
            column.values.resize(rows, Given::Null);
            self.bytes += missing * VALUE_BYTES;
        }
    }

    pub fn finish(mut self) -> Result<Table, TableWrong> {
        self.fill();
        if self.bytes > limits::TABLE_BYTES_MAX {
            let max = limits::TABLE_BYTES_MAX / 1024 / 1024;
            let problem = format!("the table is larger than {max} MiB");
            return Err(wrong(problem, "let the source give fewer rows or columns"));
        }
        if let Some(missing) = self.columns.iter().find(|column| !column.met)
            && self.rows > 0
        {
            let problem = format!("there is no column `{}`", missing.name);
            let remedy = "write under `columns` what the source has, letter for letter";
            return Err(wrong(problem, remedy));
        }
        if self.columns.is_empty() {
            let remedy = "let the source give one, or say its columns under `columns`";
            return Err(wrong("the table has no column", remedy));
        }
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in self.columns {
            columns.push(column.typed()?);
        }
        Ok(Table { rows: self.rows, columns })
    }
}

impl Gathered {
    fn typed(self) -> Result<TableColumn, TableWrong> {
        let of = self.wanted.unwrap_or_else(|| found(&self.values));
        let name = &self.name;
        macro_rules! convert {
            ($variant:ident, $of:expr) => {{
                let each = self.values.iter().enumerate().map(|(row, value)| match value {
                    Given::Null => Ok(None),
                    value => $of(value).map(Some).ok_or_else(|| no_fit(name, row, value, of)),
                });
                ColumnValues::$variant(each.collect::<Result<_, _>>()?)
            }};
        }
        let values = match of {
            ColumnType::Bool => convert!(Bool, as_bool),
            ColumnType::Int64 => convert!(Int64, as_int),
            ColumnType::Uint64 => convert!(Uint64, as_uint),
            ColumnType::Float64 => convert!(Float64, as_float),
            ColumnType::Text => convert!(Text, |value| Some(as_text(value))),
            ColumnType::Bytes => convert!(Bytes, as_bytes),
            ColumnType::Time => convert!(Time, as_time),
        };
        Ok(TableColumn { name: self.name, values })
    }
}

fn no_fit(name: &str, row: usize, value: &Given, of: ColumnType) -> TableWrong {
    let (row, shown) = (row + 1, shown(value));
    let problem = format!("row {row}: {shown} in the column `{name}` is no {}", of.name());
    wrong(problem, "correct the value, or give the column another type under `columns`")
}

fn shown(value: &Given) -> String {
    match value {
        Given::Null => "NULL".to_owned(),
        Given::Bool(value) => value.to_string(),
        Given::Int(value) => value.to_string(),
        Given::Uint(value) => value.to_string(),
        Given::Float(value) => value.to_string(),
        Given::Text(text) | Given::Loose(text) => format!("{:?}", shortened(text)),
        Given::Bytes(bytes) => format!("a value of {} bytes", bytes.len()),
        Given::Time(_) => "a time".to_owned(),
    }
}

fn shortened(text: &str) -> String {
    let mut letters = text.chars();
    let mut short: String = letters.by_ref().take(SHOWN_MAX).collect();
    if letters.next().is_some() {
        short.push('…');
    }
    short
}

/// The type that all values have; text, where there is none.
fn found(values: &[Given]) -> ColumnType {
    let mut all: Option<ColumnType> = None;
    let mut negative = false;
    for value in values {
        let own = match value {
            Given::Null => continue,
            Given::Bool(_) => ColumnType::Bool,
            Given::Int(_) => ColumnType::Int64,
            Given::Uint(number) if i64::try_from(*number).is_ok() => ColumnType::Int64,
            Given::Uint(_) => ColumnType::Uint64,
            Given::Float(_) => ColumnType::Float64,
            Given::Text(_) => ColumnType::Text,
            Given::Loose(text) => means(text),
            Given::Bytes(_) => ColumnType::Bytes,
            Given::Time(_) => ColumnType::Time,
        };
        negative |= own == ColumnType::Int64
            && match value {
                Given::Int(number) => *number < 0,
                Given::Loose(text) => text.starts_with('-'),
                _ => false,
            };
        use ColumnType::{Float64, Int64, Text, Uint64};
        all = Some(match (all, own) {
            (None, own) => own,
            (Some(known), own) if known == own => own,
            (Some(Int64), Uint64) | (Some(Uint64), Int64) => Uint64,
            (Some(Int64 | Uint64 | Float64), Int64 | Uint64 | Float64) => Float64,
            _ => Text,
        });
    }
    match all {
        // Neither whole type holds both.
        Some(ColumnType::Uint64) if negative => ColumnType::Float64,
        other => other.unwrap_or(ColumnType::Text),
    }
}

/// The type that a text means by itself. Digits behind a zero are a name, such as that of a product.
fn means(text: &str) -> ColumnType {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let padded =
        digits.starts_with('0') && digits.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    let plain = !padded && digits.starts_with(|c: char| c.is_ascii_digit());
    if as_flag(text).is_some() {
        return ColumnType::Bool;
    }
    if plain && text.parse::<i64>().is_ok() {
        return ColumnType::Int64;
    }
    if plain && text.parse::<u64>().is_ok() {
        return ColumnType::Uint64;
    }
    if plain && text.parse::<f64>().is_ok_and(f64::is_finite) {
        return ColumnType::Float64;
    }
    match parse_unix_ns(text) {
        Some(_) => ColumnType::Time,
        None => ColumnType::Text,
    }
}

fn as_flag(text: &str) -> Option<bool> {
    [("true", true), ("false", false)]
        .into_iter()
        .find(|(word, _)| text.eq_ignore_ascii_case(word))
        .map(|(_, flag)| flag)
}

fn as_bool(value: &Given) -> Option<bool> {
    match value {
        Given::Bool(flag) => Some(*flag),
        Given::Int(0) | Given::Uint(0) => Some(false),
        Given::Int(1) | Given::Uint(1) => Some(true),
        Given::Text(text) | Given::Loose(text) => match &**text {
            "0" => Some(false),
            "1" => Some(true),
            other => as_flag(other),
        },
        _ => None,
    }
}

fn as_int(value: &Given) -> Option<i64> {
    match value {
        Given::Bool(flag) => Some(i64::from(*flag)),
        Given::Int(number) => Some(*number),
        Given::Uint(number) => i64::try_from(*number).ok(),
        Given::Float(number) => whole(*number).and_then(|number| i64::try_from(number).ok()),
        Given::Text(text) | Given::Loose(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn as_uint(value: &Given) -> Option<u64> {
    match value {
        Given::Bool(flag) => Some(u64::from(*flag)),
        Given::Int(number) => u64::try_from(*number).ok(),
        Given::Uint(number) => Some(*number),
        Given::Float(number) => whole(*number).and_then(|number| u64::try_from(number).ok()),
        Given::Text(text) | Given::Loose(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A float that is a whole number, where it tells all of them apart.
fn whole(number: f64) -> Option<i128> {
    (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i128)
}

fn as_float(value: &Given) -> Option<f64> {
    match value {
        Given::Int(number) => Some(*number as f64),
        Given::Uint(number) => Some(*number as f64),
        Given::Float(number) => Some(*number),
        Given::Text(text) | Given::Loose(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn as_text(value: &Given) -> Box<str> {
    match value {
        Given::Null => "".into(),
        Given::Bool(flag) => flag.to_string().into(),
        Given::Int(number) => number.to_string().into(),
        Given::Uint(number) => number.to_string().into(),
        Given::Float(number) => number.to_string().into(),
        Given::Text(text) | Given::Loose(text) => text.clone(),
        Given::Bytes(bytes) => {
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
        }
        Given::Time(ns) => crate::format_unix_ns_exact(*ns).into(),
    }
}

fn as_bytes(value: &Given) -> Option<Box<[u8]>> {
    match value {
        Given::Bytes(bytes) => Some(bytes.clone()),
        Given::Text(text) | Given::Loose(text) => hex(text),
        _ => None,
    }
}

/// Bytes as two digits each.
fn hex(text: &str) -> Option<Box<[u8]>> {
    let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pair = |pair: &[u8]| Some(digit(pair[0])? * 16 + digit(pair[1])?);
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(pair).collect())?
}

fn as_time(value: &Given) -> Option<i64> {
    match value {
        Given::Time(ns) => Some(*ns),
        Given::Text(text) | Given::Loose(text) => parse_unix_ns(text.trim()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(said: &[(&str, ColumnType)], rows: &[&[(&str, Given)]]) -> Result<Table, TableWrong> {
        let said: Vec<_> = said.iter().map(|(name, of)| ((*name).into(), *of)).collect();
        let mut builder = TableBuilder::new(&said);
        for row in rows {
            builder.row()?;
            for (name, value) in *row {
                if let Some(place) = builder.column(name)? {
                    builder.put(place, value.clone())?;
                }
            }
        }
        builder.finish()
    }

    fn loose(text: &str) -> Given {
        Given::Loose(text.into())
    }

    #[test]
    fn types_are_found_from_values() {
        use ColumnType::*;
        let of = |values: &[Given]| {
            let rows: Vec<[(&str, Given); 1]> = values.iter().map(|v| [("x", v.clone())]).collect();
            let rows: Vec<&[(&str, Given)]> = rows.iter().map(|row| &row[..]).collect();
            built(&[], &rows).unwrap().columns()[0].values.column_type()
        };
        assert_eq!(of(&[loose("1"), loose("-2"), Given::Null]), Int64);
        assert_eq!(of(&[loose("1"), loose("2.5")]), Float64);
        assert_eq!(of(&[loose("1"), loose("18446744073709551615")]), Uint64);
        assert_eq!(of(&[loose("-1"), loose("18446744073709551615")]), Float64);
        assert_eq!(of(&[loose("007")]), Text);
        assert_eq!(of(&[loose("true"), loose("FALSE")]), Bool);
        assert_eq!(of(&[loose("true"), loose("1")]), Text);
        assert_eq!(of(&[loose("2026-01-01"), loose("2026-01-01T06:00:00Z")]), Time);
        assert_eq!(of(&[loose("nan"), loose("inf")]), Text);
        assert_eq!(of(&[Given::Text("1".into())]), Text);
        assert_eq!(of(&[Given::Null]), Text);
    }

    #[test]
    fn rows_may_lack_columns_and_bring_new_ones() {
        let table = built(
            &[],
            &[&[("a", Given::Int(1))], &[("b", Given::Int(2))], &[("a", Given::Float(0.5))]],
        )
        .unwrap();
        let [a, b] = table.columns() else { panic!("{table:?}") };
        assert_eq!(a.values, ColumnValues::Float64(vec![Some(1.0), None, Some(0.5)]));
        assert_eq!(b.values, ColumnValues::Int64(vec![None, Some(2), None]));
    }

    #[test]
    fn a_value_that_does_not_fit_is_told_with_its_place() {
        let said = [("code", ColumnType::Int64), ("limit", ColumnType::Float64)];
        let row = |limit: &str| [("limit", loose(limit)), ("code", loose("1")), ("x", loose("y"))];
        let told = built(&said, &[&row("80.5"), &row("high")]).unwrap_err();
        assert_eq!(told.problem, "row 2: \"high\" in the column `limit` is no float64");
        let table = built(&said, &[&row("80.5")]).unwrap();
        let shape: Vec<_> = table.shape().collect();
        assert_eq!(shape, said);
        let told = built(&said, &[&[("code", loose("1"))]]).unwrap_err();
        assert_eq!(told.problem, "there is no column `limit`");
        assert_eq!(built(&said, &[]).unwrap().rows(), 0);
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let mut builder = TableBuilder::new(&[]);
        builder.row().unwrap();
        let place = builder.column("x").unwrap().unwrap();
        let long = "x".repeat(limits::TABLE_BYTES_MAX);
        assert!(builder.put(place, loose(&long)).unwrap_err().problem.contains("16 MiB"));
        let mut builder = TableBuilder::new(&[]);
        for _ in 0..limits::TABLE_ROWS_MAX {
            builder.row().unwrap();
        }
        assert!(builder.row().unwrap_err().problem.contains("100000 rows"));
        let mut builder = TableBuilder::new(&[]);
        for column in 0..limits::TABLE_COLUMNS_MAX {
            builder.column(&column.to_string()).unwrap();
        }
        assert!(builder.column("more").unwrap_err().problem.contains("100 columns"));
    }
}
