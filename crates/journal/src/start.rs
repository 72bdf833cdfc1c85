//! Opening: the lock, recovery of each stream, the decision on the epoch, and the first segments of
//! this start.

use crate::cursor::Cursor;
use crate::error::is_full;
use crate::frame::Kind;
use crate::log::{Commits, Entry, Log, Shared, Writer};
use crate::quarantine::Quarantine;
use crate::recover::{Found, Opened, Recovery, io_error};
use crate::reserve::Reserve;
use crate::segment::Segment;
use crate::stats::Counters;
use crate::tail::Tail;
use crate::timeline::Timeline;
use crate::{GapReason, OpenError, Options, Span, Stream, lock};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};
use tagwerk_env::{Access, Disk, DiskFile, Env};
use tokio::sync::watch;

pub(crate) struct Started {
    pub logs: [Arc<Log>; 3],
    pub shared: Arc<Shared>,
    /// None on a disk that is read-only and has no lock file.
    pub lock: Option<Box<dyn DiskFile>>,
    pub opened: Opened,
}

pub(crate) fn start(env: &Env, directory: &Path, options: &Options) -> Result<Started, OpenError> {
    let disk = &*env.disk;
    let (lock_file, read_only) = take_lock(disk, directory)?;
    if !read_only {
        for stream in Stream::ALL {
            let folder = directory.join(stream.name());
            disk.create_directories(&folder).map_err(io_error("create", &folder))?;
        }
    }
    let mut recovery = Recovery {
        disk,
        directory,
        quarantine: Quarantine { disk, directory, bytes_max: options.quarantine_bytes_max },
        opened: Opened::default(),
        timeline: Timeline::default(),
        cursors: BTreeMap::new(),
    };
    // Until it succeeds nothing counts as committed: the streams' folders could be lost with the power.
    let mut root_dirty = false;
    if !read_only && let Err(error) = disk.sync_directory(directory) {
        recovery.trouble(format!("syncing {}: {error}", directory.display()));
        root_dirty = true;
    }
    let mut found = Vec::with_capacity(3);
    for stream in Stream::ALL {
        found.push(recovery.stream(stream)?);
    }
    let first = found.iter().all(|found| !found.existed);
    let one_epoch = found.iter().all(|stream| stream.epoch == found[0].epoch);
    let clean = first || one_epoch && found.iter().all(|found| found.existed && found.closed);
    let epoch = found.iter().map(|found| found.epoch).max().unwrap_or(0);
    let epoch = if clean && !first { epoch } else { epoch.saturating_add(1) };
    if !clean {
        step_over(&mut recovery, &mut found);
        sync_found(&mut recovery, &mut found);
    } else {
        let segments = found.iter().flat_map(|found| &found.segments);
        segments.for_each(|segment| segment.set_durable());
    }
    move_cursors(&mut recovery, &found);
    recovery.opened.clean = clean;
    recovery.opened.epoch = epoch;
    recovery.opened.read_only = read_only;
    let Recovery { opened, timeline, cursors, .. } = recovery;
    let shared = Arc::new(Shared {
        env: env.clone(),
        directory: directory.to_owned(),
        boot: env.clock.boot_id(),
        epoch,
        clean,
        timeline: Mutex::new(timeline),
        clock_changes: AtomicU64::new(0),
        root_dirty: AtomicBool::new(root_dirty),
        started: AtomicBool::new(false),
        buffer_bytes: options.buffered_for_test,
        reserve: Reserve::find(env.disk.clone(), directory, options.reserve_bytes),
    });
    let mut cursors = Some(cursors);
    let mut found = found.into_iter();
    let logs = Stream::ALL.map(|stream| {
        let cursors = if stream == Stream::Record { cursors.take() } else { None };
        let found = found.next().unwrap_or_default();
        Arc::new(new_log(stream, shared.clone(), options, found, cursors.unwrap_or_default()))
    });
    begin(&logs, &opened);
    if !read_only {
        shared.reserve.renew();
    }
    Ok(Started { logs, shared, lock: lock_file, opened })
}

/// The lock, and whether the disk is read-only: then it is the lock of a file that was there, or none.
fn take_lock(
    disk: &dyn Disk,
    directory: &Path,
) -> Result<(Option<Box<dyn DiskFile>>, bool), OpenError> {
    match disk.create_directories(directory) {
        Err(error) if is_read_only(&error) => {}
        other => other.map_err(io_error("create", directory))?,
    }
    let path = directory.join("lock");
    let file = match disk.open(&path, Access::Write) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match disk.open(&path, Access::CreateNew) {
                // Somebody was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    disk.open(&path, Access::Write)
                }
                other => other,
            }
        }
        other => other,
    };
    let (file, read_only) = match file {
        Err(error) if is_read_only(&error) => match disk.open(&path, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((None, true)),
            other => (other, true),
        },
        other => (other, false),
    };
    let file = file.map_err(io_error("open", &path))?;
    match file.lock() {
        Ok(()) => Ok((Some(file), read_only)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(OpenError::InUse { directory: directory.to_owned() })
        }
        Err(error) => Err(io_error("lock", &path)(error)),
    }
}

fn is_read_only(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ReadOnlyFilesystem
}

/// After an unclean end, readers may have seen more than the disk kept; numbers that a cursor has
/// passed are not given out again.
fn step_over(recovery: &mut Recovery<'_>, found: &mut [Found]) {
    for stream in Stream::ALL {
        let end = &mut found[stream.index()].end;
        let cursors = recovery.cursors.values().filter(|cursor| cursor.stream() == stream);
        let passed = cursors.map(Cursor::end).max().unwrap_or(0);
        if passed > *end {
            let span = Span { from: *end, to: passed };
            *end = passed;
            recovery.gap(stream, span, None, GapReason::Unclean);
        }
    }
}

/// What a killed process wrote is in the kernel, not yet on disk; it is about to be called
/// committed. How much it was nobody knows: the disk may have taken long for the last sync. A segment
/// that is on disk costs next to nothing.
fn sync_found(recovery: &mut Recovery<'_>, found: &mut [Found]) {
    for (stream, found) in Stream::ALL.iter().zip(found) {
        let (mut unproven, mut proven) = (Vec::new(), found.end);
        let mut durable = found.segments.clone();
        for segment in &found.segments {
            let file = recovery.disk.open(&segment.path, Access::Write);
            if let Err(error) = file.and_then(|file| file.sync_data()) {
                recovery.trouble(format!("syncing {}: {error}", segment.path.display()));
                proven = proven.min(segment.first_seq());
                unproven.push(segment.clone());
                durable.retain(|other| !Arc::ptr_eq(other, segment));
            }
        }
        let folder = recovery.directory.join(stream.name());
        if let Err(error) = recovery.disk.sync_directory(&folder) {
            recovery.trouble(format!("syncing {}: {error}", folder.display()));
            proven = found.segments.first().map_or(proven, |s| s.first_seq().min(proven));
            durable.clear();
        }
        durable.iter().for_each(|segment| segment.set_durable());
        (found.unproven, found.proven) = (unproven, Some(proven));
    }
}

/// Cursors whose place was dropped when the program stopped.
fn move_cursors(recovery: &mut Recovery<'_>, found: &[Found]) {
    let mut moved = Vec::new();
    for (name, cursor) in &mut recovery.cursors {
        let found = &found[cursor.stream().index()];
        let oldest = found.segments.first().map_or(found.end, |segment| segment.first_seq());
        if cursor.next() < oldest {
            moved.push((cursor.stream(), Span { from: cursor.next(), to: oldest }, name.clone()));
            cursor.move_to(oldest);
        }
    }
    for (stream, span, name) in moved {
        recovery.gap(stream, span, Some(name), GapReason::Retention);
    }
}

fn new_log(
    stream: Stream,
    shared: Arc<Shared>,
    options: &Options,
    found: Found,
    cursors: BTreeMap<String, Cursor>,
) -> Log {
    let options = options.stream(stream).clone();
    let segments: Vec<Arc<Segment>> = found.segments;
    let end = found.end;
    let committed = found.proven.unwrap_or(end);
    Log {
        folder: shared.directory.join(stream.name()),
        shared,
        stream,
        writer: Mutex::new(Writer {
            active: None,
            next: end,
            frames: 0,
            ordinal: found.ordinal,
            sealed: Vec::new(),
            directory_dirty: true,
            rewrite_from: None,
            unproven: found.unproven,
            spare: None,
            pending: Vec::new(),
            cursors,
        }),
        tail: Mutex::new(Tail::new(segments, end, options.tail_bytes)),
        gate: Mutex::new(()),
        commits: watch::Sender::new(Commits { committed, ..Commits::default() }),
        ends: watch::Sender::new(end),
        dirty: AtomicBool::new(committed < end),
        removed: AtomicBool::new(false),
        closed: AtomicBool::new(false),
        counters: Counters::default(),
        sets: Mutex::new(HashMap::new()),
        options,
    }
}

/// Every start begins new segments and makes them durable. A disk that cannot take them now (full,
/// failing) does not keep the program from starting: the first append tries again.
fn begin(logs: &[Arc<Log>; 3], opened: &Opened) {
    for log in logs.iter().rev() {
        let mut w = lock(&log.writer);
        let mut rolled = log.roll(&mut w, 0, true);
        if log.stream == Stream::Record
            && rolled.as_ref().is_err_and(is_full)
            && log.shared.reserve.release()
        {
            rolled = log.roll(&mut w, 0, true);
        }
        if let Err(error) = rolled {
            log.counters.failed_write(&error);
        }
    }
    let record = &logs[Stream::Record.index()];
    for gap in &opened.gaps {
        let payload = gap.encode();
        let moment = record.shared.env.clock.now();
        let entry =
            Entry { kind: Kind::Gap, extra: 0, count: 1, moment, set: None, payload: &payload };
        if let Err(error) = record.append(&entry) {
            tracing::error!(%error, ?gap, "cannot record a gap");
        }
    }
    for log in logs {
        // Counted and logged there; the next commit tries in a new segment.
        let _ = log.commit();
    }
}
