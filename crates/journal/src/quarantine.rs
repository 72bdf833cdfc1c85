//! The folder for what could not be read: kept for people, never read again, bounded in bytes.

use std::io;
use std::path::{Path, PathBuf};
use tagwerk_env::{Access, Disk};

/// Copies of damaged bytes beyond this are cut short.
const COPY_BYTES_MAX: usize = 16 << 20;

/// `quarantine/` under the journal's folder.
pub(crate) struct Quarantine<'a> {
    pub disk: &'a dyn Disk,
    pub directory: &'a Path,
    pub bytes_max: u64,
}

impl Quarantine<'_> {
    /// Moves a whole file there.
    pub fn move_file(&self, stream: &str, path: &Path) -> io::Result<PathBuf> {
        let length = self.disk.open(path, Access::Read).and_then(|file| file.length());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let target = self.place(length.unwrap_or(0), &format!("{stream}-{name}"))?;
        self.disk.rename(path, &target)?;
        self.disk.sync_directory(target.parent().unwrap_or(self.directory))?;
        self.disk.sync_directory(path.parent().unwrap_or(self.directory))?;
        Ok(target)
    }

    /// Copies the bytes `from..to` of a segment there.
    pub fn copy_bytes(&self, stream: &str, path: &Path, range: (u64, u64)) -> io::Result<PathBuf> {
        let length = usize::try_from(range.1 - range.0).unwrap_or(COPY_BYTES_MAX);
        let mut bytes = vec![0; length.min(COPY_BYTES_MAX)];
        let got = self.disk.open(path, Access::Read)?.read_at(&mut bytes, range.0)?;
        bytes.truncate(got);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{stream}-{name}-at-{}.bytes", range.0);
        let target = self.place(got as u64, &name)?;
        self.disk.replace(&target, &bytes)?;
        Ok(target)
    }

    /// A path for `incoming` bytes, for which the oldest pieces make room. Names begin with a number that
    /// counts the pieces.
    fn place(&self, incoming: u64, name: &str) -> io::Result<PathBuf> {
        let folder = self.directory.join("quarantine");
        self.disk.create_directories(&folder)?;
        let mut pieces: Vec<(u64, PathBuf, u64)> = Vec::new();
        for name in self.disk.list(&folder)? {
            let path = folder.join(&name);
            let length = self.disk.open(&path, Access::Read).and_then(|file| file.length());
            pieces.push((number(&name), path, length.unwrap_or(0)));
        }
        pieces.sort();
        let next = pieces.last().map_or(0, |(number, _, _)| *number) + 1;
        let mut bytes = pieces.iter().map(|(_, _, length)| length).sum::<u64>() + incoming;
        for (_, path, length) in pieces {
            if bytes <= self.bytes_max {
                break;
            }
            match self.disk.remove(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => bytes -= length,
            }
        }
        Ok(folder.join(format!("{next:010}-{name}")))
    }
}

/// 0 for what has none: it is the oldest.
fn number(name: &Path) -> u64 {
    let name = name.to_string_lossy();
    let digits = name.split_once('-').map_or("", |(number, _)| number);
    if digits.len() == 10 { digits.parse().unwrap_or(0) } else { 0 }
}
