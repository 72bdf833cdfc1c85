//! A table per device: one typed column per tag, one row per instant at which any of them was read.
//! A table per template is the same of all its devices.

use crate::columns::{Part, field, nulls, text, time_type, times, value_type};
use crate::filled::{self, Filling, LastReads};
use crate::partition::{Batches, Cancel, partitioned};
use crate::planning::partitions;
use crate::samples::ROWS;
use crate::select::{Known, Span, devices, pushdown, span};
use crate::source::{Named, Pieces, Source, TagEntry};
use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DataType as ArrowType, Field, Schema, SchemaRef, TimestampNanosecondType};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use tagwerk_historian::{Piece, Scan, Wanted};
use tagwerk_model::TagId;

/// What a column of such a table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Time,
    Device,
    /// Of the tag with this place among those of the table.
    Value(usize),
    Quality(usize),
    SourceTime(usize),
}

/// A device of the table, and its tags, each with its place among those of the table. A second tag of
/// a name has none.
#[derive(PartialEq, Eq)]
pub struct Device {
    pub name: Arc<str>,
    pub tags: Vec<(TagId, Option<usize>)>,
}

/// Whose reads are the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    OfDevice,
    OfTemplate,
}

/// What such a table is, wherever its rows come from.
#[derive(Clone, PartialEq, Eq)]
pub struct Shape {
    rows: Rows,
    pub devices: Vec<Arc<Device>>,
    pub columns: Vec<Column>,
    pub schema: SchemaRef,
}

pub struct DeviceTable {
    pub source: Arc<dyn Source>,
    pub shape: Shape,
    /// How long a value lasts in rows whose read did not ask for it.
    pub fill: Option<i64>,
}

impl fmt::Debug for DeviceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.shape.devices.iter().map(|device| &*device.name).collect();
        write!(f, "DeviceTable({})", names.join(", "))
    }
}

impl Shape {
    pub fn new(named: &Named<'_>) -> Shape {
        match named {
            Named::Device(tags) => Shape::of(Rows::OfDevice, &[tags]),
            // The rows of several devices, with a column that says of which one each is.
            Named::Template(devices) => Shape::of(Rows::OfTemplate, devices),
        }
    }

    /// A tag whose column's name is taken by another gets none of that name: its own value comes
    /// before another tag's quality.
    fn of(rows: Rows, devices: &[&[TagEntry]]) -> Shape {
        let (tags, devices) = merged(devices);
        let names: HashSet<&str> = tags.iter().map(|(name, _)| name.as_ref()).collect();
        let mut fields = vec![field("time", time_type(), false)];
        let mut columns = vec![Column::Time];
        if rows == Rows::OfTemplate {
            fields.push(field("device", ArrowType::Utf8View, false));
            columns.push(Column::Device);
        }
        let lead: HashSet<String> = fields.iter().map(|field| field.name().clone()).collect();
        let mut taken = lead.clone();
        for (index, (name, data_type)) in tags.iter().enumerate() {
            let own = match lead.contains(name.as_ref()) {
                true => format!("{name}_value"),
                false => name.to_string(),
            };
            let aside = [
                (format!("{name}_quality"), ArrowType::Utf8View, Column::Quality(index)),
                (format!("{name}_source_time"), time_type(), Column::SourceTime(index)),
            ];
            let aside = aside.into_iter().filter(|(name, ..)| !names.contains(name.as_str()));
            let value = (own, data_type.clone(), Column::Value(index));
            for (name, data_type, column) in std::iter::once(value).chain(aside) {
                if taken.insert(name.clone()) {
                    fields.push(Field::new(name, data_type, true));
                    columns.push(column);
                }
            }
        }
        let schema = Arc::new(Schema::new(fields));
        Shape { rows, devices, columns, schema }
    }
}

impl DeviceTable {
    pub fn new(source: Arc<dyn Source>, named: &Named<'_>, fill: Option<i64>) -> DeviceTable {
        DeviceTable { source, shape: Shape::new(named), fill }
    }

    fn known(&self) -> Known {
        match self.shape.rows {
            Rows::OfDevice => Known::Time,
            Rows::OfTemplate => Known::Device,
        }
    }
}

impl Shape {
    /// The devices that conditions leave.
    pub fn chosen(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<Arc<Device>>> {
        let known = &self.devices;
        if self.rows == Rows::OfDevice {
            return Ok(known.clone());
        }
        let names: Vec<&str> = known.iter().map(|device| &*device.name).collect();
        let chosen = devices(state, &names, filters)?;
        let both = known.iter().zip(chosen);
        Ok(both.filter(|(_, chosen)| *chosen).map(|(device, _)| device.clone()).collect())
    }
}

type Merged = (Vec<(Arc<str>, ArrowType)>, Vec<Arc<Device>>);

/// The tags of all devices by name, each once, and where each device has them.
fn merged(devices: &[&[TagEntry]]) -> Merged {
    let mut types: BTreeMap<Arc<str>, ArrowType> = BTreeMap::new();
    for tag in devices.iter().flat_map(|tags| first_of_name(tags)) {
        let own = value_type(tag.data_type);
        let known = types.entry(tag.name.clone()).or_insert_with(|| own.clone());
        if *known != own {
            *known = common(known, &own);
        }
    }
    let places: BTreeMap<Arc<str>, usize> = types.keys().cloned().zip(0..).collect();
    let of_device = |tags: &&[TagEntry]| {
        let firsts: HashSet<TagId> = first_of_name(tags).map(|tag| tag.id).collect();
        let place = |tag: &TagEntry| {
            let place = places.get(&tag.name).copied().filter(|_| firsts.contains(&tag.id));
            (tag.id, place)
        };
        let name = tags.first().map_or_else(|| Arc::from(""), |tag| tag.device.clone());
        Arc::new(Device { name, tags: tags.iter().map(place).collect() })
    };
    let devices = devices.iter().map(of_device).collect();
    (types.into_iter().collect(), devices)
}

fn first_of_name(tags: &[TagEntry]) -> impl Iterator<Item = &TagEntry> {
    let mut seen: HashSet<&str> = HashSet::new();
    tags.iter().filter(move |tag| seen.insert(&tag.name))
}

/// The type of a column of which devices have different types.
fn common(a: &ArrowType, b: &ArrowType) -> ArrowType {
    match a.is_numeric() && b.is_numeric() {
        true => ArrowType::Float64,
        false => ArrowType::Utf8View,
    }
}

#[async_trait]
impl TableProvider for DeviceTable {
    fn schema(&self) -> SchemaRef {
        self.shape.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(pushdown(filters, self.known()))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.shape.columns.len()).collect();
        let picked = projection.unwrap_or(&all);
        let schema = Arc::new(self.shape.schema.project(picked)?);
        let asked = Asked { picked: picked.clone(), span: span(filters) };
        let read = match self.fill {
            None => asked.picked.clone(),
            Some(_) => asked.with_what_fills(&self.shape.columns),
        };
        let columns: Vec<Column> = read.iter().map(|i| self.shape.columns[*i]).collect();
        let scan = DeviceScan {
            source: self.source.clone(),
            fill: self.fill.map(|age| Fill::new(&asked, &read, &columns, age)).map(Arc::new),
            columns: columns.into(),
            schema: Arc::new(self.shape.schema.project(&read)?),
            span: Span {
                start: asked.span.start.saturating_sub(self.fill.unwrap_or(0)),
                ..asked.span
            },
        };
        let devices = self.shape.chosen(state, filters)?;
        let tags = devices.iter().flat_map(|device| device.tags.iter().map(|(tag, _)| *tag));
        let tags: Vec<TagId> = tags.collect();
        let (parts, _) = partitions(state, &*self.source, tags.into_iter(), &span(filters));
        let parts = parts.min(devices.len()).max(1);
        let share = devices.len().div_ceil(parts).max(1);
        let makers = devices.chunks(share).map(|devices| scan.clone().maker(devices.to_vec()));
        partitioned(schema, makers.collect(), devices.len() == 1)
    }
}

/// What a statement asks of the table.
struct Asked {
    picked: Vec<usize>,
    span: Span,
}

impl Asked {
    /// The columns asked for and those that filling reads, each once.
    fn with_what_fills(&self, columns: &[Column]) -> Vec<usize> {
        let mut read: BTreeSet<usize> = self.picked.iter().copied().collect();
        read.extend(filled::needed(columns, &read));
        read.into_iter().collect()
    }
}

/// How rows are filled, and what is given of them.
struct Fill {
    filling: Filling,
    /// Before this time rows only tell what was read last.
    from: i64,
    time: usize,
    picked: Vec<usize>,
}

impl Fill {
    fn new(asked: &Asked, read: &[usize], columns: &[Column], age: i64) -> Fill {
        let place = |column: &usize| read.iter().position(|read| read == column);
        let time = columns.iter().position(|column| *column == Column::Time).unwrap_or_default();
        let picked = asked.picked.iter().filter_map(place).collect();
        Fill { filling: Filling::new(columns, age), from: asked.span.start, time, picked }
    }

    fn given(&self, rows: &RecordBatch, last: &mut LastReads) -> Result<RecordBatch> {
        let filled = self.filling.fill(rows, last)?;
        let times = filled.column(self.time).as_primitive::<TimestampNanosecondType>();
        let before = times.values().partition_point(|time| *time < self.from);
        Ok(filled.slice(before, filled.num_rows() - before).project(&self.picked)?)
    }
}

#[derive(Clone)]
struct DeviceScan {
    source: Arc<dyn Source>,
    fill: Option<Arc<Fill>>,
    columns: Arc<[Column]>,
    schema: SchemaRef,
    span: Span,
}

impl DeviceScan {
    /// One device after the other.
    fn maker(self, devices: Vec<Arc<Device>>) -> Batches {
        Arc::new(move |cancel: Cancel| {
            let (scan, devices) = (self.clone(), devices.clone());
            let fill = scan.fill.clone();
            Box::new(devices.into_iter().flat_map(move |device| {
                let (fill, mut last) = (fill.clone(), LastReads::default());
                scan.clone().reads(device, &cancel).map(move |rows| match &fill {
                    Some(fill) => fill.given(&rows?, &mut last),
                    None => rows,
                })
            }))
        })
    }

    fn has(&self, column: Column) -> bool {
        self.columns.contains(&column)
    }

    /// Which rows there are, every tag decides, whatever is asked of them.
    fn reads(self, device: Arc<Device>, cancel: &Cancel) -> Reads {
        // All tracks are read side by side.
        let together = (SAMPLES_HELD / device.tags.len().max(1)).min(ROWS);
        let tracks = device.tags.iter().map(|(tag, place)| {
            let scan = Scan {
                tags: vec![*tag],
                from_unix_ns: self.span.start,
                to_unix_ns: self.span.end,
                cancel: Some(cancel.clone()),
                together,
                ..Scan::default()
            };
            let has = |of: fn(usize) -> Column| place.is_some_and(|tag| self.has(of(tag)));
            let wanted = Wanted {
                times: true,
                source_times: has(Column::SourceTime),
                values: has(Column::Value),
            };
            Track {
                place: *place,
                pieces: self.source.history_columns(&scan, wanted),
                piece: None,
                at: 0,
                begun: 0,
                parts: Vec::new(),
                places: Vec::new(),
                taken: 0,
            }
        });
        let tracks = tracks.collect();
        Reads { scan: self, device, tracks, ended: false }
    }
}

/// Samples of pieces that are made of several chunks, of all tags of a device.
const SAMPLES_HELD: usize = 1 << 18;

/// One tag on its way through its pieces, and what of it the batch in the making has.
struct Track {
    /// Of its columns; none without any.
    place: Option<usize>,
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

    /// Times of what is left of the current piece.
    fn rest(&self) -> &[i64] {
        self.piece.as_ref().map_or(&[], |piece| &piece.times[self.at..])
    }

    fn is_at(&self, instant: i64) -> bool {
        self.rest().first() == Some(&instant)
    }

    fn take(&mut self, rows: usize) {
        let taken = self.taken + rows as u32;
        self.places.extend((self.taken..taken).map(Some));
        self.taken = taken;
        self.at += rows;
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

/// The reads of one device, in the order of time.
struct Reads {
    scan: DeviceScan,
    device: Arc<Device>,
    tracks: Vec<Track>,
    ended: bool,
}

impl Reads {
    /// The instants from this one on that all tags which have it have in common, and no other has.
    /// Tags are mostly read together.
    fn alike(&self, instant: i64, rows_max: usize) -> &[i64] {
        let mut until = i64::MAX;
        let mut alike: Option<&[i64]> = None;
        for track in &self.tracks {
            let rest = track.rest();
            if !track.is_at(instant) {
                until = rest.first().map_or(until, |next| until.min(*next));
                continue;
            }
            let known = alike.unwrap_or(rest);
            let equal = known.iter().zip(rest).take(rows_max).take_while(|(a, b)| a == b).count();
            alike = Some(&known[..equal]);
        }
        let alike = alike.unwrap_or_default();
        &alike[..alike.partition_point(|time| *time < until)]
    }

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
            let begun = instants.len();
            instants.extend_from_slice(self.alike(instant, ROWS - begun));
            let rows = instants.len() - begun;
            for track in &mut self.tracks {
                match track.is_at(instant) {
                    true => track.take(rows),
                    false => track.places.resize(track.places.len() + rows, None),
                }
            }
        }
        if instants.is_empty() {
            return Ok(None);
        }
        self.tracks.iter_mut().for_each(Track::close_part);
        let columns = self.scan.columns.iter().zip(self.scan.schema.fields());
        let arrays = columns.map(|(column, field)| match *column {
            Column::Time => Ok(times(instants.iter().copied())),
            Column::Device => Ok(text(&self.device.name, instants.len())),
            Column::Value(tag) | Column::Quality(tag) | Column::SourceTime(tag) => {
                let track = self.tracks.iter().find(|track| track.place == Some(tag));
                // A tag that other devices of the template have.
                let Some(track) = track else {
                    return Ok(nulls(field.data_type(), instants.len()));
                };
                track.array(field.data_type(), |part| match column {
                    Column::Quality(_) => part.severities(),
                    Column::SourceTime(_) => part.source_times(),
                    _ => part.values(),
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

impl Iterator for Reads {
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
