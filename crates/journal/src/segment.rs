//! One segment file: its name, its header and how much of it holds frames.

use crate::frame::{HeaderFault, SECOND_HEADER_AT, SEGMENT_HEADER_BYTES, SegmentHeader};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tagwerk_env::{Access, Disk, DiskFile};

#[derive(Debug)]
pub(crate) struct Segment {
    pub path: PathBuf,
    pub header: SegmentHeader,
    pub seed: u32,
    /// Frames end here.
    written: AtomicU64,
    /// Size of the file.
    bytes: AtomicU64,
    /// Its name and header have been synced.
    durable: AtomicBool,
}

impl Segment {
    pub fn new(
        path: PathBuf,
        header: SegmentHeader,
        seed: u32,
        written: u64,
        bytes: u64,
    ) -> Segment {
        Segment {
            path,
            header,
            seed,
            written: written.into(),
            bytes: bytes.into(),
            durable: false.into(),
        }
    }

    pub fn is_durable(&self) -> bool {
        self.durable.load(Ordering::Relaxed)
    }

    pub fn set_durable(&self) {
        self.durable.store(true, Ordering::Relaxed);
    }

    pub fn first_seq(&self) -> u64 {
        self.header.first_seq
    }

    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    pub fn set_written(&self, offset: u64) {
        self.written.store(offset, Ordering::Release);
    }

    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}

pub(crate) fn file_name(first_seq: u64, epoch: u32) -> String {
    format!("{first_seq:020}-{epoch:010}.seg")
}

/// First sequence and epoch of a segment's file name.
pub(crate) fn parse_name(name: &Path) -> Option<(u64, u32)> {
    let (seq, epoch) = name.to_str()?.strip_suffix(".seg")?.split_once('-')?;
    let parsed = (seq.parse().ok()?, epoch.parse().ok()?);
    (seq.len() == 20 && epoch.len() == 10).then_some(parsed)
}

/// Why a segment cannot be used.
#[derive(Debug)]
pub(crate) enum LoadFault {
    Damaged,
    Newer(u16),
    Io(io::Error),
}

/// Reads the header of a stored segment.
pub(crate) fn load(disk: &dyn Disk, path: &Path) -> Result<Segment, LoadFault> {
    let file = disk.open(path, Access::Read).map_err(LoadFault::Io)?;
    let length = file.length().map_err(LoadFault::Io)?;
    let mut fault = LoadFault::Damaged;
    for at in [0, SECOND_HEADER_AT] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        match file.read_at(&mut bytes, at) {
            Err(error) if is_media(&error) => continue,
            Err(error) => return Err(LoadFault::Io(error)),
            Ok(_) => {}
        }
        match SegmentHeader::decode(&bytes) {
            Ok((header, seed)) => {
                return Ok(Segment::new(path.to_owned(), header, seed, length, length));
            }
            Err(HeaderFault::Newer(version)) => fault = LoadFault::Newer(version),
            Err(HeaderFault::Damaged) => {}
        }
    }
    Err(fault)
}

pub(crate) fn open_read(disk: &dyn Disk, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
    disk.open(path, Access::Read).map(Arc::from)
}

/// EIO: the medium lost it, and no later try will bring it back. Anything else (no descriptors, no
/// memory) may pass.
pub(crate) fn is_media(error: &io::Error) -> bool {
    const EIO: i32 = 5;
    error.raw_os_error() == Some(EIO)
}
