//! What became of each tag's samples of a minute on their way to one sink: exact while all of the
//! minute went the same way or the journal holds it, else dealt out so that sums balance.

use crate::minute::Minute;
use crate::shared::{Ledger, SetInfo};
use crate::sinks::{Sharing, SinkShare};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tagwerk_journal::{Block, Item, ReaderFilter, Span, Stream};
use tagwerk_model::{Rows, TagId, codec};

/// What became of a sample on its way to a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// From before the sink began, and not for it.
    Before,
    Delivered,
    Pending,
    Rejected,
    Lost(&'static str),
}

type Counts = BTreeMap<Fate, u64>;

/// The samples of a minute as they lie in the journal, as far as it holds them.
pub struct Layout {
    batches: Vec<Laid>,
    /// Parts of the minute that are gone.
    gone: Vec<Span>,
}

struct Laid {
    span: Span,
    set: u32,
    /// One for each sample.
    tags: Vec<TagId>,
}

/// The account of one minute and one sink.
pub struct Delivery {
    /// Of what the journal holds; by set and tag.
    known: HashMap<(u32, TagId), Counts>,
    rest: Rest,
}

enum Rest {
    One(Fate),
    /// By the set.
    Dealt(HashMap<u32, Counts>),
}

impl Ledger {
    /// Reads where the samples of these accounts of a minute lie.
    fn layout(&self, records: &[Arc<Minute>]) -> Layout {
        let mut layout = Layout { batches: Vec::new(), gone: Vec::new() };
        for record in records {
            let mut left = record.span();
            left.to = left.to.max(left.from);
            let mut reader =
                self.journal.reader(Stream::Samples, left.from, ReaderFilter::default());
            while left.count() > 0
                && let Some(item) = reader.try_next()
            {
                let Item::Block(block) = item else { continue };
                if block.span.from >= left.to {
                    break;
                }
                // A batch that is no longer readable was in between.
                if let Some(laid) = Laid::of(&block).filter(|laid| laid.span.from >= left.from) {
                    if laid.span.from > left.from {
                        layout.gone.push(Span { from: left.from, to: laid.span.from });
                    }
                    left.from = laid.span.to.min(left.to);
                    layout.batches.push(laid);
                }
            }
            if left.count() > 0 {
                layout.gone.push(left);
            }
        }
        layout
    }

    /// What became of a minute's samples on their way to a sink, from all accounts of that minute. The
    /// journal is read where they went different ways, once for all sinks.
    pub fn delivery(
        &self,
        records: &[Arc<Minute>],
        sharing: &Sharing,
        layout: &mut Option<Layout>,
    ) -> Delivery {
        let spans = records.iter().map(|record| record.span());
        if let Some(fate) = single(&fates(sharing, spans)) {
            return Delivery { known: HashMap::new(), rest: Rest::One(fate) };
        }
        let layout = layout.get_or_insert_with(|| self.layout(records));
        let mut known: HashMap<(u32, TagId), Counts> = HashMap::new();
        let mut stored: BTreeMap<u32, u64> = BTreeMap::new();
        for (set, entry) in records.iter().flat_map(|record| &record.groups) {
            *stored.entry(*set).or_default() += entry.stored;
        }
        for batch in &layout.batches {
            for (span, fate) in sharing.fates(batch.span) {
                for seq in span.from..span.to {
                    let Some(tag) = batch.tags.get((seq - batch.span.from) as usize) else { break };
                    let counts = known.entry((batch.set, *tag)).or_default();
                    *counts.entry(fate).or_default() += 1;
                }
            }
            let left = stored.entry(batch.set).or_default();
            *left = left.saturating_sub(batch.tags.len() as u64);
        }
        let gone = fates(sharing, layout.gone.iter().copied());
        let rest = match single(&gone) {
            Some(fate) => Rest::One(fate),
            None => {
                let rows: Vec<u64> = stored.values().copied().collect();
                Rest::Dealt(stored.keys().copied().zip(deal(&rows, &gone)).collect())
            }
        };
        Delivery { known, rest }
    }
}

impl Laid {
    fn of(block: &Block) -> Option<Laid> {
        let rows = codec::decode_rows_of(block.set.tags.len(), &block.payload).ok()?;
        let tag = |index: usize| block.set.tags.get(index).map(|tag| TagId(*tag));
        let tags: Option<Vec<TagId>> = match rows {
            Rows::All => (0..block.set.tags.len()).map(tag).collect(),
            Rows::Some(indices) => indices.iter().map(|index| tag(*index as usize)).collect(),
        };
        let tags = tags.filter(|tags| tags.len() as u64 == block.span.count())?;
        Some(Laid { span: block.span, set: block.set.id, tags })
    }
}

impl Delivery {
    /// Of each tag of a set what became of its samples, of which so many are stored, in the order of
    /// the set's tags.
    pub fn of_tags(&self, set: &SetInfo, stored: &[u64]) -> Vec<SinkShare> {
        let known = |tag: &TagId| self.known.get(&(set.id, *tag)).cloned().unwrap_or_default();
        let mut counts: Vec<Counts> = set.tags.iter().map(known).collect();
        let left =
            |(counts, stored): (&Counts, &u64)| stored.saturating_sub(counts.values().sum::<u64>());
        let mut rows: Vec<u64> = counts.iter().zip(stored).map(left).collect();
        match &self.rest {
            Rest::One(fate) => {
                for (counts, left) in counts.iter_mut().zip(&rows) {
                    *counts.entry(*fate).or_default() += left;
                }
            }
            Rest::Dealt(by_set) => {
                let totals = by_set.get(&set.id).cloned().unwrap_or_default();
                // What nobody asks for has its part as well.
                let all: u64 = totals.values().sum();
                rows.push(all.saturating_sub(rows.iter().sum()));
                for (counts, dealt) in counts.iter_mut().zip(deal(&rows, &totals)) {
                    dealt.into_iter().for_each(|(fate, n)| *counts.entry(fate).or_default() += n);
                }
            }
        }
        counts.into_iter().map(share).collect()
    }
}

fn share(counts: Counts) -> SinkShare {
    let mut share = SinkShare::default();
    for (fate, samples) in counts.into_iter().filter(|(_, samples)| *samples > 0) {
        match fate {
            Fate::Before => continue,
            Fate::Delivered => share.delivered += samples,
            Fate::Pending => share.pending += samples,
            Fate::Rejected => share.rejected += samples,
            Fate::Lost(reason) => *share.lost.entry(reason).or_default() += samples,
        }
        share.expected += samples;
    }
    share
}

fn fates(sharing: &Sharing, spans: impl Iterator<Item = Span>) -> Counts {
    let mut counts = Counts::new();
    for (span, fate) in spans.flat_map(|span| sharing.fates(span)) {
        *counts.entry(fate).or_default() += span.count();
    }
    counts
}

/// The only fate; where there are no samples, any.
fn single(counts: &Counts) -> Option<Fate> {
    match counts.len() {
        0 => Some(Fate::Delivered),
        1 => counts.keys().next().copied(),
        _ => None,
    }
}

/// Deals what is in `totals` out to rows of these sizes, each row about in the same proportions. Every
/// row is filled, and nothing is dealt twice, as far as the totals reach.
fn deal(rows: &[u64], totals: &Counts) -> Vec<Counts> {
    let all: u128 = totals.values().map(|total| u128::from(*total)).sum();
    let mut given: Counts = totals.keys().map(|fate| (*fate, 0)).collect();
    let mut dealt_to = 0u64;
    let mut dealt = Vec::with_capacity(rows.len());
    for row in rows {
        dealt_to += row;
        let mut left = *row;
        let mut counts = Counts::new();
        let mut give = |fate: Fate, up_to: u64, given: &mut Counts| {
            let given = given.entry(fate).or_default();
            let part = up_to.saturating_sub(*given).min(left);
            (*given, left) = (*given + part, left - part);
            *counts.entry(fate).or_default() += part;
        };
        for (fate, total) in totals {
            let part = u128::from(*total) * u128::from(dealt_to) / all.max(1);
            give(*fate, (part as u64).min(*total), &mut given);
        }
        for (fate, total) in totals {
            give(*fate, *total, &mut given);
        }
        dealt.push(counts);
    }
    dealt
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_dealt_balances(
            rows in prop::collection::vec(0u64..1_000, 1..20),
            parts in prop::collection::vec(0u64..1_000, 3),
            more in 0u64..100,
        ) {
            // The totals are cut to what the rows hold, and may be more: numbers that never were
            // samples.
            let all: u64 = rows.iter().sum();
            let sum: u64 = parts.iter().sum::<u64>().max(1);
            let mut sizes: Vec<u64> = parts.iter().map(|part| all * part / sum).collect();
            sizes.push(all - sizes.iter().sum::<u64>() + more);
            let fates = [Fate::Delivered, Fate::Pending, Fate::Rejected, Fate::Lost("backlog")];
            let totals: Counts = fates.into_iter().zip(sizes).collect();
            let dealt = deal(&rows, &totals);
            for (row, counts) in rows.iter().zip(&dealt) {
                prop_assert_eq!(*row, counts.values().sum::<u64>());
            }
            for (fate, total) in &totals {
                let given: u64 = dealt.iter().map(|counts| counts[fate]).sum();
                prop_assert!(given <= *total && (more > 0 || given == *total));
            }
        }
    }
}
