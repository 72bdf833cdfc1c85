//! What a journal and the history fed from it must hold together: every promised sample once, with its very
//! value, or counted and summed once where retention has rolled it up.

use crate::store::history::clock::FeedClock;
use crate::store::history::plant;
use crate::store::history::writer::options;
use crate::store::promises::{Outcome, Promises};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tagwerk_env::{Clock, Env};
use tagwerk_historian::{
    Historian, Need, Numbers, Options, ReadError, Retention, Scan, Trouble, run_ingest,
};
use tagwerk_journal::{CommitBy, Journal, Stream};
use tagwerk_model::TagId;
use tokio::sync::watch;

const UPKEEP_EVERY: Duration = Duration::from_secs(61);
/// Of a segment, before its frames.
const BEGINNING_BYTES: usize = 4_096;

pub fn check(folder: &Path, promises: &Promises) -> Result<Outcome> {
    let mut outcome = Outcome { promised: promises.numbers(), ..Outcome::default() };
    if promises.errors.is_empty() && !promises.excused.is_empty() {
        outcome.fail("the journal forgot what history did not have".to_owned());
    }
    let panic = Trouble::Panicked { cause: String::new() }.to_string();
    let begins = panic.split('(').next().unwrap_or_default();
    for error in promises.errors.iter().filter(|error| error.starts_with(begins)) {
        outcome.fail(error.clone());
    }
    for when in ["fed again", "opened again"] {
        let looked = look(folder, promises);
        let told = looked.told.into_iter().map(|text| format!("{when}: {text}"));
        let wrong = looked.wrong.iter().map(|text| format!("{when}: {text}"));
        outcome.failures.extend(wrong.chain(told));
        if looked.damaged > 0 {
            outcome.fail(format!("{when}: {} files are damaged", looked.damaged));
        }
        for path in looked.aside.iter().filter(|path| !was_just_begun(path)) {
            outcome.fail(format!("{when}: {} was put aside", path.display()));
        }
        outcome.lost = outcome.lost.max(looked.lost.len() as u64);
    }
    Ok(outcome)
}

/// A segment whose beginning never came to the disk held nothing.
fn was_just_begun(path: &Path) -> bool {
    let content = std::fs::read(path).unwrap_or_default();
    content.len() < BEGINNING_BYTES || content.iter().all(|byte| *byte == 0)
}

/// What was found.
#[derive(Default)]
pub struct Looked {
    pub wrong: Vec<String>,
    /// Damage that was told.
    pub told: Vec<String>,
    /// Files that are not what they were.
    pub damaged: usize,
    /// Files in quarantine.
    pub aside: Vec<PathBuf>,
    /// Tag and time.
    pub lost: BTreeSet<(u32, i64)>,
    /// Samples of the tags that are rolled up: as themselves and in rollups.
    pub rolled: [u64; 2],
}

/// Opens both, feeds history with all that the journal has, and reads everything.
pub fn look(folder: &Path, promises: &Promises) -> Looked {
    let mut looked = Looked::default();
    let clock = Arc::new(FeedClock::new(false, Duration::ZERO));
    let env = Env { clock: clock.clone(), ..Env::system() };
    let mut of_journal = tagwerk_journal::Options {
        commit_by: CommitBy::Caller,
        reserve_bytes: 0,
        ..Default::default()
    };
    for stream in [&mut of_journal.samples, &mut of_journal.outputs, &mut of_journal.record] {
        // A disk of a rig is small.
        stream.segment_bytes = 16 * 1024;
    }
    let journal = match Journal::open(&env, &folder.join("journal"), of_journal) {
        Ok((journal, _)) => journal,
        Err(error) => {
            looked.wrong.push(format!("the journal does not start: {error}"));
            return looked;
        }
    };
    clock.forward(plant::begins(journal.end(Stream::Samples)));
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let (hears, excused) = (told.clone(), !promises.excused.is_empty());
    let options = Options {
        retention: Retention::default(),
        on_trouble: Some(Arc::new(move |trouble| match trouble {
            Trouble::Healed | Trouble::RolledUp { .. } => {}
            Trouble::Missing { .. } if excused => {}
            _ => hears.lock().unwrap_or_else(PoisonError::into_inner).push(trouble.to_string()),
        })),
        ..options(false)
    };
    let (historian, opened) = match Historian::open(&env, &folder.join("history"), options) {
        Ok(opened) => opened,
        Err(error) => {
            looked.wrong.push(format!("history does not start: {error}"));
            return looked;
        }
    };
    let (_stop, stopped) = watch::channel(true);
    run_ingest(&historian, &journal, &env, stopped);
    let (position, end) = (historian.position(), journal.end(Stream::Samples));
    if position != end {
        looked.wrong.push(format!("history ends at {position}, the journal at {end}"));
    }
    (looked.damaged, looked.aside) = (opened.damaged.len(), opened.quarantined);
    read(&historian, promises, &mut looked);
    // What was met while reading is told by the next upkeep.
    clock.forward(clock.now().after(UPKEEP_EVERY));
    if let Err(error) = historian.maintain(&|_| Ok(())) {
        looked.wrong.push(format!("upkeep: {error}"));
    }
    looked.told.append(&mut told.lock().unwrap_or_else(PoisonError::into_inner));
    if let Err(error) = journal.close() {
        looked.wrong.push(format!("the journal does not end: {error}"));
    }
    looked
}

fn read(historian: &Historian, promises: &Promises, looked: &mut Looked) {
    let mut found = BTreeMap::new();
    for tag in plant::TAGS {
        found.insert(tag, read_tag(historian, tag, looked));
    }
    let excused = |from: u64, to: u64| promises.excused.iter().any(|(a, b)| from < *b && *a < to);
    for ((_, epoch, from), (to, _)) in &promises.appended {
        let time = plant::time(*epoch, *from);
        for tag in plant::tags(*epoch, *from) {
            let rolled = plant::ROLLED.contains(tag);
            if !rolled && !found[tag].contains(&time) && !excused(*from, *to) {
                looked.lost.insert((*tag, time));
            }
        }
    }
    for (index, tag) in plant::ROLLED.into_iter().enumerate() {
        let Some((samples, sum)) = fold(historian, tag, looked) else { continue };
        looked.rolled[index] = samples;
        // The two were in the same blocks.
        let beside = &found[&plant::BESIDE];
        let wanted: f64 = beside.iter().map(|time| plant::number(tag, *time)).sum();
        let (there, should) = ((samples, sum), (beside.len() as u64, wanted));
        if there != should && promises.excused.is_empty() {
            looked.wrong.push(format!("tag {tag}: count and sum are {there:?}, not {should:?}"));
        }
    }
}

/// The times of a tag's samples, all of which must be right.
fn read_tag(historian: &Historian, tag: u32, looked: &mut Looked) -> BTreeSet<i64> {
    let mut times = BTreeSet::new();
    let request = Scan { tags: vec![TagId(tag)], ..Scan::default() };
    for piece in historian.scan(&request) {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => {
                note_error(looked, tag, &error);
                continue;
            }
        };
        for (place, time) in piece.times.iter().copied().enumerate() {
            let value = piece.value(place).map(|value| value.to_value());
            if !plant::is_measured(tag, time) || value != plant::value(tag, time) {
                looked.wrong.push(format!("tag {tag} at {time}: a wrong value was served"));
            }
            if !times.insert(time) {
                looked.wrong.push(format!("tag {tag} at {time}: served twice"));
            }
        }
    }
    times
}

fn note_error(looked: &mut Looked, tag: u32, error: &ReadError) {
    match error {
        ReadError::Damaged { .. } => looked.told.push(error.to_string()),
        _ => looked.wrong.push(format!("tag {tag}: {error}")),
    }
}

/// How many samples a tag had, and their sum.
fn fold(historian: &Historian, tag: u32, looked: &mut Looked) -> Option<(u64, f64)> {
    let request = Scan { tags: vec![TagId(tag)], ..Scan::default() };
    let (mut samples, mut sum, mut whole) = (0, 0.0, true);
    for rows in historian.folds(&request, None, Need::default()) {
        let rows = rows.unwrap_or_else(|error| {
            note_error(looked, tag, &error);
            whole = false;
            Vec::new()
        });
        for row in rows {
            samples += row.fold.samples;
            sum += row.fold.numbers.map_or(0.0, |numbers| numbers.sum);
            let least = row.fold.numbers.map(|n| Numbers::as_f64(row.data_type, n.min));
            if least.is_some_and(|least| least < 0.0) {
                looked.wrong.push(format!("tag {tag}: a number that never was: {least:?}"));
            }
        }
    }
    (whole || samples > 0).then_some((samples, sum))
}
