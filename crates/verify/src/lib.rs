//! Proof of what a journal holds: reads a store, or a store and what a receiver got, and says what is
//! lost, duplicated, reordered, invented and quarantined.
//!
//! Written from `docs/reference/journal.md` alone and without the journal's code, so that a fault there
//! is not repeated here.

mod compare;
mod folder;
mod format;
mod frames;
mod range;
mod received;
mod record;
mod report;
mod stream;
mod text;

pub use folder::{File, Files, Folder, MemoryFolder};
pub use format::{STREAMS, StreamName};
pub use range::{Range, Ranges};
pub use report::{
    Compared, CursorReport, GapReport, Quarantine, Report, StreamReport, Tally, VerifyError,
};

use crate::compare::{compare_lines, compare_stores};
use crate::received::Received;
use crate::record::Notes;
use crate::stream::StreamReader;
use std::path::{Path, PathBuf};
use tagwerk_env::{Access, Disk};

/// What is compared with the store.
pub enum Other<'a> {
    /// Another store: a copy, or what a second journal kept.
    Store(&'a dyn Folder),
    /// Lines of JSON in the order of arrival, each with `epoch` and `seq`, or `from` and `to`.
    Lines(&'a mut dyn std::io::BufRead),
}

/// Reads a store at `path` (the journal's folder, or the data directory around it), and what `other`
/// names: a second store or a file of JSON lines. `reader` is the cursor of the receiver, which tells
/// what is still to come from what is lost.
pub fn verify_paths(
    disk: &dyn Disk,
    path: &Path,
    other: Option<&Path>,
    reader: Option<&str>,
) -> Result<Report, VerifyError> {
    let store = open_store(disk, path)?;
    let Some(other) = other else { return verify(&store, None, reader) };
    if is_store(disk, other) {
        let second = open_store(disk, other)?;
        return verify(&store, Some(Other::Store(&second)), reader);
    }
    let file = disk.open(other, Access::Read).map_err(|error| VerifyError {
        attempt: "open",
        path: other.to_owned(),
        error: error.to_string(),
    })?;
    let mut lines = std::io::BufReader::with_capacity(256 * 1024, folder::Sequential::new(file));
    verify(&store, Some(Other::Lines(&mut lines)), reader)
}

/// The journal's own folder within `path`.
fn journal_folder(disk: &dyn Disk, path: &Path) -> Option<PathBuf> {
    let is_journal =
        |path: &Path| STREAMS.iter().any(|stream| disk.list(&path.join(stream.name())).is_ok());
    let inside = path.join("journal");
    [path.to_owned(), inside].into_iter().find(|path| is_journal(path))
}

fn is_store(disk: &dyn Disk, path: &Path) -> bool {
    disk.list(path).is_ok()
}

fn open_store<'a>(disk: &'a dyn Disk, path: &Path) -> Result<Files<'a>, VerifyError> {
    match journal_folder(disk, path) {
        Some(folder) => Ok(Files::new(disk, folder)),
        None => Err(VerifyError {
            attempt: "read a journal in",
            path: path.to_owned(),
            error:
                "there is no folder `samples`, `outputs` or `record`; name the journal's folder \
                    or the data directory around it"
                    .to_owned(),
        }),
    }
}

/// Reads `store` and compares it with `other`. Memory is bounded by the named limits of this crate,
/// whatever the store holds.
pub fn verify(
    store: &dyn Folder,
    other: Option<Other<'_>>,
    reader: Option<&str>,
) -> Result<Report, VerifyError> {
    let mut report = Report::default();
    let mut notes = Notes::default();
    // The record first: it says which losses are known.
    let mut order = STREAMS;
    order.reverse();
    let mut closed = Vec::new();
    for name in order {
        let mut stream = StreamReader::open(store, name)?;
        while let Some(entry) = stream.next() {
            if name == StreamName::Record {
                notes.take(&entry);
            }
        }
        closed.push((stream.closed(), stream.newest_epoch()));
        report.streams.push(stream.finish(&notes));
    }
    report.streams.reverse();
    report.clean_end = closed.iter().all(|(done, epoch)| *done && *epoch == closed[0].1);
    report.quarantined = store.quarantine();
    report.set_notes(&notes);
    match other {
        None => {}
        Some(Other::Store(second)) => report.compared = compare_stores(store, second)?,
        Some(Other::Lines(lines)) => {
            let received = Received::read(lines)?;
            report.compared = compare_lines(store, &received, &notes, reader)?;
        }
    }
    report.judge();
    Ok(report)
}
