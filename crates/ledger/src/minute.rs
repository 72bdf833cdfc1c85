//! The account of one minute, and its form in the journal.

use crate::MINUTE_NS;
use crate::bytes::{Input, put};
use std::collections::BTreeMap;
use tagwerk_journal::Span;
use tagwerk_model::codec::Outline;
use tagwerk_model::{Quality, Severity};

const VERSION: u8 = 1;
const EVEN: u64 = 1;
const PLAIN: u64 = 2;
/// Reasons below this are our own; the others are the upper halves of qualities.
const OWN_REASONS: u32 = 16;

/// What a part of the journal says of one minute. There may be several of a minute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Minute {
    /// Minutes since 1970.
    pub minute: i64,
    pub epoch: u32,
    /// The part of the stream of samples that it sums up.
    pub seqs: Span0,
    /// By the number of the tag set.
    pub groups: BTreeMap<u32, Entry>,
}

/// A span with a default.
pub type Span0 = (u64, u64);

/// One group in one minute. What it expected is stored + suppressed + what stretches say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// Samples of one read.
    pub size: u32,
    pub batches: u32,
    pub stored: u64,
    pub uncertain: u64,
    pub bad: Vec<(Quality, u64)>,
    pub suppressed: u64,
    pub stretches: Vec<Stretch>,
    /// Each batch held every tag, with one quality.
    pub even: bool,
    /// Of the last batch, ns since 1970, in whole milliseconds.
    pub last_ns: i64,
}

/// Samples that are not there, over a time that may reach back into earlier minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub from_ns: i64,
    pub to_ns: i64,
    pub samples: u64,
    pub why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// Not missing at all: deadband or report on change kept them back.
    Suppressed,
    /// The edge did not get round to it in time.
    Late,
    /// The edge was not running.
    EdgeStopped,
    /// The edge ended before it said what it had kept back.
    NotTold,
    /// The journal could not take them: the disk was full or failed.
    NotStored,
    /// The device could not be read.
    Quality(Quality),
}

impl Why {
    /// For programs.
    pub fn name(self) -> &'static str {
        match self {
            Why::Suppressed => "suppressed",
            Why::Late => "late",
            Why::EdgeStopped => "edge_stopped",
            Why::NotTold => "not_told",
            Why::NotStored => "not_stored",
            Why::Quality(quality) => quality.name(),
        }
    }

    /// For people.
    pub fn text(self) -> String {
        match self {
            Why::Suppressed => "kept back by deadband or report on change".into(),
            Why::Late => "the edge did not get round to it in time".into(),
            Why::EdgeStopped => "the edge was not running".into(),
            Why::NotTold => "the edge ended before it told what had not changed".into(),
            Why::NotStored => "the disk was full or failed".into(),
            Why::Quality(quality) => quality.with_detail(0).reason(),
        }
    }

    fn code(self) -> u32 {
        match self {
            Why::Suppressed => 0,
            Why::Late => 1,
            Why::EdgeStopped => 2,
            Why::NotTold => 3,
            Why::NotStored => 4,
            Why::Quality(quality) => (quality.0 >> 16) + OWN_REASONS,
        }
    }

    fn from_code(code: u32) -> Option<Why> {
        Some(match code {
            0 => Why::Suppressed,
            1 => Why::Late,
            2 => Why::EdgeStopped,
            3 => Why::NotTold,
            4 => Why::NotStored,
            code => {
                let upper = code.checked_sub(OWN_REASONS).filter(|upper| *upper <= 0xFFFF)?;
                Why::Quality(Quality(upper << 16))
            }
        })
    }
}

impl Entry {
    pub fn bad_samples(&self) -> u64 {
        self.bad.iter().map(|(_, samples)| samples).sum()
    }

    pub fn expected(&self) -> u64 {
        let stretched: u64 = self.stretches.iter().map(|stretch| stretch.samples).sum();
        self.stored + self.suppressed + stretched
    }

    pub(crate) fn add(&mut self, outline: &Outline, unix_ns: i64) {
        self.batches += 1;
        self.stored += u64::from(outline.count);
        self.even &= outline.count == self.size && outline.qualities.len() == 1;
        self.last_ns = unix_ns - unix_ns.rem_euclid(1_000_000);
        for (quality, samples) in &outline.qualities {
            match quality.severity() {
                Severity::Good => {}
                Severity::Uncertain => self.uncertain += u64::from(*samples),
                Severity::Bad => self.add_bad(*quality, u64::from(*samples)),
            }
        }
    }

    fn add_bad(&mut self, quality: Quality, samples: u64) {
        let plain = quality.with_detail(0);
        match self.bad.iter_mut().find(|(known, _)| *known == plain) {
            Some((_, sum)) => *sum += samples,
            None => self.bad.push((plain, samples)),
        }
    }

    /// Takes a stretch; one that goes on from the last of its reason becomes one with it.
    pub(crate) fn add_stretch(&mut self, stretch: Stretch) {
        match self.stretches.last_mut() {
            Some(last) if last.why == stretch.why && last.to_ns >= stretch.from_ns => {
                last.to_ns = stretch.to_ns;
                last.samples += stretch.samples;
            }
            _ => self.stretches.push(stretch),
        }
    }
}

impl Minute {
    pub fn span(&self) -> Span {
        Span { from: self.seqs.0, to: self.seqs.1 }
    }

    pub fn stored(&self) -> u64 {
        self.groups.values().map(|entry| entry.stored).sum()
    }

    /// The first minute that any stretch reaches back to.
    pub fn reach(&self) -> i64 {
        let stretches = self.groups.values().flat_map(|entry| &entry.stretches);
        let first = stretches.map(|stretch| stretch.from_ns.div_euclid(MINUTE_NS)).min();
        first.map_or(self.minute, |first| first.min(self.minute))
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put(self.minute.max(0) as u64, &mut out);
        put(u64::from(self.epoch), &mut out);
        put(self.seqs.0, &mut out);
        put(self.seqs.1.saturating_sub(self.seqs.0), &mut out);
        put(self.groups.len() as u64, &mut out);
        for (set, entry) in &self.groups {
            put(u64::from(*set), &mut out);
            self.encode_entry(entry, &mut out);
        }
        out
    }

    fn encode_entry(&self, entry: &Entry, out: &mut Vec<u8>) {
        let plain = entry.uncertain == 0
            && entry.bad.is_empty()
            && entry.suppressed == 0
            && entry.stretches.is_empty();
        put((u64::from(entry.even) * EVEN) | (u64::from(plain) * PLAIN), out);
        put(u64::from(entry.size), out);
        put(u64::from(entry.batches), out);
        put(entry.stored, out);
        put((entry.last_ns - self.minute * MINUTE_NS).max(0) as u64 / 1_000_000, out);
        if plain {
            return;
        }
        put(entry.uncertain, out);
        put(entry.suppressed, out);
        put(entry.bad.len() as u64, out);
        for (quality, samples) in &entry.bad {
            put(u64::from(quality.0 >> 16), out);
            put(*samples, out);
        }
        put(entry.stretches.len() as u64, out);
        for stretch in &entry.stretches {
            put(stretch.from_ns.max(0) as u64, out);
            put((stretch.to_ns - stretch.from_ns).max(0) as u64, out);
            put(stretch.samples, out);
            put(u64::from(stretch.why.code()), out);
        }
    }

    pub fn decode(bytes: &[u8]) -> Option<Minute> {
        let mut input = Input(bytes);
        if input.byte()? != VERSION {
            return None;
        }
        let mut minute = Minute { minute: input.i64()?, epoch: input.u32()?, ..Minute::default() };
        if minute.minute > i64::MAX / MINUTE_NS {
            return None;
        }
        let from = input.number()?;
        minute.seqs = (from, from.checked_add(input.number()?)?);
        for _ in 0..input.count()? {
            let set = input.u32()?;
            let entry = minute.decode_entry(&mut input)?;
            minute.groups.insert(set, entry);
        }
        input.0.is_empty().then_some(minute)
    }

    fn decode_entry(&self, input: &mut Input<'_>) -> Option<Entry> {
        let flags = input.number()?;
        let mut entry = Entry {
            even: flags & EVEN != 0,
            size: input.u32()?,
            batches: input.u32()?,
            stored: input.number()?,
            ..Entry::default()
        };
        let offset = input.i64()?.checked_mul(1_000_000)?;
        entry.last_ns = (self.minute * MINUTE_NS).checked_add(offset)?;
        if flags & PLAIN != 0 {
            return Some(entry);
        }
        entry.uncertain = input.number()?;
        entry.suppressed = input.number()?;
        for _ in 0..input.count()? {
            let upper = u16::try_from(input.number()?).ok()?;
            entry.bad.push((Quality(u32::from(upper) << 16), input.number()?));
        }
        for _ in 0..input.count()? {
            let from_ns = input.i64()?;
            let to_ns = from_ns.checked_add(input.i64()?)?;
            let samples = input.number()?;
            let why = Why::from_code(input.u32()?)?;
            entry.stretches.push(Stretch { from_ns, to_ns, samples, why });
        }
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn why() -> impl Strategy<Value = Why> {
        prop_oneof![
            Just(Why::Suppressed),
            Just(Why::Late),
            Just(Why::EdgeStopped),
            Just(Why::NotTold),
            Just(Why::NotStored),
            (0u32..=0xFFFF).prop_map(|upper| Why::Quality(Quality(upper << 16))),
        ]
    }

    fn entry(minute: i64) -> impl Strategy<Value = Entry> {
        let counts = (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>());
        let bad = prop::collection::vec((any::<u16>(), any::<u64>()), 0..3);
        let stretch = (0i64..1 << 60, 0i64..1 << 50, any::<u64>(), why());
        let stretches = prop::collection::vec(stretch, 0..3);
        (counts, bad, stretches, any::<bool>(), 0i64..60_000).prop_map(
            move |(counts, bad, stretches, even, last)| Entry {
                size: counts.0,
                batches: counts.1,
                stored: u64::from(counts.2),
                uncertain: u64::from(counts.3),
                suppressed: u64::from(counts.4),
                bad: bad.into_iter().map(|(q, n)| (Quality(u32::from(q) << 16), n)).collect(),
                stretches: stretches
                    .into_iter()
                    .map(|(from_ns, length, samples, why)| Stretch {
                        from_ns,
                        to_ns: from_ns + length,
                        samples,
                        why,
                    })
                    .collect(),
                even,
                last_ns: minute * MINUTE_NS + last * 1_000_000,
            },
        )
    }

    proptest! {
        #[test]
        fn comes_back_as_it_was(
            groups in prop::collection::btree_map(any::<u32>(), entry(29_000_000), 0..5),
            from in any::<u32>(), count in any::<u32>(), epoch in any::<u32>(),
        ) {
            let from = u64::from(from);
            let seqs = (from, from + u64::from(count));
            let minute = Minute { minute: 29_000_000, epoch, seqs, groups };
            prop_assert_eq!(Minute::decode(&minute.encode()), Some(minute));
        }

        #[test]
        fn bad_bytes_are_refused_in_peace(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Minute::decode(&bytes);
        }
    }
}
