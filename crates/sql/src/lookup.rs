//! Lookup tables: small tables of the plant's own, whole, as one batch of rows.

use crate::columns::{field, optional_times, time_type};
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions,
    StringViewArray, UInt64Array,
};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::collections::BTreeMap;
use std::sync::Arc;
use tagwerk_model::{ColumnType, ColumnValues, Table};

/// A version of a lookup table.
#[derive(Clone, Debug)]
pub struct Lookup {
    pub name: Arc<str>,
    /// Two versions of a table have the same rows where this is the same.
    pub version: Arc<str>,
    pub rows: RecordBatch,
}

impl Lookup {
    pub fn new(name: Arc<str>, version: Arc<str>, table: &Table) -> Lookup {
        Lookup { name, version, rows: batch(table) }
    }

    pub fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }
}

/// The lookup tables that there are.
#[derive(Clone, Debug, Default)]
pub struct Lookups {
    known: BTreeMap<Arc<str>, Arc<Lookup>>,
    unread: BTreeMap<Arc<str>, Arc<str>>,
}

impl Lookups {
    pub fn add(&mut self, lookup: Lookup) {
        self.known.insert(lookup.name.clone(), Arc::new(lookup));
    }

    /// A table whose columns nobody knows yet, and why.
    pub fn add_unread(&mut self, name: Arc<str>, why: Arc<str>) {
        self.unread.insert(name, why);
    }

    /// A name in other capitals is found where it is the only one.
    pub fn get(&self, name: &str) -> Option<&Arc<Lookup>> {
        alike(&self.known, name)
    }

    /// Why the columns of this table are not known.
    pub fn unread(&self, name: &str) -> Option<&Arc<str>> {
        alike(&self.unread, name)
    }

    /// Whether there is such a table, read or not.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some() || self.unread(name).is_some()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Lookup>> {
        self.known.values()
    }

    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.known.keys().chain(self.unread.keys())
    }
}

fn alike<'a, T>(of: &'a BTreeMap<Arc<str>, T>, name: &str) -> Option<&'a T> {
    if let Some(found) = of.get(name) {
        return Some(found);
    }
    let mut alike = of.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    match (alike.next(), alike.next()) {
        (Some((_, found)), None) => Some(found),
        _ => None,
    }
}

/// A table as rows of the engine's.
fn batch(table: &Table) -> RecordBatch {
    let of = |of: ColumnType| match of {
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Uint64 => DataType::UInt64,
        ColumnType::Float64 => DataType::Float64,
        ColumnType::Text => DataType::Utf8View,
        ColumnType::Bytes => DataType::Binary,
        ColumnType::Time => time_type(),
    };
    let fields: Vec<_> = table.shape().map(|(name, own)| field(name, of(own), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let columns = table.columns().iter().map(|column| array(&column.values)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(table.rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
        .unwrap_or_else(|_| RecordBatch::new_empty(schema))
}

fn array(values: &ColumnValues) -> ArrayRef {
    match values {
        ColumnValues::Bool(values) => Arc::new(BooleanArray::from(values.clone())),
        ColumnValues::Int64(values) => Arc::new(Int64Array::from(values.clone())),
        ColumnValues::Uint64(values) => Arc::new(UInt64Array::from(values.clone())),
        ColumnValues::Float64(values) => Arc::new(Float64Array::from(values.clone())),
        ColumnValues::Text(values) => {
            Arc::new(StringViewArray::from_iter(values.iter().map(Option::as_deref)))
        }
        ColumnValues::Bytes(values) => {
            Arc::new(BinaryArray::from_iter(values.iter().map(Option::as_deref)))
        }
        ColumnValues::Time(values) => optional_times(values.iter().copied()),
    }
}

/// The version that is there when a statement is planned.
#[derive(Debug)]
pub struct LookupTable(pub Arc<Lookup>);

#[async_trait]
impl TableProvider for LookupTable {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
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
        let table = MemTable::try_new(self.schema(), vec![vec![self.0.rows.clone()]])?;
        table.scan(state, projection, &[], limit).await
    }
}
