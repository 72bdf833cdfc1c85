//! For tests only: clocks, a network and faults that a test holds in its hand, and the conformance
//! tests that every driver and every sink must pass. Always a dev-dependency.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "test code; a fault here must fail the test that uses it"
)]

mod certificates;
pub mod clock;
pub mod conformance;
pub mod context;
pub mod mosquitto;
pub mod net;
pub mod proxy;
pub mod simulated;
mod yaml;

pub use certificates::write_certificates;
pub use clock::{ManualClock, PausedClock};
pub use context::{MemoryCertificates, MemorySecrets, link_context};
pub use net::{FakeNet, Script};
pub use proxy::{Fault, FaultProxy};
