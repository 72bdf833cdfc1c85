//! One alarm from when it was raised until it is over and acknowledged, and how far each route has told
//! of it. Pure; times are those of the alarms' clock, which never goes back.

use crate::plan::{Plan, Route};
use serde::{Deserialize, Serialize};
use tagwerk_alarms::AlarmChange;
use tagwerk_alarms::alarm::{ChangeKind, Priority, Shown};

/// An alarm of a tag, by its names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    pub alarm: Box<str>,
    pub device: Box<str>,
    pub tag: Box<str>,
}

/// What became of an alarm, as far as it matters here.
#[derive(Clone, Debug)]
pub struct Heard {
    pub key: Key,
    pub kind: ChangeKind,
    pub announced: bool,
    pub shown: Shown,
    pub at_ns: i64,
    pub by: Option<Box<str>>,
    pub comment: Option<Box<str>>,
    pub about: About,
}

/// What is said of an alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub priority: Priority,
    /// When it was raised.
    pub unix_ns: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Box<str>>,
}

impl Heard {
    pub fn of(change: &AlarmChange) -> Heard {
        if change.kind == ChangeKind::NotWritten {
            return Heard::of_too_many(change);
        }
        let (alarm, device, tag) =
            (change.alarm.clone(), change.device.clone(), change.tag.clone());
        Heard {
            key: Key { alarm, device, tag },
            kind: change.kind,
            announced: change.announced,
            shown: change.shown().unwrap_or(Shown::Normal),
            at_ns: change.at_ns(),
            by: change.by.clone(),
            comment: change.comment.clone(),
            about: About {
                priority: change.priority,
                unix_ns: change.unix_ns,
                value: change.value_text().map(Into::into),
                unit: change.unit.clone(),
                text: change.text.clone(),
            },
        }
    }

    /// So many alarms changed that what became of some is not known: somebody is to look.
    fn of_too_many(change: &AlarmChange) -> Heard {
        let text = format!(
            "{} changes of alarms within a minute were too many to be written; the console shows how \
             alarms are now",
            change.count.unwrap_or_default()
        );
        let key =
            Key { alarm: "too-many-alarms".into(), device: "edge".into(), tag: "alarms".into() };
        let about = About {
            priority: Priority::Critical,
            unix_ns: change.unix_ns,
            value: None,
            unit: None,
            text: Some(text.into()),
        };
        Heard {
            key,
            kind: change.kind,
            announced: true,
            shown: Shown::Normal,
            at_ns: change.at_ns(),
            by: None,
            comment: None,
            about,
        }
    }

    pub fn is_active(&self) -> bool {
        matches!(self.shown, Shown::Unacknowledged | Shown::Acknowledged)
    }
}

/// Why somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    Raised,
    /// Nobody acknowledged it for so long that this level is told.
    Escalated,
    /// Nobody has acknowledged it yet.
    Repeated,
    Cleared,
    Acknowledged,
}

impl Why {
    pub fn name(self) -> &'static str {
        match self {
            Why::Raised => "raised",
            Why::Escalated => "escalated",
            Why::Repeated => "repeated",
            Why::Cleared => "cleared",
            Why::Acknowledged => "acknowledged",
        }
    }

    /// It says that an alarm is there.
    pub fn presents(self) -> bool {
        matches!(self, Why::Raised | Why::Escalated | Why::Repeated)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    pub about: About,
    pub active: bool,
    /// Somebody has to acknowledge it.
    pub needs: bool,
    pub acknowledged: bool,
    /// When it was raised first since somebody acknowledged it, as far as anybody was told.
    pub first_ns: i64,
    /// Times that it was raised since then.
    pub occurrences: u32,
    pub marks: Vec<Mark>,
}

/// How far a route has told of an alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub route: Box<str>,
    /// When it is told that the alarm was raised, if that is not told yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announce_ns: Option<i64>,
    /// Levels that are told.
    pub levels: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat_ns: Option<i64>,
    /// Channels that a notice of it was handed to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Box<str>>,
}

/// What is due on a route at a time, and on which channels.
#[derive(Debug, PartialEq, Eq)]
pub struct Due {
    pub at_ns: i64,
    pub why: Why,
    pub to: Vec<Box<str>>,
}

impl Episode {
    pub fn begin(heard: &Heard, plan: &Plan) -> Episode {
        let Key { alarm, device, tag } = &heard.key;
        let chosen = |route: &&Route| route.is_for(alarm, device, tag, heard.about.priority);
        let marks = plan.routes.iter().filter(chosen).map(|route| Mark {
            route: route.name.clone(),
            announce_ns: Some(heard.at_ns.saturating_add(route.first_after_ns())),
            levels: 0,
            repeat_ns: None,
            told: Vec::new(),
        });
        let needs = heard.shown == Shown::Unacknowledged;
        Episode {
            about: heard.about.clone(),
            active: true,
            needs,
            // One that comes back into sight may have been acknowledged before it went.
            acknowledged: !needs && heard.kind != ChangeKind::Raised,
            first_ns: heard.at_ns,
            occurrences: 1,
            marks: marks.collect(),
        }
    }

    /// Raised once more, and nobody has acknowledged it: who was told is told of this too. What is
    /// counted until it escalates goes on, or an alarm that comes and goes never would.
    pub fn again(&mut self, heard: &Heard, plan: &Plan) {
        self.about = heard.about.clone();
        self.active = true;
        self.needs |= heard.shown == Shown::Unacknowledged;
        self.occurrences = self.occurrences.saturating_add(1);
        if self.marks.iter().all(|mark| mark.levels == 0) {
            // Nobody knows yet: nobody can have failed to acknowledge it.
            self.first_ns = heard.at_ns;
        }
        for mark in &mut self.marks {
            let Some(route) = plan.route(&mark.route) else { continue };
            let at_ns = heard.at_ns.saturating_add(route.first_after_ns());
            mark.announce_ns.get_or_insert(at_ns);
        }
    }

    /// Somebody is still to do something.
    pub fn is_open(&self) -> bool {
        !self.acknowledged && (self.active || self.needs)
    }

    pub fn mark(&mut self, route: &str) -> Option<&mut Mark> {
        self.marks.iter_mut().find(|mark| &*mark.route == route)
    }

    /// When something is due next.
    pub fn due_ns(&self, plan: &Plan) -> Option<i64> {
        let next = |mark: &Mark| Some(self.next(mark, plan.route(&mark.route)?)?.0);
        self.marks.iter().filter_map(next).min()
    }

    fn next(&self, mark: &Mark, route: &Route) -> Option<(i64, Why)> {
        let open = self.is_open() && mark.levels > 0;
        let level = route.levels.get(mark.levels).filter(|_| open);
        let level = level.map(|level| self.first_ns.saturating_add(level.after_ns));
        let repeat = mark.repeat_ns.filter(|_| open && route.repeat_ns.is_some());
        let all =
            [(mark.announce_ns, Why::Raised), (level, Why::Escalated), (repeat, Why::Repeated)];
        let all = all.into_iter().filter_map(|(at_ns, why)| Some((at_ns?, why)));
        all.min_by_key(|(at_ns, _)| *at_ns)
    }

    /// Does what is due next on a route by `now_ns`. A time that was slept through is told of once.
    pub fn advance(&mut self, place: usize, plan: &Plan, now_ns: i64) -> Option<Due> {
        let mark = self.marks.get(place)?;
        let route = plan.route(&mark.route)?;
        let (at_ns, why) = self.next(mark, route).filter(|(at_ns, _)| *at_ns <= now_ns)?;
        let mark = &mut self.marks[place];
        let to = match why {
            Why::Escalated => {
                mark.levels += 1;
                route.levels[mark.levels - 1].to.clone()
            }
            Why::Repeated => {
                let every = route.repeat_ns.unwrap_or(i64::MAX).max(1);
                let passed = (now_ns - at_ns) / every;
                let next = at_ns.saturating_add(every.saturating_mul(passed.saturating_add(1)));
                mark.repeat_ns = Some(next);
                owned(route.channels(mark.levels))
            }
            _ => {
                mark.announce_ns = None;
                mark.levels = mark.levels.max(1);
                if mark.repeat_ns.is_none() {
                    mark.repeat_ns = route.repeat_ns.map(|every| at_ns.saturating_add(every));
                }
                owned(route.channels(mark.levels))
            }
        };
        Some(Due { at_ns, why, to })
    }
}

fn owned(names: Vec<&str>) -> Vec<Box<str>> {
    names.into_iter().map(Into::into).collect()
}
