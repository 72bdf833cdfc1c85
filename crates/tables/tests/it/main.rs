//! Tables from real sources: files, SQLite as Python writes it, Python's web server, and PostgreSQL.

#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod postgres;
mod rig;
mod sources;
