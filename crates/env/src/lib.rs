//! The seams between Tagwerk and the machine: clock, disk and network.
//!
//! Every other crate takes these as arguments, so that a test can replace them. This is the only
//! crate that calls the operating system for them; `clippy.toml` bans those calls elsewhere.

mod clock;
mod disk;
mod memory;
mod net;
mod serial;
mod thread;

pub use clock::{Clock, Moment, SystemClock, WallTime, timeout};
pub use disk::{Access, Disk, DiskFile, SystemDisk};
pub use memory::{release_memory, share_memory};
pub use net::{Listener, Net, Stream, SystemNet};
pub use serial::{Flow, Level, Parity, Rs485, SerialLine};
pub use thread::{ThreadMark, yield_to_other_threads};

/// A boxed future, the form in which asynchronous seams are object-safe.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Everything a part of the program needs from the machine, as one argument.
#[derive(Clone)]
pub struct Env {
    pub clock: std::sync::Arc<dyn Clock>,
    pub disk: std::sync::Arc<dyn Disk>,
    pub net: std::sync::Arc<dyn Net>,
}

impl Env {
    /// The real machine.
    pub fn system() -> Env {
        Env {
            clock: std::sync::Arc::new(SystemClock::new()),
            disk: std::sync::Arc::new(SystemDisk),
            net: std::sync::Arc::new(SystemNet),
        }
    }
}
