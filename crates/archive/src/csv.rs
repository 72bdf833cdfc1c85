//! Samples as CSV (RFC 4180): times with nine digits, numbers with all of theirs. A missing value is
//! an empty field, an empty text is `""`.

use crate::columns::{COLUMNS, Column, kind_of};
use crate::output::TagName;
use std::io::{self, Write};
use tagwerk_historian::Piece;
use tagwerk_model::{DataType, Kind, ValueRef, format_unix_ns_exact};

pub(crate) struct CsvFile<W> {
    out: W,
    lines: Vec<u8>,
}

impl<W: Write> CsvFile<W> {
    pub fn new(mut out: W) -> io::Result<CsvFile<W>> {
        let names: Vec<&str> = COLUMNS.iter().map(|(name, ..)| *name).collect();
        out.write_all(names.join(",").as_bytes())?;
        out.write_all(b"\n")?;
        Ok(CsvFile { out, lines: Vec::new() })
    }

    pub fn push(&mut self, tag: &TagName, piece: &Piece) -> io::Result<()> {
        self.lines.clear();
        for row in 0..piece.len() {
            for (place, (_, column, _)) in COLUMNS.iter().enumerate() {
                if place > 0 {
                    self.lines.push(b',');
                }
                cell(&mut self.lines, *column, tag, piece, row)?;
            }
            self.lines.push(b'\n');
        }
        self.out.write_all(&self.lines)
    }

    pub fn end(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

fn cell(
    out: &mut Vec<u8>,
    column: Column,
    tag: &TagName,
    piece: &Piece,
    row: usize,
) -> io::Result<()> {
    let quality = piece.quality(row);
    match column {
        Column::Time => out.write_all(format_unix_ns_exact(piece.times[row]).as_bytes()),
        Column::SourceTime => match piece.source_time(row) {
            Some(time) => out.write_all(format_unix_ns_exact(time).as_bytes()),
            None => Ok(()),
        },
        Column::Device => quoted(out, &tag.device),
        Column::Tag => quoted(out, &tag.name),
        Column::Unit if piece.unit.is_empty() => Ok(()),
        Column::Unit => quoted(out, &piece.unit),
        Column::Type => out.write_all(piece.data_type.name().as_bytes()),
        Column::Quality => out.write_all(quality.severity().name().as_bytes()),
        Column::Code => write!(out, "{}", quality.0),
        Column::Value => match piece.value(row).and_then(ValueRef::as_f64) {
            Some(number) => number_text(out, number),
            None => Ok(()),
        },
        Column::Of(kind) if kind == kind_of(piece.values.kind()) => match piece.value(row) {
            None => Ok(()),
            Some(ValueRef::F64(number)) => number_text(out, number),
            Some(ValueRef::Bytes(bytes)) => {
                // Hexadecimal, as statements answer in CSV.
                bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
            }
            Some(ValueRef::Text(text)) => quoted(out, text),
            Some(value @ ValueRef::List(_)) => quoted(out, &value.to_text(DataType::List)),
            Some(value) => out.write_all(value.to_text(kind_type(kind)).as_bytes()),
        },
        Column::Of(_) => Ok(()),
    }
}

fn kind_type(kind: Kind) -> DataType {
    match kind {
        Kind::Bool => DataType::Bool,
        Kind::I64 => DataType::Int64,
        _ => DataType::Uint64,
    }
}

fn number_text(out: &mut Vec<u8>, number: f64) -> io::Result<()> {
    out.write_all(ValueRef::F64(number).to_text(DataType::Float64).as_bytes())
}

fn quoted(out: &mut Vec<u8>, text: &str) -> io::Result<()> {
    if !text.is_empty() && !text.contains(['"', ',', '\n', '\r']) {
        return out.write_all(text.as_bytes());
    }
    write!(out, "\"{}\"", text.replace('"', "\"\""))
}
