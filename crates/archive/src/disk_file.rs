//! A file of `env`'s disk as a place to write to from its beginning.

use std::io::{self, Write};
use tagwerk_env::DiskFile;

/// Bytes that are written at once.
const BUFFER_BYTES: usize = 256 * 1024;

pub(crate) struct DiskWriter {
    file: Box<dyn DiskFile>,
    offset: u64,
    buffer: Vec<u8>,
}

impl DiskWriter {
    pub fn new(file: Box<dyn DiskFile>) -> DiskWriter {
        DiskWriter { file, offset: 0, buffer: Vec::new() }
    }

    pub fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        self.file.sync_data()
    }
}

impl Write for DiskWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.file.write_all_at(&self.buffer, self.offset)?;
            self.offset += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }
}
