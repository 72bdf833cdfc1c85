//! Dead letters that somebody wants delivered once more.

use super::{Sent, Serving, Way};
use crate::dead::Wanted;
use crate::selection::Selection;
use std::sync::atomic::Ordering;
use tagwerk_component::{Delivery, SinkFault};
use tagwerk_journal::{Block, Item, ReaderFilter, Stream};
use tagwerk_model::codec;

impl Serving<'_> {
    /// Hands over the samples of a dead letter, from the journal.
    pub(super) async fn deliver_again(&mut self, wanted: Wanted) -> Result<(), SinkFault> {
        let letter = wanted.id;
        let Some(block) = self.block_of(&wanted) else {
            let reason = "the journal holds its samples no longer";
            self.task.dead.refused_again(letter, reason);
            return Ok(());
        };
        let decoded = self.task.sets.get(&block.set).and_then(|set| {
            codec::decode_batch(set, &block.payload, block.moment.0, block.unix_ns)
        });
        let chosen =
            decoded.ok().and_then(|batch| match Selection::of(&self.task.setup.tags, &batch.set) {
                Selection::All => Some(batch),
                Selection::Nothing => None,
                Selection::Some(flags) => batch.filtered(|sample| flags[sample.index]),
            });
        let (Some(batch), Some(session)) = (chosen, self.session.as_mut()) else {
            let reason = "the sink gets none of its tags any longer";
            self.task.dead.refused_again(letter, reason);
            return Ok(());
        };
        let (set, samples) = (batch.set.clone(), batch.len() as u64);
        let sent = Sent { span: block.span, block: block.span, set, samples };
        let delivery = Delivery {
            batch: &batch,
            from: block.span.from,
            to: block.span.to,
            epoch: u64::from(block.epoch),
            replayed: true,
        };
        match session.deliver(&delivery).await {
            Ok(None) => self.task.dead.delivered(letter),
            Ok(Some(receipt)) => {
                let way = Way::Again(letter);
                self.in_flight.push(Box::pin(async move { (way, sent, receipt.await) }));
                self.task.live.in_flight.store(self.in_flight.len() as u64, Ordering::Relaxed);
            }
            Err(SinkFault::Reject(reason)) => self.task.dead.refused_again(letter, &reason),
            Err(fault) => {
                self.task.dead.interrupted(letter);
                return Err(fault);
            }
        }
        Ok(())
    }

    fn block_of(&self, wanted: &Wanted) -> Option<Block> {
        let journal = &self.task.journal;
        let from = wanted.span.from;
        let mut reader = journal.reader(Stream::Samples, from, ReaderFilter::default());
        match reader.try_next() {
            Some(Item::Block(block)) if block.span == wanted.span => Some(block),
            _ => None,
        }
    }
}
