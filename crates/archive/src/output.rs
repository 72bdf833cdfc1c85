//! One way out for both formats.

use crate::csv::CsvFile;
use crate::writer::{ParquetFile, Purpose};
use std::io::{self, Write};
use std::sync::Arc;
use tagwerk_historian::Piece;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Parquet,
    Csv,
}

impl Format {
    pub const ALL: [Format; 2] = [Format::Parquet, Format::Csv];

    pub fn name(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::Csv => "csv",
        }
    }

    pub fn from_name(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Format::Parquet => "application/vnd.apache.parquet",
            Format::Csv => "text/csv; charset=utf-8",
        }
    }
}

/// Under which names samples are written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagName {
    pub device: Arc<str>,
    pub name: Arc<str>,
}

/// A file for others to read. Pieces come tag by tag, each tag's in the order of time.
pub struct Output<W: Write + Send>(Kind<W>);

enum Kind<W: Write + Send> {
    Parquet(Box<ParquetFile<W>>),
    Csv(CsvFile<W>),
}

impl<W: Write + Send> Output<W> {
    pub fn new(format: Format, out: W) -> io::Result<Output<W>> {
        Ok(Output(match format {
            Format::Parquet => Kind::Parquet(Box::new(ParquetFile::new(out, Purpose::Export)?)),
            Format::Csv => Kind::Csv(CsvFile::new(out)?),
        }))
    }

    pub fn push(&mut self, tag: &TagName, piece: &Piece) -> io::Result<()> {
        match &mut self.0 {
            Kind::Parquet(file) => file.push(tag, piece),
            Kind::Csv(file) => file.push(tag, piece),
        }
    }

    /// A file without this end is not whole.
    pub fn end(self) -> io::Result<W> {
        match self.0 {
            Kind::Parquet(file) => file.end(),
            Kind::Csv(file) => file.end(),
        }
    }
}
