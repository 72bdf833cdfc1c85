//! How long what is kept, and what becomes of it then: samples become rollups of a minute, an hour
//! or a day, and those coarser ones, before they go.

use crate::TagInfo;
use crate::rollup::Width;
use crate::summary::Summary;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Samples that a bucket should stand for; with less, a rollup would take more room than they do.
const SAMPLES_PER_ROLLUP: i128 = 4;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// As long as there is room.
    #[default]
    WhileRoom,
    /// At most; of no duration: not at all.
    For(Duration),
}

impl Keep {
    fn is_over(self, age_ns: i128) -> bool {
        match self {
            Keep::WhileRoom => false,
            Keep::For(limit) => age_ns > limit.as_nanos() as i128 || limit.is_zero(),
        }
    }

    fn never(self) -> bool {
        self == Keep::For(Duration::ZERO)
    }
}

/// What is kept of some tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    pub samples: Keep,
    pub minutes: Keep,
    pub hours: Keep,
    pub days: Keep,
    /// The samples of these tags together; the oldest go when they take more.
    pub sample_bytes_max: Option<u64>,
}

impl Kept {
    fn of(&self, level: Option<Width>) -> Keep {
        match level {
            None => self.samples,
            Some(Width::Minute) => self.minutes,
            Some(Width::Hour) => self.hours,
            Some(Width::Day) => self.days,
        }
    }
}

/// The place of a tag's rule; a tag without one is kept while there is room.
pub type RuleOf = Arc<dyn Fn(&TagInfo) -> Option<usize> + Send + Sync>;

/// Rules, and which one is a tag's.
#[derive(Clone)]
pub struct Retention {
    pub rules: Vec<Kept>,
    pub rule_of: RuleOf,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention { rules: Vec::new(), rule_of: Arc::new(|_| None) }
    }
}

impl Retention {
    pub(crate) fn is(&self, other: &Retention) -> bool {
        self.rules == other.rules && Arc::ptr_eq(&self.rule_of, &other.rule_of)
    }
}

/// What becomes of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Stay,
    Roll(Width),
    Go,
}

/// What must give way whatever its age, because room is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Squeeze {
    pub samples: bool,
    /// Rollups up to this width.
    pub rollups: Option<Width>,
}

impl Squeeze {
    fn hits(self, level: Option<Width>) -> bool {
        match level {
            None => self.samples,
            Some(width) => self.rollups.is_some_and(|most| width <= most),
        }
    }
}

/// By tag the place of its rule, if it has one.
pub(crate) type Places = HashMap<u32, Option<usize>>;

/// Retention at one moment.
#[derive(Clone)]
pub(crate) struct Policy {
    pub rules: Vec<Kept>,
    pub places: Arc<Places>,
    /// What is taken for the present; 0 when it is not known.
    pub now: i64,
    /// By rule: samples before this are too many.
    pub cutoffs: Vec<i64>,
    pub squeeze: Squeeze,
}

impl Policy {
    /// The least age at which anything can be over.
    pub fn least(&self) -> Option<Duration> {
        let limits = self.rules.iter().flat_map(|kept| {
            [kept.samples, kept.minutes, kept.hours, kept.days].into_iter().filter_map(|keep| {
                match keep {
                    Keep::For(limit) => Some(limit),
                    Keep::WhileRoom => None,
                }
            })
        });
        limits.min()
    }

    pub fn fate(&self, summary: &Summary) -> Fate {
        let everything = Kept::default();
        let place = self.places.get(&summary.tag.0).copied().flatten();
        let kept = place.and_then(|place| self.rules.get(place)).unwrap_or(&everything);
        let age = i128::from(self.now) - i128::from(summary.max_time);
        // Times that were guessed say nothing of the age.
        let aged = self.now != 0 && !summary.unsynchronised;
        let over = |level| aged && kept.of(level).is_over(age);
        let cutoff = place.and_then(|place| self.cutoffs.get(place).copied());
        let too_many =
            aged && summary.rollup.is_none() && cutoff.is_some_and(|at| summary.max_time < at);
        if !(self.squeeze.hits(summary.rollup) || over(summary.rollup) || too_many) {
            return Fate::Stay;
        }
        if summary.unsynchronised {
            return Fate::Go;
        }
        let wide = |width: &Width| {
            let span = i128::from(summary.max_time) - i128::from(summary.min_time);
            let buckets = span / i128::from(width.ns()) + 1;
            summary.rollup.is_some()
                || *width == Width::Day
                || i128::from(summary.count) >= buckets * SAMPLES_PER_ROLLUP
        };
        let open = |width: &Width| {
            let level = Some(*width);
            !over(level) && !kept.of(level).never() && !self.squeeze.hits(level)
        };
        let coarser = Width::ALL.into_iter().filter(|width| Some(*width) > summary.rollup);
        coarser.filter(open).find(wide).map_or(Fate::Go, Fate::Roll)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_model::{DataType, TagId};

    const DAY: i64 = 86_400_000_000_000;

    fn summary(age_days: i64, count: u32, span_ns: i64, rollup: Option<Width>) -> Summary {
        Summary {
            tag: TagId(1),
            data_type: DataType::Bool,
            in_order: true,
            min_time: 1_000 * DAY - age_days * DAY - span_ns,
            max_time: 1_000 * DAY - age_days * DAY,
            first_seq: 0,
            last_seq: 0,
            epoch: 1,
            count,
            count_usable: count,
            count_good: count,
            quality: None,
            has_source_times: false,
            numbers: None,
            rollup,
            unsynchronised: false,
        }
    }

    fn policy(kept: Kept) -> Policy {
        Policy {
            rules: vec![kept],
            places: Arc::new(HashMap::from([(1, Some(0))])),
            now: 1_000 * DAY,
            cutoffs: Vec::new(),
            squeeze: Squeeze::default(),
        }
    }

    fn days(days: u64) -> Keep {
        Keep::For(Duration::from_secs(days * 86_400))
    }

    #[test]
    fn samples_become_coarser_with_their_age() {
        let kept = Kept {
            samples: days(30),
            minutes: days(90),
            hours: days(365),
            days: days(3_650),
            sample_bytes_max: None,
        };
        let policy = policy(kept);
        let minute = DAY / 1_440;
        let raw = |age| policy.fate(&summary(age, 512, 8 * minute, None));
        assert_eq!(raw(29), Fate::Stay);
        assert_eq!(raw(31), Fate::Roll(Width::Minute));
        assert_eq!(raw(100), Fate::Roll(Width::Hour), "found late");
        assert_eq!(raw(500), Fate::Roll(Width::Day));
        assert_eq!(raw(900), Fate::Roll(Width::Day));
        let slow = summary(31, 512, 512 * minute, None);
        assert_eq!(policy.fate(&slow), Fate::Roll(Width::Hour), "a sample a minute");
        let rolled = |age, width| policy.fate(&summary(age, 512, DAY, Some(width)));
        assert_eq!(rolled(31, Width::Minute), Fate::Stay);
        assert_eq!(rolled(91, Width::Minute), Fate::Roll(Width::Hour));
        assert_eq!(rolled(364, Width::Hour), Fate::Stay);
        let old = Policy { now: 5_000 * DAY, ..policy.clone() };
        assert_eq!(old.fate(&summary(0, 512, DAY, Some(Width::Day))), Fate::Go);
    }

    #[test]
    fn room_is_made_of_the_finest_first() {
        let mut policy = policy(Kept::default());
        let (raw, minutes) = (summary(1, 512, 1, None), summary(1, 512, DAY, Some(Width::Minute)));
        assert_eq!((policy.fate(&raw), policy.fate(&minutes)), (Fate::Stay, Fate::Stay));
        policy.squeeze = Squeeze { samples: true, rollups: None };
        assert_eq!(policy.fate(&raw), Fate::Roll(Width::Minute));
        assert_eq!(policy.fate(&minutes), Fate::Stay);
        policy.squeeze = Squeeze { samples: false, rollups: Some(Width::Minute) };
        assert_eq!(
            (policy.fate(&raw), policy.fate(&minutes)),
            (Fate::Stay, Fate::Roll(Width::Hour))
        );
        let guessed = Summary { unsynchronised: true, ..raw };
        policy.squeeze = Squeeze { samples: true, rollups: None };
        assert_eq!(policy.fate(&guessed), Fate::Go, "a rollup needs a time");
    }

    #[test]
    fn a_width_that_is_not_wanted_is_passed_over_and_a_share_has_its_cutoff() {
        let kept = Kept { minutes: days(0), sample_bytes_max: Some(1), ..Kept::default() };
        let mut policy = policy(kept);
        let raw = summary(10, 512, 1, None);
        assert_eq!(policy.fate(&raw), Fate::Stay);
        policy.cutoffs = vec![995 * DAY];
        assert_eq!(policy.fate(&raw), Fate::Roll(Width::Hour));
        policy.now = 0;
        assert_eq!(policy.fate(&raw), Fate::Stay, "the present is not known");
    }
}
