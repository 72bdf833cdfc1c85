//! The bytes of a Parquet file on their way out: counted, with a checksum over each row group, and one
//! over the footer, which stands in front of it, where other readers never look.

use std::io::{self, Write};

/// Stands in front of the footer, followed by the footer's CRC-32C and length, little endian.
pub(crate) const MARK: &[u8; 8] = b"TWFOOT1\0";
pub(crate) const SEAL_BYTES: usize = 16;
/// The length of the footer and `PAR1`.
pub(crate) const END_BYTES: usize = 8;

pub(crate) struct Sealed<W> {
    /// None once it ended.
    out: Option<W>,
    written: u64,
    begun: u64,
    crc: u32,
    /// What comes behind the last row group.
    tail: Option<Vec<u8>>,
}

impl<W: Write> Sealed<W> {
    pub fn new(out: W) -> Sealed<W> {
        Sealed { out: Some(out), written: 0, begun: 0, crc: 0, tail: None }
    }

    /// Where the bytes since the last call begin, how many there are, and their checksum.
    pub fn take(&mut self) -> (u64, u64, u32) {
        let taken = (self.begun, self.written - self.begun, self.crc);
        (self.begun, self.crc) = (self.written, 0);
        taken
    }

    /// From here on everything is kept for [`Sealed::end`].
    pub fn begin_tail(&mut self) {
        self.tail = Some(Vec::new());
    }

    /// Writes the tail with the footer's seal in it. Nothing can be written afterwards.
    pub fn end(&mut self) -> io::Result<W> {
        let tail = self.tail.take().unwrap_or_default();
        let broken = || io::Error::other("the footer of the file is not whole");
        let end = tail.len().checked_sub(END_BYTES).ok_or_else(broken)?;
        let length = tail[end..end + 4].try_into().map(u32::from_le_bytes).unwrap_or_default();
        let start = end.checked_sub(length as usize).ok_or_else(broken)?;
        let (before, footer) = tail.split_at(start);
        let mut out = self.out.take().ok_or_else(broken)?;
        out.write_all(before)?;
        out.write_all(&seal(&footer[..length as usize]))?;
        out.write_all(footer)?;
        out.flush()?;
        Ok(out)
    }
}

pub(crate) fn seal(footer: &[u8]) -> [u8; SEAL_BYTES] {
    let mut seal = [0; SEAL_BYTES];
    seal[..8].copy_from_slice(MARK);
    seal[8..12].copy_from_slice(&crc32c::crc32c(footer).to_le_bytes());
    seal[12..].copy_from_slice(&(footer.len() as u32).to_le_bytes());
    seal
}

impl<W: Write> Write for Sealed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(tail) = &mut self.tail {
            tail.extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        match &mut self.out {
            Some(out) => out.write_all(bytes)?,
            None => return Err(io::Error::other("the file has ended")),
        }
        self.written += bytes.len() as u64;
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
