//! The edge as a library; `main.rs` is the program.
