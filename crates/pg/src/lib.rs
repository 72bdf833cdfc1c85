//! The PostgreSQL protocol over history's SQL, read only: listening, logins, and statements in the
//! simple and the extended form. What a statement means is the room `sql`, who may ask the edge's.

mod calendar;
mod copy;
mod io;
mod login;
mod parameter;
mod refusal;
mod rows;
mod running;
mod server;
mod session;
mod settings;
#[cfg(test)]
mod tests;
mod wire;

pub use server::{Door, Listening, Login, Parts, Plaintext, Server};

/// For the fuzzer: bytes of a client, whoever it is.
pub mod fuzz {
    pub fn messages(bytes: &[u8]) {
        crate::wire::read_all(bytes);
        crate::parameter::read_all(bytes);
        if let Ok(text) = std::str::from_utf8(bytes) {
            // What it says does not matter, only that it comes back.
            let _ = tagwerk_sql::postgres::commands(text);
        }
    }
}
