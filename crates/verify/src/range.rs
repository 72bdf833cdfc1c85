//! Ranges of sequence numbers, merged and bounded in number.

use serde::Serialize;
use std::collections::BTreeMap;

/// Ranges apart from one another that a set keeps. More: the set counts on, but no longer knows which.
pub const RANGES_MAX: usize = 100_000;

/// Numbers `from` up to, not including, `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Range {
    pub from: u64,
    pub to: u64,
}

impl Range {
    pub fn new(from: u64, to: u64) -> Range {
        Range { from, to: to.max(from) }
    }

    pub fn count(self) -> u64 {
        self.to - self.from
    }

    fn clip(self, other: Range) -> Option<Range> {
        let (from, to) = (self.from.max(other.from), self.to.min(other.to));
        (from < to).then_some(Range { from, to })
    }
}

/// A set of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// By first number: one past the last.
    ranges: BTreeMap<u64, u64>,
    /// Ranges that found no room.
    pub refused: u64,
}

impl Ranges {
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub fn count(&self) -> u64 {
        self.iter().fold(0, |sum: u64, range| sum.saturating_add(range.count()))
    }

    pub fn end(&self) -> u64 {
        self.ranges.last_key_value().map_or(0, |(_, to)| *to)
    }

    pub fn iter(&self) -> impl Iterator<Item = Range> + '_ {
        self.ranges.iter().map(|(from, to)| Range { from: *from, to: *to })
    }

    /// Adds a range; returns how many of its numbers were there already.
    pub fn add(&mut self, range: Range) -> u64 {
        if range.count() == 0 {
            return 0;
        }
        let known = self.common(range);
        let (mut from, mut to) = (range.from, range.to);
        let touched: Vec<(u64, u64)> = self.touching(range).collect();
        if touched.is_empty() && self.ranges.len() >= RANGES_MAX {
            self.refused += 1;
            return known;
        }
        for (begin, end) in touched {
            self.ranges.remove(&begin);
            (from, to) = (from.min(begin), to.max(end));
        }
        self.ranges.insert(from, to);
        known
    }

    /// Ranges that overlap or touch.
    fn touching(&self, range: Range) -> impl Iterator<Item = (u64, u64)> + '_ {
        let before = self.ranges.range(..range.from).next_back();
        let first = before.filter(|(_, to)| **to >= range.from);
        let rest = self.ranges.range(range.from..=range.to);
        first.into_iter().chain(rest).map(|(from, to)| (*from, *to))
    }

    /// The parts of `range` that are in the set.
    pub fn inside(&self, range: Range) -> impl Iterator<Item = Range> + '_ {
        self.touching(range).filter_map(move |(from, to)| Range { from, to }.clip(range))
    }

    pub fn common(&self, range: Range) -> u64 {
        self.inside(range).map(Range::count).sum()
    }

    /// The parts of `range` that are not in the set.
    pub fn outside(&self, range: Range) -> Vec<Range> {
        let mut parts = Vec::new();
        let mut at = range.from;
        for part in self.inside(range) {
            if part.from > at {
                parts.push(Range { from: at, to: part.from });
            }
            at = part.to;
        }
        if at < range.to {
            parts.push(Range { from: at, to: range.to });
        }
        parts
    }

    pub fn remove(&mut self, range: Range) {
        let touched: Vec<(u64, u64)> = self.touching(range).collect();
        for (from, to) in touched {
            let Some(part) = (Range { from, to }).clip(range) else { continue };
            self.ranges.remove(&from);
            if from < part.from {
                self.ranges.insert(from, part.from);
            }
            if part.to < to {
                self.ranges.insert(part.to, to);
            }
        }
    }

    /// What is here and not in `other`.
    pub fn without(&self, other: &Ranges) -> Ranges {
        let mut rest = Ranges { ranges: BTreeMap::new(), refused: self.refused };
        for range in self.iter() {
            for part in other.outside(range) {
                rest.add(part);
            }
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn agrees_with_a_set(
            changes in prop::collection::vec((0u64..200, 0u64..20, any::<bool>()), 0..60),
            probe in (0u64..200, 0u64..50),
        ) {
            let mut ranges = Ranges::default();
            let mut model = BTreeSet::new();
            for (from, count, add) in changes {
                let range = Range::new(from, from + count);
                let known = (from..from + count).filter(|n| model.contains(n)).count() as u64;
                if add {
                    prop_assert_eq!(ranges.add(range), known);
                    model.extend(from..from + count);
                } else {
                    ranges.remove(range);
                    model.retain(|n| !(from..from + count).contains(n));
                }
            }
            let kept: BTreeSet<u64> = ranges.iter().flat_map(|r| r.from..r.to).collect();
            prop_assert_eq!(&kept, &model);
            let probe = Range::new(probe.0, probe.0 + probe.1);
            let outside: BTreeSet<u64> =
                ranges.outside(probe).into_iter().flat_map(|r| r.from..r.to).collect();
            let wanted: BTreeSet<u64> =
                (probe.from..probe.to).filter(|n| !model.contains(n)).collect();
            prop_assert_eq!(outside, wanted);
        }
    }
}
