//! What alarms write into the journal's record stream: each change, with the state after it, and from
//! time to time all states. As JSON, so that a person with a hex dump can read it.

use crate::alarm::{Alarm, AlarmKey, ChangeKind, Priority};
use crate::clock::AlarmClock;
use serde::{Deserialize, Serialize};

/// An alarm changed.
pub const CHANGE_KIND: u16 = 48;
/// Alarms that are not normal, and up to which sample that is so.
pub const SNAPSHOT_KIND: u16 = 49;
/// Alarms in one record of a snapshot.
pub(crate) const PART_ALARMS: usize = 1_000;

/// What became of an alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlarmChange {
    pub alarm: Box<str>,
    pub device: Box<str>,
    pub tag: Box<str>,
    pub(crate) tag_id: u32,
    pub kind: ChangeKind,
    pub unix_ns: i64,
    pub(crate) at_ns: i64,
    /// Somebody was to hear of it.
    pub announced: bool,
    pub priority: Priority,
    /// What was judged, as JSON with all its digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<u32>,
    /// Who did it; none, where it happened by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Box<str>>,
    /// Samples below this had been judged.
    pub(crate) position: u64,
    pub(crate) state: Alarm,
}

impl AlarmChange {
    pub(crate) fn key(&self) -> AlarmKey {
        AlarmKey { name: (&*self.alarm).into(), tag: self.tag_id }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub position: u64,
    pub clock: AlarmClock,
    /// This part, counted from 0, of so many.
    pub part: usize,
    pub parts: usize,
    pub alarms: Vec<(Box<str>, u32, Alarm)>,
}

/// The last snapshot that is whole, and what was written after it.
#[derive(Default)]
pub(crate) struct Written {
    pub position: u64,
    pub clock: AlarmClock,
    pub alarms: Vec<(AlarmKey, Alarm)>,
    pub changes: Vec<AlarmChange>,
    /// Of a snapshot that is not whole yet.
    parts: Vec<Snapshot>,
}

impl Written {
    pub fn change(&mut self, change: AlarmChange) {
        self.changes.push(change);
    }

    pub fn snapshot(&mut self, part: Snapshot) {
        if part.part == 0 {
            self.parts.clear();
        }
        let (whole, place) = (part.parts, part.part);
        if place != self.parts.len() {
            self.parts.clear();
            return;
        }
        self.parts.push(part);
        if self.parts.len() < whole {
            return;
        }
        if let Some(last) = self.parts.last() {
            (self.position, self.clock) = (last.position, last.clock);
        }
        let states = self.parts.drain(..).flat_map(|part| part.alarms);
        self.alarms = states
            .map(|(name, tag, alarm)| (AlarmKey { name: (&*name).into(), tag }, alarm))
            .collect();
        self.changes.clear();
    }
}
