//! Rows of archived files as pieces, as history gives them.

use crate::file::{ArchiveFile, Place};
use crate::index::Run;
use crate::writer::{ParquetFile, Purpose};
use crate::{ArchiveError, Direction, TagName};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampNanosecondType, UInt32Type, UInt64Type};
use bytes::Bytes;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tagwerk_env::DiskFile;
use tagwerk_historian::{NO_SOURCE_TIME, Piece, Values};
use tagwerk_model::{DataType, Kind, Qualities, Quality, TagId};

/// The samples of a run that lie in a range of time.
pub(crate) fn run_pieces(
    file: &ArchiveFile,
    place: &Place,
    bytes: Bytes,
    tag: TagId,
    range: (i64, i64),
    direction: Direction,
) -> Result<Vec<Piece>, ArchiveError> {
    let broken = || file.damaged("rows cannot be decoded");
    let unit = file.index.units.get(place.run.unit as usize).map(String::as_str);
    let unit: Arc<str> = unit.unwrap_or_default().into();
    let mut pieces = Vec::new();
    for batch in file.rows(place, bytes)? {
        let batch = batch.map_err(|_| broken())?;
        let piece = piece(&batch, place.run, tag, &unit).ok_or_else(broken)?;
        if !piece.times.is_sorted() {
            return Err(file.damaged("rows are not in the order of time"));
        }
        let from = piece.times.partition_point(|time| *time < range.0);
        let to = piece.times.partition_point(|time| *time < range.1);
        if from < to {
            pieces.push(match (from, to) == (0, piece.len()) {
                true => piece,
                false => piece.slice(from..to),
            });
        }
    }
    if direction == Direction::Backward {
        pieces.reverse();
        pieces.iter_mut().for_each(Piece::reverse);
    }
    Ok(pieces)
}

/// Columns: time, code, source time, value.
fn piece(batch: &RecordBatch, run: Run, tag: TagId, unit: &Arc<str>) -> Option<Piece> {
    let data_type = DataType::from_code(run.data_type)?;
    let times = batch.column(0).as_primitive_opt::<TimestampNanosecondType>()?;
    let codes = batch.column(1).as_primitive_opt::<UInt32Type>()?;
    let sources = batch.column(2).as_primitive_opt::<TimestampNanosecondType>()?;
    if times.null_count() > 0 || codes.null_count() > 0 {
        return None;
    }
    let values = values(batch.column(3), data_type.kind())?;
    let mut piece = Piece::new(tag, data_type, unit.clone(), times.values().to_vec(), values);
    if sources.null_count() < sources.len() {
        let each = sources.iter().map(|time| time.unwrap_or(NO_SOURCE_TIME));
        piece.source_times = Some(each.collect());
    }
    let codes = codes.values();
    piece.qualities = match codes.first() {
        Some(first) if codes.iter().all(|code| code == first) => Qualities::One(Quality(*first)),
        _ => Qualities::Each(codes.iter().map(|code| Quality(*code)).collect()),
    };
    // A value that is missing where the quality promises one would read as 0.
    let column = batch.column(3);
    let whole = (0..piece.len()).all(|row| piece.quality(row).is_bad() || column.is_valid(row));
    whole.then_some(piece)
}

fn values(column: &dyn Array, kind: Kind) -> Option<Values> {
    Some(match kind {
        Kind::Bool => {
            let column = column.as_boolean_opt()?;
            Values::Bool(column.iter().map(Option::unwrap_or_default).collect())
        }
        Kind::I64 => Values::I64(column.as_primitive_opt::<Int64Type>()?.values().to_vec()),
        Kind::U64 => Values::U64(column.as_primitive_opt::<UInt64Type>()?.values().to_vec()),
        Kind::F64 => Values::F64(column.as_primitive_opt::<Float64Type>()?.values().to_vec()),
        // Lists stay the JSON that they are stored as.
        Kind::Text | Kind::List => {
            let column = column.as_string_opt::<i32>()?;
            let mut last: Arc<str> = "".into();
            let texts = column.iter().map(|text| {
                let text = text.unwrap_or_default();
                if *last != *text {
                    last = text.into();
                }
                last.clone()
            });
            Values::Text(texts.collect())
        }
        Kind::Bytes => {
            let column = column.as_binary_opt::<i32>()?;
            Values::Bytes(column.iter().map(|bytes| bytes.unwrap_or_default().into()).collect())
        }
    })
}

/// Reads the image of one file, all of it; never panics, whatever the bytes are. Samples by tag, in the
/// order of the file.
pub fn scan(image: &[u8], edge: &str) -> Result<Vec<(TagName, Piece)>, ArchiveError> {
    let file = ArchiveFile::read(Box::new(Image(image.to_vec())), Path::new("image"), edge)?;
    let mut found = Vec::new();
    let mut last: Option<(usize, Bytes)> = None;
    for (device, name) in &file.index.tags {
        for place in file.places(device, name) {
            let bytes = match &last {
                Some((number, bytes)) if *number == place.group => bytes.clone(),
                _ => file.group(place.group)?,
            };
            last = Some((place.group, bytes.clone()));
            let all = (i64::MIN, i64::MAX);
            let pieces = run_pieces(&file, place, bytes, TagId(0), all, Direction::Forward)?;
            let tag = TagName { device: device.as_str().into(), name: name.as_str().into() };
            found.extend(pieces.into_iter().map(|piece| (tag.clone(), piece)));
        }
    }
    Ok(found)
}

/// An archived file in memory, for tools and tests.
pub fn image(edge: &str, pieces: &[(TagName, Piece)]) -> io::Result<Vec<u8>> {
    let mut file = ParquetFile::new(Vec::new(), Purpose::Archive { edge })?;
    pieces.iter().try_for_each(|(tag, piece)| file.push(tag, piece))?;
    file.end()
}

struct Image(Vec<u8>);

impl DiskFile for Image {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.0.get(at..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(read_only())
    }

    fn set_length(&self, _: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn preallocate(&self, _: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn lock(&self) -> io::Result<()> {
        Err(read_only())
    }

    fn make_private(&self) -> io::Result<()> {
        Err(read_only())
    }
}

fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "an image is only read")
}
