//! History as files for others: Parquet and CSV, archived days in a folder or bucket, and reading them back.
//! What is asked of them, and when a day is archived, is decided by the callers.
//! `docs/reference/archive.md` describes the files.

mod bucket;
mod bucket_disk;
mod bucket_error;
mod columns;
mod csv;
mod disk_file;
mod error;
mod file;
mod folder;
mod index;
mod keeper;
mod output;
mod parts;
mod read;
mod sealed;
mod union;
mod writer;

pub use bucket::{BucketSettings, SecretKey};
pub use bucket_disk::BucketCache;
pub use columns::describe;
pub use error::{ArchiveError, Trouble};
pub use folder::{Archive, ArchivedTag, Asked, OnTrouble};
pub use keeper::{Choose, Done, KeepError, Keeper, Plan};
pub use output::{Format, Output, TagName};
pub use read::{image, scan};
pub use union::{Direction, union};

/// Nanoseconds of a day.
pub const DAY_NS: i64 = 86_400_000_000_000;
