//! What the record stream says about the others: gaps, and how far each reader is.

use crate::format::{CHECKPOINT, CURSOR, Cursor, GAP, Gap, STREAMS};
use crate::range::{Range, Ranges};
use crate::report::GapReport;
use crate::stream::Entry;
use std::collections::BTreeMap;

/// Kinds of gap (stream, reason, reader) that are told apart.
const GAP_KINDS_MAX: usize = 4_096;

#[derive(Default)]
pub struct Notes {
    gaps: BTreeMap<(usize, u8, String), GapReport>,
    /// Per stream, what is known to be lost to every reader.
    explained: [Ranges; 3],
    /// Per reader of samples, what it is known to have lost.
    by_reader: BTreeMap<String, Ranges>,
    pub cursors: BTreeMap<String, Cursor>,
    empty: Ranges,
}

impl Notes {
    pub fn take(&mut self, entry: &Entry) {
        let Some(payload) = &entry.payload else { return };
        match entry.kind {
            GAP => {
                if let Some(gap) = Gap::decode(payload) {
                    self.take_gap(gap);
                }
            }
            CURSOR => match Cursor::decode_frame(payload) {
                Some((true, cursor)) => {
                    self.cursors.remove(&cursor.name);
                }
                Some((false, cursor)) => {
                    self.cursors.insert(cursor.name.clone(), cursor);
                }
                None => {}
            },
            CHECKPOINT => {
                if let Some(cursors) = Cursor::decode_checkpoint(payload) {
                    self.cursors = cursors.into_iter().map(|c| (c.name.clone(), c)).collect();
                }
            }
            _ => {}
        }
    }

    fn take_gap(&mut self, gap: Gap) {
        let index = gap.stream as usize;
        let range = Range::new(gap.from, gap.to);
        if gap.reader.is_empty() {
            self.explained[index].add(range);
        } else if index == 0 && self.by_reader.len() < GAP_KINDS_MAX {
            self.by_reader.entry(gap.reader.clone()).or_default().add(range);
        }
        let key = (index, gap.reason, gap.reader);
        if self.gaps.len() >= GAP_KINDS_MAX && !self.gaps.contains_key(&key) {
            return;
        }
        let (reason, reader) = (gap.reason, key.2.clone());
        let found = self.gaps.entry(key).or_insert_with(|| GapReport {
            reason: reason_name(reason),
            reader: (!reader.is_empty()).then_some(reader),
            ..GapReport::default()
        });
        found.records += 1;
        found.numbers.add(range);
    }

    pub fn explained(&self, stream: &str) -> &Ranges {
        let index = STREAMS.iter().position(|name| name.name() == stream);
        index.map_or(&self.empty, |index| &self.explained[index])
    }

    pub fn lost_by(&self, reader: &str) -> &Ranges {
        self.by_reader.get(reader).unwrap_or(&self.empty)
    }

    pub fn gaps(&self, stream: &str) -> Vec<GapReport> {
        let of_stream = |index: usize| STREAMS.get(index).is_some_and(|s| s.name() == stream);
        let found = self.gaps.iter().filter(|((index, _, _), _)| of_stream(*index));
        found.map(|(_, report)| report.clone()).collect()
    }
}

fn reason_name(reason: u8) -> &'static str {
    match reason {
        1 => "retention",
        2 => "damaged",
        3 => "unclean end",
        4 => "backlog limit",
        _ => "other",
    }
}
