//! A history and the journal it is fed from, under the rigs: the plant, its writer, what both must still
//! hold together, and damage to history's files.

mod check;
mod clock;
mod damage;
mod plant;
mod writer;

pub use check::check;
pub use damage::HistoryFiles;
pub use writer::write;
