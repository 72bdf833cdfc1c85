//! The journal under the rigs: its writer, what it must still hold, damage to it, and clocks that step.

mod bench;
mod check;
mod clock;
mod damage;
mod writer;

pub use bench::{BenchArguments, bench};
pub use check::check;
pub use clock::run as clock;
pub use damage::JournalFiles;
pub use writer::{options, write};
