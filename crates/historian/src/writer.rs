//! Puts sealed chunks into segments: written, synced and read again in groups, and only then
//! counted as stored. After a failure it goes on in a new segment, whose header says where the one
//! before ends.

use crate::clock::SteadyNow;
use crate::compact::Compaction;
use crate::entry::{Entry, Footer, Pages, TagsPlace};
use crate::files::Files;
use crate::frame::{
    ENDED_MAX, Ended, FRAME_HEADER_BYTES, FRAMES_AT, Header, Kind, Origin, put_frame,
};
use crate::scan::{Mark, encode_tags};
use crate::segment::{Directory, Segment, ending, pages_at, segment_path};
use crate::state::{Growing, Pending, State};
use crate::upkeep::Upkeep;
use crate::{HistoryError, Options, Trouble};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::{Access, DiskFile, Env, Moment};

/// Chunks of one segment at most: its directory is in memory while it grows.
const CHUNKS_MAX: usize = 65_536;
/// First wait after a failure; doubles at each.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// Longest wait after a failure: storing resumes within this once there is space again.
const RETRY_MAX: Duration = Duration::from_secs(8);

pub(crate) struct Writer {
    pub env: Env,
    pub folder: PathBuf,
    pub files: Arc<Files>,
    pub next_ordinal: u64,
    active: Option<Active>,
    /// Where segments end that a later one must speak of.
    pub ended: Vec<Ended>,
    /// Segments without a footer, to be completed when the disk works again.
    pub unfinished: Vec<u64>,
    pub failing: Option<Failing>,
    pub compaction: Option<Box<Compaction>>,
    pub upkeep: Upkeep,
    pub now: SteadyNow,
    pub last_error: Option<String>,
    _lock: Box<dyn DiskFile>,
}

pub(crate) struct Failing {
    until: Moment,
    wait: Duration,
}

struct Active {
    header: Header,
    seed: u32,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    /// Behind the last frame that was proven.
    end: u64,
    tags: HashMap<(u32, u32), TagsPlace>,
}

impl Active {
    fn ended(&self) -> Ended {
        Ended { ordinal: self.header.ordinal, end: self.end }
    }
}

/// What was attempted on which file.
fn failed(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HistoryError {
    let path = path.to_owned();
    move |error| HistoryError::Io { attempt, path, error }
}

impl Writer {
    pub fn new(
        env: &Env,
        folder: &Path,
        files: &Arc<Files>,
        next_ordinal: u64,
        lock: Box<dyn DiskFile>,
    ) -> Writer {
        Writer {
            env: env.clone(),
            folder: folder.to_owned(),
            files: files.clone(),
            next_ordinal,
            active: None,
            ended: Vec::new(),
            unfinished: Vec::new(),
            failing: None,
            compaction: None,
            upkeep: Upkeep::default(),
            now: SteadyNow::default(),
            last_error: None,
            _lock: lock,
        }
    }

    /// Whether storing is to be tried now.
    pub fn may_try(&self) -> bool {
        self.failing.as_ref().is_none_or(|failing| self.env.clock.now() >= failing.until)
    }

    pub fn failed(&mut self, error: &HistoryError, options: &Options) {
        let wait = self.failing.as_ref().map_or(RETRY_FIRST, |f| (f.wait * 2).min(RETRY_MAX));
        let cause = error.to_string();
        if self.failing.is_none() {
            tracing::error!(error = cause, "history cannot be stored");
            tell(options, &Trouble::Storing { cause: cause.clone() });
        }
        self.last_error = Some(cause);
        self.failing = Some(Failing { until: self.env.clock.now().after(wait), wait });
    }

    pub fn worked(&mut self, options: &Options) {
        if self.failing.take().is_some() {
            tracing::info!("history is stored again");
            tell(options, &Trouble::Healed);
        }
    }

    /// Stores chunks that wait, oldest first, up to about `group_bytes`; false when none waits.
    pub fn store(&mut self, state: &Mutex<State>, options: &Options) -> Result<bool, HistoryError> {
        let (group, position) = {
            let mut state = state.lock();
            let mut bytes = 0;
            let fits = |pending: &&Arc<Pending>| {
                let fits = bytes < options.group_bytes;
                bytes += pending.bytes.len();
                fits
            };
            let group: Vec<_> = state.pending.iter().take_while(fits).cloned().collect();
            let position = state.position_without(group.len());
            (group, position)
        };
        if group.is_empty() {
            return Ok(false);
        }
        if self.active.is_none() {
            self.begin(state)?;
        }
        match self.store_group(&group, position) {
            Ok(entries) => {
                let group: Vec<(Arc<Pending>, Entry)> = group.into_iter().zip(entries).collect();
                let full = {
                    let mut state = state.lock();
                    state.stored(&group);
                    state.growing.as_ref().is_some_and(|growing| growing.count >= CHUNKS_MAX)
                };
                let large = self.active.as_ref().is_some_and(|a| a.end >= options.segment_bytes);
                if large || full {
                    self.finish(state);
                }
                Ok(true)
            }
            Err(error) => {
                self.abandon(state);
                Err(error)
            }
        }
    }

    fn begin(&mut self, state: &Mutex<State>) -> Result<(), HistoryError> {
        self.forget_ended(state);
        if self.ended.len() >= ENDED_MAX {
            // Many failures in a row. The oldest must be completed before one more can be spoken
            // of.
            self.complete_unfinished(state)?;
            self.forget_ended(state);
        }
        let header = {
            let mut state = state.lock();
            Header {
                origin: Origin::Sealed,
                era: state.era,
                ordinal: self.next_ordinal,
                created_unix_ns: self.env.clock.wall().unix_ns,
                position: state.position(),
                ended: self.ended.clone(),
                replaces: Vec::new(),
            }
        };
        self.next_ordinal += 1;
        let path = segment_path(&self.folder, header.ordinal);
        let (beginning, seed) = header.beginning();
        let create = || -> io::Result<Arc<dyn DiskFile>> {
            let file: Arc<dyn DiskFile> = self.env.disk.open(&path, Access::CreateNew)?.into();
            file.write_all_at(&beginning, 0)?;
            file.sync_data()?;
            self.env.disk.sync_directory(&self.folder)?;
            Ok(file)
        };
        let file = match create() {
            Ok(file) => file,
            Err(error) => {
                // Without frames it does no harm if it stays.
                let _ = self.env.disk.remove(&path);
                return Err(failed("begin the segment", &path)(error));
            }
        };
        let view = Segment::new(
            header.clone(),
            seed,
            path.clone(),
            u64::MAX,
            Footer::empty(),
            Directory::Memory(Vec::new()),
            &self.files,
        );
        state.lock().growing = Some(Growing {
            segment: Arc::new(view),
            entries: HashMap::new(),
            guesses: HashMap::new(),
            count: 0,
            samples: 0,
        });
        let (end, tags) = (FRAMES_AT, HashMap::new());
        self.active = Some(Active { header, seed, path, file, end, tags });
        Ok(())
    }

    /// Of those that are complete only the newest must be spoken of, in case its trailer is
    /// damaged.
    fn forget_ended(&mut self, state: &Mutex<State>) {
        let segments = state.lock().segments.clone();
        let newest = self.ended.iter().map(|ended| ended.ordinal).max();
        let complete = |ended: &Ended| {
            let found = segments.iter().find(|segment| segment.ordinal() == ended.ordinal);
            found.is_some_and(|s| matches!(s.directory, Directory::Disk { .. }))
        };
        self.ended.retain(|ended| Some(ended.ordinal) == newest || !complete(ended));
    }

    /// Writes the group and a mark behind it, which says what is stored once all before it is good.
    fn store_group(
        &mut self,
        group: &[Arc<Pending>],
        position: u64,
    ) -> Result<Vec<Entry>, HistoryError> {
        let now_unix_ns = self.now.now();
        let Some(active) = &mut self.active else {
            return Ok(Vec::new());
        };
        let mut bytes = Vec::new();
        let mut entries = Vec::with_capacity(group.len());
        for pending in group {
            let set = &pending.set;
            let key = (set.id, set.revision);
            if !active.tags.contains_key(&key) {
                let offset = active.end + bytes.len() as u64;
                let payload = encode_tags(set.id, set.revision, &set.dictionary);
                put_frame(Kind::Tags, active.seed, offset, &payload, &mut bytes);
                let length = payload.len() as u32;
                let place = TagsPlace { set: set.id, revision: set.revision, offset, length };
                active.tags.insert(key, place);
            }
            let offset = active.end + bytes.len() as u64;
            put_frame(Kind::Chunk, active.seed, offset, &pending.bytes, &mut bytes);
            let length = pending.bytes.len() as u32;
            entries.push(Entry { summary: pending.summary, offset, length });
        }
        let mark = Mark { position, proven_to: active.end, now_unix_ns };
        let offset = active.end + bytes.len() as u64;
        put_frame(Kind::Mark, active.seed, offset, &mark.encode(), &mut bytes);
        let path = active.path.clone();
        active.file.write_all_at(&bytes, active.end).map_err(failed("write to", &path))?;
        active.file.sync_data().map_err(failed("sync", &path))?;
        read_back(&active.file, active.end, &bytes).map_err(failed("read again", &path))?;
        active.end += bytes.len() as u64;
        Ok(entries)
    }

    /// Leaves the growing segment as it is; what was proven in it counts, and is served.
    pub fn abandon(&mut self, state: &Mutex<State>) {
        let Some(active) = self.active.take() else {
            return;
        };
        self.ended.retain(|ended| ended.ordinal != active.header.ordinal);
        self.ended.push(active.ended());
        let mut state = state.lock();
        let entries = state.growing_entries();
        let Some(growing) = state.growing.take() else {
            return;
        };
        if entries.is_empty() {
            drop(state);
            // It may hold frames that were not proven: when it cannot be removed for good, the next
            // header says that it is empty.
            let removed = self.env.disk.remove(&active.path);
            let synced = removed.and_then(|()| self.env.disk.sync_directory(&self.folder));
            if synced.is_ok() {
                self.ended.retain(|ended| ended.ordinal != active.header.ordinal);
            }
            return;
        }
        self.unfinished.push(active.header.ordinal);
        let mut footer = Footer::empty();
        entries.iter().for_each(|entry| footer.add(entry));
        growing.guesses.values().for_each(|guess| footer.add_guess(*guess));
        let directory = Directory::Memory(entries);
        let segment = growing.segment.succeeded(active.end, footer, directory);
        push_segment(&mut state, Arc::new(segment));
    }

    /// Completes the growing segment. When that fails it is left for later: its chunks are stored.
    pub fn finish(&mut self, state: &Mutex<State>) {
        let Some(ordinal) = self.active.as_ref().map(|active| active.header.ordinal) else {
            return;
        };
        let tags = self.active.as_ref().map_or(Vec::new(), |a| a.tags.values().copied().collect());
        self.abandon(state);
        if self.unfinished.contains(&ordinal)
            && let Err(error) = self.complete(state, ordinal, Some(tags))
        {
            tracing::warn!(%error, "a segment of history is completed later");
        }
    }

    /// Completes segments that were left; stops at the first failure.
    pub fn complete_unfinished(&mut self, state: &Mutex<State>) -> Result<(), HistoryError> {
        while let Some(ordinal) = self.unfinished.first().copied() {
            self.complete(state, ordinal, None)?;
        }
        Ok(())
    }

    fn complete(
        &mut self,
        state: &Mutex<State>,
        ordinal: u64,
        tags: Option<Vec<TagsPlace>>,
    ) -> Result<(), HistoryError> {
        let (segments, position, learned) = {
            let mut state = state.lock();
            (state.segments.clone(), state.position(), learned(&state))
        };
        let found = segments.iter().find(|segment| segment.ordinal() == ordinal);
        let Some(segment) = found else {
            // Dropped by retention in the meantime.
            self.unfinished.retain(|other| *other != ordinal);
            return Ok(());
        };
        let path = &segment.path;
        let mut footer = segment.footer.clone();
        footer.tags = match tags {
            Some(tags) => tags,
            None => segment.tags().map_err(failed("read", path))?,
        };
        footer.tags.sort_by_key(|place| place.offset);
        footer.position = position;
        footer.learned = learned;
        let mut pages = Pages::new(segment.seed);
        segment.in_memory().unwrap_or_default().iter().for_each(|entry| pages.push(entry));
        let end = segment.bytes;
        let bytes = ending(&segment.header, end, pages, &mut footer);
        let write = || -> io::Result<()> {
            let file: Arc<dyn DiskFile> = self.env.disk.open(path, Access::Write)?.into();
            if file.length()? > end {
                file.set_length(end)?;
            }
            file.write_all_at(&bytes, end)?;
            file.sync_data()?;
            read_back(&file, end, &bytes)
        };
        write().map_err(failed("complete", path))?;
        let complete = segment.succeeded(end + bytes.len() as u64, footer, pages_at(end));
        self.unfinished.retain(|other| *other != ordinal);
        replace_segments(&mut state.lock(), &[ordinal], Some(Arc::new(complete)));
        Ok(())
    }

    pub fn growing_bytes(&self) -> u64 {
        self.active.as_ref().map_or(0, |active| active.end)
    }
}

pub(crate) fn tell(options: &Options, trouble: &Trouble) {
    if let Some(on_trouble) = &options.on_trouble {
        on_trouble(trouble);
    }
}

/// What was learned of clocks, for a footer.
pub(crate) fn learned(state: &State) -> Vec<crate::chunk::Guess> {
    let guess = |(boot, offset_ns): (&[u8; 16], &i64)| crate::chunk::Guess {
        boot: *boot,
        offset_ns: *offset_ns,
    };
    state.learned.iter().map(guess).collect()
}

fn read_back(file: &Arc<dyn DiskFile>, at: u64, wanted: &[u8]) -> io::Result<()> {
    let mut bytes = vec![0; wanted.len()];
    let got = file.read_at(&mut bytes, at)?;
    match bytes[..got] == *wanted {
        true => Ok(()),
        false => Err(io::Error::other("the disk gives back something else than was written")),
    }
}

pub(crate) fn push_segment(state: &mut State, segment: Arc<Segment>) {
    replace_segments(state, &[], Some(segment));
}

/// Takes segments out of the list and puts one in, as one step for readers.
pub(crate) fn replace_segments(state: &mut State, ordinals: &[u64], by: Option<Arc<Segment>>) {
    let stays = |segment: &&Arc<Segment>| !ordinals.contains(&segment.ordinal());
    let mut segments: Vec<Arc<Segment>> = state.segments.iter().filter(stays).cloned().collect();
    segments.extend(by);
    segments.sort_by_key(|segment| (segment.header.era, segment.footer.max_seq, segment.ordinal()));
    state.segments = Arc::new(segments);
}

/// Bytes of a frame around its payload; for estimates.
pub(crate) const FRAME_EXTRA: usize = FRAME_HEADER_BYTES;
