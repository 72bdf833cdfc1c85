//! What was found, for people and programs.

use crate::range::{Range, Ranges};
use crate::record::Notes;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// Ranges named in a report; more are counted only.
const RANGES_SHOWN: usize = 20;
const TROUBLES_SHOWN: usize = 50;

/// Nothing could be verified.
#[derive(Clone, Debug)]
pub struct VerifyError {
    pub attempt: &'static str,
    pub path: PathBuf,
    pub error: String,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.attempt, self.path.display(), self.error)
    }
}

impl std::error::Error for VerifyError {}

/// Numbers, and the first ranges that they lie in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub numbers: u64,
    pub ranges: Vec<Range>,
}

impl Tally {
    pub fn of(ranges: &Ranges) -> Tally {
        let shown = ranges.iter().take(RANGES_SHOWN).collect();
        Tally { numbers: ranges.count(), ranges: shown }
    }

    pub fn add(&mut self, range: Range) {
        if range.count() > 0 {
            self.numbers = self.numbers.saturating_add(range.count());
            self.show(range);
        }
    }

    pub(crate) fn show(&mut self, range: Range) {
        let shown = self.ranges.len();
        match self.ranges.last_mut() {
            Some(last) if last.to == range.from => last.to = range.to,
            _ if shown < RANGES_SHOWN => self.ranges.push(range),
            _ => {}
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Damage {
    pub places: u64,
    pub bytes: u64,
}

impl Damage {
    pub fn add(&mut self, bytes: u64) {
        self.places += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// Gap records of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GapReport {
    pub reason: &'static str,
    /// None: lost to every reader.
    pub reader: Option<String>,
    pub records: u64,
    pub numbers: Tally,
}

impl GapReport {
    /// Given up as configured, and not for a fault.
    fn is_policy(&self) -> bool {
        matches!(self.reason, "retention" | "backlog limit")
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StreamReport {
    pub stream: &'static str,
    pub segments: usize,
    pub bytes: u64,
    /// The first number of the oldest segment, and the one that comes next.
    pub oldest: u64,
    pub end: u64,
    /// Frames with numbers, and numbers that a reader gets.
    pub frames: u64,
    pub kept: u64,
    /// Numbers that no reader gets; of those, `lost` are in no gap record.
    pub missing: Tally,
    pub lost: Tally,
    pub duplicated: Tally,
    pub reordered: Tally,
    /// Bytes that are no good frame although one follows or their header says so.
    pub damaged: Damage,
    pub bad_segments: u64,
    /// Segments that others replace.
    pub superseded: u64,
    /// Numbers in blocks whose tag set nothing describes, and in frames of a later version.
    pub undescribed: u64,
    pub unknown: u64,
    /// Tag sets with two contents.
    pub conflicts: u64,
    /// Something that is no frame follows the last one: an append that did not end, or that is under way.
    pub torn_end: bool,
    pub gaps: Vec<GapReport>,
    pub troubles: Vec<String>,
}

impl StreamReport {
    pub(crate) fn trouble(&mut self, text: String) {
        if self.troubles.len() < TROUBLES_SHOWN {
            self.troubles.push(text);
        }
    }

    pub(crate) fn bad_segment(&mut self, text: String) {
        self.bad_segments += 1;
        self.trouble(text);
    }

    fn judge(&self, wrong: &mut Vec<String>) {
        let name = self.stream;
        let mut count = |numbers: u64, what: &str| {
            if numbers > 0 {
                wrong.push(format!("{name}: {numbers} {what}"));
            }
        };
        count(self.lost.numbers, "numbers lost without a gap record");
        count(self.duplicated.numbers, "numbers there twice");
        count(self.reordered.numbers, "numbers out of order");
        count(self.damaged.places, "damaged places");
        count(self.bad_segments, "segments that cannot be read");
        count(self.undescribed, "numbers in blocks whose tag set is gone");
        count(self.unknown, "numbers in frames of a later version");
        count(self.conflicts, "tag sets with two contents");
        for gap in self.gaps.iter().filter(|gap| !gap.is_policy()) {
            count(gap.numbers.numbers, &format!("numbers lost, recorded as {}", gap.reason));
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quarantine {
    pub files: u64,
    pub bytes: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CursorReport {
    pub name: String,
    pub stream: &'static str,
    pub next: u64,
    /// Numbers between the cursor and the stream's end that it has not done.
    pub pending: u64,
}

/// A stream of the store beside the other side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Compared {
    pub stream: &'static str,
    /// Numbers that both have.
    pub matched: u64,
    /// The store has them, the other should and has not.
    pub lost: Tally,
    /// The store has them, the other gave them up by its limit.
    pub given_up: u64,
    /// The store has them, the other does not need to have them yet.
    pub pending: u64,
    /// The other has what the store never kept.
    pub invented: Tally,
    /// The other has what the store kept and lost.
    pub forgotten: Tally,
    /// Older than what one of the two still holds.
    pub before: u64,
    /// Both have the number, with another content.
    pub differs: Tally,
    /// Arrived more than once, or after a greater one.
    pub duplicated: Tally,
    pub reordered: Tally,
    pub unreadable_lines: u64,
}

impl Compared {
    fn judge(&self, wrong: &mut Vec<String>) {
        let name = self.stream;
        let mut count = |numbers: u64, what: &str| {
            if numbers > 0 {
                wrong.push(format!("{name}, the other side: {numbers} {what}"));
            }
        };
        count(self.lost.numbers, "numbers lost");
        count(self.invented.numbers, "numbers that the store never had");
        count(self.forgotten.numbers, "numbers that the store has lost");
        count(self.differs.numbers, "numbers with another content");
        count(self.duplicated.numbers, "numbers arrived twice");
        count(self.reordered.numbers, "numbers out of order");
        count(self.unreadable_lines, "lines that are no JSON with epoch and numbers");
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// All three streams end in the mark of a clean end. Else the store is in use, or its program was
    /// stopped.
    pub clean_end: bool,
    pub streams: Vec<StreamReport>,
    pub cursors: Vec<CursorReport>,
    pub quarantined: Quarantine,
    /// Empty when nothing was to be compared.
    pub compared: Vec<Compared>,
    /// Everything that is wrong, one sentence each; empty: nothing is.
    pub wrong: Vec<String>,
}

impl Report {
    pub fn is_good(&self) -> bool {
        self.wrong.is_empty()
    }

    pub fn stream(&self, name: &str) -> Option<&StreamReport> {
        self.streams.iter().find(|stream| stream.stream == name)
    }

    pub(crate) fn set_notes(&mut self, notes: &Notes) {
        for cursor in notes.cursors.values() {
            let end = self.stream(cursor.stream.name()).map_or(0, |stream| stream.end);
            let done: u64 = cursor.ranges.iter().map(|(from, to)| to.saturating_sub(*from)).sum();
            self.cursors.push(CursorReport {
                name: cursor.name.clone(),
                stream: cursor.stream.name(),
                next: cursor.next,
                pending: end.saturating_sub(cursor.next).saturating_sub(done),
            });
        }
    }

    pub(crate) fn judge(&mut self) {
        let mut wrong = Vec::new();
        self.streams.iter().for_each(|stream| stream.judge(&mut wrong));
        if self.quarantined.files > 0 {
            let Quarantine { files, bytes } = self.quarantined;
            wrong.push(format!("{files} files ({bytes} bytes) in quarantine"));
        }
        self.compared.iter().for_each(|compared| compared.judge(&mut wrong));
        self.wrong = wrong;
    }
}
