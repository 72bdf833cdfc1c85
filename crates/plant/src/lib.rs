//! The simulated plant: four field devices behind one Modbus TCP port, for the demo, the tests and
//! the benches. A program of its own that links nothing of Tagwerk, so that it stands for somebody
//! else's devices. Start reading in `plant.rs`; the register tables are `boiler_tags.rs` and
//! `packer_tags.rs`.
#![allow(
    clippy::disallowed_methods,
    reason = "it stands for field devices, which have a clock and a network of their own"
)]

pub mod baseline;
pub mod boiler;
mod boiler_tags;
pub mod codec;
mod control;
pub mod device;
pub mod document;
mod http;
pub mod load;
mod noise;
pub mod packer;
mod packer_tags;
pub mod plant;
pub mod serve;
pub mod table;
pub mod transport_fault;
