//! Where the bytes come from: a folder on disk, or images in memory for tests and fuzzing.

use crate::format::StreamName;
use crate::report::Quarantine;
use std::io::{self, Read};
use std::path::PathBuf;
use tagwerk_env::{Access, Disk, DiskFile};

/// Read-only bytes of one segment.
pub trait File {
    /// Reads until `buffer` is full or the file ends.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    fn length(&self) -> io::Result<u64>;
}

/// A store.
pub trait Folder {
    /// Names in the stream's folder, in no order; none when there is no such folder.
    fn list(&self, stream: StreamName) -> io::Result<Vec<String>>;
    fn open<'a>(&'a self, stream: StreamName, name: &str) -> io::Result<Box<dyn File + 'a>>;
    fn quarantine(&self) -> Quarantine;
    /// Shown in errors.
    fn path(&self) -> PathBuf;
}

pub struct Files<'a> {
    disk: &'a dyn Disk,
    path: PathBuf,
}

impl<'a> Files<'a> {
    /// `path` is the journal's own folder.
    pub fn new(disk: &'a dyn Disk, path: PathBuf) -> Files<'a> {
        Files { disk, path }
    }
}

struct OnDisk(Box<dyn DiskFile>);

impl File for OnDisk {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }
}

impl Folder for Files<'_> {
    fn list(&self, stream: StreamName) -> io::Result<Vec<String>> {
        match self.disk.list(&self.path.join(stream.name())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
            Ok(names) => Ok(names.iter().filter_map(|n| n.to_str()).map(str::to_owned).collect()),
        }
    }

    fn open<'a>(&'a self, stream: StreamName, name: &str) -> io::Result<Box<dyn File + 'a>> {
        let path = self.path.join(stream.name()).join(name);
        Ok(Box::new(OnDisk(self.disk.open(&path, Access::Read)?)))
    }

    fn quarantine(&self) -> Quarantine {
        let folder = self.path.join("quarantine");
        let mut found = Quarantine::default();
        for name in self.disk.list(&folder).unwrap_or_default() {
            let file = self.disk.open(&folder.join(&name), Access::Read);
            found.files += 1;
            found.bytes += file.and_then(|file| file.length()).unwrap_or(0);
        }
        found
    }

    fn path(&self) -> PathBuf {
        self.path.clone()
    }
}

/// Reads a file from its beginning to its end.
pub(crate) struct Sequential {
    file: Box<dyn DiskFile>,
    at: u64,
}

impl Sequential {
    pub fn new(file: Box<dyn DiskFile>) -> Sequential {
        Sequential { file, at: 0 }
    }
}

impl Read for Sequential {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read_at(buffer, self.at)?;
        self.at += got as u64;
        Ok(got)
    }
}

/// Images of segments in memory: stream, name, content.
#[derive(Clone, Default)]
pub struct MemoryFolder {
    pub segments: Vec<(StreamName, String, Vec<u8>)>,
}

struct InMemory<'a>(&'a [u8]);

impl File for InMemory<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let count = buffer.len().min(self.0.len() - start);
        buffer[..count].copy_from_slice(&self.0[start..start + count]);
        Ok(count)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
}

impl Folder for MemoryFolder {
    fn list(&self, stream: StreamName) -> io::Result<Vec<String>> {
        let inside = self.segments.iter().filter(|(of, _, _)| *of == stream);
        Ok(inside.map(|(_, name, _)| name.clone()).collect())
    }

    fn open<'a>(&'a self, stream: StreamName, name: &str) -> io::Result<Box<dyn File + 'a>> {
        let found = self.segments.iter().find(|(of, known, _)| *of == stream && known == name);
        let (_, _, bytes) = found.ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(InMemory(bytes)))
    }

    fn quarantine(&self) -> Quarantine {
        Quarantine::default()
    }

    fn path(&self) -> PathBuf {
        PathBuf::from("(memory)")
    }
}
