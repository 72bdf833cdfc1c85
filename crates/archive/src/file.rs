//! One archived file: opened, proven and read. Nothing of it is believed before its checksum.

use crate::ArchiveError;
use crate::columns::{Column, SCHEMA, kind_of, place};
use crate::index::{Index, KEY, Run, VERSION};
use crate::output::TagName;
use crate::sealed::{END_BYTES, SEAL_BYTES, seal};
use crate::writer::GROUP_BYTES_MAX;
use bytes::{Buf, Bytes};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::{ChunkReader, Length};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tagwerk_env::{Access, Disk, DiskFile};
use tagwerk_model::DataType;

/// A larger footer is not read.
const FOOTER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A row group takes less encoded than it took while it grew, but a single sample may be large.
const GROUP_READ_MAX: u64 = 8 * GROUP_BYTES_MAX as u64;
/// Rows decoded at once.
const BATCH_ROWS: usize = 4_096;

pub(crate) struct ArchiveFile {
    pub path: PathBuf,
    pub index: Index,
    /// About what it takes in memory.
    pub weight: usize,
    file: Box<dyn DiskFile>,
    metadata: ArrowReaderMetadata,
    /// By `device/tag`.
    places: HashMap<String, Vec<Place>>,
}

/// Where a run lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub group: usize,
    /// Rows before it in its group.
    pub skip: usize,
    pub run: Run,
}

fn key(device: &str, tag: &str) -> String {
    format!("{device}/{tag}")
}

impl ArchiveFile {
    pub fn open(disk: &dyn Disk, path: &Path, edge: &str) -> Result<ArchiveFile, ArchiveError> {
        let file = disk
            .open(path, Access::Read)
            .map_err(|error| ArchiveError::Io { path: path.to_owned(), error })?;
        ArchiveFile::read(file, path, edge)
    }

    pub fn read(
        file: Box<dyn DiskFile>,
        path: &Path,
        edge: &str,
    ) -> Result<ArchiveFile, ArchiveError> {
        let failed = |error| ArchiveError::Io { path: path.to_owned(), error };
        let length = file.length().map_err(failed)?;
        let footer = footer(&*file, path, length)?;
        let damaged = |what| ArchiveError::Damaged { path: path.to_owned(), what };
        let parsed = ParquetMetaDataReader::decode_metadata(&footer)
            .map_err(|_| damaged("its footer cannot be read"))?;
        let index = index(&parsed, path, edge)?;
        let rows: Vec<i64> = parsed.row_groups().iter().map(|group| group.num_rows()).collect();
        if !index.is_sound(length, &rows) {
            return Err(damaged("its index does not fit its rows"));
        }
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::try_new(Arc::new(parsed), options)
            .map_err(|_| damaged("its columns cannot be read"))?;
        let same = |(a, b): (&Arc<arrow::datatypes::Field>, &Arc<arrow::datatypes::Field>)| {
            a.name() == b.name() && a.data_type() == b.data_type()
        };
        let (found, known) = (metadata.schema().fields(), SCHEMA.fields());
        if found.len() != known.len() || !found.iter().zip(known).all(same) {
            return Err(damaged("its columns are not those of samples"));
        }
        let places = places(&index);
        let weight = 4 * footer.len() + 64 * index.tags.len();
        let path = path.to_owned();
        Ok(ArchiveFile { path, index, weight, file, metadata, places })
    }

    pub fn places(&self, device: &str, tag: &str) -> &[Place] {
        self.places.get(&key(device, tag)).map(Vec::as_slice).unwrap_or_default()
    }

    pub fn rows_of(&self, tag: &TagName) -> u64 {
        self.places(&tag.device, &tag.name).iter().map(|place| u64::from(place.run.rows)).sum()
    }

    /// The bytes of a row group, proven.
    pub fn group(&self, number: usize) -> Result<Bytes, ArchiveError> {
        let damaged = |what| ArchiveError::Damaged { path: self.path.clone(), what };
        let group =
            self.index.groups.get(number).ok_or_else(|| damaged("a row group is missing"))?;
        if group.bytes > GROUP_READ_MAX {
            return Err(damaged("a row group is larger than any that is written"));
        }
        let mut bytes = vec![0; group.bytes as usize];
        let read = self.file.read_at(&mut bytes, group.at);
        let read = read.map_err(|error| ArchiveError::Io { path: self.path.clone(), error })?;
        if read != bytes.len() || crc32c::crc32c(&bytes) != group.crc {
            return Err(damaged("the checksum of a row group is wrong"));
        }
        Ok(bytes.into())
    }

    /// The rows of a run, as the columns of [`crate::read`].
    pub fn rows(
        &self,
        place: &Place,
        bytes: Bytes,
    ) -> Result<ParquetRecordBatchReader, ArchiveError> {
        let group = self.index.groups.get(place.group);
        let source = GroupBytes { at: group.map_or(0, |group| group.at), bytes };
        let columns = columns(place.run).map(crate::columns::place);
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(source, self.metadata.clone());
        let mask = ProjectionMask::roots(builder.parquet_schema(), columns);
        let selection = RowSelection::from(vec![
            RowSelector::skip(place.skip),
            RowSelector::select(place.run.rows as usize),
        ]);
        builder
            .with_row_groups(vec![place.group])
            .with_projection(mask)
            .with_row_selection(selection)
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|_| self.damaged("a row group cannot be decoded"))
    }

    pub fn damaged(&self, what: &'static str) -> ArchiveError {
        ArchiveError::Damaged { path: self.path.clone(), what }
    }
}

/// The columns that make a piece of a run, in their order in the file.
fn columns(run: Run) -> [Column; 4] {
    let kind = DataType::from_code(run.data_type).map_or(tagwerk_model::Kind::F64, DataType::kind);
    let columns = [Column::Time, Column::Code, Column::SourceTime, Column::Of(kind_of(kind))];
    debug_assert!(columns.is_sorted_by_key(|column| place(*column)));
    columns
}

/// The footer, once its seal is good.
fn footer(file: &dyn DiskFile, path: &Path, length: u64) -> Result<Vec<u8>, ArchiveError> {
    let failed = |error| ArchiveError::Io { path: path.to_owned(), error };
    let damaged = |what| ArchiveError::Damaged { path: path.to_owned(), what };
    let foreign = || ArchiveError::Foreign {
        path: path.to_owned(),
        why: "no edge wrote it, or it was written anew by another program".to_owned(),
    };
    let mut end = [0; END_BYTES];
    let at = length.checked_sub(END_BYTES as u64).ok_or_else(|| damaged("it is cut off"))?;
    let read = file.read_at(&mut end, at).map_err(failed)?;
    if read != END_BYTES || !end.ends_with(b"PAR1") {
        return Err(damaged("it is cut off, or no Parquet"));
    }
    let size = u32::from_le_bytes([end[0], end[1], end[2], end[3]]) as usize;
    let with_seal = size + SEAL_BYTES;
    if size > FOOTER_BYTES_MAX {
        return Err(damaged("its footer is too large"));
    }
    let at = at.checked_sub(with_seal as u64).ok_or_else(foreign)?;
    let mut bytes = vec![0; with_seal];
    if file.read_at(&mut bytes, at).map_err(failed)? != with_seal {
        return Err(damaged("it is cut off"));
    }
    let footer = bytes.split_off(SEAL_BYTES);
    if !bytes.starts_with(crate::sealed::MARK) {
        return Err(foreign());
    }
    match bytes[..] == seal(&footer) {
        true => Ok(footer),
        false => Err(damaged("the checksum of its footer is wrong")),
    }
}

fn index(parsed: &ParquetMetaData, path: &Path, edge: &str) -> Result<Index, ArchiveError> {
    let foreign = |why: String| ArchiveError::Foreign { path: path.to_owned(), why };
    let pairs = parsed.file_metadata().key_value_metadata();
    let text = pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == KEY));
    let Some(text) = text.and_then(|pair| pair.value.as_deref()) else {
        return Err(foreign("it is an export, not an archived day".to_owned()));
    };
    let index: Index = serde_json::from_str(text).map_err(|_| ArchiveError::Damaged {
        path: path.to_owned(),
        what: "its index cannot be read",
    })?;
    if index.version > VERSION {
        return Err(foreign(format!(
            "it has version {}, this program knows up to {VERSION}",
            index.version
        )));
    }
    if index.edge != edge {
        return Err(foreign(format!("the edge `{}` wrote it, this one is `{edge}`", index.edge)));
    }
    Ok(index)
}

fn places(index: &Index) -> HashMap<String, Vec<Place>> {
    let mut places: HashMap<String, Vec<Place>> = HashMap::new();
    for (number, group) in index.groups.iter().enumerate() {
        let mut skip = 0;
        for run in &group.runs {
            if let Some((device, tag)) = index.tags.get(run.tag as usize) {
                let place = Place { group: number, skip, run: *run };
                places.entry(key(device, tag)).or_default().push(place);
            }
            skip += run.rows as usize;
        }
    }
    places
}

/// A row group that was read, at its place in the file.
struct GroupBytes {
    at: u64,
    bytes: Bytes,
}

impl GroupBytes {
    fn part(&self, start: u64) -> ParquetResult<Bytes> {
        let skip = start.checked_sub(self.at).and_then(|skip| usize::try_from(skip).ok());
        match skip.filter(|skip| *skip <= self.bytes.len()) {
            Some(skip) => Ok(self.bytes.slice(skip..)),
            None => Err(ParquetError::EOF("outside of the row group".to_owned())),
        }
    }
}

impl Length for GroupBytes {
    fn len(&self) -> u64 {
        self.at + self.bytes.len() as u64
    }
}

impl ChunkReader for GroupBytes {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(self.part(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let part = self.part(start)?;
        match length <= part.len() {
            true => Ok(part.slice(..length)),
            false => Err(ParquetError::EOF("beyond the row group".to_owned())),
        }
    }
}
