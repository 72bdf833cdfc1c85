//! Writes Parquet: row groups that are small enough to be read whole, sorted by tag and time.

use crate::columns::{COLUMNS, Column, SCHEMA};
use crate::index::{Index, KEY, Noting, VERSION};
use crate::output::TagName;
use crate::sealed::Sealed;
use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::io::{self, Write};
use tagwerk_historian::Piece;
use tagwerk_model::Kind;

/// A row group ends with its tag from this many rows on; more where a file has very many groups, so
/// that its footer stays small.
const GROUP_ROWS_MIN: usize = 16 * 1024;
/// A row group ends here, whatever tag it is at.
const GROUP_ROWS_MAX: usize = 128 * 1024;
/// Or once it takes this much memory.
pub(crate) const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;
const GROUPS_UNTIL_LARGER: usize = 256;
const PAGE_ROWS: usize = 8 * 1024;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose<'a> {
    Export,
    /// To be read again, by the edge of this name.
    Archive {
        edge: &'a str,
    },
}

pub(crate) struct ParquetFile<W: Write + Send> {
    writer: ArrowWriter<Sealed<W>>,
    noting: Noting,
    is_archive: bool,
    rows: u64,
}

impl<W: Write + Send> ParquetFile<W> {
    pub fn new(out: W, purpose: Purpose<'_>) -> io::Result<ParquetFile<W>> {
        let options = ArrowWriterOptions::new()
            .with_properties(properties())
            // Every reader shall see what the file says, and nothing of our library's types.
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Sealed::new(out), SCHEMA.clone(), options)
            .map_err(io_error)?;
        let mut noting = Noting::default();
        if let Purpose::Archive { edge } = purpose {
            noting.index = Index { version: VERSION, edge: edge.to_owned(), ..Index::default() };
        }
        let is_archive = matches!(purpose, Purpose::Archive { .. });
        let mut file = ParquetFile { writer, noting, is_archive, rows: 0 };
        file.writer.sync()?;
        file.writer.inner_mut().take();
        Ok(file)
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub fn push(&mut self, tag: &TagName, piece: &Piece) -> io::Result<()> {
        if piece.is_empty() {
            return Ok(());
        }
        let rows = self.writer.in_progress_rows();
        let groups = self.writer.flushed_row_groups().len();
        let enough = GROUP_ROWS_MIN * (1 + groups / GROUPS_UNTIL_LARGER);
        if rows + piece.len() > GROUP_ROWS_MAX
            || self.writer.memory_size() > GROUP_BYTES_MAX
            || (rows >= enough && self.noting.is_new(tag))
        {
            self.end_group()?;
        }
        self.noting.note(tag, piece);
        if !self.is_archive {
            // Only the last tag is needed, to end groups with it.
            self.noting.open.clear();
            let last = self.noting.index.tags.len() - 1;
            self.noting.index.tags.drain(..last);
        }
        let arrays = COLUMNS.iter().map(|(_, column, _)| column.array(tag, piece)).collect();
        let batch = RecordBatch::try_new(SCHEMA.clone(), arrays).map_err(io::Error::other)?;
        self.writer.write(&batch).map_err(io_error)?;
        self.rows += piece.len() as u64;
        Ok(())
    }

    fn end_group(&mut self) -> io::Result<()> {
        if self.writer.in_progress_rows() == 0 {
            return Ok(());
        }
        self.writer.flush().map_err(io_error)?;
        self.writer.sync()?;
        let (at, bytes, crc) = self.writer.inner_mut().take();
        if self.is_archive {
            self.noting.close_group(at, bytes, crc);
        }
        Ok(())
    }

    pub fn end(mut self) -> io::Result<W> {
        self.end_group()?;
        if self.is_archive {
            let index = serde_json::to_string(&self.noting.index).map_err(io::Error::other)?;
            self.writer.append_key_value_metadata(KeyValue::new(KEY.to_owned(), index));
        }
        self.writer.inner_mut().begin_tail();
        self.writer.finish().map_err(io_error)?;
        self.writer.sync()?;
        self.writer.inner_mut().end()
    }
}

fn properties() -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_created_by("Tagwerk".to_owned())
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(2 * GROUP_ROWS_MAX))
        .set_data_page_row_count_limit(PAGE_ROWS);
    for (name, column, _) in COLUMNS {
        let path = ColumnPath::from(*name);
        // Where values repeat, a dictionary is best, and is left for these when they do not.
        properties = match column {
            Column::Time | Column::SourceTime => properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            Column::Of(Kind::I64 | Kind::U64) => {
                properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
            }
            Column::Value | Column::Of(Kind::F64) => {
                properties.set_column_encoding(path, Encoding::BYTE_STREAM_SPLIT)
            }
            _ => properties,
        };
    }
    properties.build()
}

/// The disk's own error where it was one.
pub(crate) fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}
