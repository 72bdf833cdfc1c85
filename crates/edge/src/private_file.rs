//! Files that only the edge's own user may read.

use std::io;
use std::path::Path;
use tagwerk_env::{Access, Disk};

/// Replaces a file's content; at no moment can another user read it.
pub fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    let staged = path.with_file_name(name);
    match disk.remove(&staged) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.open(&staged, Access::CreateNew)?;
    file.make_private()?;
    file.write_all_at(bytes, 0)?;
    file.sync_data()?;
    disk.rename(&staged, path)?;
    disk.sync_directory(path.parent().unwrap_or(Path::new(".")))
}

/// Makes an empty private file where there is none, for a library that opens files by itself.
pub fn prepare(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.open(path, Access::CreateNew) {
        Ok(file) => file.make_private(),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
