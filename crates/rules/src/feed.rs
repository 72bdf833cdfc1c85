//! Batches of samples as rows of a table that a rule reads.

use crate::cell::{Cell, CellType, array};
use crate::program::Source;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringViewBuilder};
use arrow::datatypes::{Field, Schema, SchemaRef};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;
use tagwerk_model::{Kind, Quality, SampleBatch, SampleRef, TagId, TagSet};
use tagwerk_sql::stream::{ReadColumn, SAMPLE_COLUMNS, SampleColumn, Stream};

/// Gathers rows of one table, with the columns that one rule needs.
pub struct Feed {
    of: Of,
    types: Vec<CellType>,
    columns: Vec<Gathered>,
    schema: SchemaRef,
    rows: usize,
}

/// A column that is being gathered.
enum Gathered {
    Cells(Vec<Cell>),
    /// Of every sample the same few texts.
    Texts(StringViewBuilder),
}

impl Gathered {
    fn push(&mut self, cell: Cell) {
        match (self, cell) {
            (Gathered::Cells(cells), cell) => cells.push(cell),
            (Gathered::Texts(texts), Cell::Text(text)) => texts.append_value(text),
            (Gathered::Texts(texts), _) => texts.append_null(),
        }
    }

    fn finish(&mut self, own: CellType) -> ArrayRef {
        match self {
            Gathered::Texts(texts) => Arc::new(texts.finish()),
            Gathered::Cells(cells) => {
                let column = array(own, cells);
                cells.clear();
                column
            }
        }
    }
}

enum Of {
    Reads {
        columns: Vec<ReadColumn>,
        devices: HashMap<Arc<str>, Arc<HashMap<TagId, usize>>>,
        /// Of the sets met.
        sets: HashMap<u32, (Arc<TagSet>, Option<Places>)>,
    },
    Samples(Vec<SampleColumn>),
}

/// Where in a set the tag of each column is.
type Places = Arc<[Option<usize>]>;

fn places(columns: &[ReadColumn], of: &HashMap<TagId, usize>, set: &TagSet) -> Places {
    let place = |column: &ReadColumn| {
        let (ReadColumn::Value(tag) | ReadColumn::Quality(tag) | ReadColumn::SourceTime(tag)) =
            column
        else {
            return None;
        };
        set.tags().iter().position(|own| of.get(&own.id) == Some(tag))
    };
    columns.iter().map(place).collect()
}

/// A batch that many feeds take.
pub struct Reading<'a> {
    batch: &'a SampleBatch,
    /// By the places in its set, where a feed has asked for them.
    samples: OnceCell<Vec<Option<SampleRef<'a>>>>,
}

impl<'a> Reading<'a> {
    pub fn of(batch: &'a SampleBatch) -> Reading<'a> {
        Reading { batch, samples: OnceCell::new() }
    }

    fn samples(&self) -> &[Option<SampleRef<'a>>] {
        self.samples.get_or_init(|| {
            let mut samples = vec![None; self.batch.set.len()];
            for sample in self.batch.samples() {
                samples[sample.index] = Some(sample);
            }
            samples
        })
    }
}

impl Feed {
    pub fn new(source: &Source) -> Feed {
        let base = source.used.len();
        let fields: Vec<Arc<Field>> = source.schema.fields()[..base].to_vec();
        let types = fields.iter().map(|field| {
            // Tables have these types only.
            CellType::of(field.data_type()).unwrap_or(CellType::Text)
        });
        let types = types.collect();
        let of = match &source.stream {
            Stream::Samples => {
                Of::Samples(source.used.iter().map(|column| SAMPLE_COLUMNS[*column].1).collect())
            }
            Stream::Reads(shape) => {
                let of_device = |device: &Arc<tagwerk_sql::stream::Device>| {
                    let places =
                        device.tags.iter().filter_map(|(tag, place)| Some((*tag, (*place)?)));
                    (device.name.clone(), Arc::new(places.collect::<HashMap<_, _>>()))
                };
                let columns = &shape.columns;
                Of::Reads {
                    columns: source.used.iter().map(|column| columns[*column]).collect(),
                    devices: shape.devices.iter().map(of_device).collect(),
                    sets: HashMap::new(),
                }
            }
        };
        let columns = (0..base).map(|place| match &of {
            Of::Samples(columns) if is_name(columns[place]) => {
                Gathered::Texts(StringViewBuilder::new().with_deduplicate_strings())
            }
            _ => Gathered::Cells(Vec::new()),
        });
        let columns = columns.collect();
        let schema = Arc::new(Schema::new(fields));
        Feed { of, types, columns, schema, rows: 0 }
    }

    /// Whether anything of this device is a row of the table.
    pub fn wants(&self, device: &str) -> bool {
        match &self.of {
            Of::Reads { devices, .. } => devices.contains_key(device),
            Of::Samples(_) => true,
        }
    }

    /// Those whose reads are rows of the table; none, where all are.
    pub fn devices(&self) -> Option<impl Iterator<Item = &Arc<str>>> {
        match &self.of {
            Of::Reads { devices, .. } => Some(devices.keys()),
            Of::Samples(_) => None,
        }
    }

    /// Each sample is a row of the table.
    pub fn is_samples(&self) -> bool {
        matches!(self.of, Of::Samples(_))
    }

    pub fn push(&mut self, reading: &Reading<'_>) {
        let batch = reading.batch;
        match &mut self.of {
            Of::Samples(columns) => {
                for sample in batch.samples() {
                    for (column, cells) in columns.iter().zip(&mut self.columns) {
                        match cells {
                            Gathered::Texts(texts) => {
                                texts.append_value(name(*column, batch, &sample));
                            }
                            Gathered::Cells(cells) => cells.push(narrow(*column, batch, &sample)),
                        }
                    }
                    self.rows += 1;
                }
            }
            Of::Reads { columns, devices, sets } => {
                let set = &batch.set;
                let known = sets.get(&set.id()).filter(|(known, _)| Arc::ptr_eq(known, set));
                let places = match known {
                    Some((_, places)) => places.clone(),
                    None => {
                        let of = devices.get(set.device());
                        let places = of.map(|of| places(columns, of, set));
                        sets.insert(set.id(), (set.clone(), places.clone()));
                        places
                    }
                };
                let Some(places) = places else { return };
                let samples = reading.samples();
                let found = places.iter().map(|place| samples[(*place)?].as_ref());
                let columns = columns.iter().zip(&mut self.columns).zip(&self.types);
                for (((column, cells), own), sample) in columns.zip(found) {
                    cells.push(match column {
                        ReadColumn::Time => Cell::Time(batch.unix_ns),
                        ReadColumn::Device => Cell::Text(set.device().into()),
                        ReadColumn::Value(_) => {
                            let value = sample.and_then(|sample| sample.value);
                            value.map_or(Cell::Null, |value| typed(Cell::from_value(value), *own))
                        }
                        ReadColumn::Quality(_) => {
                            sample.map_or(Cell::Null, |sample| severity(sample.quality))
                        }
                        ReadColumn::SourceTime(_) => {
                            sample.and_then(|s| s.source_time).map_or(Cell::Null, Cell::Time)
                        }
                    });
                }
                self.rows += 1;
            }
        }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The rows gathered; none, where there are none.
    pub fn finish(&mut self) -> Option<RecordBatch> {
        if self.rows == 0 {
            return None;
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let fields = self.schema.fields().iter();
        let columns = self.types.iter().zip(&mut self.columns).zip(fields);
        let columns = columns.map(|((own, gathered), field)| -> Option<ArrayRef> {
            let column = gathered.finish(*own);
            match column.data_type() == field.data_type() {
                true => Some(column),
                false => arrow::compute::cast(&column, field.data_type()).ok(),
            }
        });
        let columns: Option<Vec<ArrayRef>> = columns.collect();
        self.rows = 0;
        RecordBatch::try_new_with_options(self.schema.clone(), columns?, &options).ok()
    }
}

fn is_name(column: SampleColumn) -> bool {
    use SampleColumn::{Device, Quality, Tag, Type, Unit};
    matches!(column, Device | Tag | Quality | Unit | Type)
}

/// A text that many samples share.
fn name<'a>(column: SampleColumn, batch: &'a SampleBatch, sample: &SampleRef<'_>) -> &'a str {
    let tag = &batch.set.tags()[sample.index];
    match column {
        SampleColumn::Device => batch.set.device(),
        SampleColumn::Tag => &tag.name,
        SampleColumn::Unit => &tag.unit,
        SampleColumn::Type => tag.data_type.name(),
        _ => sample.quality.severity().name(),
    }
}

fn severity(quality: Quality) -> Cell {
    Cell::Text(quality.severity().name().into())
}

/// A value in a column of devices with other types.
fn typed(cell: Cell, wanted: CellType) -> Cell {
    let own = match &cell {
        Cell::Null => return cell,
        Cell::Bool(_) => CellType::Bool,
        Cell::I64(_) => CellType::I64,
        Cell::U64(_) => CellType::U64,
        Cell::F64(_) => CellType::F64,
        Cell::Text(_) => CellType::Text,
        Cell::Bytes(_) => CellType::Bytes,
        Cell::Time(_) => CellType::Time,
    };
    if own == wanted {
        return cell;
    }
    let column = array(own, &[cell]);
    let cast = arrow::compute::cast(&column, &wanted.arrow());
    cast.ok().and_then(|column| crate::cell::cells(&column).pop()).unwrap_or(Cell::Null)
}

fn narrow(column: SampleColumn, batch: &SampleBatch, sample: &SampleRef<'_>) -> Cell {
    let of = |kind: Kind| match (batch.set.kind(sample.index), kind) {
        (own, wanted) if own == wanted => sample.value.map_or(Cell::Null, Cell::from_value),
        (Kind::List, Kind::Text) => sample.value.map_or(Cell::Null, Cell::from_value),
        _ => Cell::Null,
    };
    match column {
        SampleColumn::Time => Cell::Time(batch.unix_ns),
        SampleColumn::Value => {
            sample.value.and_then(|v| Cell::from_value(v).as_f64()).map_or(Cell::Null, Cell::F64)
        }
        SampleColumn::Code => Cell::U64(u64::from(sample.quality.0)),
        SampleColumn::SourceTime => sample.source_time.map_or(Cell::Null, Cell::Time),
        SampleColumn::Of(kind) => of(kind),
        column => Cell::Text(name(column, batch, sample).into()),
    }
}
