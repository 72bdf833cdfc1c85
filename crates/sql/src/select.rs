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
        (Expr::Column(column), value) | (value, Expr::Column(column))
            if column.name == "device" =>
        {
            text_of(value)
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
        if let Some(holds) = plainly(filter, rows) {
            kept.iter_mut().zip(holds).for_each(|(kept, holds)| *kept &= holds);
            continue;
        }
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

/// The same where texts are only compared with texts, as most conditions do, without planning it.
fn plainly(filter: &Expr, rows: &RecordBatch) -> Option<Vec<bool>> {
    let column = |expr: &Expr| {
        let Expr::Column(column) = expr else { return None };
        rows.column_by_name(&column.name)?.as_any().downcast_ref::<StringArray>()
    };
    let among = |texts: &StringArray, wanted: &[&str]| -> Option<Vec<bool>> {
        let holds = |text: Option<&str>| text.map(|text| wanted.contains(&text));
        texts.iter().map(holds).collect()
    };
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            match (column(left), column(right)) {
                (Some(texts), None) => among(texts, &[text_of(right)?]),
                (None, Some(texts)) => among(texts, &[text_of(left)?]),
                _ => None,
            }
        }
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let both = plainly(left, rows)?.into_iter().zip(plainly(right, rows)?);
            let or = *op == Operator::Or;
            Some(both.map(|(a, b)| if or { a || b } else { a && b }).collect())
        }
        Expr::InList(list) if !list.negated => {
            let wanted: Option<Vec<&str>> = list.list.iter().map(text_of).collect();
            among(column(&list.expr)?, &wanted?)
        }
        _ => None,
    }
}

fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::execution::context::SessionContext;
    use datafusion::logical_expr::{col, lit};
    use tagwerk_model::{DataType, TagId};

    fn table() -> TagTable {
        let entry = |id: u32, device: &str, name: &str| TagEntry {
            id: TagId(id),
            device: device.into(),
            name: name.into(),
            data_type: DataType::Float64,
            unit: if id == 2 { "bar" } else { "" }.into(),
        };
        TagTable::new(vec![
            entry(1, "boiler", "level"),
            entry(2, "boiler", "pressure"),
            entry(3, "press", "level"),
            entry(4, "press", "Level"),
        ])
    }

    /// Conditions that are decided without being planned leave the same tags.
    #[test]
    fn plain_conditions_hold_where_planned_ones_do() {
        let plain = [
            col("device").eq(lit("boiler")),
            lit("press").eq(col("device")),
            col("tag").in_list(vec![lit("level"), lit("x")], false),
            col("tag").eq(lit("level")).or(col("unit").eq(lit("bar"))),
            col("device").eq(lit("press")).and(col("tag").eq(lit("Level"))),
            col("samples.device").eq(lit("boiler")),
            col("tag").eq(lit("nowhere")),
            col("type").in_list(vec![], false),
        ];
        let (state, table) = (SessionContext::new().state(), table());
        for condition in plain {
            let plainly = plainly(&condition, table.batch()).unwrap();
            let bare = unqualified(condition.clone()).unwrap();
            let schema = DFSchema::try_from(table.batch().schema().as_ref().clone()).unwrap();
            let planned = state.create_physical_expr(bare, &schema).unwrap();
            let planned = planned.evaluate(table.batch()).unwrap().into_array(4).unwrap();
            let planned: Vec<bool> =
                as_boolean_array(&planned).unwrap().iter().map(|holds| holds.unwrap()).collect();
            assert_eq!(plainly, planned, "{condition}");
            let holds = holds(&state, table.batch(), &[condition]).unwrap();
            assert_eq!(holds, planned);
        }
        let others = [
            col("tag").not_eq(lit("level")),
            col("tag").in_list(vec![lit("level")], true),
            col("tag").eq(col("device")),
            col("tag").eq(lit(ScalarValue::Utf8(None))),
            col("tag").in_list(vec![lit("level"), lit(ScalarValue::Utf8(None))], false),
            col("tag").like(lit("l%")).or(col("device").eq(lit("press"))),
        ];
        for condition in others {
            assert_eq!(plainly(&condition, table.batch()), None, "{condition}");
        }
    }
}
