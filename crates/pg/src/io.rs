//! The two directions of a connection. Either may be dropped at any moment without losing or doubling
//! a byte: what was read is kept, and what was not written yet is still to be written.

use crate::wire::{self, Asked, Malformed, Stage, Start};
use std::io;
use tagwerk_env::Stream;
use tagwerk_model::limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

/// Read ahead while a statement is at work.
const AHEAD: usize = limits::POSTGRES_MESSAGE_BYTES_MAX + 8;
/// Written at once.
const CHUNK: usize = 64 * 1024;

pub struct Reader {
    half: ReadHalf<Box<dyn Stream>>,
    bytes: Vec<u8>,
}

impl Reader {
    pub fn new(half: ReadHalf<Box<dyn Stream>>) -> Reader {
        Reader { half, bytes: Vec::new() }
    }

    /// The stream again, for TLS on top of it. Bytes that came too early were sent in the clear and
    /// must not count as protected.
    pub fn join(self, out: Out) -> Option<Box<dyn Stream>> {
        self.bytes.is_empty().then(|| self.half.unsplit(out.half))
    }

    fn taken<T>(&mut self, read: wire::Read<T>) -> Result<Option<T>, Malformed> {
        Ok(read?.map(|(message, length)| {
            self.bytes.drain(..length);
            message
        }))
    }

    pub fn start(&mut self) -> Result<Option<Start>, Malformed> {
        let read = wire::start(&self.bytes);
        self.taken(read)
    }

    pub fn asked(&mut self, stage: Stage) -> Result<Option<Asked>, Malformed> {
        let read = wire::asked(&self.bytes, stage);
        self.taken(read)
    }

    /// Whether more may be read before a message is taken.
    pub fn has_room(&self) -> bool {
        self.bytes.len() < AHEAD
    }

    /// False at the end of the stream. Cancel safe.
    pub async fn more(&mut self) -> io::Result<bool> {
        self.bytes.reserve(8 * 1024);
        Ok(self.half.read_buf(&mut self.bytes).await? > 0)
    }
}

pub struct Out {
    half: WriteHalf<Box<dyn Stream>>,
    pub bytes: Vec<u8>,
    at: usize,
}

impl Out {
    pub fn new(half: WriteHalf<Box<dyn Stream>>) -> Out {
        Out { half, bytes: Vec::new(), at: 0 }
    }

    /// Worth to be written before more is made.
    pub fn is_full(&self) -> bool {
        self.bytes.len() - self.at >= CHUNK
    }

    /// Writes all of it. Cancel safe.
    pub async fn flush(&mut self) -> io::Result<()> {
        while self.at < self.bytes.len() {
            let end = self.bytes.len().min(self.at + CHUNK);
            match self.half.write(&self.bytes[self.at..end]).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => self.at += written,
            }
        }
        self.bytes.clear();
        self.at = 0;
        self.half.flush().await
    }

    pub async fn close(&mut self) {
        // How it closes is the other side's affair.
        let _ = self.flush().await;
        let _ = self.half.shutdown().await;
    }
}
