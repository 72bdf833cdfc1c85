//! tagwerk-model
