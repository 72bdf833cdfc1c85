//! What became of stored samples on their way to one sink.

use crate::delivery::Fate;
use crate::minute::Minute;
use crate::shared::Ledger;
use std::collections::BTreeMap;
use tagwerk_journal::{Cursor, GapReason, Span};

/// A sink, and how far it is.
pub struct SinkPlace {
    pub name: String,
    /// None while it has none: everything waits.
    pub cursor: Option<Cursor>,
    /// Parts of the stream that its destination refused for good.
    pub rejected: Vec<Span>,
}

/// Of how many samples of a group so many are for a sink: `selected` of `size` tags.
pub type Selected<'a> = &'a dyn Fn(u32) -> (u32, u32);

/// Samples for one sink by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkShare {
    pub expected: u64,
    pub delivered: u64,
    pub pending: u64,
    pub rejected: u64,
    pub lost: BTreeMap<&'static str, u64>,
}

impl SinkShare {
    pub fn lost_samples(&self) -> u64 {
        self.lost.values().sum()
    }

    pub fn add(&mut self, other: &SinkShare) {
        self.expected += other.expected;
        self.delivered += other.delivered;
        self.pending += other.pending;
        self.rejected += other.rejected;
        for (reason, samples) in &other.lost {
            *self.lost.entry(reason).or_default() += samples;
        }
    }
}

/// One sink's view of the journal.
pub struct Sharing {
    place: SinkPlace,
    begins: u64,
    /// In which it lost something.
    gaps: Vec<(Span, &'static str, i64)>,
}

/// The reason of a gap of dead letters that were given up.
pub const DISCARDED: u8 = 32;

/// The name of a loss, for programs.
pub fn loss_name(reason: GapReason) -> Option<&'static str> {
    Some(match reason {
        GapReason::Retention => "retention",
        GapReason::Damaged => "damaged",
        GapReason::Backlog => "backlog",
        // These numbers never were samples.
        GapReason::Unclean => return None,
        GapReason::Other(DISCARDED) => "discarded",
        GapReason::Other(_) => "other",
    })
}

/// The same for people.
pub fn loss_text(name: &str) -> &'static str {
    match name {
        "retention" => "the journal's limit was reached before the sink took them",
        "damaged" => "the disk had damaged them before the sink took them",
        "backlog" => "the sink's own limit for what waits was reached",
        "discarded" => "dead letters that were discarded",
        _ => "given up",
    }
}

impl Ledger {
    pub fn sharing(&self, place: SinkPlace) -> Sharing {
        let begins = self.begins(&place.name).unwrap_or(0);
        let gaps = self.gaps(&format!("sink/{}", place.name));
        let named =
            gaps.into_iter().filter_map(|(span, why, at)| Some((span, loss_name(why)?, at)));
        Sharing { gaps: named.collect(), begins, place }
    }
}

impl Sharing {
    pub fn name(&self) -> &str {
        &self.place.name
    }

    /// The sink's losses: which part of the stream, why, and when that was found.
    pub fn losses(&self) -> &[(Span, &'static str, i64)] {
        &self.gaps
    }

    /// What became of the samples that a minute sums up. Sequence numbers count samples, so the sums
    /// are exact for a sink of all tags; of a part of the tags each outcome has its even share.
    pub fn share(&self, minute: &Minute, selected: Selected<'_>) -> SinkShare {
        let whole = minute.span();
        let span = Span { from: whole.from.max(self.begins).min(whole.to), to: whole.to };
        let stored = minute.stored();
        let mine: u64 = minute
            .groups
            .iter()
            .map(|(set, entry)| {
                let (some, all) = selected(*set);
                if some >= all { entry.stored } else { share_of(entry.stored, some, all) }
            })
            .sum();
        if span.count() == 0 || mine == 0 {
            return SinkShare::default();
        }
        // Numbers that an unclean end stepped over were never samples.
        let there = stored.min(span.count());
        let pending = self.waiting(span);
        let rejected = overlap(&self.place.rejected, span);
        let mut lost: BTreeMap<&'static str, u64> = BTreeMap::new();
        for (gap, reason, _) in &self.gaps {
            *lost.entry(reason).or_default() += both(*gap, span);
        }
        let mut left = there;
        let mut take = |wanted: u64| {
            let taken = wanted.min(left);
            left -= taken;
            taken
        };
        let mut share = SinkShare { pending: take(pending), ..SinkShare::default() };
        share.rejected = take(rejected);
        share.lost = lost.into_iter().map(|(why, n)| (why, take(n))).collect();
        share.delivered = left;
        share.expected = there;
        if mine < stored {
            share = share.scaled(mine, stored);
        }
        share.lost.retain(|_, samples| *samples > 0);
        share
    }

    /// Parts of the stream by what became of them, in their order.
    pub(crate) fn fates(&self, span: Span) -> Vec<(Span, Fate)> {
        let inside = |part: &Span| part.from < span.to && part.to > span.from;
        let rejected = self.place.rejected.iter().copied().filter(inside);
        let rejected: Vec<Span> = rejected.collect();
        let gaps: Vec<_> = self.gaps.iter().filter(|(gap, ..)| inside(gap)).collect();
        let cursor = self.place.cursor.as_ref();
        let ranges = cursor.map(|c| c.ranges()).unwrap_or_default().iter().copied();
        let parts = ranges.filter(inside).chain(rejected.iter().copied());
        let parts = parts.chain(gaps.iter().map(|(gap, ..)| *gap));
        let mut borders: Vec<u64> = parts.flat_map(|part| [part.from, part.to]).collect();
        borders.extend([span.from, span.to, self.begins]);
        borders.extend(cursor.map(|cursor| cursor.next()));
        borders.retain(|border| (span.from..=span.to).contains(border));
        borders.sort_unstable();
        borders.dedup();
        let holds = |part: &Span, at: u64| (part.from..part.to).contains(&at);
        let fate = |at: u64| {
            if at < self.begins {
                return Fate::Before;
            }
            if !cursor.is_some_and(|cursor| cursor.is_acknowledged(at)) {
                return Fate::Pending;
            }
            if rejected.iter().any(|part| holds(part, at)) {
                return Fate::Rejected;
            }
            let lost = gaps.iter().find(|(gap, ..)| holds(gap, at));
            lost.map_or(Fate::Delivered, |(_, reason, _)| Fate::Lost(reason))
        };
        let parts = borders.windows(2).map(|pair| Span { from: pair[0], to: pair[1] });
        let mut fates: Vec<(Span, Fate)> = Vec::new();
        for part in parts {
            let fate = fate(part.from);
            match fates.last_mut() {
                Some((last, of)) if *of == fate => last.to = part.to,
                _ => fates.push((part, fate)),
            }
        }
        fates
    }

    /// Numbers of the span that are not acknowledged.
    fn waiting(&self, span: Span) -> u64 {
        let Some(cursor) = &self.place.cursor else { return span.count() };
        let open = Span { from: span.from.max(cursor.next()), to: span.to };
        open.count().saturating_sub(overlap(cursor.ranges(), open))
    }
}

impl SinkShare {
    fn scaled(self, mine: u64, of: u64) -> SinkShare {
        let part = |samples: u64| (u128::from(samples) * u128::from(mine) / u128::from(of)) as u64;
        let expected = part(self.expected);
        let mut share = SinkShare {
            expected,
            pending: part(self.pending),
            rejected: part(self.rejected),
            lost: self.lost.into_iter().map(|(why, n)| (why, part(n))).collect(),
            delivered: 0,
        };
        let other = share.pending + share.rejected + share.lost_samples();
        share.delivered = expected.saturating_sub(other);
        share
    }
}

fn share_of(stored: u64, some: u32, all: u32) -> u64 {
    (u128::from(stored) * u128::from(some) / u128::from(all.max(1))) as u64
}

fn overlap(spans: &[Span], with: Span) -> u64 {
    spans.iter().map(|span| both(*span, with)).sum()
}

fn both(a: Span, b: Span) -> u64 {
    Span { from: a.from.max(b.from), to: a.to.min(b.to) }.count()
}
