//! The folder for what could not be read: kept for people, never read again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tagwerk_env::{Disk, DiskFile};

/// Copies of damaged bytes beyond this are cut short.
const COPY_BYTES_MAX: u64 = 16 << 20;

/// Moves a whole file to `quarantine/`.
pub(crate) fn move_file(disk: &dyn Disk, folder: &Path, path: &Path) -> io::Result<PathBuf> {
    let target = target(disk, folder, path, "")?;
    disk.rename(path, &target)?;
    disk.sync_directory(&folder.join("quarantine"))?;
    disk.sync_directory(folder)?;
    Ok(target)
}

/// Copies the bytes `from..to` of a file to `quarantine/`.
pub(crate) fn copy_bytes(
    disk: &dyn Disk,
    folder: &Path,
    path: &Path,
    file: &Arc<dyn DiskFile>,
    (from, to): (u64, u64),
) -> io::Result<PathBuf> {
    let target = target(disk, folder, path, &format!("-at-{from}.bytes"))?;
    let mut bytes = vec![0; (to - from).min(COPY_BYTES_MAX) as usize];
    let got = file.read_at(&mut bytes, from)?;
    bytes.truncate(got);
    disk.replace(&target, &bytes)?;
    Ok(target)
}

fn target(disk: &dyn Disk, folder: &Path, path: &Path, suffix: &str) -> io::Result<PathBuf> {
    let folder = folder.join("quarantine");
    disk.create_directories(&folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(folder.join(format!("{name}{suffix}")))
}
