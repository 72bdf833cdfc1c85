//! Rows as JSON, CSV or Arrow.

use crate::error::{Fault, SqlError};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::csv::{Writer, WriterBuilder};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    SchemaRef, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::ipc::writer::StreamWriter;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::io::Write;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Rows of a JSON array, with commas between and none around.
    JsonRows {
        text: bool,
    },
    Csv,
    Arrow,
}

/// Turns batches into bytes, in the order: batches, then the end.
pub struct Encoder {
    format: Format,
    schema: SchemaRef,
    arrow: Option<StreamWriter<Vec<u8>>>,
    rows: u64,
}

const TIMES: FormatOptions<'static> = FormatOptions::new()
    .with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.fZ"))
    .with_timestamp_format(Some("%Y-%m-%dT%H:%M:%S%.f"));

impl Encoder {
    pub fn new(format: Format, schema: SchemaRef) -> Result<Encoder, SqlError> {
        let arrow = match format {
            Format::Arrow => Some(StreamWriter::try_new(Vec::new(), &schema).map_err(broken)?),
            _ => None,
        };
        Ok(Encoder { format, schema, arrow, rows: 0 })
    }

    pub fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, SqlError> {
        let mut out = Vec::new();
        match self.format {
            Format::JsonRows { text } => json_rows(batch, text, self.rows > 0, &mut out)?,
            Format::Csv => {
                let mut writer = csv_writer(self.rows == 0, &mut out);
                writer.write(batch).map_err(broken)?;
            }
            Format::Arrow => {
                if let Some(writer) = &mut self.arrow {
                    writer.write(batch).map_err(broken)?;
                    out = std::mem::take(writer.get_mut());
                }
            }
        }
        self.rows += batch.num_rows() as u64;
        Ok(out)
    }

    /// What comes behind the last batch.
    pub fn end(mut self) -> Result<Vec<u8>, SqlError> {
        match self.format {
            Format::JsonRows { .. } => Ok(Vec::new()),
            Format::Csv if self.rows > 0 => Ok(Vec::new()),
            Format::Csv => {
                let mut out = Vec::new();
                let empty = RecordBatch::new_empty(self.schema.clone());
                csv_writer(true, &mut out).write(&empty).map_err(broken)?;
                Ok(out)
            }
            Format::Arrow => match self.arrow.take() {
                Some(mut writer) => {
                    writer.finish().map_err(broken)?;
                    writer.into_inner().map_err(broken)
                }
                None => Ok(Vec::new()),
            },
        }
    }
}

fn csv_writer<W: Write>(header: bool, out: W) -> Writer<W> {
    WriterBuilder::new()
        .with_header(header)
        .with_timestamp_tz_format("%Y-%m-%dT%H:%M:%S%.fZ".to_owned())
        .build(out)
}

fn broken(error: arrow::error::ArrowError) -> SqlError {
    SqlError::new(Fault::Inside, format!("rows cannot be written: {error}"))
}

fn json_rows(
    batch: &RecordBatch,
    text: bool,
    mut more: bool,
    out: &mut Vec<u8>,
) -> Result<(), SqlError> {
    let cells = batch.columns().iter().map(|array| Cells::new(array, text));
    let cells = cells.collect::<Result<Vec<_>, _>>()?;
    for row in 0..batch.num_rows() {
        if more {
            out.push(b',');
        }
        more = true;
        out.push(b'[');
        for (i, cell) in cells.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            cell.write(row, out)?;
        }
        out.push(b']');
    }
    Ok(())
}

struct Cells<'a> {
    array: &'a ArrayRef,
    formatter: ArrayFormatter<'a>,
    text: bool,
}

impl<'a> Cells<'a> {
    fn new(array: &'a ArrayRef, text: bool) -> Result<Cells<'a>, SqlError> {
        let formatter = ArrayFormatter::try_new(array, &TIMES).map_err(broken)?;
        Ok(Cells { array, formatter, text })
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), SqlError> {
        if self.array.is_null(row) {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        // Writing into memory cannot fail.
        match self.plain(row) {
            Some(plain) if !self.text => out.extend_from_slice(plain.as_bytes()),
            _ => {
                let shown = self.formatter.value(row).try_to_string().map_err(broken)?;
                let quoted = serde_json::to_vec(&shown);
                out.extend(quoted.map_err(|e| SqlError::new(Fault::Inside, e.to_string()))?);
            }
        }
        Ok(())
    }

    /// Numbers and truth as JSON has them; none for what it does not have, such as infinity.
    fn plain(&self, row: usize) -> Option<String> {
        let array = self.array;
        let finite = |v: f64| v.is_finite().then(|| v.to_string());
        match array.data_type() {
            DataType::Boolean => Some(array.as_boolean().value(row).to_string()),
            DataType::Int8 => Some(array.as_primitive::<Int8Type>().value(row).to_string()),
            DataType::Int16 => Some(array.as_primitive::<Int16Type>().value(row).to_string()),
            DataType::Int32 => Some(array.as_primitive::<Int32Type>().value(row).to_string()),
            DataType::Int64 => Some(array.as_primitive::<Int64Type>().value(row).to_string()),
            DataType::UInt8 => Some(array.as_primitive::<UInt8Type>().value(row).to_string()),
            DataType::UInt16 => Some(array.as_primitive::<UInt16Type>().value(row).to_string()),
            DataType::UInt32 => Some(array.as_primitive::<UInt32Type>().value(row).to_string()),
            DataType::UInt64 => Some(array.as_primitive::<UInt64Type>().value(row).to_string()),
            DataType::Float32 => {
                let value = array.as_primitive::<Float32Type>().value(row);
                value.is_finite().then(|| value.to_string())
            }
            DataType::Float64 => finite(array.as_primitive::<Float64Type>().value(row)),
            // What signed and unsigned whole numbers come to together.
            DataType::Decimal128(_, 0) => {
                Some(array.as_primitive::<Decimal128Type>().value(row).to_string())
            }
            _ => None,
        }
    }
}
