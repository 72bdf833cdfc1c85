//! Damage to a small store: flipped bits, shortened files, zeroed ranges, swapped files. It must start,
//! serve nothing wrong, and lose no more than what was hit.

use crate::store::random::Random;
use crate::store::subject::Subject;
use crate::store::{Form, Row, history, journal};
use anyhow::{Context, Result};
use std::ops::Range;
use std::path::{Path, PathBuf};

const MUTATIONS: u64 = 10_000;
const SHORT_MUTATIONS: u64 = 400;

/// A file of the store, by its path inside.
pub struct StoredFile {
    pub path: PathBuf,
    pub content: Vec<u8>,
}

/// One change of the store.
pub struct Change {
    pub text: String,
    /// Files with another content, by their place.
    pub changed: Vec<(usize, Vec<u8>)>,
    /// What is not as it was; none for files in each other's place.
    pub hit: Option<Range<usize>>,
}

/// What a change came to.
#[derive(Default)]
pub struct Judged {
    pub wrong: Vec<String>,
    pub lost: u64,
}

/// A store as the subject knows it.
pub trait Store {
    /// Those that are damaged.
    fn files(&self) -> &[StoredFile];
    /// Those that stay as they are.
    fn others(&self) -> &[StoredFile];
    fn promised(&self) -> u64;
    fn describe(&self) -> String;
    /// Opens what lies there; says what does not hold.
    fn judge(&self, change: &Change, folder: &Path) -> Judged;
    /// A value changed by somebody who also computes checksums: the one thing that a store cannot see and
    /// that the rig therefore must.
    fn forge(&self) -> Result<Change>;
}

fn mutate(files: &[StoredFile], random: &mut Random) -> Change {
    let index = random.below(files.len() as u64) as usize;
    let file = &files[index];
    let mut content = file.content.clone();
    let length = content.len();
    let at = random.below(length as u64) as usize;
    let (text, hit) = match random.below(10) {
        0..=5 => {
            let bit = random.below(8);
            content[at] ^= 1 << bit;
            (format!("bit {bit} of byte {at}"), at..at + 1)
        }
        6..=7 => {
            content.truncate(at);
            (format!("cut to {at}"), at..length)
        }
        8 => {
            let end = (at + 1 + random.below(2048) as usize).min(length);
            content[at..end].fill(0);
            (format!("zeros in {at}..{end}"), at..end)
        }
        _ => {
            let other = random.below(files.len() as u64) as usize;
            let swapped = vec![(index, files[other].content.clone()), (other, content)];
            let text =
                format!("{} and {} swapped", file.path.display(), files[other].path.display());
            return Change { text, changed: swapped, hit: None };
        }
    };
    let text = format!("{} {text}", file.path.display());
    Change { text, changed: vec![(index, content)], hit: Some(hit) }
}

/// Writes the store with the change to a folder that holds nothing else then.
fn lay_out(store: &dyn Store, change: &Change, folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    let write = |path: &Path, content: &[u8]| -> Result<()> {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
        Ok(std::fs::write(path, content)?)
    };
    store.others().iter().try_for_each(|file| write(&file.path, &file.content))?;
    for (index, file) in store.files().iter().enumerate() {
        let changed = change.changed.iter().find(|(of, _)| *of == index);
        write(&file.path, changed.map_or(&file.content, |(_, content)| content))?;
    }
    Ok(())
}

pub fn run(subject: Subject, form: Form, mut random: Random) -> Result<Row> {
    let mut row = Row { rig: "mutations", ..Row::default() };
    let store: Box<dyn Store> = match subject {
        Subject::Journal => Box::new(journal::JournalFiles::new()?),
        Subject::History => Box::new(history::HistoryFiles::new()?),
    };
    row.notes.push(store.describe());
    let scratch = in_memory()?;
    let folder = scratch.path().join("store");
    let none = Change { text: String::new(), changed: Vec::new(), hit: Some(0..0) };
    lay_out(&*store, &none, &folder)?;
    let whole = store.judge(&none, &folder);
    anyhow::ensure!(whole.wrong.is_empty() && whole.lost == 0, "undamaged: {:?}", whole.wrong);
    let count = if form == Form::Long { MUTATIONS } else { SHORT_MUTATIONS };
    let mut lost = 0;
    for _ in 0..count {
        let change = mutate(store.files(), &mut random);
        lay_out(&*store, &change, &folder)?;
        let judged = store.judge(&change, &folder);
        row.tried += 1;
        row.promised += store.promised();
        lost += judged.lost;
        judged.wrong.into_iter().for_each(|text| row.fail(format!("{}: {text}", change.text)));
    }
    row.notes.push(format!("{lost} lost of what was hit, in all"));
    let forged = store.forge()?;
    lay_out(&*store, &forged, &folder)?;
    let found = !store.judge(&forged, &folder).wrong.is_empty();
    row.control_failed = found;
    row.control = format!("a forged value was {}", if found { "found" } else { "believed" });
    Ok(row)
}

/// Syncs cost nothing there.
fn in_memory() -> Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    Ok(if memory.is_dir() { tempfile::tempdir_in(memory)? } else { tempfile::tempdir()? })
}
