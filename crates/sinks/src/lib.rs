//! tagwerk-sinks
