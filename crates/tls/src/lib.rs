//! TLS towards whatever a component connects to: settings, handshake, and what went wrong in words.
//!
//! Never falls back to an unverified connection; unverified only where the settings say so.

mod fault;
mod handshake;
mod settings;

pub use fault::TlsFault;
pub use handshake::{Means, Peer, connect};
pub use settings::TlsSettings;
