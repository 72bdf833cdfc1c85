//! What stands in an archived file's own metadata: which rows are whose, and checksums over them.
//! With it a reader needs no row that it does not want, and believes none that was altered.

use crate::output::TagName;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use tagwerk_historian::Piece;
use tagwerk_model::DataType;

pub(crate) const KEY: &str = "tagwerk";
pub(crate) const VERSION: u32 = 1;

/// As it is stored, in JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Index {
    pub version: u32,
    /// Name of the edge that wrote it.
    pub edge: String,
    /// Device and tag, in the order of the rows.
    pub tags: Vec<(String, String)>,
    pub units: Vec<String>,
    /// One for each row group.
    pub groups: Vec<Group>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// Where its bytes begin in the file, how many there are, and their CRC-32C.
    pub at: u64,
    pub bytes: u64,
    pub crc: u32,
    pub runs: Vec<Run>,
}

/// Rows of one tag with one type and unit, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Place in `tags`.
    #[serde(rename = "g")]
    pub tag: u32,
    #[serde(rename = "n")]
    pub rows: u32,
    /// The code of the type.
    #[serde(rename = "t")]
    pub data_type: u8,
    /// Place in `units`.
    #[serde(rename = "u")]
    pub unit: u32,
    /// Earliest and latest time.
    #[serde(rename = "a")]
    pub from: i64,
    #[serde(rename = "z")]
    pub to: i64,
}

impl Index {
    /// Whether its parts fit each other and a file with row groups of these sizes.
    pub fn is_sound(&self, file_bytes: u64, group_rows: &[i64]) -> bool {
        let run_fits = |run: &Run| {
            (run.tag as usize) < self.tags.len()
                && (run.unit as usize) < self.units.len()
                && run.from <= run.to
                && DataType::from_code(run.data_type).is_some()
        };
        self.groups.len() == group_rows.len()
            && self.groups.iter().zip(group_rows).all(|(group, rows)| {
                let sum: i64 = group.runs.iter().map(|run| i64::from(run.rows)).sum();
                sum == *rows
                    && group.at.checked_add(group.bytes).is_some_and(|end| end <= file_bytes)
                    && group.runs.iter().all(run_fits)
            })
    }
}

/// Notes rows as they are written.
#[derive(Default)]
pub(crate) struct Noting {
    pub index: Index,
    units: HashMap<Arc<str>, u32>,
    pub open: Vec<Run>,
}

impl Noting {
    /// True when the tag is another than that of the rows before.
    pub fn is_new(&self, tag: &TagName) -> bool {
        let last = self.index.tags.last();
        last.is_none_or(|(device, name)| **device != *tag.device || **name != *tag.name)
    }

    pub fn note(&mut self, tag: &TagName, piece: &Piece) {
        let (Some(from), Some(to)) = (piece.times.first(), piece.times.last()) else { return };
        if self.is_new(tag) {
            self.index.tags.push((tag.device.to_string(), tag.name.to_string()));
        }
        let next = self.index.units.len() as u32;
        let unit = *self.units.entry(piece.unit.clone()).or_insert(next);
        if unit == next {
            self.index.units.push(piece.unit.to_string());
        }
        let run = Run {
            tag: self.index.tags.len() as u32 - 1,
            rows: piece.len() as u32,
            data_type: piece.data_type as u8,
            unit,
            from: *from,
            to: *to,
        };
        match self.open.last_mut() {
            Some(last)
                if (last.tag, last.data_type, last.unit) == (run.tag, run.data_type, run.unit) =>
            {
                last.rows += run.rows;
                last.to = run.to;
            }
            _ => self.open.push(run),
        }
    }

    pub fn close_group(&mut self, at: u64, bytes: u64, crc: u32) {
        let runs = std::mem::take(&mut self.open);
        self.index.groups.push(Group { at, bytes, crc, runs });
    }
}
