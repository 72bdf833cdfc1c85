//! How much there is: of everything at once, from the footers, and by tag, from the directories.

use crate::historian::Historian;
use crate::summary::Summary;
use std::collections::HashMap;
use std::io;
use tagwerk_model::TagId;

/// What history keeps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// Of all files, and of chunks that wait in memory.
    pub bytes: u64,
    pub bytes_max: u64,
    /// Sealed ones and those of chunks that still grow.
    pub samples: u64,
    pub chunks: u64,
    pub segments: usize,
    /// Of rollups by the minute, the hour and the day; part of `bytes`.
    pub rollup_bytes: [u64; 3],
    /// Times of the earliest and the latest sample in a segment; late corrections of the clock are
    /// not in them.
    pub oldest_unix_ns: Option<i64>,
    pub newest_unix_ns: Option<i64>,
}

/// What history keeps of one tag. Bytes are those of its chunks and directory entries; what
/// segments hold besides is not shared out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TagUsage {
    pub tag: u32,
    pub samples: u64,
    pub chunks: u64,
    pub bytes: u64,
    pub oldest_unix_ns: i64,
    pub newest_unix_ns: i64,
}

impl TagUsage {
    fn add(&mut self, summary: &Summary, bytes: u64) {
        if self.chunks == 0 {
            (self.oldest_unix_ns, self.newest_unix_ns) = (i64::MAX, i64::MIN);
        }
        self.bytes += bytes;
        self.chunks += 1;
        if summary.rollup.is_none() {
            self.samples += u64::from(summary.count);
        }
        self.oldest_unix_ns = self.oldest_unix_ns.min(summary.min_time);
        self.newest_unix_ns = self.newest_unix_ns.max(summary.max_time);
    }
}

impl Historian {
    /// Everything together; quick.
    pub fn usage(&self) -> Usage {
        let growing_bytes = self.stats().bytes;
        let state = self.0.state.lock();
        let mut usage =
            Usage { bytes_max: self.0.options.bytes_max, bytes: growing_bytes, ..Usage::default() };
        usage.bytes += state.pending_bytes as u64;
        let mut times = (i64::MAX, i64::MIN);
        let mut rollup_bytes = [0; 3];
        let mut add = |samples: u64, chunks: u64, low: i64, high: i64| {
            usage.samples += samples;
            usage.chunks += chunks;
            times = (times.0.min(low), times.1.max(high));
        };
        for segment in state.segments.iter() {
            let footer = &segment.footer;
            add(footer.samples, footer.chunks, footer.min_time, footer.max_time);
            for (all, of) in rollup_bytes.iter_mut().zip(footer.rollup_bytes) {
                *all += of;
            }
        }
        if let Some(growing) = &state.growing {
            for entry in growing.entries.values().flatten() {
                let summary = &entry.summary;
                add(u64::from(summary.count), 1, summary.min_time, summary.max_time);
            }
        }
        for pending in &state.pending {
            let summary = &pending.summary;
            add(u64::from(summary.count), 1, summary.min_time, summary.max_time);
        }
        for open in &state.slots {
            add(open.count() as u64, 0, i64::MAX, i64::MIN);
        }
        usage.rollup_bytes = rollup_bytes;
        usage.segments = state.segments.len() + usize::from(state.growing.is_some());
        if times.0 <= times.1 {
            (usage.oldest_unix_ns, usage.newest_unix_ns) = (Some(times.0), Some(times.1));
        }
        usage
    }

    /// By tag, the largest first. Reads every directory: about 0.2 s per million chunks. Chunks
    /// that still grow count when they are sealed. Blocking.
    pub fn usage_by_tag(&self) -> io::Result<Vec<TagUsage>> {
        let mut tags: HashMap<u32, TagUsage> = HashMap::new();
        let mut add = |tag: TagId, summary: &Summary, bytes: u64| {
            let usage = tags.entry(tag.0).or_insert(TagUsage { tag: tag.0, ..TagUsage::default() });
            usage.add(summary, bytes);
        };
        let extra = (crate::writer::FRAME_EXTRA + crate::entry::ENTRY_BYTES) as u64;
        let segments = {
            let state = self.0.state.lock();
            for pending in &state.pending {
                let bytes = pending.bytes.len() as u64 + extra;
                add(pending.summary.tag, &pending.summary, bytes);
            }
            for entry in state.growing.iter().flat_map(|g| g.entries.values()).flatten() {
                add(entry.summary.tag, &entry.summary, u64::from(entry.length) + extra);
            }
            state.segments.clone()
        };
        for segment in segments.iter() {
            segment.each_entry(&mut |entry| {
                add(entry.summary.tag, &entry.summary, u64::from(entry.length) + extra);
            })?;
        }
        let mut all: Vec<TagUsage> = tags.into_values().collect();
        all.sort_by_key(|usage| std::cmp::Reverse((usage.bytes, usage.tag)));
        Ok(all)
    }
}
