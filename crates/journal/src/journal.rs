//! The journal as its users see it: three logs, cursors, the commit thread and the lock.

use crate::commit::Committer;
use crate::cursor::{CURSOR_NAME_BYTES_MAX, CURSORS_MAX};
use crate::frame::Kind;
use crate::log::{Entry, Log, Shared, Writer};
use crate::look_back::look_back;
use crate::start::{Started, start};
use crate::{
    AppendError, Block, CommitBy, CommitError, Cursor, Durability, Gap, GapReason, Item, OpenError,
    Opened, Options, Reader, ReaderFilter, Span, Stats, Stream, StreamStats, TagSet, lock,
};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tagwerk_env::{DiskFile, Env, Moment, WallTime};

/// A handle on the open journal; clones share it. Dropping the last one without
/// [`Journal::close`] is an unclean end.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    logs: [Arc<Log>; 3],
    shared: Arc<Shared>,
    committer: Arc<Committer>,
    commit_by: CommitBy,
    thread: Mutex<Option<JoinHandle<()>>>,
    lock: Mutex<Option<Box<dyn DiskFile>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
        for log in &self.logs {
            log.closed.store(true, Ordering::Release);
            log.ends.send_modify(|_| {});
            log.commits.send_modify(|_| {});
        }
    }
}

impl Inner {
    fn stop(&self) {
        self.committer.stop();
        if let Some(thread) = lock(&self.thread).take() {
            // It ends without a result; a panic in it was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl Journal {
    /// Opens (or begins) the journal in `directory`. Damaged data never makes this fail; see
    /// [`Opened`] for what was found. Reads the newest segment of each stream.
    pub fn open(
        env: &Env,
        directory: &Path,
        options: Options,
    ) -> Result<(Journal, Opened), OpenError> {
        let Started { logs, shared, lock, opened } = start(env, directory, &options)?;
        let committer = Arc::new(Committer::default());
        let mut thread = None;
        if options.commit_by == CommitBy::Thread {
            let (committer, logs) = (committer.clone(), logs.clone());
            let spawned = std::thread::Builder::new()
                .name("journal-commit".to_owned())
                .spawn(move || committer.run(&logs));
            thread = Some(spawned.map_err(|error| OpenError::Io {
                attempt: "start the commit thread for",
                path: directory.to_owned(),
                error,
            })?);
        }
        let journal = Journal(Arc::new(Inner {
            logs,
            shared,
            committer,
            commit_by: options.commit_by,
            thread: Mutex::new(thread),
            lock: Mutex::new(lock),
        }));
        for stream in Stream::ALL {
            journal.after_append(stream);
        }
        Ok((journal, opened))
    }

    /// New at every start that does not follow a proven clean end.
    pub fn epoch(&self) -> u32 {
        self.0.shared.epoch
    }

    /// This start of the machine.
    pub fn boot(&self) -> [u8; 16] {
        self.0.shared.boot
    }

    /// The sequence number that the next sample or record gets.
    pub fn end(&self, stream: Stream) -> u64 {
        lock(&self.log(stream).tail).end
    }

    /// The first sequence number that is still stored.
    pub fn oldest(&self, stream: Stream) -> u64 {
        lock(&self.log(stream).tail).oldest()
    }

    /// Everything below is on disk.
    pub fn committed(&self, stream: Stream) -> u64 {
        self.log(stream).committed()
    }

    /// Appends `count` samples of `set` to `samples` or `outputs`. When it returns, the kernel has
    /// them: they survive the end of this process.
    pub fn append_block(
        &self,
        stream: Stream,
        set: &Arc<TagSet>,
        count: u32,
        moment: Moment,
        payload: &[u8],
    ) -> Result<Span, AppendError> {
        if stream == Stream::Record {
            let what = "the number of blocks in `record`";
            return Err(AppendError::Limit { what, value: 1, max: 0 });
        }
        if count == 0 {
            let what = "the count of samples (at least 1)";
            return Err(AppendError::Limit { what, value: 0, max: u32::MAX as u64 });
        }
        let kind = Kind::Block;
        let entry = Entry { kind, extra: 0, count, moment, set: Some(set), payload };
        let span = self.log(stream).append(&entry)?;
        self.finish_append(stream, span)
    }

    /// Appends one record of the caller's type `kind`; returns its sequence number.
    pub fn append_record(&self, kind: u16, payload: &[u8]) -> Result<u64, AppendError> {
        let moment = self.0.shared.env.clock.now();
        let entry = Entry { kind: Kind::Record, extra: kind, count: 1, moment, set: None, payload };
        let span = self.append_to_record(&mut lock(&self.log(Stream::Record).writer), &entry)?;
        self.finish_append(Stream::Record, span).map(|span| span.from)
    }

    /// Alarms, commands and audit must go on when the disk is full: from the reserve, and when that is
    /// used up, in the place of old samples.
    pub(crate) fn append_to_record(
        &self,
        w: &mut Writer,
        entry: &Entry<'_>,
    ) -> Result<Span, AppendError> {
        let record = self.log(Stream::Record);
        let mut result = record.append_locked(w, entry);
        if matches!(result, Err(AppendError::Full { .. })) && self.release_reserve() {
            result = record.append_locked(w, entry);
        }
        if matches!(result, Err(AppendError::Full { .. })) && self.log(Stream::Samples).make_room()
        {
            result = record.append_locked(w, entry);
        }
        result
    }

    /// Gives the reserved space back to the file system, for whoever must save something on a full disk
    /// (the configuration). Returns whether there was any; it is made again when there is room.
    pub fn release_reserve(&self) -> bool {
        self.0.shared.reserve.release()
    }

    /// The reserved space is there.
    pub fn holds_reserve(&self) -> bool {
        self.0.shared.reserve.is_held()
    }

    /// Notes a counted loss, for callers that give samples up (a reader over its own limit).
    pub fn append_gap(&self, gap: &Gap) -> Result<u64, AppendError> {
        check_name(gap.reader.as_deref().unwrap_or("all"))?;
        let log = self.log(Stream::Record);
        let span = self.append_gap_locked(&mut lock(&log.writer), gap)?;
        self.finish_append(Stream::Record, span).map(|span| span.from)
    }

    fn finish_append(&self, stream: Stream, span: Span) -> Result<Span, AppendError> {
        self.after_append(stream);
        let log = self.log(stream);
        if log.options.durability == Durability::Strict {
            log.commit_to(span.to).map_err(AppendError::Commit)?;
        }
        Ok(span)
    }

    /// Tells the commit thread, and moves cursors out of segments that the append dropped.
    pub(crate) fn after_append(&self, stream: Stream) {
        self.note(stream);
        // Moving cursors of `record` may drop segments of `record` again; the next append sees to
        // that.
        if self.log(stream).removed.swap(false, Ordering::AcqRel) {
            self.move_cursors(stream);
            self.note(Stream::Record);
        }
    }

    fn note(&self, stream: Stream) {
        if self.0.commit_by == CommitBy::Thread {
            self.0.committer.note(stream, &*self.0.shared.env.clock);
        }
    }

    fn move_cursors(&self, stream: Stream) {
        let oldest = self.oldest(stream);
        let record = self.log(Stream::Record);
        let mut w = lock(&record.writer);
        let behind = |cursor: &Cursor| cursor.stream() == stream && cursor.next() < oldest;
        let late: Vec<(String, Cursor)> = w
            .cursors
            .iter()
            .filter(|(_, cursor)| behind(cursor))
            .map(|(name, cursor)| (name.clone(), cursor.clone()))
            .collect();
        for (name, mut cursor) in late {
            let span = Span { from: cursor.next(), to: oldest };
            let reason = GapReason::Retention;
            let gap = Gap { stream, span, reader: Some(name.clone()), reason };
            cursor.move_to(oldest);
            let noted = self
                .append_gap_locked(&mut w, &gap)
                .and_then(|_| self.append_cursor_locked(&mut w, &name, &cursor));
            if let Err(error) = noted {
                // The reader still reports the numbers missing, and the next start notes them.
                tracing::error!(%error, reader = name, "cannot record a gap");
                return;
            }
        }
    }

    pub(crate) fn append_gap_locked(&self, w: &mut Writer, gap: &Gap) -> Result<Span, AppendError> {
        let payload = gap.encode();
        let moment = self.0.shared.env.clock.now();
        let entry =
            Entry { kind: Kind::Gap, extra: 0, count: 1, moment, set: None, payload: &payload };
        self.append_to_record(w, &entry)
    }

    pub(crate) fn append_cursor_locked(
        &self,
        w: &mut Writer,
        name: &str,
        cursor: &Cursor,
    ) -> Result<(), AppendError> {
        let before = w.cursors.insert(name.to_owned(), cursor.clone());
        let result = self.append_cursor_frame(w, 0, name, cursor);
        if result.is_err() {
            match before {
                Some(before) => w.cursors.insert(name.to_owned(), before),
                None => w.cursors.remove(name),
            };
        }
        result
    }

    fn append_cursor_frame(
        &self,
        w: &mut Writer,
        operation: u8,
        name: &str,
        cursor: &Cursor,
    ) -> Result<(), AppendError> {
        let mut payload = vec![operation];
        cursor.encode(name, &mut payload);
        let moment = self.0.shared.env.clock.now();
        let entry =
            Entry { kind: Kind::Cursor, extra: 0, count: 0, moment, set: None, payload: &payload };
        self.append_to_record(w, &entry).map(|_| ())
    }

    /// The cursor as last saved, or as moved on since.
    pub fn cursor(&self, name: &str) -> Option<Cursor> {
        lock(&self.log(Stream::Record).writer).cursors.get(name).cloned()
    }

    /// Names of all cursors.
    pub fn cursors(&self) -> Vec<(String, Cursor)> {
        let w = lock(&self.log(Stream::Record).writer);
        w.cursors.iter().map(|(name, cursor)| (name.clone(), cursor.clone())).collect()
    }

    /// Writes the cursor's state; the kernel has it when this returns, and the next commit of
    /// `record` makes it durable. Each call costs a frame: the caller chooses how often.
    pub fn save_cursor(&self, name: &str, cursor: &Cursor) -> Result<(), AppendError> {
        check_name(name)?;
        let (value, max) = (cursor.end(), self.end(cursor.stream()));
        if value > max {
            return Err(AppendError::Limit { what: "the cursor's position", value, max });
        }
        let mut cursor = cursor.clone();
        cursor.epoch = self.epoch();
        {
            let mut w = lock(&self.log(Stream::Record).writer);
            if w.cursors.len() >= CURSORS_MAX && !w.cursors.contains_key(name) {
                let (value, max) = (w.cursors.len() as u64 + 1, CURSORS_MAX as u64);
                return Err(AppendError::Limit { what: "the number of cursors", value, max });
            }
            // Retention may have moved the saved one past what the caller knows.
            if let Some(saved) = w.cursors.get(name)
                && saved.stream() == cursor.stream()
            {
                let oldest = self.oldest(cursor.stream());
                cursor.move_to(saved.next().min(oldest));
            }
            self.append_cursor_locked(&mut w, name, &cursor)?;
        }
        self.after_append(Stream::Record);
        Ok(())
    }

    pub fn remove_cursor(&self, name: &str) -> Result<(), AppendError> {
        {
            let mut w = lock(&self.log(Stream::Record).writer);
            let Some(cursor) = w.cursors.remove(name) else { return Ok(()) };
            if let Err(error) = self.append_cursor_frame(&mut w, 1, name, &cursor) {
                w.cursors.insert(name.to_owned(), cursor);
                return Err(error);
            }
        }
        self.after_append(Stream::Record);
        Ok(())
    }

    /// Reads `stream` from `from` on.
    pub fn reader(&self, stream: Stream, from: u64, filter: ReaderFilter) -> Reader {
        Reader::new(self.log(stream).clone(), from, filter)
    }

    /// Visits the blocks of `samples` that hold `tag` and were appended within the times, oldest
    /// first. Blocking.
    pub fn look_back(
        &self,
        tag: u32,
        from_unix_ns: i64,
        to_unix_ns: i64,
        visit: &mut dyn FnMut(&Block) -> ControlFlow<()>,
    ) {
        look_back(self.log(Stream::Samples), tag, from_unix_ns, to_unix_ns, visit);
    }

    /// Visits everything in `record`, oldest first, up to the end as it is now. Blocking.
    pub fn records(&self, visit: &mut dyn FnMut(Item) -> ControlFlow<()>) {
        let end = self.end(Stream::Record);
        let from = self.oldest(Stream::Record);
        let mut reader = self.reader(Stream::Record, from, ReaderFilter::default());
        while reader.position() < end {
            let Some(item) = reader.try_next() else { return };
            if visit(item).is_break() {
                return;
            }
        }
    }

    /// Resolves when the sample or record with sequence `seq` is on disk ([`Span::last`] for a
    /// block). Waiters share one sync.
    pub async fn durable(&self, stream: Stream, seq: u64) -> Result<(), CommitError> {
        let log = self.log(stream);
        if log.committed() > seq {
            return Ok(());
        }
        if seq >= self.end(stream) {
            return Err(CommitError::NotWritten { stream, seq });
        }
        match self.0.commit_by {
            CommitBy::Caller => log.commit_to(seq.saturating_add(1)),
            CommitBy::Thread => {
                let waiting = log.wait_durable(seq);
                self.0.committer.want(stream);
                waiting.await
            }
        }
    }

    /// Resolves when everything appended to `stream` so far is on disk, saved cursors included.
    pub async fn flush(&self, stream: Stream) -> Result<(), CommitError> {
        let log = self.log(stream);
        if self.0.commit_by == CommitBy::Caller {
            return log.commit();
        }
        let frames = lock(&log.writer).frames;
        let waiting = log.wait_frames(frames);
        self.0.committer.want(stream);
        waiting.await
    }

    /// Syncs what was appended to `stream` so far, saved cursors included. Blocking.
    pub fn commit(&self, stream: Stream) -> Result<(), CommitError> {
        self.log(stream).commit()
    }

    /// Compares the wall clock with what was last noted and notes a change, drops what is too old and
    /// makes the reserve again. To be called about once a second; costs a few clock reads when nothing
    /// changed.
    pub fn observe_clock(&self) {
        self.0.shared.reserve.renew();
        for stream in Stream::ALL {
            let log = self.log(stream);
            if log.options.age_max.is_some() && log.drop_aged(&mut lock(&log.writer)) {
                self.after_append(stream);
            }
        }
        let (moment, wall, news) = self.0.shared.observe_clock();
        if !news {
            return;
        }
        self.0.shared.clock_changes.fetch_add(1, Ordering::AcqRel);
        // `record` keeps the whole timeline; the other streams note it with their next append.
        let payload = crate::frame::encode_clock(&self.boot(), wall);
        let entry =
            Entry { kind: Kind::Clock, extra: 0, count: 0, moment, set: None, payload: &payload };
        if let Err(error) = self.log(Stream::Record).append(&entry) {
            tracing::warn!(%error, "cannot note the clock");
        }
        self.after_append(Stream::Record);
    }

    /// A monotonic moment of some boot on the wall clock, as well as it is known now.
    pub fn wall_time(&self, boot: [u8; 16], moment: Moment) -> Option<WallTime> {
        lock(&self.0.shared.timeline).resolve(&boot, moment)
    }

    pub fn stats(&self) -> Stats {
        let [samples, outputs, record] = &self.0.logs;
        Stats {
            epoch: self.epoch(),
            samples: stream_stats(samples),
            outputs: stream_stats(outputs),
            record: stream_stats(record),
        }
    }

    /// Ends cleanly: syncs everything and writes the marks that prove it. Later appends fail, readers
    /// get what is left. Blocking. After an error the next start will be an unclean one.
    pub fn close(&self) -> Result<(), CommitError> {
        self.0.stop();
        let mut result = Ok(());
        for log in &self.0.logs {
            let closed = close_log(log);
            if result.is_ok() {
                result = closed;
            }
        }
        lock(&self.0.lock).take();
        result
    }

    pub(crate) fn log(&self, stream: Stream) -> &Arc<Log> {
        &self.0.logs[stream.index()]
    }
}

fn close_log(log: &Log) -> Result<(), CommitError> {
    {
        let mut w = lock(&log.writer);
        if log.closed.load(Ordering::Acquire) {
            return Ok(());
        }
        let moment = log.shared.env.clock.now();
        let entry =
            Entry { kind: Kind::Close, extra: 0, count: 0, moment, set: None, payload: &[] };
        let appended = log.append_locked(&mut w, &entry);
        log.closed.store(true, Ordering::Release);
        log.seal(&mut w);
        log.ends.send_modify(|_| {});
        if let Err(error) = appended {
            let cause = error.to_string();
            return Err(CommitError::Failed { stream: log.stream, cause });
        }
    }
    let result = log.commit();
    log.commits.send_modify(|_| {});
    result
}

fn check_name(name: &str) -> Result<(), AppendError> {
    let (value, max) = (name.len() as u64, CURSOR_NAME_BYTES_MAX as u64);
    if (1..=max).contains(&value) {
        return Ok(());
    }
    Err(AppendError::Limit { what: "the length of the cursor's name", value, max })
}

fn stream_stats(log: &Log) -> StreamStats {
    let counters = &log.counters;
    let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let tail = lock(&log.tail);
    StreamStats {
        oldest: tail.oldest(),
        end: tail.end,
        committed: log.committed(),
        segments: tail.segments.len(),
        bytes: tail.bytes(),
        appends: load(&counters.appends),
        appended_bytes: load(&counters.appended_bytes),
        dropped: load(&counters.dropped),
        syncs: load(&counters.syncs),
        sync_failures: load(&counters.sync_failures),
        write_failures: load(&counters.write_failures),
        full: load(&counters.full),
        read_failures: load(&counters.read_failures),
        failing: counters.failing.load(Ordering::Relaxed),
        last_error: lock(&counters.last_error).clone(),
    }
}
