//! What is to be done besides storing: removing what is too old or too much, and compaction.

use crate::compact::Compaction;
use crate::entry::ENTRY_BYTES;
use crate::frame::{Origin, REPLACED_MAX};
use crate::gather::Cut;
use crate::quarantine;
use crate::retention::{Fate, Kept, Places, Policy, Squeeze};
use crate::rollup::Width;
use crate::segment::{Directory, Segment};
use crate::state::State;
use crate::writer::{Writer, replace_segments, tell};
use crate::{Options, Retention, TagInfo, Trouble};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::Moment;

/// Looked at again this often when nothing happens.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// What age says is worked out anew this often.
const AGE_EVERY: Duration = Duration::from_secs(3_600);
/// Share of chunks that do not stay as they are from which on a segment is written again.
const AGED_SHARE: f64 = 0.25;
/// Segments that are merged, at least.
const MERGED_MIN: usize = 4;

/// Chunks of a tag in a segment, on the average, from which on they are put side by side.
const SCATTERED_MIN: u64 = 3;

/// Rollups may take this share of the room; more of them become coarser.
const ROLLUP_SHARE: u64 = 4;
/// Samples become rollups when less than this share of the room is free.
const FREE_SHARE: u64 = 8;

#[derive(Default)]
pub(crate) struct Upkeep {
    looked: Option<(Moment, u64)>,
    /// Compactions that came to their end.
    pub compactions: u64,
    /// By ordinal: when it was looked at, and what it came to.
    aged: HashMap<u64, (Moment, Aged)>,
    /// When they were worked out, and by rule: samples before this take more than they may.
    cutoffs: Option<(Moment, Vec<i64>)>,
    retention: Option<Retention>,
    /// Segments whose lost frames were told, by their ordinals.
    told: HashSet<u64>,
    /// By tag the place of its rule.
    places: Arc<Places>,
}

impl Upkeep {
    fn is_changed(&self, retention: &Retention) -> bool {
        self.retention.as_ref().is_none_or(|known| !known.is(retention))
    }
}

/// What age says of a segment's chunks.
#[derive(Clone, Copy, PartialEq)]
enum Aged {
    /// All of them may go.
    Gone,
    /// The share that does not stay as it is, of its samples or of its rollups.
    Share(f64),
}

/// Samples are counted by the hour for this.
const HOUR_NS: i64 = 3_600_000_000_000;

/// By rule: before this, its samples take more than they may.
fn cutoffs(segments: &[Arc<Segment>], rules: &[Kept], places: &Places) -> Vec<i64> {
    let limits: Vec<Option<u64>> = rules.iter().map(|kept| kept.sample_bytes_max).collect();
    if limits.iter().all(Option::is_none) {
        return Vec::new();
    }
    let mut hours: Vec<BTreeMap<i64, u64>> = vec![BTreeMap::new(); limits.len()];
    for segment in segments {
        let read = segment.each_entry(&mut |entry| {
            let summary = &entry.summary;
            if let Some(Some(rule)) = places.get(&summary.tag.0)
                && let Some(hours) = hours.get_mut(*rule)
                && summary.rollup.is_none()
                && !summary.unsynchronised
            {
                let bytes = u64::from(entry.length) + ENTRY_BYTES as u64;
                *hours.entry(summary.max_time / HOUR_NS).or_default() += bytes;
            }
        });
        if let Err(error) = read {
            // Less is seen than there is: nothing goes too early.
            tracing::warn!(%error, path = %segment.path.display(), "a directory cannot be read");
        }
    }
    let cutoff = |(limit, hours): (Option<u64>, BTreeMap<i64, u64>)| {
        let mut left = limit?;
        for (hour, bytes) in hours.into_iter().rev() {
            match left.checked_sub(bytes) {
                Some(rest) => left = rest,
                None => return Some((hour + 1).saturating_mul(HOUR_NS)),
            }
        }
        None
    };
    limits.into_iter().zip(hours).map(|pair| cutoff(pair).unwrap_or(i64::MIN)).collect()
}

/// Its chunks are far from full.
fn is_sparse(segment: &Segment, options: &Options) -> bool {
    segment.footer.samples * 2 < segment.footer.chunks * options.chunk_samples as u64
}

/// A segment with chunks in the order of their coming, of which most tags have several. In the order
/// of tags they lie side by side, and are read at once.
fn scattered(
    segments: &[Arc<Segment>],
    options: &Options,
    tags: usize,
    sound: &dyn Fn(&Arc<Segment>) -> bool,
) -> Option<Arc<Segment>> {
    let is_scattered = |segment: &&Arc<Segment>| {
        let header = &segment.header;
        header.origin != Origin::Compacted
            && segment.footer.chunks >= SCATTERED_MIN * tags.max(1) as u64
            && segment.bytes <= options.compact_bytes_max
            && !is_sparse(segment, options)
            && sound(segment)
    };
    segments.iter().find(is_scattered).cloned()
}

impl Writer {
    /// One step; true when there is more to do at once.
    pub fn upkeep(
        &mut self,
        state: &Mutex<State>,
        options: &Options,
        retention: &Retention,
    ) -> bool {
        if self.compaction.is_some() {
            return self.compact(state, options);
        }
        let now = self.env.clock.now();
        let seen = (now, self.next_ordinal);
        let idle = self
            .upkeep
            .looked
            .is_some_and(|(at, ordinal)| ordinal == seen.1 && now.since(at) < LOOK_EVERY);
        if idle && !self.upkeep.is_changed(retention) {
            return false;
        }
        self.upkeep.looked = Some(seen);
        self.tell_lost(state, options);
        let policy = self.policy(state, retention);
        self.expire(state, options, &policy);
        if let Some((segments, squeeze)) = self.choose(state, options)
            && let Err(error) =
                self.begin_compaction(state, options, &segments, Policy { squeeze, ..policy })
        {
            tracing::warn!(%error, "history cannot be compacted now");
        }
        self.compaction.is_some()
    }

    fn policy(&mut self, state: &Mutex<State>, retention: &Retention) -> Policy {
        let now = self.env.clock.now();
        let (segments, tags) = {
            let state = state.lock();
            let known = self.upkeep.places.len() == state.book.len();
            (state.segments.clone(), (!known).then(|| state.book.list()))
        };
        let changed = self.upkeep.is_changed(retention);
        if changed {
            (self.upkeep.retention, self.upkeep.cutoffs) = (Some(retention.clone()), None);
            self.upkeep.aged.clear();
        }
        if changed || tags.is_some() {
            let tags = tags.unwrap_or_else(|| state.lock().book.list());
            let place = |tag: TagInfo| (tag.id.0, (retention.rule_of)(&tag));
            self.upkeep.places = Arc::new(tags.into_iter().map(place).collect());
        }
        let places = self.upkeep.places.clone();
        let fresh = |(at, _): &&(Moment, Vec<i64>)| now.since(*at) < AGE_EVERY;
        let cutoffs = match self.upkeep.cutoffs.as_ref().filter(fresh) {
            Some((_, cutoffs)) => cutoffs.clone(),
            None => {
                let cutoffs = cutoffs(&segments, &retention.rules, &places);
                self.upkeep.cutoffs = Some((now, cutoffs.clone()));
                cutoffs
            }
        };
        let (rules, now) = (retention.rules.clone(), self.now.now());
        Policy { rules, places, now, cutoffs, squeeze: Squeeze::default() }
    }

    /// Removes whole segments.
    fn expire(&mut self, state: &Mutex<State>, options: &Options, policy: &Policy) {
        let segments = state.lock().segments.clone();
        let newest = segments.iter().map(|segment| segment.ordinal()).max();
        let mut bytes = self.all_bytes(&segments);
        let (mut gone, mut samples) = (Vec::new(), 0);
        self.note_ages(&segments, policy);
        let aged = |segment: &Segment| self.upkeep.aged.get(&segment.ordinal());
        let old = |segment: &Segment| matches!(aged(segment), Some((_, Aged::Gone)));
        // Samples go before rollups of older ones do.
        let (fine, coarse): (Vec<_>, Vec<_>) =
            segments.iter().partition(|segment| segment.footer.chunks > 0);
        for segment in fine.into_iter().chain(coarse) {
            // The newest says what is stored.
            let wanted = !old(segment) && bytes <= options.bytes_max;
            if wanted || Some(segment.ordinal()) == newest {
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

    fn note_ages(&mut self, segments: &[Arc<Segment>], policy: &Policy) {
        let held = |ordinal: &u64| segments.iter().any(|segment| segment.ordinal() == *ordinal);
        self.upkeep.aged.retain(|ordinal, _| held(ordinal));
        let least = policy.least().map(|least| least.as_nanos() as i64);
        let cutoff = policy.cutoffs.iter().copied().max().filter(|at| *at > i64::MIN);
        let oldest = least.map(|least| policy.now.saturating_sub(least)).max(cutoff);
        let Some(oldest) = oldest else { return };
        let now = self.env.clock.now();
        for segment in segments {
            let known = self.upkeep.aged.get(&segment.ordinal());
            let fresh = known.is_some_and(|(at, _)| now.since(*at) < AGE_EVERY);
            if fresh || segment.footer.min_time >= oldest {
                continue;
            }
            // Samples and rollups: all, and those that do not stay as they are.
            let (mut counts, mut gone) = ([(0, 0); 2], 0);
            let read = segment.each_entry(&mut |entry| {
                let (all, changed) = &mut counts[usize::from(entry.summary.rollup.is_some())];
                let fate = policy.fate(&entry.summary);
                *all += 1;
                *changed += i32::from(fate != Fate::Stay);
                gone += i32::from(fate == Fate::Go);
            });
            if read.is_ok() {
                let shares =
                    counts.map(|(all, changed)| f64::from(changed) / f64::from(all.max(1)));
                let aged = match gone == counts[0].0 + counts[1].0 {
                    true => Aged::Gone,
                    false => Aged::Share(shares[0].max(shares[1])),
                };
                self.upkeep.aged.insert(segment.ordinal(), (now, aged));
            }
        }
    }

    /// What is to be written anew, and what of it must give way.
    fn choose(
        &self,
        state: &Mutex<State>,
        options: &Options,
    ) -> Option<(Vec<Arc<Segment>>, Squeeze)> {
        let segments = state.lock().segments.clone();
        let sound = |segment: &Arc<Segment>| {
            matches!(segment.directory, Directory::Disk { .. }) && !segment.is_damaged()
        };
        let alone = |segment: &Arc<Segment>, squeeze| Some((vec![segment.clone()], squeeze));
        let partly = |segment: &&Arc<Segment>| {
            let aged = self.upkeep.aged.get(&segment.ordinal()).map(|(_, aged)| *aged);
            // One that is gone as a whole is removed, unless it says what is stored.
            let part = matches!(aged, Some(Aged::Share(share)) if share >= AGED_SHARE);
            sound(segment) && part && segment.bytes <= options.compact_bytes_max
        };
        if let Some(segment) = segments.iter().find(partly) {
            return alone(segment, Squeeze::default());
        }
        if let Some((segment, squeeze)) = self.squeezed(&segments, options, &sound) {
            return alone(segment, squeeze);
        }
        let merged = self.neighbours(&segments, options, &sound);
        let tags = state.lock().book.len();
        let bytes_max = options.bytes_max - options.bytes_max / (2 * FREE_SHARE);
        let room = bytes_max.saturating_sub(self.all_bytes(&segments));
        let scattered = || {
            let found = scattered(&segments, options, tags, &sound);
            found.filter(|segment| segment.bytes <= room).map(|segment| vec![segment])
        };
        merged.or_else(scattered).map(|run| (run, Squeeze::default()))
    }

    fn all_bytes(&self, segments: &[Arc<Segment>]) -> u64 {
        segments.iter().map(|segment| segment.bytes).sum::<u64>() + self.growing_bytes()
    }

    /// The segment that came first of those that can make room, when it is getting scarce.
    fn squeezed<'a>(
        &self,
        segments: &'a [Arc<Segment>],
        options: &Options,
        sound: &dyn Fn(&Arc<Segment>) -> bool,
    ) -> Option<(&'a Arc<Segment>, Squeeze)> {
        let newest = segments.iter().map(|segment| segment.ordinal()).max();
        if self.all_bytes(segments) <= options.bytes_max - options.bytes_max / FREE_SHARE {
            return None;
        }
        let first = |has: &dyn Fn(&Segment) -> bool| {
            segments.iter().find(|segment| {
                let other = Some(segment.ordinal()) != newest;
                other
                    && sound(segment)
                    && segment.bytes <= options.compact_bytes_max
                    && has(segment)
            })
        };
        let rollups: u64 = segments.iter().flat_map(|s| s.footer.rollup_bytes).sum();
        let coarser = [Width::Minute, Width::Hour].into_iter().find_map(|width| {
            let found = first(&|segment| segment.footer.rollup_bytes[width as usize - 1] > 0)?;
            Some((found, Squeeze { samples: false, rollups: Some(width) }))
        });
        let samples = || {
            let found = first(&|segment| segment.footer.chunks > 0)?;
            Some((found, Squeeze { samples: true, rollups: None }))
        };
        coarser.filter(|_| rollups > options.bytes_max / ROLLUP_SHARE).or_else(samples)
    }

    /// Neighbours in the order of their coming whose chunks are far from full.
    fn neighbours(
        &self,
        segments: &[Arc<Segment>],
        options: &Options,
        sound: &dyn Fn(&Arc<Segment>) -> bool,
    ) -> Option<Vec<Arc<Segment>>> {
        let sparse = |segment: &Arc<Segment>| {
            let small = segment.footer.chunks == 0 && segment.bytes * 8 <= options.segment_bytes;
            sound(segment) && (small || is_sparse(segment, options))
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
        policy: Policy,
    ) -> io::Result<()> {
        let learned = state.lock().learned.clone();
        let (ended, now) = (self.ended.clone(), self.env.clock.wall().unix_ns);
        let header = Compaction::header(self.next_ordinal, now, ended, segments);
        self.next_ordinal += 1;
        let cut =
            Cut { samples: options.chunk_samples, content_bytes: options.chunk_content_bytes };
        let disk = &*self.env.disk;
        let begun = Compaction::begin(disk, &self.folder, header, segments, learned, policy, cut);
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
                let (staged, rolled_up) = (compaction.staged().to_owned(), compaction.rolled_up);
                if let Err(error) = self.finish_compaction(state, compaction) {
                    tracing::warn!(%error, "history cannot be compacted now");
                    // It may have its name already. What stays is found out at the next start.
                    let _ = self.env.disk.remove(&staged);
                    let _ = self.env.disk.remove(&staged.with_extension(""));
                    return false;
                }
                if rolled_up > 0 {
                    tell(options, &Trouble::RolledUp { samples: rolled_up });
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
        let segments = state.lock().segments.clone();
        let ordinals = compaction.replaces().to_vec();
        let replaced = |segment: &&Arc<Segment>| ordinals.contains(&segment.ordinal());
        let gone: Vec<Arc<Segment>> = segments.iter().filter(replaced).cloned().collect();
        if gone.len() != ordinals.len() {
            return Err(io::Error::other("a segment was removed in the meantime"));
        }
        let newest = segments.iter().map(|segment| segment.ordinal()).max();
        let merged = compaction.finish(&*self.env.disk, &self.folder, &self.files)?;
        let newest_goes = newest.is_some_and(|newest| ordinals.contains(&newest));
        if merged.is_none() && newest_goes {
            return Ok(());
        }
        self.remove(state, &gone, merged);
        self.upkeep.compactions += 1;
        Ok(())
    }

    /// Frames that were lost together with what says that they were there.
    fn tell_lost(&mut self, state: &Mutex<State>, options: &Options) {
        let segments = state.lock().segments.clone();
        for segment in segments.iter().filter(|segment| !segment.lost().is_empty()) {
            if self.upkeep.told.insert(segment.ordinal()) {
                for range in segment.lost() {
                    self.tell_damaged(options, segment, *range);
                }
            }
        }
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
