//! Tables from real sources: files, SQLite as Python writes it, Python's web server, and PostgreSQL.

mod postgres;
mod rig;
mod sources;
