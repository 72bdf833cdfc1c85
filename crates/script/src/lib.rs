//! Functions that users write in JavaScript: compiled once, called with typed values, bounded in time and
//! memory. They reach nothing outside and remember nothing, so that the same values give the same.

mod engine;
mod fault;
mod room;
mod script;
#[cfg(test)]
mod tests;
mod values;

pub use fault::{Fault, FaultKind};
pub use script::{Script, Signature};
