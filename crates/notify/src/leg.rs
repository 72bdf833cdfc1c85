//! One route to one channel: alarms that wait to be told there, and when they may be. Pure.

use crate::episode::{About, Key, Why};
use crate::plan::Route;
use crate::quiet::{Zone, held};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use tagwerk_alarms::alarm::Priority;
use tagwerk_model::limits;

const GATHER_NS: i64 = limits::NOTIFY_GATHER.as_nanos() as i64;
const APART_NS: i64 = limits::NOTIFY_APART.as_nanos() as i64;
const HOUR_NS: i64 = 3_600_000_000_000;
/// Over the limit of an hour critical alarms are told no more often than this.
const CRITICAL_APART_NS: i64 = 60_000_000_000;

/// An alarm that waits to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub key: Key,
    pub why: Why,
    /// Since when it waits.
    pub due_ns: i64,
    pub about: About,
    pub occurrences: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_unix_ns: Option<i64>,
    /// Who acknowledged it, and what they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Box<str>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    pub route: Box<str>,
    pub channel: Box<str>,
    /// Each alarm once, in the order in which they became due.
    #[serde(default)]
    pub waiting: VecDeque<Entry>,
    /// Alarms that found no room there.
    #[serde(default)]
    pub more: u64,
    /// The notice that is not delivered yet. Until it is, nothing follows: what comes up during an
    /// outage is told together after it.
    #[serde(default)]
    pub under_way: Option<u64>,
    /// When notices were made within the last hour.
    #[serde(default)]
    pub made_ns: VecDeque<i64>,
}

/// Which of those that wait are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Those that are more urgent than this; none: all.
    pub above: Option<Priority>,
}

impl Taken {
    fn takes(self, entry: &Entry) -> bool {
        self.above.is_none_or(|above| entry.about.priority > above)
    }
}

impl Leg {
    pub fn new(route: &str, channel: &str) -> Leg {
        Leg { route: route.into(), channel: channel.into(), ..Leg::default() }
    }

    /// An alarm is to be told. One that waits already waits on, with what is known of it now.
    pub fn push(&mut self, entry: Entry) {
        if let Some(known) = self.waiting.iter_mut().find(|known| known.key == entry.key) {
            if known.why.presents() && entry.why.presents() {
                let (why, due_ns) = (known.why, known.due_ns);
                *known = Entry { why, due_ns, ..entry };
            } else {
                *known = entry;
            }
        } else if self.waiting.len() >= limits::NOTIFY_WAITING_MAX {
            self.more += 1;
        } else {
            self.waiting.push_back(entry);
        }
    }

    /// What waits to say that the alarm is there.
    pub fn presenting(&mut self, key: &Key) -> Option<&mut Entry> {
        self.waiting.iter_mut().find(|entry| entry.key == *key && entry.why.presents())
    }

    /// Nobody is to be told of the alarm any more.
    pub fn withdraw(&mut self, key: &Key) {
        self.waiting.retain(|entry| entry.key != *key);
    }

    /// Which of those that wait are told now.
    pub fn ready(&self, route: &Route, zone: Zone, now_ns: i64, unix_ns: i64) -> Option<Taken> {
        if self.under_way.is_some() || self.waiting.is_empty() {
            return None;
        }
        let mut taken = Taken { above: held(&route.quiet, zone, unix_ns) };
        let apart = |ns: i64| self.made_ns.back().is_none_or(|last| now_ns - last >= ns);
        if self.of_the_hour(now_ns) >= route.messages_per_hour_max as usize {
            if !apart(CRITICAL_APART_NS) {
                return None;
            }
            taken.above = taken.above.max(Some(Priority::High));
        }
        let mut told = self.waiting.iter().filter(|entry| taken.takes(entry));
        let since = told.next()?.due_ns;
        (now_ns - since >= GATHER_NS && apart(APART_NS)).then_some(taken)
    }

    /// Takes them out, with how many more there were; the notice of them is under way.
    pub fn take(&mut self, taken: Taken, id: u64, now_ns: i64) -> (Vec<Entry>, u64) {
        self.under_way = Some(id);
        while self.made_ns.front().is_some_and(|made| now_ns - made >= HOUR_NS) {
            self.made_ns.pop_front();
        }
        self.made_ns.push_back(now_ns);
        let waiting = std::mem::take(&mut self.waiting);
        let (told, rest): (Vec<Entry>, VecDeque<Entry>) = {
            let mut parts = (Vec::new(), VecDeque::new());
            for entry in waiting {
                match taken.takes(&entry) {
                    true => parts.0.push(entry),
                    false => parts.1.push_back(entry),
                }
            }
            parts
        };
        self.waiting = rest;
        (told, std::mem::take(&mut self.more))
    }

    fn of_the_hour(&self, now_ns: i64) -> usize {
        self.made_ns.iter().filter(|made| now_ns - **made < HOUR_NS).count()
    }
}
