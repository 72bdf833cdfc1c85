//! tagwerk-config
