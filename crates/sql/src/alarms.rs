//! `alarms`: what became of alarms, as far back as it is remembered.

use crate::columns::{field, time_type, times};
use crate::source::Source;
use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType as ArrowType, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::fmt;
use std::sync::{Arc, LazyLock};

pub static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name, nullable| field(name, ArrowType::Utf8View, nullable);
    Arc::new(Schema::new(vec![
        field("time", time_type(), false),
        text("alarm", false),
        text("device", false),
        text("tag", false),
        text("change", false),
        text("priority", false),
        field("announced", ArrowType::Boolean, false),
        text("value", true),
        text("by", true),
        text("comment", true),
        text("text", true),
    ]))
});

pub struct AlarmsTable(pub Arc<dyn Source>);

impl fmt::Debug for AlarmsTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AlarmsTable")
    }
}

#[async_trait]
impl TableProvider for AlarmsTable {
    fn schema(&self) -> SchemaRef {
        SCHEMA.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = self.0.alarms();
        let text =
            |values: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringViewArray::from(values)) };
        let announced: Vec<bool> = rows.iter().map(|row| row.announced).collect();
        let arrays: Vec<ArrayRef> = vec![
            times(rows.iter().map(|row| row.unix_ns)),
            text(rows.iter().map(|row| Some(&*row.alarm)).collect()),
            text(rows.iter().map(|row| Some(&*row.device)).collect()),
            text(rows.iter().map(|row| Some(&*row.tag)).collect()),
            text(rows.iter().map(|row| Some(row.change)).collect()),
            text(rows.iter().map(|row| Some(row.priority)).collect()),
            Arc::new(BooleanArray::from(announced)),
            text(rows.iter().map(|row| row.value.as_deref()).collect()),
            text(rows.iter().map(|row| row.by.as_deref()).collect()),
            text(rows.iter().map(|row| row.comment.as_deref()).collect()),
            text(rows.iter().map(|row| row.text.as_deref()).collect()),
        ];
        let batch = RecordBatch::try_new(SCHEMA.clone(), arrays)?;
        let table = MemTable::try_new(SCHEMA.clone(), vec![vec![batch]])?;
        table.scan(state, projection, &[], limit).await
    }
}
