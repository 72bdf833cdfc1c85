//! tagwerk-api
