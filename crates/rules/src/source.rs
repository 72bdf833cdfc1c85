//! A table that a rule reads, with what of it the rule needs.

use crate::error::RuleError;
use crate::reading::Table;
use crate::table::Slot;
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use std::sync::Arc;
use tagwerk_sql::stream::{Filling, LastReads, Stream, filled_of};

/// A table that a rule reads.
pub struct Source {
    pub table: String,
    pub stream: Stream,
    /// The columns that the rule needs, by their places in the table; the time is the first.
    pub used: Vec<usize>,
    /// These columns, and what is computed over the stream.
    pub schema: SchemaRef,
    pub slot: Arc<Slot>,
    /// Of rows in which what was read last stands where a read did not ask.
    pub filling: Option<Filling>,
}

impl Source {
    /// The columns that come from outside, without what is computed over the stream.
    pub fn base(&self) -> SchemaRef {
        Arc::new(Schema::new(self.schema.fields()[..self.used.len()].to_vec()))
    }

    /// The rows as the rule sees them.
    pub fn seen(&self, rows: &RecordBatch, last: &mut LastReads) -> Result<RecordBatch, RuleError> {
        match &self.filling {
            None => Ok(rows.clone()),
            Some(filling) => Ok(filling.fill(rows, last)?),
        }
    }
}

impl Table {
    /// With the columns that the rule needs of it.
    pub fn into_source(self, used: Vec<usize>, schema: SchemaRef) -> Source {
        let filling = match (&self.stream, self.fill) {
            (Stream::Reads(shape), Some(age)) => {
                let columns: Vec<_> = used.iter().map(|column| shape.columns[*column]).collect();
                Some(Filling::new(&columns, age))
            }
            _ => None,
        };
        let table = filled_of(&self.name).map_or(self.name.clone(), |(of, _)| of.to_owned());
        Source { table, stream: self.stream, used, schema, slot: self.slot, filling }
    }
}
