//! What a store must still hold: asked of `tagwerk-verify`, which shares no code with the journal, and of
//! the journal's own readers.

use crate::store::journal::writer::is_whole;
use crate::store::promises::{Outcome, Promises};
use anyhow::Result;
use std::path::Path;
use tagwerk_env::{Env, SystemDisk};
use tagwerk_journal::{CommitBy, Item, Journal, Options, ReaderFilter, Stream};
use tagwerk_verify::{Files, Other, Report, verify};

/// Looks at a store as it lies there, lets the journal open it, and looks again.
pub fn check(folder: &Path, promises: &Promises) -> Result<Outcome> {
    let mut outcome = Outcome { promised: promises.numbers(), ..Outcome::default() };
    outcome.lost = look(folder, promises, "before the start", &mut outcome)?;
    let env = Env::system();
    let mut options =
        Options { commit_by: CommitBy::Caller, reserve_bytes: 0, ..Options::default() };
    for stream in [&mut options.samples, &mut options.outputs, &mut options.record] {
        // A disk of a rig is small.
        stream.segment_bytes = 16 * 1024;
    }
    let (journal, _) = match Journal::open(&env, folder, options) {
        Ok(opened) => opened,
        Err(error) => {
            outcome.fail(format!("it does not start: {error}"));
            return Ok(outcome);
        }
    };
    for (stream, committed) in &promises.committed {
        let name = Stream::ALL.into_iter().find(|s| s.name() == stream);
        if let Some(name) = name
            && journal.committed(name) < *committed
        {
            outcome.fail(format!("{stream}: committed went back from {committed}"));
        }
    }
    read_all(&journal, promises, &mut outcome);
    if let Err(error) = journal.close() {
        outcome.fail(format!("it does not end: {error}"));
    }
    drop(journal);
    let after = look(folder, promises, "after the start", &mut outcome)?;
    outcome.lost = outcome.lost.max(after);
    Ok(outcome)
}

/// Asks the independent reader. Returns how many promised numbers are not there.
fn look(folder: &Path, promises: &Promises, when: &str, outcome: &mut Outcome) -> Result<u64> {
    let disk = SystemDisk;
    let store = Files::new(&disk, folder.to_owned());
    let lines = promises.lines();
    let mut lines = lines.as_bytes();
    let report = verify(&store, Some(Other::Lines(&mut lines)), None)
        .map_err(|error| anyhow::anyhow!("verify: {error}"))?;
    for stream in &report.streams {
        let Some(oldest) = promises.oldest.get(stream.stream) else { continue };
        // The writer says after the append what the append has dropped: one segment may be gone
        // before it could.
        if stream.oldest > *oldest && stream.segments < 2 {
            outcome.fail(format!("{when}: {} lost its oldest segments", stream.stream));
        }
    }
    for stream in &report.streams {
        let (twice, late) = (stream.duplicated.numbers, stream.reordered.numbers);
        if twice + late > 0 {
            outcome.fail(format!("{when}: {}: {twice} twice, {late} late", stream.stream));
        }
    }
    Ok(missing(&report))
}

fn missing(report: &Report) -> u64 {
    let of = report.compared.iter();
    of.map(|c| c.invented.numbers + c.forgotten.numbers + c.differs.numbers).sum()
}

/// Everything that the journal serves must be what was written, in order.
fn read_all(journal: &Journal, promises: &Promises, outcome: &mut Outcome) {
    for stream in Stream::ALL {
        let mut reader = journal.reader(stream, journal.oldest(stream), ReaderFilter::default());
        let mut position = reader.position();
        let mut lost = 0;
        while let Some(item) = reader.try_next() {
            let (epoch, from, payload) = match &item {
                Item::Block(block) => (block.epoch, block.span.from, &block.payload),
                Item::Record(record) => (record.epoch, record.seq, &record.payload),
                Item::Gap { .. } => {
                    position = reader.position();
                    continue;
                }
                Item::Missing { span, .. } => {
                    let of = (stream.name().to_owned(), 0, 0);
                    let promised = promises.appended.range(of..);
                    lost += promised
                        .take_while(|((name, _, _), _)| name == stream.name())
                        .filter(|((_, _, from), (to, _))| *from < span.to && *to > span.from)
                        .map(|((_, _, from), (to, _))| to - from)
                        .sum::<u64>();
                    position = span.to;
                    continue;
                }
            };
            if from < position {
                outcome.fail(format!("{stream} {from}: served out of order"));
            }
            position = reader.position();
            if !is_whole(payload) {
                outcome.fail(format!("{stream} {from}: a wrong value was served"));
            }
            let key = (stream.name().to_owned(), epoch, from);
            if let Some((to, crc)) = promises.appended.get(&key)
                && (*to != position || *crc != crc32c::crc32c(payload))
            {
                outcome.fail(format!("{stream} {from}: another value was served"));
            }
        }
        if lost > 0 {
            outcome.fail(format!("{stream}: the reader misses {lost} promised numbers"));
        }
        if position != journal.end(stream) {
            outcome.fail(format!("{stream}: the reader ends at {position}"));
        }
    }
}
