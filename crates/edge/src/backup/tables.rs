//! Files that lookup tables are read from: copies of them go into a backup.

use super::make::Scratch;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tagwerk_config::{CheckedTable, TableSource, is_table_file};
use tagwerk_env::{Access, Disk};
use tagwerk_model::limits::{BACKUP_TABLE_FILE_BYTES_MAX, BACKUP_TABLE_FILES_BYTES_MAX};
use tagwerk_tables::FILES;

/// What SQLite lays beside a file of its own; it must go where that file goes.
const PARTS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Where a table is read from, below the folder of such files.
fn file(table: &CheckedTable) -> Option<&str> {
    match &table.source {
        TableSource::Csv { path, .. } | TableSource::Sqlite { path, .. } => Some(path),
        _ => None,
    }
}

/// The paths, below the data directory, of the files that tables are read from, with whose they are.
pub fn files(tables: &[CheckedTable]) -> impl Iterator<Item = (String, &CheckedTable)> {
    tables.iter().filter_map(|table| Some((format!("{FILES}/{}", file(table)?), table)))
}

/// Whether a path is one of these.
pub fn is_file(path: &str) -> bool {
    let below = path.strip_prefix(FILES).and_then(|rest| rest.strip_prefix('/'));
    below.is_some_and(is_table_file)
}

/// What lies where these files are to lie.
pub fn displaced(places: &[String]) -> Vec<String> {
    let own = places.iter().filter(|place| is_file(place));
    let parts = |place: &String| PARTS.map(|part| format!("{place}{part}"));
    own.flat_map(|place| std::iter::once(place.clone()).chain(parts(place))).collect()
}

/// Copies of them as they are now, each once. Which of them are not there or too large is only logged:
/// looking at the backup tells which files it lacks.
pub fn copies(
    disk: &Arc<dyn Disk>,
    data: &Path,
    tables: &[CheckedTable],
) -> io::Result<Vec<(String, Scratch)>> {
    let mut copies: Vec<(String, Scratch)> = Vec::new();
    let mut left = BACKUP_TABLE_FILES_BYTES_MAX;
    for (path, table) in files(tables) {
        if copies.iter().any(|(known, _)| *known == path) {
            continue;
        }
        let from = data.join(&path);
        let length = disk.open(&from, Access::Read).and_then(|file| file.length());
        let most = left.min(BACKUP_TABLE_FILE_BYTES_MAX);
        let copied = match length {
            Ok(length) if length > most => Err(io::Error::other(format!(
                "it has {length} bytes, and {most} are the most that are left for it"
            ))),
            Ok(_) => {
                let to = data.join("backup").join(format!("table-{}.copy", copies.len()));
                copy(disk, &from, to, table)
            }
            Err(error) => Err(error),
        };
        match copied {
            Ok(scratch) => {
                left = left.saturating_sub(scratch.open()?.length()?);
                copies.push((path, scratch));
            }
            Err(error) => tracing::warn!(path, %error, "a table's file is not in the backup"),
        }
    }
    Ok(copies)
}

fn copy(
    disk: &Arc<dyn Disk>,
    from: &Path,
    to: std::path::PathBuf,
    table: &CheckedTable,
) -> io::Result<Scratch> {
    if matches!(table.source, TableSource::Sqlite { .. }) {
        // SQLite takes an empty file for a new one.
        let scratch = Scratch::new(disk, to)?;
        tagwerk_tables::copy_sqlite(from, scratch.path()).map_err(io::Error::other)?;
        return Ok(scratch);
    }
    let bytes = disk.read(from, BACKUP_TABLE_FILE_BYTES_MAX)?;
    let scratch = Scratch::new(disk, to)?;
    scratch.open()?.write_all_at(&bytes, 0)?;
    Ok(scratch)
}
