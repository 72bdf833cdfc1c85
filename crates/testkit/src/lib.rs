//! tagwerk-testkit
