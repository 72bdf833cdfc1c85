//! `samples`: every sample of every tag in one row each, with one exact column per type of value.

use crate::columns::{Part, field, kind_type, nulls, text, time_type};
use crate::partition::{Batches, partitioned};
use crate::select::{Known, Span, pushdown, span, tags};
use crate::source::{Pieces, Source, TagEntry};
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::concat;
use arrow::datatypes::{DataType as ArrowType, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock};
use tagwerk_historian::{Piece, Scan};
use tagwerk_model::{Kind, TagId};

/// Rows of one batch.
pub const ROWS: usize = 8_192;

/// A column of `samples`, and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Time,
    Device,
    Tag,
    Value,
    Quality,
    Code,
    SourceTime,
    Of(Kind),
    Unit,
    Type,
}

pub const COLUMNS: &[(&str, Column, &str)] = &[
    ("time", Column::Time, "the edge's time of the read"),
    ("device", Column::Device, "name of the device"),
    ("tag", Column::Tag, "name of the tag"),
    ("value", Column::Value, "the number as a double, exact up to 2^53; NULL for text and bytes"),
    ("quality", Column::Quality, "good, uncertain or bad; a bad sample has no value"),
    ("code", Column::Code, "OPC UA status code with the protocol's own code in its lower half"),
    ("source_time", Column::SourceTime, "the device's own time, where it gives one"),
    ("value_f64", Column::Of(Kind::F64), "value of a tag of type float32 or float64"),
    ("value_i64", Column::Of(Kind::I64), "exact value of a tag of a signed integer type"),
    ("value_u64", Column::Of(Kind::U64), "exact value of a tag of an unsigned integer type"),
    ("value_bool", Column::Of(Kind::Bool), "value of a tag of type bool"),
    ("value_text", Column::Of(Kind::Text), "value of a tag of type text, or a list as JSON"),
    ("value_bytes", Column::Of(Kind::Bytes), "value of a tag of type bytes"),
    ("unit", Column::Unit, "unit of the tag"),
    ("type", Column::Type, "type of the tag"),
];

impl Column {
    fn arrow(self) -> ArrowType {
        match self {
            Column::Time | Column::SourceTime => time_type(),
            Column::Device | Column::Tag | Column::Quality | Column::Unit | Column::Type => {
                ArrowType::Utf8View
            }
            Column::Value => ArrowType::Float64,
            Column::Code => ArrowType::UInt32,
            Column::Of(kind) => kind_type(kind),
        }
    }

    fn may_be_null(self) -> bool {
        matches!(self, Column::Value | Column::SourceTime | Column::Of(_))
    }

    fn array(self, tag: &TagEntry, part: &Part<'_>) -> ArrayRef {
        match self {
            Column::Time => part.times(),
            Column::Device => text(&tag.device, part.len()),
            Column::Tag => text(&tag.name, part.len()),
            Column::Value => part.doubles(),
            Column::Quality => part.severities(),
            Column::Code => part.codes(),
            Column::SourceTime => part.source_times(),
            Column::Of(kind) if kind == column_of(part.kind()) => part.values(),
            Column::Of(kind) => nulls(&kind_type(kind), part.len()),
            Column::Unit => text(&part.piece.unit, part.len()),
            Column::Type => text(part.piece.data_type.name(), part.len()),
        }
    }
}

/// Lists stand as JSON among the texts.
fn column_of(kind: Kind) -> Kind {
    match kind {
        Kind::List => Kind::Text,
        other => other,
    }
}

pub static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let fields =
        COLUMNS.iter().map(|(name, column, _)| field(name, column.arrow(), column.may_be_null()));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
});

pub fn describe(column: &str) -> Option<&'static str> {
    COLUMNS.iter().find(|(name, ..)| *name == column).map(|(_, _, text)| *text)
}

/// Which samples a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    All,
    Newest,
}

pub struct SamplesTable {
    pub source: Arc<dyn Source>,
    pub which: Which,
}

impl fmt::Debug for SamplesTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SamplesTable({:?})", self.which)
    }
}

#[async_trait]
impl TableProvider for SamplesTable {
    fn schema(&self) -> SchemaRef {
        SCHEMA.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(pushdown(filters, Known::Tag))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let table = self.source.tags();
        let tags = tags(state, &table, filters)?;
        let all: Vec<usize> = (0..COLUMNS.len()).collect();
        let picked = projection.unwrap_or(&all);
        let schema = Arc::new(SCHEMA.project(picked)?);
        let columns: Arc<[Column]> = picked.iter().map(|i| COLUMNS[*i].1).collect();
        let scan = SamplesScan {
            source: self.source.clone(),
            which: self.which,
            span: span(filters),
            columns,
            schema: schema.clone(),
        };
        let sorted = tags.len() == 1;
        let parts = tags.len().min(state.config().target_partitions()).max(1);
        let share = tags.len().div_ceil(parts).max(1);
        let shares = tags.chunks(share).map(<[TagEntry]>::to_vec);
        let makers = shares.map(|tags| scan.clone().maker(tags)).collect();
        partitioned(schema, makers, sorted, limit)
    }
}

#[derive(Clone)]
struct SamplesScan {
    source: Arc<dyn Source>,
    which: Which,
    span: Span,
    columns: Arc<[Column]>,
    schema: SchemaRef,
}

impl SamplesScan {
    fn maker(self, tags: Vec<TagEntry>) -> Batches {
        Arc::new(move |cancel| {
            let known: HashMap<TagId, TagEntry> =
                tags.iter().map(|tag| (tag.id, tag.clone())).collect();
            let pieces = self.pieces(tags.iter().map(|tag| tag.id).collect(), cancel);
            let mut rows = Rows { pieces, current: None, wanted: ROWS_FIRST };
            let scan = self.clone();
            Box::new(std::iter::from_fn(move || scan.batch(&mut rows, &known).transpose()))
        })
    }

    fn batch(
        &self,
        rows: &mut Rows,
        known: &HashMap<TagId, TagEntry>,
    ) -> Result<Option<RecordBatch>> {
        let parts = rows.next_parts().map_err(DataFusionError::Execution)?;
        let parts: Vec<(&TagEntry, Part<'_>)> = parts
            .iter()
            .filter_map(|(piece, rows)| {
                Some((known.get(&piece.tag)?, Part { piece, rows: rows.clone() }))
            })
            .collect();
        if parts.is_empty() {
            return Ok(None);
        }
        let column = |column: &Column| -> Result<ArrayRef> {
            let arrays: Vec<ArrayRef> =
                parts.iter().map(|(tag, part)| column.array(tag, part)).collect();
            match &arrays[..] {
                [one] => Ok(one.clone()),
                many => Ok(concat(&many.iter().map(AsRef::as_ref).collect::<Vec<_>>())?),
            }
        };
        let arrays = self.columns.iter().map(column).collect::<Result<Vec<ArrayRef>>>()?;
        // A statement such as count(*) asks for no column at all.
        let count = parts.iter().map(|(_, part)| part.len()).sum();
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(Some(RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)?))
    }

    fn pieces(&self, tags: Vec<TagId>, cancel: crate::partition::Cancel) -> Pieces {
        let scan = Scan {
            tags,
            from_unix_ns: self.span.start,
            to_unix_ns: self.span.end,
            newest_first: false,
            cancel: Some(cancel),
        };
        match self.which {
            Which::All => self.source.history(&scan),
            Which::Newest => crate::latest::pieces(&*self.source, &scan),
        }
    }
}

/// Rows of the first batch at least: a statement may want no more.
const ROWS_FIRST: usize = 256;

type PartOf = (Arc<Piece>, Range<usize>);

/// Cuts pieces into parts, and puts small ones together: work on a batch costs the engine something
/// whatever its size.
struct Rows {
    pieces: Pieces,
    current: Option<(Arc<Piece>, usize)>,
    /// Grows from batch to batch.
    wanted: usize,
}

impl Rows {
    /// What becomes a batch; nothing behind the end.
    fn next_parts(&mut self) -> std::result::Result<Vec<PartOf>, String> {
        let (mut parts, mut count) = (Vec::new(), 0);
        while count < self.wanted {
            let Some((piece, rows)) = self.next(ROWS - count)? else { break };
            count += rows.len();
            parts.push((piece, rows));
        }
        self.wanted = (self.wanted * 4).min(ROWS);
        Ok(parts)
    }

    /// The next part, of at most so many rows.
    fn next(&mut self, rows_max: usize) -> std::result::Result<Option<PartOf>, String> {
        loop {
            if let Some((piece, at)) = self.current.take() {
                let end = (at + rows_max).min(piece.times.len());
                if end < piece.times.len() {
                    self.current = Some((piece.clone(), end));
                }
                if at < end {
                    return Ok(Some((piece, at..end)));
                }
            }
            match self.pieces.next() {
                Some(piece) => self.current = Some((Arc::new(piece?), 0)),
                None => return Ok(None),
            }
        }
    }
}
