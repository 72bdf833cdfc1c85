//! What is to be done besides storing: removing what is too old or too much, and compaction.

use crate::compact::Compaction;
use crate::entry::Entry;
use crate::frame::REPLACED_MAX;
use crate::gather::Cut;
use crate::quarantine;
use crate::segment::{Directory, Segment};
use crate::state::State;
use crate::writer::{Writer, replace_segments, tell};
use crate::{Options, Trouble};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::Moment;

/// Looked at again this often when nothing happens.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How much of a segment is expired is worked out anew this often.
const AGE_EVERY: Duration = Duration::from_secs(3_600);
/// Share of expired chunks from which on a segment is written again without them.
const EXPIRED_SHARE: f64 = 0.25;
/// Segments that are merged, at least.
const MERGED_MIN: usize = 4;

#[derive(Default)]
pub(crate) struct Upkeep {
    looked: Option<(Moment, u64)>,
    /// Compactions that came to their end.
    pub compactions: u64,
    /// By ordinal: when, and the share of the bytes that is expired.
    expired: HashMap<u64, (Moment, f64)>,
}

impl Writer {
    /// One step; true when there is more to do at once.
    pub fn upkeep(&mut self, state: &Mutex<State>, options: &Options) -> bool {
        if self.compaction.is_some() {
            return self.compact(state, options);
        }
        let now = self.env.clock.now();
        let seen = (now, self.next_ordinal);
        let idle = self
            .upkeep
            .looked
            .is_some_and(|(at, ordinal)| ordinal == seen.1 && now.since(at) < LOOK_EVERY);
        if idle {
            return false;
        }
        self.upkeep.looked = Some(seen);
        self.expire(state, options);
        if let Some(segments) = self.choose(state, options)
            && let Err(error) = self.begin_compaction(state, options, &segments)
        {
            tracing::warn!(%error, "history cannot be compacted now");
        }
        self.compaction.is_some()
    }

    /// Removes whole segments.
    fn expire(&mut self, state: &Mutex<State>, options: &Options) {
        let segments = state.lock().segments.clone();
        let newest = segments.iter().map(|segment| segment.ordinal()).max();
        let mut bytes: u64 = segments.iter().map(|s| s.bytes).sum::<u64>() + self.growing_bytes();
        let (mut gone, mut samples) = (Vec::new(), 0);
        self.note_ages(&segments, options);
        for segment in segments.iter() {
            let ordinal = segment.ordinal();
            let old = self.upkeep.expired.get(&ordinal).is_some_and(|(_, share)| *share >= 1.0);
            // The newest says what is stored.
            if !(old || bytes > options.bytes_max) || Some(ordinal) == newest {
                continue;
            }
            bytes -= segment.bytes;
            samples += segment.footer.samples;
            gone.push(segment.clone());
        }
        if !gone.is_empty() {
            self.remove(state, &gone, None);
            let segments = gone.len();
            tracing::info!(segments, samples, "the oldest history was removed");
            tell(options, &Trouble::Expired { segments, samples });
        }
    }

    /// Takes segments out of sight, puts another in their place, and removes their files. Who reads
    /// them goes on through the open descriptor.
    fn remove(&self, state: &Mutex<State>, gone: &[Arc<Segment>], by: Option<Segment>) {
        let ordinals: Vec<u64> = gone.iter().map(|segment| segment.ordinal()).collect();
        let pinned: Vec<bool> = gone.iter().map(|segment| segment.pin().is_ok()).collect();
        replace_segments(&mut state.lock(), &ordinals, by.map(Arc::new));
        for (segment, pinned) in gone.iter().zip(pinned) {
            if pinned && let Err(error) = self.env.disk.remove(&segment.path) {
                // The next start passes over it, or removes it again.
                tracing::warn!(%error, path = %segment.path.display(), "cannot remove a segment");
            }
        }
    }

    fn note_ages(&mut self, segments: &[Arc<Segment>], options: &Options) {
        let held = |ordinal: &u64| segments.iter().any(|segment| segment.ordinal() == *ordinal);
        self.upkeep.expired.retain(|ordinal, _| held(ordinal));
        let Some(least) = options.ages.iter().map(|limit| limit.age_max).min() else { return };
        let now = self.env.clock.now();
        let oldest = self.now.now().saturating_sub(least.as_nanos() as i64);
        let expired = self.expired(options);
        for segment in segments {
            let known = self.upkeep.expired.get(&segment.ordinal());
            let fresh = known.is_some_and(|(at, _)| now.since(*at) < AGE_EVERY);
            if fresh || segment.footer.min_time >= oldest {
                continue;
            }
            let (mut old, mut all) = (0, 0);
            let read = segment.each_entry(&mut |entry| {
                all += 1;
                old += u64::from(expired(entry));
            });
            if read.is_ok() && all > 0 {
                let share = if old == all { 1.0 } else { old as f64 / all as f64 };
                self.upkeep.expired.insert(segment.ordinal(), (now, share));
            }
        }
    }

    /// Whether the age of a chunk's tag is over. Times that were guessed say nothing.
    fn expired(&self, options: &Options) -> crate::compact::Expired {
        let (now, ages) = (self.now.now(), options.ages.clone());
        Box::new(move |entry: &Entry| {
            let summary = &entry.summary;
            if now == 0 || summary.unsynchronised {
                return false;
            }
            let limit = ages.iter().find(|limit| (limit.tags)(summary.tag));
            limit.is_some_and(|limit| {
                summary.max_time < now.saturating_sub(limit.age_max.as_nanos() as i64)
            })
        })
    }

    /// Neighbours in the order of their coming whose chunks are far from full, or one of which a
    /// part is expired.
    fn choose(&self, state: &Mutex<State>, options: &Options) -> Option<Vec<Arc<Segment>>> {
        let segments = state.lock().segments.clone();
        let sound = |segment: &Arc<Segment>| {
            matches!(segment.directory, Directory::Disk { .. }) && !segment.is_damaged()
        };
        let partly = |segment: &&Arc<Segment>| {
            let share =
                self.upkeep.expired.get(&segment.ordinal()).map_or(0.0, |(_, share)| *share);
            // One that is expired as a whole is removed, unless it says what is stored.
            let part = (EXPIRED_SHARE..1.0).contains(&share);
            sound(segment) && part && segment.bytes <= options.compact_bytes_max
        };
        if let Some(segment) = segments.iter().find(partly) {
            return Some(vec![segment.clone()]);
        }
        let sparse = |segment: &Arc<Segment>| {
            let footer = &segment.footer;
            sound(segment) && footer.samples * 2 < footer.chunks * options.chunk_samples as u64
        };
        for start in 0..segments.len() {
            let (mut bytes, mut largest) = (0, 0);
            let fits = |segment: &&Arc<Segment>| {
                bytes += segment.bytes;
                sparse(segment)
                    && segment.header.era == segments[start].header.era
                    && bytes <= options.compact_bytes_max
            };
            let run: Vec<Arc<Segment>> =
                segments[start..].iter().take_while(fits).take(REPLACED_MAX).cloned().collect();
            let bytes: u64 = run.iter().map(|segment| segment.bytes).sum();
            for segment in &run {
                largest = segment.bytes.max(largest);
            }
            // A large one is not written again for the sake of some small ones.
            if run.len() >= MERGED_MIN && largest <= bytes / 2 {
                return Some(run);
            }
        }
        None
    }

    fn begin_compaction(
        &mut self,
        state: &Mutex<State>,
        options: &Options,
        segments: &[Arc<Segment>],
    ) -> io::Result<()> {
        let (position, learned) = {
            let mut state = state.lock();
            (state.position(), state.learned.clone())
        };
        let header = Compaction::header(
            segments[0].header.era,
            self.next_ordinal,
            self.env.clock.wall().unix_ns,
            position,
            self.ended.clone(),
            segments,
        );
        self.next_ordinal += 1;
        let expired = self.expired(options);
        let cut =
            Cut { samples: options.chunk_samples, content_bytes: options.chunk_content_bytes };
        let disk = &*self.env.disk;
        let begun = Compaction::begin(disk, &self.folder, header, segments, learned, expired, cut);
        if begun.is_err() {
            let staged = crate::segment::segment_path(&self.folder, self.next_ordinal - 1);
            let _ = disk.remove(&staged.with_extension("hist.new"));
        }
        self.compaction = Some(Box::new(begun?));
        Ok(())
    }

    /// A step of the compaction that runs; true when there is more.
    fn compact(&mut self, state: &Mutex<State>, options: &Options) -> bool {
        let Some(mut compaction) = self.compaction.take() else { return false };
        let outcome = compaction.step(options.compact_step_bytes);
        for (segment, from, to) in std::mem::take(&mut compaction.damaged) {
            self.tell_damaged(options, &segment, (from, to));
        }
        match outcome {
            Ok(true) => {
                self.compaction = Some(compaction);
                return true;
            }
            Ok(false) => {
                let staged = compaction.staged().to_owned();
                if let Err(error) = self.finish_compaction(state, compaction) {
                    tracing::warn!(%error, "history cannot be compacted now");
                    // It may have its name already. What stays is found out at the next start.
                    let _ = self.env.disk.remove(&staged);
                    let _ = self.env.disk.remove(&staged.with_extension(""));
                    return false;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "history cannot be compacted now");
                let _ = self.env.disk.remove(compaction.staged());
                return false;
            }
        }
        // Others may be due.
        self.upkeep.looked = None;
        true
    }

    fn finish_compaction(
        &mut self,
        state: &Mutex<State>,
        compaction: Box<Compaction>,
    ) -> io::Result<()> {
        let (segments, position) = {
            let mut state = state.lock();
            (state.segments.clone(), state.position())
        };
        let ordinals = compaction.replaces().to_vec();
        let replaced = |segment: &&Arc<Segment>| ordinals.contains(&segment.ordinal());
        let gone: Vec<Arc<Segment>> = segments.iter().filter(replaced).cloned().collect();
        if gone.len() != ordinals.len() {
            return Err(io::Error::other("a segment was removed in the meantime"));
        }
        let newest = segments.iter().map(|segment| segment.ordinal()).max();
        let merged = compaction.finish(&*self.env.disk, &self.folder, position, &self.files)?;
        let newest_goes = newest.is_some_and(|newest| ordinals.contains(&newest));
        if merged.is_none() && newest_goes {
            return Ok(());
        }
        self.remove(state, &gone, merged);
        self.upkeep.compactions += 1;
        Ok(())
    }

    fn tell_damaged(&self, options: &Options, segment: &Segment, range: (u64, u64)) {
        tracing::warn!(path = %segment.path.display(), at = range.0, "history is damaged");
        let copied = segment.file().and_then(|file| {
            quarantine::copy_bytes(&*self.env.disk, &self.folder, &segment.path, &file, range)
        });
        if let Err(error) = copied {
            tracing::warn!(%error, "cannot copy damaged history to quarantine");
        }
        let path = segment.path.clone();
        tell(options, &Trouble::Damaged { path, from: range.0, to: range.1 });
    }
}
