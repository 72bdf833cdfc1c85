//! The life of one alarm after ISA-18.2: raised and cleared with delays, latched, acknowledged, shelved,
//! suppressed by design, out of service. All times are nanoseconds of one clock that never goes back.

use super::Verdict;
use super::chatter::{Chatter, ChatterBound, Told};
use serde::{Deserialize, Serialize};

/// Occurrences of one alarm counted as not acknowledged. More: still counted as this many.
pub const UNACKNOWLEDGED_MAX: u32 = 9_999;
/// Observations that an alarm of N of M looks at.
const OBSERVATIONS_MAX: u32 = 64;

/// How an alarm is treated, whatever its condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Treatment {
    /// The condition must be met for so long.
    pub on_delay_ns: i64,
    /// The condition must not be met for so long.
    pub off_delay_ns: i64,
    /// The condition counts as met when it was in `n` of the last `m` samples.
    pub n_of_m: Option<(u32, u32)>,
    /// Stays raised when the condition is over, until somebody resets it.
    pub latching: bool,
    /// Somebody must say that they saw it.
    pub acknowledge: bool,
    #[serde(default)]
    pub chatter: ChatterBound,
}

impl Default for Treatment {
    fn default() -> Treatment {
        Treatment {
            on_delay_ns: 0,
            off_delay_ns: 0,
            n_of_m: None,
            latching: false,
            acknowledge: true,
            chatter: ChatterBound::default(),
        }
    }
}

/// Put aside by somebody for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelf {
    pub by: Box<str>,
    pub comment: Box<str>,
    pub until_ns: i64,
}

/// What an operator is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    Normal,
    Unacknowledged,
    Acknowledged,
    /// Over, and nobody has seen it.
    ClearedUnacknowledged,
    /// Over and seen, and to be reset.
    Latched,
    Shelved,
    Suppressed,
    OutOfService,
}

impl Shown {
    pub fn name(self) -> &'static str {
        match self {
            Shown::Normal => "normal",
            Shown::Unacknowledged => "unacknowledged",
            Shown::Acknowledged => "acknowledged",
            Shown::ClearedUnacknowledged => "cleared_unacknowledged",
            Shown::Latched => "latched",
            Shown::Shelved => "shelved",
            Shown::Suppressed => "suppressed",
            Shown::OutOfService => "out_of_service",
        }
    }
}

/// One alarm. Starts normal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// The condition, as the last sample that says something of it has it.
    #[serde(default, skip_serializing_if = "is_default")]
    met: bool,
    /// Since when that differs from `active`.
    #[serde(default, skip_serializing_if = "is_default")]
    turning_since_ns: Option<i64>,
    /// The last observations, the newest in the lowest bit, and how many there are.
    #[serde(default, skip_serializing_if = "is_default")]
    observed: (u64, u32),
    #[serde(default, skip_serializing_if = "is_default")]
    active: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    latched: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    unacknowledged: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    shelf: Option<Shelf>,
    /// Why it is suppressed.
    #[serde(default, skip_serializing_if = "is_default")]
    suppressed: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "is_default")]
    out_of_service: bool,
    /// Times that it was raised.
    #[serde(default, skip_serializing_if = "is_default")]
    raised: u64,
    /// When it was raised or cleared last.
    #[serde(default, skip_serializing_if = "is_default")]
    since_ns: Option<i64>,
    /// How often it changed by itself lately.
    #[serde(default, skip_serializing_if = "is_default")]
    chatter: Chatter,
}

/// What is as at the start needs no room on disk.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Raised,
    Cleared,
    Acknowledged,
    Reset,
    Shelved,
    Unshelved,
    Suppressed,
    Unsuppressed,
    OutOfService,
    InService,
    /// Changes too often: what follows is counted and not told.
    Chattering,
    /// No longer.
    Steady,
    /// Of all alarms together: there were more changes than are written.
    NotWritten,
}

impl ChangeKind {
    pub fn name(self) -> &'static str {
        match self {
            ChangeKind::Raised => "raised",
            ChangeKind::Cleared => "cleared",
            ChangeKind::Acknowledged => "acknowledged",
            ChangeKind::Reset => "reset",
            ChangeKind::Shelved => "shelved",
            ChangeKind::Unshelved => "unshelved",
            ChangeKind::Suppressed => "suppressed",
            ChangeKind::Unsuppressed => "unsuppressed",
            ChangeKind::OutOfService => "out_of_service",
            ChangeKind::InService => "in_service",
            ChangeKind::Chattering => "chattering",
            ChangeKind::Steady => "steady",
            ChangeKind::NotWritten => "not_written",
        }
    }

    /// Whether it may tell somebody of an alarm that they did not see before.
    pub fn presents(self) -> bool {
        use ChangeKind::{InService, Raised, Unshelved, Unsuppressed};
        matches!(self, Raised | Unshelved | Unsuppressed | InService)
    }
}

/// What became of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub at_ns: i64,
    pub kind: ChangeKind,
    /// Somebody should hear of it: it is not shelved, suppressed or out of service.
    pub announced: bool,
    /// Changes that were counted and not told, as far as this one tells of them.
    pub count: u64,
}

impl Change {
    fn new(at_ns: i64, kind: ChangeKind, announced: bool) -> Change {
        Change { at_ns, kind, announced, count: 0 }
    }
}

/// What somebody does to an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    Acknowledge,
    Reset,
    Shelve(Shelf),
    Unshelve,
    TakeOutOfService,
    ReturnToService,
}

/// Why an alarm stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("there is nothing to acknowledge")]
    NothingToAcknowledge,
    #[error("the condition is still met; remove the cause first")]
    StillMet,
    #[error("nobody has acknowledged the alarm yet; acknowledge it first")]
    NotAcknowledged,
    #[error("the alarm is not latched")]
    NotLatched,
    #[error("the alarm is not shelved")]
    NotShelved,
    #[error("the time to shelve until has passed; give a later one")]
    ShelvedInThePast,
    #[error("the alarm is out of service; return it to service first")]
    OutOfService,
    #[error("the alarm is in service")]
    InService,
}

impl Alarm {
    pub fn shown(&self) -> Shown {
        match self {
            alarm if alarm.out_of_service => Shown::OutOfService,
            alarm if alarm.suppressed.is_some() => Shown::Suppressed,
            alarm if alarm.shelf.is_some() => Shown::Shelved,
            alarm if alarm.active && alarm.unacknowledged > 0 => Shown::Unacknowledged,
            alarm if alarm.active => Shown::Acknowledged,
            alarm if alarm.unacknowledged > 0 => Shown::ClearedUnacknowledged,
            alarm if alarm.latched => Shown::Latched,
            _ => Shown::Normal,
        }
    }

    /// Whether the condition is met, delays counted in.
    pub fn is_active(&self) -> bool {
        self.active
    }

    pub fn is_met(&self) -> bool {
        self.met
    }

    pub fn is_latched(&self) -> bool {
        self.latched
    }

    pub fn shelf(&self) -> Option<&Shelf> {
        self.shelf.as_ref()
    }

    pub fn suppressed(&self) -> Option<&str> {
        self.suppressed.as_deref()
    }

    pub fn unacknowledged(&self) -> u32 {
        self.unacknowledged
    }

    pub fn raised(&self) -> u64 {
        self.raised
    }

    pub fn since_ns(&self) -> Option<i64> {
        self.since_ns
    }

    /// It changes too often: how many changes were counted and not told.
    pub fn chattering(&self) -> Option<u64> {
        self.chatter.not_told()
    }

    /// Somebody is to hear of it when something happens.
    fn announces(&self) -> bool {
        !self.out_of_service && self.suppressed.is_none() && self.shelf.is_none()
    }

    /// When the alarm changes although nothing comes in.
    pub fn due_ns(&self, treatment: &Treatment) -> Option<i64> {
        let turns = self.turning_since_ns.map(|since| since.saturating_add(self.delay(treatment)));
        let returns = self.shelf.as_ref().map(|shelf| shelf.until_ns);
        let steady = self.chatter.steady_ns(&treatment.chatter);
        [turns, returns, steady].into_iter().flatten().min()
    }

    fn delay(&self, treatment: &Treatment) -> i64 {
        if self.active { treatment.off_delay_ns } else { treatment.on_delay_ns }
    }

    /// Lets time pass: what is due by `now_ns` happens at its own time.
    pub fn advance(&mut self, treatment: &Treatment, now_ns: i64, changes: &mut Vec<Change>) {
        while let Some(at_ns) = self.due_ns(treatment).filter(|due| *due <= now_ns) {
            if self.chatter.steady_ns(&treatment.chatter).is_some_and(|steady| steady <= at_ns) {
                self.settle(at_ns, changes);
            } else if self.shelf.as_ref().is_some_and(|shelf| shelf.until_ns <= at_ns) {
                self.unshelve(at_ns, changes);
            } else {
                self.turn(treatment, at_ns, changes);
            }
        }
    }

    /// Takes what a sample says of the condition.
    pub fn observe(
        &mut self,
        treatment: &Treatment,
        at_ns: i64,
        verdict: Verdict,
        changes: &mut Vec<Change>,
    ) {
        self.advance(treatment, at_ns, changes);
        let (Verdict::Met | Verdict::NotMet) = verdict else { return };
        self.met = self.counts_as_met(treatment, verdict == Verdict::Met);
        match (self.met == self.active, self.turning_since_ns) {
            (true, _) => self.turning_since_ns = None,
            (false, None) => self.turning_since_ns = Some(at_ns),
            (false, Some(_)) => {}
        }
        self.advance(treatment, at_ns, changes);
    }

    fn counts_as_met(&mut self, treatment: &Treatment, met: bool) -> bool {
        let Some((wanted, of)) = treatment.n_of_m else { return met };
        let of = of.clamp(1, OBSERVATIONS_MAX);
        let mask = u64::MAX >> (OBSERVATIONS_MAX - of);
        let (bits, count) = self.observed;
        self.observed = ((bits << 1 | u64::from(met)) & mask, (count + 1).min(of));
        self.observed.0.count_ones() >= wanted
    }

    fn turn(&mut self, treatment: &Treatment, at_ns: i64, changes: &mut Vec<Change>) {
        (self.turning_since_ns, self.since_ns) = (None, Some(at_ns));
        self.active = !self.active;
        let announced = self.announces();
        let kind = if self.active { ChangeKind::Raised } else { ChangeKind::Cleared };
        if self.active {
            self.raised += 1;
            self.latched = treatment.latching;
            if treatment.acknowledge {
                self.unacknowledged = (self.unacknowledged + 1).min(UNACKNOWLEDGED_MAX);
            }
        }
        self.tell(treatment, Change::new(at_ns, kind, announced), changes);
    }

    /// Tells of a change that came by itself, unless there are too many of them.
    fn tell(&mut self, treatment: &Treatment, change: Change, changes: &mut Vec<Change>) {
        match self.chatter.count(&treatment.chatter, change.at_ns) {
            Told::Yes => changes.push(change),
            Told::Begins => {
                let (kind, announced) = (ChangeKind::Chattering, self.announces());
                changes.push(Change { kind, announced, count: 1, ..change });
            }
            Told::No => {}
        }
    }

    fn settle(&mut self, at_ns: i64, changes: &mut Vec<Change>) {
        let count = std::mem::take(&mut self.chatter).not_told().unwrap_or(0);
        let (kind, announced) = (ChangeKind::Steady, self.announces());
        changes.push(Change { at_ns, kind, announced, count });
    }

    fn unshelve(&mut self, at_ns: i64, changes: &mut Vec<Change>) {
        self.shelf = None;
        // What came up meanwhile has been announced to nobody.
        let announced = self.announces() && (self.active || self.latched);
        changes.push(Change::new(at_ns, ChangeKind::Unshelved, announced));
    }

    /// Does what somebody asked for, or says why not.
    pub fn operate(
        &mut self,
        treatment: &Treatment,
        at_ns: i64,
        operator: Operator,
        changes: &mut Vec<Change>,
    ) -> Result<(), Refused> {
        self.advance(treatment, at_ns, changes);
        let kind = match operator {
            Operator::Acknowledge if self.unacknowledged == 0 => {
                return Err(Refused::NothingToAcknowledge);
            }
            Operator::Acknowledge => {
                self.unacknowledged = 0;
                ChangeKind::Acknowledged
            }
            Operator::Reset if self.active => return Err(Refused::StillMet),
            Operator::Reset if !self.latched => return Err(Refused::NotLatched),
            Operator::Reset if self.unacknowledged > 0 => return Err(Refused::NotAcknowledged),
            Operator::Reset => {
                self.latched = false;
                ChangeKind::Reset
            }
            Operator::Shelve(_) if self.out_of_service => return Err(Refused::OutOfService),
            Operator::Shelve(shelf) if shelf.until_ns <= at_ns => {
                return Err(Refused::ShelvedInThePast);
            }
            Operator::Shelve(shelf) => {
                self.shelf = Some(shelf);
                ChangeKind::Shelved
            }
            Operator::Unshelve if self.shelf.is_none() => return Err(Refused::NotShelved),
            Operator::Unshelve => {
                self.unshelve(at_ns, changes);
                return Ok(());
            }
            Operator::TakeOutOfService if self.out_of_service => return Err(Refused::OutOfService),
            Operator::TakeOutOfService => {
                self.out_of_service = true;
                self.shelf = None;
                ChangeKind::OutOfService
            }
            Operator::ReturnToService if !self.out_of_service => return Err(Refused::InService),
            Operator::ReturnToService => {
                self.out_of_service = false;
                ChangeKind::InService
            }
        };
        let announced = match kind {
            ChangeKind::InService => self.announces() && self.active,
            _ => self.announces(),
        };
        changes.push(Change::new(at_ns, kind, announced));
        Ok(())
    }

    /// Suppresses by design, with the reason, or ends that.
    pub fn suppress(
        &mut self,
        treatment: &Treatment,
        at_ns: i64,
        reason: Option<&str>,
        changes: &mut Vec<Change>,
    ) {
        self.advance(treatment, at_ns, changes);
        let kind = match (reason, &self.suppressed) {
            (Some(_), None) => ChangeKind::Suppressed,
            (None, Some(_)) => ChangeKind::Unsuppressed,
            _ => return,
        };
        self.suppressed = reason.map(Box::from);
        let announced = kind == ChangeKind::Unsuppressed && self.announces() && self.active;
        self.tell(treatment, Change::new(at_ns, kind, announced), changes);
    }
}
