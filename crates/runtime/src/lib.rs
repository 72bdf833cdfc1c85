//! tagwerk-runtime
