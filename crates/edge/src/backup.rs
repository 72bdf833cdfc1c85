//! Backup and restore: the edge's whole state but its samples, in one file that a passphrase seals.

mod apply;
mod archive;
mod make;
mod restore;
mod swap;
mod tables;

pub use apply::apply;
pub use archive::ArchiveError;
pub use make::{Backup, Scratch, make};
pub use restore::{Finding, RestoreError, Restored, check};
pub use swap::{Pending, Swap, old_files};

use tagwerk_model::limits;

/// Names in the archive.
const STORE: &str = "edge.db";
const SECRETS: &str = "secrets.json";

const PASSPHRASE_CHARS_MIN: usize = 12;
const PASSPHRASE_BYTES_MAX: usize = 1024;

/// Whether a passphrase may seal a backup; in words why not.
pub fn check_passphrase(passphrase: &str) -> Result<(), String> {
    let count = passphrase.chars().count();
    if count < PASSPHRASE_CHARS_MIN {
        return Err(format!(
            "the passphrase has {count} characters; it needs at least {PASSPHRASE_CHARS_MIN}"
        ));
    }
    if passphrase.len() > PASSPHRASE_BYTES_MAX {
        return Err(format!("the passphrase is longer than {PASSPHRASE_BYTES_MAX} bytes"));
    }
    Ok(())
}

/// The largest store that is backed up: all its revisions, and room for tag numbers.
const STORE_BYTES_MAX: u64 = limits::REVISIONS_BYTES_MAX + 256 * 1024 * 1024;
/// All secrets as text.
const SECRETS_BYTES_MAX: u64 = 128 * 1024 * 1024;
