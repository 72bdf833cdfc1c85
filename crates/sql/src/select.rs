//! What a statement's conditions leave of the tags and of the time, decided before anything is read.

use crate::source::{TAG_SCHEMA, TagEntry, TagTable};
use arrow::array::{Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown};
use std::ops::Range;
use std::sync::{Arc, LazyLock};

/// Half open, nanoseconds since 1970.
pub type Span = Range<i64>;

/// The whole of time.
pub const ALWAYS: Span = i64::MIN..i64::MAX;

/// Columns whose conditions a table keeps by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Time,
    /// The time, and which device it is.
    Device,
    /// The time, and what is said of a tag.
    Tag,
}

/// Conditions on the time, on the device or the tag alone are kept to the letter here; all others are
/// not.
pub fn pushdown(filters: &[&Expr], known: Known) -> Vec<TableProviderFilterPushDown> {
    let about = |filter: &Expr| match known {
        Known::Time => false,
        Known::Device => is_about(filter, &DEVICE_SCHEMA),
        Known::Tag => is_about(filter, &TAG_SCHEMA),
    };
    let decide = |filter: &&Expr| match time_bounds(filter).is_some() || about(filter) {
        true => TableProviderFilterPushDown::Exact,
        false => TableProviderFilterPushDown::Unsupported,
    };
    filters.iter().map(decide).collect()
}

/// The one column by which devices are chosen.
static DEVICE_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let column = Field::new("device", arrow::datatypes::DataType::Utf8, false);
    Arc::new(Schema::new(vec![column]))
});

fn is_about(filter: &Expr, schema: &Schema) -> bool {
    let columns = filter.column_refs();
    !columns.is_empty()
        && !filter.is_volatile()
        && columns.iter().all(|column| schema.column_with_name(&column.name).is_some())
}

/// The span of time in which all of these conditions can hold.
pub fn span(filters: &[Expr]) -> Span {
    filters.iter().filter_map(time_bounds).fold(ALWAYS, within)
}

/// The same of one condition, with whatever the time is there. Parts that say other things are
/// passed over.
pub fn span_of(condition: &Expr, is_time: &dyn Fn(&Expr) -> bool) -> Span {
    let parts = split_conjunction(condition).into_iter();
    parts.filter_map(|part| bounds_of(part, is_time)).fold(ALWAYS, within)
}

pub fn within(a: Span, b: Span) -> Span {
    a.start.max(b.start)..a.end.min(b.end)
}

fn time_bounds(filter: &Expr) -> Option<Span> {
    bounds_of(filter, &is_time)
}

fn bounds_of(filter: &Expr, is_time: &dyn Fn(&Expr) -> bool) -> Option<Span> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            Some(within(bounds_of(left, is_time)?, bounds_of(right, is_time)?))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (is_time(left), is_time(right)) {
            (true, false) => bounds(*op, instant(right)?),
            (false, true) => bounds(op.swap()?, instant(left)?),
            _ => None,
        },
        Expr::Between(between) if !between.negated && is_time(&between.expr) => {
            let (low, high) = (instant(&between.low)?, instant(&between.high)?);
            Some(low..high.checked_add(1)?)
        }
        _ => None,
    }
}

fn bounds(op: Operator, at: i64) -> Option<Span> {
    Some(match op {
        Operator::Lt => i64::MIN..at,
        Operator::LtEq => i64::MIN..at.checked_add(1)?,
        Operator::Gt => at.checked_add(1)?..i64::MAX,
        Operator::GtEq => at..i64::MAX,
        Operator::Eq => at..at.checked_add(1)?,
        _ => return None,
    })
}

fn is_time(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(column) if column.name == "time")
}

fn instant(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::TimestampNanosecond(Some(ns), _), _) => Some(*ns),
        _ => None,
    }
}

/// The tags for which all conditions on tags hold.
pub fn tags(state: &dyn Session, table: &TagTable, filters: &[Expr]) -> Result<Vec<TagEntry>> {
    // Mostly one device is asked for, and a table may have many.
    let device = filters.iter().flat_map(split_conjunction).find_map(device_of);
    let places = device.map_or(0..table.tags().len(), |device| table.places_of(device));
    let rows = table.batch().slice(places.start, places.len());
    let holds = holds(state, &rows, filters)?;
    let tags = table.tags()[places].iter().zip(holds);
    Ok(tags.filter(|(_, holds)| *holds).map(|(tag, _)| tag.clone()).collect())
}

/// The only device for which the condition can hold, where it says so.
fn device_of(condition: &Expr) -> Option<&str> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else {
        return None;
    };
    match (left.as_ref(), right.as_ref()) {
        (Expr::Column(column), Expr::Literal(value, _))
        | (Expr::Literal(value, _), Expr::Column(column))
            if column.name == "device" =>
        {
            value.try_as_str().flatten()
        }
        _ => None,
    }
}

/// For which devices all conditions on the device hold.
pub fn devices(state: &dyn Session, names: &[&str], filters: &[Expr]) -> Result<Vec<bool>> {
    let column = Arc::new(StringArray::from_iter_values(names));
    holds(state, &RecordBatch::try_new(DEVICE_SCHEMA.clone(), vec![column])?, filters)
}

/// For which rows all conditions hold that are about these columns alone.
fn holds(state: &dyn Session, rows: &RecordBatch, filters: &[Expr]) -> Result<Vec<bool>> {
    let schema = DFSchema::try_from(rows.schema().as_ref().clone())?;
    let mut kept = vec![true; rows.num_rows()];
    for filter in filters.iter().filter(|filter| is_about(filter, &rows.schema())) {
        let bare = unqualified(filter.clone())?;
        let condition = state.create_physical_expr(bare, &schema)?;
        let holds = condition.evaluate(rows)?.into_array(rows.num_rows())?;
        let holds = as_boolean_array(&holds)?;
        for (row, kept) in kept.iter_mut().enumerate() {
            *kept &= holds.is_valid(row) && holds.value(row);
        }
    }
    Ok(kept)
}

/// The same with bare names of columns: the condition may name the table by an alias.
fn unqualified(filter: Expr) -> Result<Expr> {
    use datafusion::common::tree_node::{Transformed, TreeNode};
    let bare = filter.transform(|expr| {
        Ok(match expr {
            Expr::Column(column) => Transformed::yes(Expr::Column(
                datafusion::common::Column::new_unqualified(column.name),
            )),
            other => Transformed::no(other),
        })
    })?;
    Ok(bare.data)
}
