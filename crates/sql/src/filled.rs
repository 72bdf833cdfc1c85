//! `filled(boiler1, '1 minute')`: the rows of a device or template in which a tag that a read did not
//! ask for has what was read of it last, unless that is older than so long. A bad read is a read: its
//! NULL stays until a good one.

use crate::device::Column;
use crate::error::{Fault, SqlError};
use crate::span::Nanoseconds;
use crate::walk::visit_mut;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{cast, interleave};
use arrow::datatypes::{SchemaRef, TimestampNanosecondType};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, Spanned, Statement, TableAlias,
    TableFactor, Value, VisitorMut,
};
use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

const NAME: &str = "filled";
const USAGE: &str = "filled takes the name of a device or template and how long a value lasts, as in \
                     filled(boiler1, '1 minute')";

/// The name of such a table where plain ones stand. No device has one like it.
fn named(table: &str, age_ns: i64) -> String {
    format!("{NAME}({table}, {age_ns} ns)")
}

/// Whose rows they are, and how long a value lasts.
pub fn split(name: &str) -> Option<(&str, i64)> {
    let inner = name.strip_prefix(NAME)?.strip_prefix('(')?.strip_suffix(" ns)")?;
    let (table, age) = inner.rsplit_once(", ")?;
    Some((table, age.parse().ok()?))
}

/// Puts plain names in the place of the calls, with the table's own name as the alias.
pub fn take(statement: &mut Parsed) -> std::result::Result<(), SqlError> {
    match statement {
        Parsed::Statement(statement) => take_from(statement),
        Parsed::Explain(explain) => take(&mut explain.statement),
        _ => Ok(()),
    }
}

pub fn take_from(statement: &mut Statement) -> std::result::Result<(), SqlError> {
    match visit_mut(statement, &mut Taker) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Taker;

impl VisitorMut for Taker {
    type Break = SqlError;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<SqlError> {
        let TableFactor::Table { name, args: args @ Some(_), alias, .. } = factor else {
            return ControlFlow::Continue(());
        };
        let of = |ident: &Ident| ident.value.eq_ignore_ascii_case(NAME);
        if !matches!(&name.0[..], [part] if part.as_ident().is_some_and(of)) {
            return ControlFlow::Continue(());
        }
        let place = name.span().start;
        let given = args.as_ref().map_or(&[][..], |args| &args.args[..]);
        let Some((table, age)) = arguments(given) else {
            let error = SqlError::new(Fault::Statement, USAGE);
            let place = (place.line > 0).then_some((place.line, place.column));
            return ControlFlow::Break(SqlError { place, ..error });
        };
        let plain = |value: String| Ident { value, quote_style: Some('"'), span: table.span };
        let own = plain(table.value.clone());
        if alias.is_none() {
            *alias = Some(TableAlias { explicit: true, name: own, columns: Vec::new(), at: None });
        }
        *name = ObjectName::from(vec![plain(named(&table.value, age))]);
        *args = None;
        ControlFlow::Continue(())
    }
}

/// The table's name as it is meant, and the span.
fn arguments(given: &[FunctionArg]) -> Option<(Ident, i64)> {
    let [
        FunctionArg::Unnamed(FunctionArgExpr::Expr(table)),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(age)),
    ] = given
    else {
        return None;
    };
    let age = Nanoseconds::of(age).filter(|age| *age > 0)?;
    let table = match table {
        Expr::Identifier(ident) if ident.quote_style.is_none() => {
            Ident { value: ident.value.to_lowercase(), ..ident.clone() }
        }
        Expr::Identifier(ident) => ident.clone(),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => {
                Ident { value: text.clone(), quote_style: None, span: value.span }
            }
            _ => return None,
        },
        _ => return None,
    };
    Some((table, age))
}

/// The columns that filling reads beside those that are asked for.
pub fn needed(columns: &[Column], used: &BTreeSet<usize>) -> Vec<usize> {
    let tags: BTreeSet<usize> = used.iter().filter_map(|at| tag(columns[*at])).collect();
    let reads = |column: &Column| match column {
        Column::Time | Column::Device => true,
        Column::Quality(tag) => tags.contains(tag),
        _ => false,
    };
    (0..columns.len()).filter(|at| reads(&columns[*at])).collect()
}

fn tag(column: Column) -> Option<usize> {
    match column {
        Column::Value(tag) | Column::Quality(tag) | Column::SourceTime(tag) => Some(tag),
        Column::Time | Column::Device => None,
    }
}

/// How rows of certain columns are filled.
pub struct Filling {
    age: i64,
    time: usize,
    device: Option<usize>,
    tags: Vec<Tag>,
}

/// The columns of a tag. Its quality tells whether it was read.
struct Tag {
    quality: usize,
    columns: Vec<usize>,
}

/// What was read last of the tags of each device.
#[derive(Default)]
pub struct LastReads(HashMap<Box<str>, Vec<Option<Read>>>);

struct Read {
    time: i64,
    cells: Vec<ScalarValue>,
}

impl LastReads {
    /// Memory of what is remembered.
    pub fn size(&self) -> usize {
        let of = |read: &Read| read.cells.iter().map(ScalarValue::size).sum::<usize>();
        let reads = self.0.values().flatten().flatten();
        self.0.len() * 64 + reads.map(of).sum::<usize>()
    }
}

impl Filling {
    /// Of rows with these columns, in their order.
    pub fn new(columns: &[Column], age: i64) -> Filling {
        let place = |wanted: Column| columns.iter().position(|column| *column == wanted);
        let tags: BTreeSet<usize> = columns.iter().filter_map(|column| tag(*column)).collect();
        let tags = tags.into_iter().filter_map(|of| {
            let own = |at: &usize| tag(columns[*at]) == Some(of);
            let quality = place(Column::Quality(of))?;
            Some(Tag { quality, columns: (0..columns.len()).filter(own).collect() })
        });
        let (time, device) = (place(Column::Time).unwrap_or_default(), place(Column::Device));
        Filling { age, time, device, tags: tags.collect() }
    }

    /// The rows filled; those of a device are in the order of time.
    pub fn fill(&self, rows: &RecordBatch, last: &mut LastReads) -> Result<RecordBatch> {
        let Some(times) = rows.column(self.time).as_primitive_opt::<TimestampNanosecondType>()
        else {
            return exec_err!("rows are filled by their time in nanoseconds");
        };
        let devices = self.devices(rows)?;
        let device = |row: usize| devices.as_ref().map_or("", |names| names.value(row));
        let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
        for (place, tag) in self.tags.iter().enumerate() {
            let read = rows.column(tag.quality);
            // Of each row: none before the first of these rows, or one of these.
            let mut carried: Vec<&Read> = Vec::new();
            let mut sources: Vec<(usize, usize)> = Vec::with_capacity(rows.num_rows());
            let mut newest: HashMap<&str, (usize, usize)> = HashMap::new();
            for row in 0..rows.num_rows() {
                let own = device(row);
                if read.is_valid(row) {
                    newest.insert(own, (1, row));
                    sources.push((1, row));
                    continue;
                }
                let known = newest.entry(own).or_insert_with(|| {
                    let before = last.0.get(own).and_then(|tags| tags.get(place)?.as_ref());
                    carried.extend(before);
                    (0, before.map_or(usize::MAX, |_| carried.len() - 1))
                });
                let since = match *known {
                    (1, row) => Some(times.value(row)),
                    (_, at) => carried.get(at).map(|read| read.time),
                };
                let lasts = |since: i64| times.value(row).saturating_sub(since) <= self.age;
                sources.push(if since.is_some_and(lasts) { *known } else { (1, row) });
            }
            for (cell, column) in tag.columns.iter().enumerate() {
                let own = rows.column(*column);
                let before = match carried.is_empty() {
                    true => own.slice(0, 0),
                    false => {
                        let cells = carried.iter().map(|read| read.cells[cell].clone());
                        cast(&ScalarValue::iter_to_array(cells)?, own.data_type())?
                    }
                };
                columns[*column] = interleave(&[&*before, &**own], &sources)?;
            }
            let reads: Vec<(Box<str>, usize)> = newest
                .into_iter()
                .filter(|(_, (which, _))| *which == 1)
                .map(|(own, (_, row))| (own.into(), row))
                .collect();
            for (own, row) in reads {
                let cells =
                    tag.columns.iter().map(|c| ScalarValue::try_from_array(rows.column(*c), row));
                let read = Read { time: times.value(row), cells: cells.collect::<Result<_>>()? };
                let tags = last.0.entry(own).or_default();
                tags.resize_with(tags.len().max(self.tags.len()), || None);
                tags[place] = Some(read);
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        Ok(RecordBatch::try_new_with_options(rows.schema(), columns, &options)?)
    }

    fn devices(&self, rows: &RecordBatch) -> Result<Option<arrow::array::StringArray>> {
        let Some(device) = self.device else { return Ok(None) };
        let names = cast(rows.column(device), &arrow::datatypes::DataType::Utf8)?;
        Ok(names.as_string_opt::<i32>().cloned())
    }

    /// What is remembered, as rows of which each has the columns of one tag.
    pub fn save(&self, last: &LastReads, schema: &SchemaRef) -> Result<RecordBatch> {
        let mut cells: Vec<Vec<ScalarValue>> = vec![Vec::new(); schema.fields().len()];
        let mut count = 0;
        let mut devices: Vec<&Box<str>> = last.0.keys().collect();
        devices.sort();
        for device in devices {
            let reads = last.0[device].iter().zip(&self.tags);
            for (read, tag) in reads.filter_map(|(read, tag)| Some((read.as_ref()?, tag))) {
                count += 1;
                for (at, field) in schema.fields().iter().enumerate() {
                    let own = tag.columns.iter().position(|column| *column == at);
                    cells[at].push(match own {
                        Some(own) => read.cells[own].clone(),
                        None if at == self.time => {
                            ScalarValue::TimestampNanosecond(Some(read.time), None)
                                .cast_to(field.data_type())?
                        }
                        None if Some(at) == self.device => {
                            ScalarValue::Utf8(Some(device.to_string()))
                                .cast_to(field.data_type())?
                        }
                        None => ScalarValue::try_from(field.data_type())?,
                    });
                }
            }
        }
        if count == 0 {
            return Ok(RecordBatch::new_empty(schema.clone()));
        }
        let columns = cells.into_iter().zip(schema.fields()).map(|(cells, field)| {
            let column = ScalarValue::iter_to_array(cells)?;
            Ok(cast(&column, field.data_type())?)
        });
        Ok(RecordBatch::try_new(schema.clone(), columns.collect::<Result<_>>()?)?)
    }

    /// The same again.
    pub fn restore(&self, saved: &RecordBatch) -> Result<LastReads> {
        let mut last = LastReads::default();
        self.fill(saved, &mut last)?;
        Ok(last)
    }
}
