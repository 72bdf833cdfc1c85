//! Runs a configuration: polls devices, journals what they say, feeds the sinks, carries commands.
//!
//! Names no driver and no sink: they come in as plans. Leaves HTTP, files and users to the edge.

pub mod view;
