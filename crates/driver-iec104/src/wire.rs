//! The socket of one connection: what is to be sent, and what has arrived. All state is kept here,
//! so that waiting can be called off at any time without losing a byte.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tagwerk_env::Stream;
use tagwerk_proto_iec104::FrameBuffer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that wait to be sent; more, and nothing is read until the station takes some. Only answers
/// to tests can pile up that far.
const OUTGOING_BYTES_MAX: usize = 64 * 1024;

pub struct Wire {
    stream: Box<dyn Stream>,
    pub frames: FrameBuffer,
    pub outgoing: Vec<u8>,
    /// Bytes of `outgoing` that the socket has taken.
    taken: usize,
    unflushed: bool,
    pub bytes_received: u64,
    pub bytes_sent: u64,
}

impl Wire {
    pub fn new(stream: Box<dyn Stream>) -> Wire {
        Wire {
            stream,
            frames: FrameBuffer::new(),
            outgoing: Vec::new(),
            taken: 0,
            unflushed: false,
            bytes_received: 0,
            bytes_sent: 0,
        }
    }

    /// Sends what can be sent and reads what has arrived; ready when bytes have arrived.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(context)?;
        if self.outgoing.len() - self.taken > OUTGOING_BYTES_MAX {
            return Poll::Pending;
        }
        let mut space = ReadBuf::new(self.frames.space());
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut space))?;
        let count = space.filled().len();
        if count == 0 {
            let closed = io::Error::new(io::ErrorKind::UnexpectedEof, "the station closed it");
            return Poll::Ready(Err(closed));
        }
        self.frames.arrived(count);
        self.bytes_received += count as u64;
        Poll::Ready(Ok(()))
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while let Some(rest) = self.outgoing.get(self.taken..).filter(|rest| !rest.is_empty()) {
            let Poll::Ready(count) = Pin::new(&mut self.stream).poll_write(context, rest) else {
                return Ok(());
            };
            match count? {
                0 => {
                    return Err(io::Error::new(io::ErrorKind::WriteZero, "it takes no more bytes"));
                }
                count => self.taken += count,
            }
            self.unflushed = true;
        }
        self.bytes_sent += self.taken as u64;
        self.taken = 0;
        self.outgoing.clear();
        if self.unflushed
            && let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(context)
        {
            flushed?;
            self.unflushed = false;
        }
        Ok(())
    }
}
