//! The sinks: northbound destinations, one file each, listed here in display order.
//!
//! A sink encodes and delivers; which samples it gets, its place in the journal, retries and
//! reconnecting are the runtime's.

#[doc(hidden)]
pub mod fuzz;
mod http;
mod mqtt;
mod payload;
mod template;

pub use http::Http;
pub use mqtt::Mqtt;

/// Every sink there is.
pub const SINKS: &[&dyn tagwerk_component::Sink] = &[&Mqtt, &Http];
