//! What alarms write into the journal's record stream: each change, with the state after it, and from
//! time to time all states. As JSON, so that a person with a hex dump can read it.

use crate::alarm::{Alarm, AlarmKey, ChangeKind, Flood, Memory, Priority, Quota, Shown};
use crate::clock::AlarmClock;
use serde::{Deserialize, Serialize};

/// An alarm changed.
pub const CHANGE_KIND: u16 = 48;
/// Alarms that are not normal, and up to which sample that is so.
pub const SNAPSHOT_KIND: u16 = 49;
/// Alarms in one record of a snapshot.
pub(crate) const PART_ALARMS: usize = 1_000;

/// What became of an alarm. Where it is of all together, the names are empty.
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
    pub unit: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<u32>,
    /// Who did it; none, where it happened by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Box<str>>,
    /// Changes that were counted and not written, of which this one tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Samples below this had been judged.
    pub(crate) position: u64,
    pub(crate) state: Alarm,
    /// Changes of all alarms in this minute, this one included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) quota: Option<Quota>,
}

impl AlarmChange {
    pub(crate) fn key(&self) -> AlarmKey {
        AlarmKey { name: (&*self.alarm).into(), tag: self.tag_id }
    }

    /// When it happened, by the clock of alarms.
    pub fn at_ns(&self) -> i64 {
        self.at_ns
    }

    /// How the alarm was after it.
    pub fn shown(&self) -> Option<Shown> {
        (self.kind != ChangeKind::NotWritten).then(|| self.state.shown())
    }

    /// The value as text, with all its digits.
    pub fn value_text(&self) -> Option<String> {
        let json = self.value.as_deref()?;
        Some(serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned()))
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
    /// What conditions remember, where it is anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memories: Vec<(Box<str>, u32, Memory)>,
    /// Of all alarms together; the same in every part.
    #[serde(default)]
    pub quota: Quota,
    #[serde(default)]
    pub flood: Flood,
}

/// The last snapshot that is whole, and what was written after it.
#[derive(Default)]
pub(crate) struct Written {
    pub position: u64,
    pub clock: AlarmClock,
    pub alarms: Vec<(AlarmKey, Alarm)>,
    pub memories: Vec<(AlarmKey, Memory)>,
    pub quota: Quota,
    pub flood: Flood,
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
            (self.quota, self.flood) = (last.quota, last.flood.clone());
        }
        let key = |name: &str, tag| AlarmKey { name: name.into(), tag };
        self.alarms.clear();
        self.memories.clear();
        for part in self.parts.drain(..) {
            let alarms = part.alarms.into_iter();
            self.alarms.extend(alarms.map(|(name, tag, alarm)| (key(&name, tag), alarm)));
            let memories = part.memories.into_iter();
            self.memories.extend(memories.map(|(name, tag, memory)| (key(&name, tag), memory)));
        }
        self.changes.clear();
    }
}
