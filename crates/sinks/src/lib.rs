//! The sinks: northbound destinations, and the channels by which people are told; one file each, listed
//! here in display order.
//!
//! A sink encodes and delivers; which samples it gets, its place in the journal, retries and
//! reconnecting are the runtime's.

mod email;
#[doc(hidden)]
pub mod fuzz;
mod http;
mod mqtt;
mod payload;
mod template;
mod webhook;

pub use email::Email;
pub use http::Http;
pub use mqtt::Mqtt;
pub use webhook::Webhook;

/// Every sink there is.
pub const SINKS: &[&dyn tagwerk_component::Sink] = &[&Mqtt, &Http];

/// Every channel there is.
pub const CHANNELS: &[&dyn tagwerk_component::Channel] = &[&Email, &Webhook];
