//! The folder for what could not be read: kept for people, never read again.

use std::io;
use std::path::{Path, PathBuf};
use tagwerk_env::{Access, Disk};

/// Copies of damaged bytes beyond this are cut short.
const COPY_BYTES_MAX: usize = 16 << 20;

/// Moves a whole file to `quarantine/` under the journal's folder.
pub(crate) fn move_file(
    disk: &dyn Disk,
    directory: &Path,
    stream: &str,
    path: &Path,
) -> io::Result<PathBuf> {
    let folder = directory.join("quarantine");
    disk.create_directories(&folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let target = folder.join(format!("{stream}-{name}"));
    disk.rename(path, &target)?;
    disk.sync_directory(&folder)?;
    disk.sync_directory(path.parent().unwrap_or(directory))?;
    Ok(target)
}

/// Copies the bytes `from..to` of a segment to `quarantine/`.
pub(crate) fn copy_bytes(
    disk: &dyn Disk,
    directory: &Path,
    stream: &str,
    path: &Path,
    range: (u64, u64),
) -> io::Result<PathBuf> {
    let folder = directory.join("quarantine");
    disk.create_directories(&folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let target = folder.join(format!("{stream}-{name}-at-{}.bytes", range.0));
    let length = usize::try_from(range.1 - range.0).unwrap_or(COPY_BYTES_MAX).min(COPY_BYTES_MAX);
    let mut bytes = vec![0; length];
    let got = disk.open(path, Access::Read)?.read_at(&mut bytes, range.0)?;
    bytes.truncate(got);
    disk.replace(&target, &bytes)?;
    Ok(target)
}
