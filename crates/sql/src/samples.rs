//! `samples`: every sample of every tag in one row each, with one exact column per type of value.

use crate::columns::{
    Part, Whole, doubles_of, field, kind_type, nulls, repeated, time_type, times_of,
};
use crate::partition::{Batches, partitioned};
use crate::planning::partitions;
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
use tagwerk_historian::{Piece, Scan, Wanted};
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

    /// Of all parts of a batch, one behind the other.
    fn array(self, parts: &[(&TagEntry, Part<'_>)]) -> Result<ArrayRef> {
        let each = || parts.iter().map(|(_, part)| part);
        let texts = |text: for<'a> fn(&'a TagEntry, &'a Piece) -> &'a str| {
            repeated(parts.iter().map(|(tag, part)| (text(tag, part.piece), part.len())))
        };
        let joined = |array: &dyn Fn(&Part<'_>) -> ArrayRef| {
            let arrays: Vec<ArrayRef> = each().map(array).collect();
            match &arrays[..] {
                [one] => Ok(one.clone()),
                many => Ok(concat(&many.iter().map(AsRef::as_ref).collect::<Vec<_>>())?),
            }
        };
        match self {
            Column::Time => Ok(times_of(each())),
            Column::Device => texts(|tag, _| &tag.device),
            Column::Tag => texts(|tag, _| &tag.name),
            Column::Value => Ok(doubles_of(each(), |_| true)),
            Column::Quality => joined(&|part| part.severities()),
            Column::Code => joined(&|part| part.codes()),
            Column::SourceTime => joined(&|part| part.source_times()),
            Column::Of(Kind::F64) => Ok(doubles_of(each(), |kind| kind == Kind::F64)),
            Column::Of(kind) => joined(&|part| match kind == column_of(part.kind()) {
                true => part.values(),
                false => nulls(&kind_type(kind), part.len()),
            }),
            Column::Unit => texts(|_, piece| &piece.unit),
            Column::Type => texts(|_, piece| piece.data_type.name()),
        }
    }
}

/// What has to be read for these columns.
fn wanted(columns: &[Column]) -> Wanted {
    let value = |column: &Column| matches!(column, Column::Value | Column::Of(_));
    Wanted {
        times: columns.contains(&Column::Time),
        source_times: columns.contains(&Column::SourceTime),
        values: columns.iter().any(value),
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
        _: Option<usize>,
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
        let parts = match self.which {
            Which::All => {
                let ids = tags.iter().map(|tag| tag.id);
                partitions(state, &*self.source, ids, &span(filters)).0
            }
            Which::Newest => tags.len().min(state.config().target_partitions()).max(1),
        };
        let share = tags.len().div_ceil(parts).max(1);
        let shares = tags.chunks(share).map(<[TagEntry]>::to_vec);
        let makers = shares.map(|tags| scan.clone().maker(tags)).collect();
        partitioned(schema, makers, sorted)
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
        let parts = match alone(parts) {
            Ok(piece) => {
                let Some(tag) = known.get(&piece.tag) else { return Ok(None) };
                return self.whole(tag, Whole::new(piece)).map(Some);
            }
            Err(parts) => parts,
        };
        let parts: Vec<(&TagEntry, Part<'_>)> = parts
            .iter()
            .filter_map(|(piece, rows)| {
                Some((known.get(&piece.tag)?, Part { piece, rows: rows.clone() }))
            })
            .collect();
        if parts.is_empty() {
            return Ok(None);
        }
        let arrays = self.columns.iter().map(|column| column.array(&parts));
        let count = parts.iter().map(|(_, part)| part.len()).sum();
        self.of_columns(arrays, count).map(Some)
    }

    fn whole(&self, tag: &TagEntry, piece: Whole) -> Result<RecordBatch> {
        let part = [(tag, piece.part())];
        let arrays = self.columns.iter().map(|column| {
            let own = match column {
                Column::Time => piece.times.clone(),
                Column::Value | Column::Of(Kind::F64) => piece.doubles.clone(),
                _ => None,
            };
            own.map_or_else(|| column.array(&part), Ok)
        });
        self.of_columns(arrays, part[0].1.len())
    }

    fn of_columns(
        &self,
        arrays: impl Iterator<Item = Result<ArrayRef>>,
        count: usize,
    ) -> Result<RecordBatch> {
        let arrays = arrays.collect::<Result<Vec<ArrayRef>>>()?;
        // A statement such as count(*) asks for no column at all.
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)?)
    }

    fn pieces(&self, tags: Vec<TagId>, cancel: crate::partition::Cancel) -> Pieces {
        let scan = Scan {
            tags,
            from_unix_ns: self.span.start,
            to_unix_ns: self.span.end,
            cancel: Some(cancel),
            together: ROWS,
            ..Scan::default()
        };
        match self.which {
            Which::All => self.source.history_columns(&scan, wanted(&self.columns)),
            Which::Newest => crate::latest::pieces(&*self.source, &scan),
        }
    }
}

/// Rows of the first batch at least: a statement may want no more.
const ROWS_FIRST: usize = 256;
/// A piece of more rows is a batch: putting it together with others would be to copy it.
const ROWS_ALONE: usize = ROWS / 4;

type PartOf = (Arc<Piece>, Range<usize>);

fn is_alone(rows: usize) -> bool {
    (ROWS_ALONE..=ROWS).contains(&rows)
}

/// The piece that is a batch by itself, which nobody else holds.
fn alone(mut parts: Vec<PartOf>) -> std::result::Result<Piece, Vec<PartOf>> {
    match parts.pop() {
        Some((piece, rows)) if parts.is_empty() && rows.len() == piece.len() => {
            Arc::try_unwrap(piece).map_err(|piece| vec![(piece, rows)])
        }
        Some(last) => {
            parts.push(last);
            Err(parts)
        }
        None => Err(parts),
    }
}

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
            let Some((piece, rows)) = self.next(ROWS - count, count == 0)? else { break };
            let is_batch = is_alone(piece.len()) && rows.len() == piece.len();
            count += rows.len();
            parts.push((piece, rows));
            if is_batch {
                break;
            }
        }
        self.wanted = (self.wanted * 16).min(ROWS);
        Ok(parts)
    }

    /// The next part, of at most so many rows; nothing where it would be a batch that has begun.
    fn next(
        &mut self,
        rows_max: usize,
        begins: bool,
    ) -> std::result::Result<Option<PartOf>, String> {
        loop {
            if let Some((piece, at)) = self.current.take() {
                if !begins && at == 0 && is_alone(piece.len()) {
                    self.current = Some((piece, at));
                    return Ok(None);
                }
                let end = (at + rows_max).min(piece.len());
                if end < piece.len() {
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
