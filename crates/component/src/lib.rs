//! tagwerk-component
