//! `events`: what happened on the edge, as far back as it is remembered.

use crate::columns::{field, time_type, times};
use crate::source::Source;
use arrow::array::{ArrayRef, RecordBatch, StringViewArray};
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
        text("kind", false),
        text("severity", false),
        text("about", false),
        text("text", false),
        text("by", true),
    ]))
});

pub struct EventsTable(pub Arc<dyn Source>);

impl fmt::Debug for EventsTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventsTable")
    }
}

#[async_trait]
impl TableProvider for EventsTable {
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
        let rows = self.0.events();
        let text =
            |values: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringViewArray::from(values)) };
        let arrays: Vec<ArrayRef> = vec![
            times(rows.iter().map(|row| row.unix_ns)),
            text(rows.iter().map(|row| Some(row.kind.as_str())).collect()),
            text(rows.iter().map(|row| Some(row.severity.as_str())).collect()),
            text(rows.iter().map(|row| Some(row.about.as_str())).collect()),
            text(rows.iter().map(|row| Some(row.text.as_str())).collect()),
            text(rows.iter().map(|row| row.by.as_deref()).collect()),
        ];
        let batch = RecordBatch::try_new(SCHEMA.clone(), arrays)?;
        let table = MemTable::try_new(SCHEMA.clone(), vec![vec![batch]])?;
        table.scan(state, projection, &[], limit).await
    }
}
