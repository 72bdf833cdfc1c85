//! A table per device: one typed column per tag, one row per instant at which any of them was read.

use crate::columns::{Part, field, nulls, time_type, times, value_type};
use crate::partition::{Batches, Cancel, partitioned};
use crate::samples::ROWS;
use crate::select::{Span, pushdown, span};
use crate::source::{Pieces, Source, TagEntry};
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DataType as ArrowType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use tagwerk_historian::{Piece, Scan};

/// What a column of a device's table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Time,
    /// Of the tag with this index among the device's.
    Value(usize),
    Quality(usize),
    SourceTime(usize),
}

impl Column {
    fn tag(self) -> Option<usize> {
        match self {
            Column::Time => None,
            Column::Value(tag) | Column::Quality(tag) | Column::SourceTime(tag) => Some(tag),
        }
    }
}

pub struct DeviceTable {
    source: Arc<dyn Source>,
    device: Arc<str>,
    tags: Arc<[TagEntry]>,
    columns: Vec<Column>,
    schema: SchemaRef,
}

impl fmt::Debug for DeviceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceTable({})", self.device)
    }
}

impl DeviceTable {
    /// A tag whose column's name is taken by another gets none of that name: its own value comes
    /// before another tag's quality.
    pub fn new(source: Arc<dyn Source>, tags: &[TagEntry]) -> DeviceTable {
        let device = tags.first().map_or_else(|| Arc::from(""), |tag| tag.device.clone());
        let names: HashSet<&str> = tags.iter().map(|tag| tag.name.as_ref()).collect();
        let mut taken: HashSet<String> = HashSet::from(["time".to_owned()]);
        let mut fields = vec![field("time", time_type(), false)];
        let mut columns = vec![Column::Time];
        for (index, tag) in tags.iter().enumerate() {
            let own = match tag.name.as_ref() {
                "time" => "time_value".to_owned(),
                name => name.to_owned(),
            };
            let aside = [
                (format!("{}_quality", tag.name), ArrowType::Utf8View, Column::Quality(index)),
                (format!("{}_source_time", tag.name), time_type(), Column::SourceTime(index)),
            ];
            let aside = aside.into_iter().filter(|(name, ..)| !names.contains(name.as_str()));
            let value = (own, value_type(tag.data_type), Column::Value(index));
            for (name, data_type, column) in std::iter::once(value).chain(aside) {
                if taken.insert(name.clone()) {
                    fields.push(Field::new(name, data_type, true));
                    columns.push(column);
                }
            }
        }
        let schema = Arc::new(Schema::new(fields));
        DeviceTable { source, device, tags: tags.into(), columns, schema }
    }
}

#[async_trait]
impl TableProvider for DeviceTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(pushdown(filters, false))
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let picked = projection.unwrap_or(&all);
        let schema = Arc::new(self.schema.project(picked)?);
        let columns: Vec<Column> = picked.iter().map(|i| self.columns[*i]).collect();
        // Which rows there are, every tag decides, whatever is asked of them.
        let wanted: Vec<usize> = (0..self.tags.len()).collect();
        let scan = DeviceScan {
            source: self.source.clone(),
            tags: self.tags.clone(),
            wanted: wanted.into(),
            columns: columns.into(),
            schema: schema.clone(),
            span: span(filters),
        };
        let make: Batches = Arc::new(move |cancel| Box::new(scan.clone().rows(cancel)));
        partitioned(schema, vec![make], true, limit)
    }
}

#[derive(Clone)]
struct DeviceScan {
    source: Arc<dyn Source>,
    tags: Arc<[TagEntry]>,
    wanted: Arc<[usize]>,
    columns: Arc<[Column]>,
    schema: SchemaRef,
    span: Span,
}

impl DeviceScan {
    fn rows(self, cancel: Cancel) -> Rows {
        let tracks = self.wanted.iter().map(|index| {
            let scan = Scan {
                tags: vec![self.tags[*index].id],
                from_unix_ns: self.span.start,
                to_unix_ns: self.span.end,
                newest_first: false,
                cancel: Some(cancel.clone()),
            };
            Track {
                index: *index,
                pieces: self.source.history(&scan),
                piece: None,
                at: 0,
                begun: 0,
                parts: Vec::new(),
                places: Vec::new(),
                taken: 0,
            }
        });
        let tracks = tracks.collect();
        Rows { scan: self, tracks, ended: false }
    }
}

/// One tag on its way through its pieces, and what of it the batch in the making has.
struct Track {
    index: usize,
    pieces: Pieces,
    piece: Option<Arc<Piece>>,
    at: usize,
    /// Where in the current piece the batch's part begins.
    begun: usize,
    parts: Vec<(Arc<Piece>, Range<usize>)>,
    /// For each row the sample among those taken.
    places: Vec<Option<u32>>,
    taken: u32,
}

impl Track {
    /// Time of the next sample.
    fn time(&mut self) -> std::result::Result<Option<i64>, String> {
        loop {
            if let Some(time) = self.piece.as_ref().and_then(|piece| piece.times.get(self.at)) {
                return Ok(Some(*time));
            }
            self.close_part();
            match self.pieces.next() {
                None => return Ok(None),
                Some(piece) => (self.piece, self.at, self.begun) = (Some(Arc::new(piece?)), 0, 0),
            }
        }
    }

    fn take(&mut self) {
        self.places.push(Some(self.taken));
        self.taken += 1;
        self.at += 1;
    }

    fn close_part(&mut self) {
        if let Some(piece) = &self.piece
            && self.begun < self.at
        {
            self.parts.push((piece.clone(), self.begun..self.at));
            self.begun = self.at;
        }
    }

    /// A column of the batch out of the samples taken.
    fn array(&self, data_type: &ArrowType, of: impl Fn(&Part<'_>) -> ArrayRef) -> Result<ArrayRef> {
        let parts = self.parts.iter().map(|(piece, rows)| {
            let array = of(&Part { piece, rows: rows.clone() });
            match array.data_type() == data_type {
                true => Ok(array),
                // A tag that had another type then: what this type can say of it.
                false => cast(&array, data_type).or_else(|_| Ok(nulls(data_type, array.len()))),
            }
        });
        let parts = parts.collect::<Result<Vec<ArrayRef>>>()?;
        let taken = match parts.as_slice() {
            [] => return Ok(nulls(data_type, self.places.len())),
            [one] => one.clone(),
            many => concat(&many.iter().map(AsRef::as_ref).collect::<Vec<_>>())?,
        };
        if self.places.len() == self.taken as usize {
            return Ok(taken);
        }
        Ok(take(&taken, &UInt32Array::from(self.places.clone()), None)?)
    }

    fn clear(&mut self) {
        self.parts.clear();
        self.places.clear();
        self.taken = 0;
    }
}

struct Rows {
    scan: DeviceScan,
    tracks: Vec<Track>,
    ended: bool,
}

impl Rows {
    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        let mut instants = Vec::new();
        while instants.len() < ROWS {
            let mut earliest: Option<i64> = None;
            for track in &mut self.tracks {
                if let Some(time) = track.time().map_err(DataFusionError::Execution)? {
                    earliest = Some(earliest.map_or(time, |known| known.min(time)));
                }
            }
            let Some(instant) = earliest else { break };
            for track in &mut self.tracks {
                match track.time().map_err(DataFusionError::Execution)? == earliest {
                    true => track.take(),
                    false => track.places.push(None),
                }
            }
            instants.push(instant);
        }
        if instants.is_empty() {
            return Ok(None);
        }
        self.tracks.iter_mut().for_each(Track::close_part);
        let columns = self.scan.columns.iter().zip(self.scan.schema.fields());
        let arrays = columns.map(|(column, field)| match column.tag() {
            None => Ok(times(instants.iter().copied())),
            Some(tag) => {
                let found = self.tracks.iter().find(|track| track.index == tag);
                let track = found.ok_or_else(|| {
                    DataFusionError::Internal("a column of a tag that is not read".to_owned())
                })?;
                track.array(field.data_type(), |part| match column {
                    Column::Quality(_) => part.severities(),
                    Column::SourceTime(_) => part.source_times(),
                    Column::Time | Column::Value(_) => part.values(),
                })
            }
        });
        let arrays = arrays.collect::<Result<Vec<ArrayRef>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(instants.len()));
        let batch = RecordBatch::try_new_with_options(self.scan.schema.clone(), arrays, &options)?;
        self.tracks.iter_mut().for_each(Track::clear);
        Ok(Some(batch))
    }
}

impl Iterator for Rows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let batch = self.batch().transpose();
        self.ended = !matches!(batch, Some(Ok(_)));
        batch
    }
}
