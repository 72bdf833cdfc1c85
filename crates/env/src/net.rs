//! TCP and serial lines. Connections come out as boxed byte streams, so that a test can put a wire
//! of its own between.

use crate::{BoxFuture, SerialLine};
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connected byte stream.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub trait Net: Send + Sync + 'static {
    /// Resolves `host` and connects to the first address that answers. Has no time limit of its
    /// own: the caller sets one with [`crate::timeout`].
    fn connect<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Box<dyn Stream>>>;

    fn listen(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Listener>>>;

    /// Opens a serial line, for this program alone. An error's text says what to do about it.
    fn serial(&self, line: &SerialLine) -> io::Result<Box<dyn Stream>> {
        let reason = format!("there are no serial ports here, so no {}", line.path);
        Err(io::Error::new(io::ErrorKind::Unsupported, reason))
    }
}

pub trait Listener: Send + Sync {
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Stream>, SocketAddr)>>;
    fn local_address(&self) -> io::Result<SocketAddr>;
}

/// The machine's own network.
pub struct SystemNet;

struct SystemListener(tokio::net::TcpListener);

#[allow(clippy::disallowed_methods)]
impl Net for SystemNet {
    fn connect<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect((host, port)).await?;
            // Requests are small and each waits for its answer; Nagle would only add delay.
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }

    fn listen(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let listener = tokio::net::TcpListener::bind(address).await?;
            Ok(Box::new(SystemListener(listener)) as Box<dyn Listener>)
        })
    }

    fn serial(&self, line: &SerialLine) -> io::Result<Box<dyn Stream>> {
        crate::serial::open(line)
    }
}

impl Listener for SystemListener {
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Stream>, SocketAddr)>> {
        Box::pin(async move {
            let (stream, peer) = self.0.accept().await?;
            stream.set_nodelay(true)?;
            Ok((Box::new(stream) as Box<dyn Stream>, peer))
        })
    }

    fn local_address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
