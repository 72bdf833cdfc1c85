//! The one way for samples to enter the journal.

use crate::link::GroupTask;
use crate::live::{DeviceLive, Live, Now};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tagwerk_env::{Clock, Moment};
use tagwerk_journal::{Journal, Stream};
use tagwerk_ledger::Unstored;
use tagwerk_model::{BatchBuilder, Quality, SampleBatch, codec};

/// Appends batches to the `samples` stream and keeps the live values in step. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Publisher {
    inner: Arc<Inner>,
}

struct Inner {
    journal: Journal,
    clock: Arc<dyn Clock>,
    live: Arc<Live>,
    buffer: Mutex<Vec<u8>>,
    lost: AtomicU64,
    last_error: Mutex<Option<String>>,
    /// While nothing can be written: since when, and how many samples were not.
    unstored: Mutex<Option<Unstored>>,
}

impl Publisher {
    pub fn new(journal: Journal, clock: Arc<dyn Clock>, live: Arc<Live>) -> Publisher {
        Publisher {
            inner: Arc::new(Inner {
                journal,
                clock,
                live,
                buffer: Mutex::default(),
                lost: AtomicU64::new(0),
                last_error: Mutex::default(),
                unstored: Mutex::default(),
            }),
        }
    }

    /// Samples that could not be written, and the last reason.
    pub fn lost(&self) -> (u64, Option<String>) {
        (self.inner.lost.load(Ordering::Relaxed), self.inner.last_error.lock().clone())
    }

    /// Whether the journal has it.
    #[must_use]
    pub fn publish(&self, group: &GroupTask, batch: &SampleBatch) -> bool {
        self.append(&group.journal_set, batch)
    }

    /// What cannot be written is lost, and counted.
    fn append(&self, set: &Arc<tagwerk_journal::TagSet>, batch: &SampleBatch) -> bool {
        let Err(error) = self.write(set, batch) else { return true };
        let count = batch.len() as u64;
        let before = self.inner.lost.fetch_add(count, Ordering::Relaxed);
        let mut last = self.inner.last_error.lock();
        if before == 0 || last.as_ref() != Some(&error) {
            tracing::error!(error, "samples cannot be written to the journal");
        }
        *last = Some(error);
        self.note_unstored(count, batch.unix_ns);
        false
    }

    /// For callers that keep what cannot be written.
    pub fn write(
        &self,
        set: &Arc<tagwerk_journal::TagSet>,
        batch: &SampleBatch,
    ) -> Result<(), String> {
        let mut buffer = self.inner.buffer.lock();
        buffer.clear();
        codec::encode_batch(batch, &mut buffer);
        let (count, moment) = (batch.len() as u32, Moment(batch.moment_ns));
        let result = self.inner.journal.append_block(Stream::Samples, set, count, moment, &buffer);
        result.map_err(|error| error.to_string())?;
        self.note_stored();
        Ok(())
    }

    fn note_unstored(&self, samples: u64, now_ns: i64) {
        let mut unstored = self.inner.unstored.lock();
        let pause = unstored.get_or_insert(Unstored { from_ns: now_ns, to_ns: now_ns, samples: 0 });
        pause.to_ns = now_ns;
        pause.samples += samples;
    }

    /// Says for the ledger what the journal could not take, now that it can.
    fn note_stored(&self) {
        let Some(pause) = self.inner.unstored.lock().take() else { return };
        let (kind, record) = tagwerk_ledger::encode_unstored(&pause);
        if let Err(error) = self.inner.journal.append_record(kind, &record) {
            tracing::warn!(%error, samples = pause.samples, "a loss cannot be noted");
        }
    }

    /// Every tag of the group bad, once.
    #[must_use]
    pub fn publish_outage(
        &self,
        group: &GroupTask,
        quality: Quality,
        now: Moment,
        expected: u32,
    ) -> bool {
        let wall = Now::of(self.inner.clock.as_ref()).unix(now);
        let set = group.live.set.clone();
        let batch = SampleBatch::without_values(set, quality, now.0, wall);
        let batch = match &group.readable {
            None => Some(batch),
            Some(readable) => batch.filtered(|sample| readable[sample.index]),
        };
        let Some(mut batch) = batch else { return true };
        batch.expected = expected;
        let stored = self.append(&group.journal_set, &batch);
        group.live.update(&batch);
        self.inner.live.touch();
        stored
    }

    /// The device's own `status` tag: true while it is online.
    pub fn publish_status(&self, device: &DeviceLive, online: bool, now: Moment) {
        let wall = Now::of(self.inner.clock.as_ref()).unix(now);
        let mut builder = BatchBuilder::new(device.own.set.clone(), [None].into());
        builder.put_bool(0, online);
        let batch = builder.batch(now.0, wall, 1);
        let before = device.own.value(0);
        device.own.update(&batch);
        if before != Some(tagwerk_model::Value::Bool(online)) {
            self.append(&journal_set(&device.own.set), &batch);
        }
    }
}

/// A tag set as the journal keeps it.
pub(crate) fn journal_set(set: &tagwerk_model::TagSet) -> Arc<tagwerk_journal::TagSet> {
    Arc::new(tagwerk_journal::TagSet {
        id: set.id(),
        revision: 1,
        tags: set.tags().iter().map(|t| t.id.0).collect(),
        dictionary: codec::encode_definition(&set.definition),
    })
}
