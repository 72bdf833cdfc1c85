//! A server over a made-up past, asked by a client that speaks byte by byte, and by psql.

mod cases;
mod client;
mod plant;
mod protocol;
mod psql;
