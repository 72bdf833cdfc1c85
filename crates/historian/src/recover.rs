//! What happens at start: segments are told apart, the one that was growing is completed, damage is
//! set aside, and it is worked out what is stored already.

use crate::book::Book;
use crate::clock::SteadyNow;
use crate::entry::Footer;
use crate::files::Files;
use crate::frame::{Ended, Header, HeaderFault, Origin, TRAILER_BYTES};
use crate::scan::{Extent, Mark, decode_tags, scan_frames};
use crate::segment::{
    Directory, Segment, ordinal_of, pages_at, read_end, read_header, segment_path,
};
use crate::state::State;
use crate::writer::{Writer, push_segment};
use crate::{OpenError, quarantine};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tagwerk_env::{Access, DiskFile, Env};
use tagwerk_model::codec;

/// What was found at start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    pub segments: usize,
    pub samples: u64,
    /// Segments that were growing and were completed, or will be when the disk allows.
    pub recovered: Vec<PathBuf>,
    /// Byte ranges that hold no good frame: torn by the end before, or damaged.
    pub cut: Vec<(PathBuf, u64, u64)>,
    /// Segments that had been whole, or proven so far, and are not: samples may be lost.
    pub damaged: Vec<PathBuf>,
    /// Files that could not be read as segments at all.
    pub quarantined: Vec<PathBuf>,
    /// See [`crate::Historian::position`].
    pub position: u64,
}

struct Found {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    length: u64,
    header: Header,
    seed: u32,
    end: Option<(u64, Footer)>,
}

pub(crate) struct Started {
    pub state: Mutex<State>,
    pub writer: Writer,
    pub opened: Opened,
}

fn attempt<'a>(attempt: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> OpenError + 'a {
    move |error| OpenError::Io { attempt, path: path.to_owned(), error }
}

pub(crate) fn start(env: &Env, folder: &Path) -> Result<Started, OpenError> {
    let disk = &*env.disk;
    disk.create_directories(folder).map_err(attempt("create", folder))?;
    let lock = take_lock(env, folder)?;
    let mut opened = Opened::default();
    let mut found = find_segments(env, folder, &mut opened)?;
    let next_ordinal = found.iter().map(|f| f.header.ordinal + 1).max().unwrap_or(0);
    remove_replaced(env, folder, &mut found);
    let files = Files::new(env.disk.clone());
    let mut writer = Writer::new(env, folder, &files, next_ordinal, lock);
    let era = found.iter().map(|f| f.header.era).max().unwrap_or(1);
    let state = Mutex::new(State::new(era, 0));
    let mut ends: HashMap<u64, u64> = HashMap::new();
    for Ended { ordinal, end } in found.iter().flat_map(|f| &f.header.ended) {
        let known = ends.entry(*ordinal).or_insert(*end);
        *known = *end.min(known);
    }
    let sealed = found.iter().filter(|found| found.header.origin == Origin::Sealed);
    let growing = sealed.map(|found| found.header.ordinal).max();
    let (mut position, mut now) = (0, 0);
    for found in found {
        let newest_era = found.header.era == era;
        let told = found.end.as_ref().map_or(0, |(_, footer)| footer.position);
        let mut told = told.max(found.header.position);
        now = now.max(found.header.created_unix_ns);
        let segment = match found.end.clone() {
            Some((directory_at, footer)) => {
                let (header, seed, length) = (found.header, found.seed, found.length);
                let directory = pages_at(directory_at);
                note_footer(&mut state.lock(), &footer);
                Segment::new(header, seed, found.path, length, footer, directory, &files)
            }
            None => {
                let end = ends.get(&found.header.ordinal).copied();
                if was_whole(&found, end, growing) {
                    opened.damaged.push(found.path.clone());
                }
                let recovered = recover(found, end, folder, env, &files, &mut writer, &mut opened)?;
                let Some((segment, mark)) = recovered else {
                    continue;
                };
                told = told.max(mark);
                note_footer(&mut state.lock(), &segment.footer);
                segment
            }
        };
        if newest_era {
            position = position.max(told);
        }
        push_segment(&mut state.lock(), Arc::new(segment));
    }
    writer.now = SteadyNow::resume(now.max(0));
    // The footers of what is completed now say it too.
    {
        let mut state = state.lock();
        (state.next_seq, state.started_at) = (position, position);
    }
    // A failure leaves them for later; until then they are served from memory.
    if let Err(error) = writer.complete_unfinished(&state) {
        tracing::warn!(%error, "a segment of history is completed later");
    }
    know_what_is_stored(&mut state.lock(), position)?;
    read_book(&mut state.lock());
    let segments = state.lock().segments.clone();
    opened.segments = segments.len();
    opened.samples = segments.iter().map(|segment| segment.footer.samples).sum();
    opened.position = position;
    Ok(Started { state, writer, opened })
}

fn take_lock(env: &Env, folder: &Path) -> Result<Box<dyn DiskFile>, OpenError> {
    let path = folder.join("lock");
    let open = || match env.disk.open(&path, Access::CreateNew) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            env.disk.open(&path, Access::Write)
        }
        other => other,
    };
    let file = open().map_err(attempt("open", &path))?;
    match file.lock() {
        Ok(()) => Ok(file),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(OpenError::InUse { folder: folder.to_owned() })
        }
        Err(error) => Err(attempt("lock", &path)(error)),
    }
}

/// All files with a good header, by their ordinals.
fn find_segments(env: &Env, folder: &Path, opened: &mut Opened) -> Result<Vec<Found>, OpenError> {
    let mut found = Vec::new();
    for name in env.disk.list(folder).map_err(attempt("list", folder))? {
        let path = folder.join(&name);
        if name.extension().is_some_and(|extension| extension == "new") {
            // Of a compaction that did not come to its end.
            let _ = env.disk.remove(&path);
            continue;
        }
        let Some(ordinal) = ordinal_of(&name) else {
            continue;
        };
        let look = || -> io::Result<Result<Found, HeaderFault>> {
            let file: Arc<dyn DiskFile> = env.disk.open(&path, Access::Read)?.into();
            let length = file.length()?;
            let (header, seed) = match read_header(&file, length)? {
                Ok(good) => good,
                Err(fault) => return Ok(Err(fault)),
            };
            let end = read_end(&file, length)?;
            let end = end.filter(|(trailer, ..)| trailer.header == header);
            let end = end.map(|(trailer, _, footer)| (trailer.directory_at, footer));
            Ok(Ok(Found { path: path.clone(), file, length, header, seed, end }))
        };
        match look().map_err(attempt("read", &path))? {
            Ok(segment) if segment.header.ordinal == ordinal => found.push(segment),
            Err(HeaderFault::Newer(version)) => return Err(OpenError::Newer { path, version }),
            // Also a file under the name of another.
            _ => match quarantine::move_file(&*env.disk, folder, &path) {
                Ok(target) => opened.quarantined.push(target),
                Err(error) => {
                    tracing::warn!(%error, path = %path.display(), "cannot set a file aside");
                }
            },
        }
    }
    found.sort_by_key(|found| found.header.ordinal);
    Ok(found)
}

/// Removes what a complete compacted segment replaces; a compacted one that is not complete gives
/// way to what it would replace.
fn remove_replaced(env: &Env, folder: &Path, found: &mut Vec<Found>) {
    let (mut dead, mut taken) = (HashSet::new(), HashSet::new());
    for whole in found.iter().rev().filter(|found| found.end.is_some()) {
        let replaced = &whole.header.replaces;
        if replaced.iter().any(|ordinal| taken.contains(ordinal)) {
            // Its compaction failed after it had got its name. What it was to replace stayed, and
            // was put into a later one, in part at least.
            dead.insert(whole.header.ordinal);
        } else {
            taken.extend(replaced.iter().copied());
        }
    }
    dead.extend(taken);
    let there: HashSet<u64> = found.iter().map(|found| found.header.ordinal).collect();
    for torn in found.iter().filter(|found| found.end.is_none()) {
        let replaced = &torn.header.replaces;
        if !replaced.is_empty() && replaced.iter().all(|ordinal| there.contains(ordinal)) {
            dead.insert(torn.header.ordinal);
        }
    }
    found.retain(|found| !dead.contains(&found.header.ordinal));
    for ordinal in dead.into_iter().filter(|ordinal| there.contains(ordinal)) {
        // When it stays, it is passed over at the next start again.
        let _ = env.disk.remove(&segment_path(folder, ordinal));
    }
}

/// Whether a segment without a footer had one, or had more than it has: only the sealed one that was begun
/// last may have been growing, and those whose end was told never got further.
fn was_whole(found: &Found, end: Option<u64>, growing: Option<u64>) -> bool {
    match (found.header.origin, end) {
        (Origin::Compacted, _) => true,
        (Origin::Sealed, Some(end)) => found.length < end,
        (Origin::Sealed, None) => Some(found.header.ordinal) != growing,
    }
}

/// Reads a segment without a footer; what is not proven is cut off.
fn recover(
    found: Found,
    end: Option<u64>,
    folder: &Path,
    env: &Env,
    files: &Arc<Files>,
    writer: &mut Writer,
    opened: &mut Opened,
) -> Result<Option<(Segment, u64)>, OpenError> {
    let Found { path, file, length, header, seed, .. } = found;
    let extent = match (header.origin, end) {
        (Origin::Compacted, _) => Extent::Whole,
        (Origin::Sealed, Some(end)) => Extent::To(end),
        (Origin::Sealed, None) => Extent::Marks,
    };
    // Without it nobody knows what is stored: samples would come twice.
    let scanned =
        scan_frames(file.clone(), seed, length, extent).map_err(attempt("read", &path))?;
    if extent == Extent::Marks {
        let proven = scanned.mark().proven_to;
        prove(env, &path, &file, (proven, scanned.end)).map_err(attempt("sync", &path))?;
    }
    if !scanned.bad.is_empty() && !opened.damaged.contains(&path) {
        opened.damaged.push(path.clone());
    }
    let mut bad = scanned.bad.clone();
    // The directory of a segment whose trailer is damaged is no loss.
    if scanned.end < length && length - scanned.end > TRAILER_BYTES as u64 {
        bad.push((scanned.end, length));
    }
    for range in bad {
        if let Err(error) = quarantine::copy_bytes(&*env.disk, folder, &path, &file, range) {
            tracing::warn!(%error, "cannot copy damaged history to quarantine");
        }
        opened.cut.push((path.clone(), range.0, range.1));
    }
    let Mark { position: mark, now_unix_ns: now, .. } = scanned.mark();
    writer.now = SteadyNow::resume(writer.now.now().max(now));
    let ended = Ended { ordinal: header.ordinal, end: scanned.end };
    if scanned.entries.is_empty() {
        if env.disk.remove(&path).is_err() {
            writer.ended.push(ended);
        }
        return Ok(None);
    }
    writer.ended.push(ended);
    writer.unfinished.push(header.ordinal);
    opened.recovered.push(path.clone());
    let (footer, end) = (scanned.footer(), scanned.end);
    let directory = Directory::Memory(scanned.sorted());
    Ok(Some((Segment::new(header, seed, path, end, footer, directory, files), mark)))
}

/// What a killed program left unsynced must be on disk before it counts.
fn prove(
    env: &Env,
    path: &Path,
    file: &Arc<dyn DiskFile>,
    (from, to): (u64, u64),
) -> io::Result<()> {
    let writable = env.disk.open(path, Access::Write)?;
    if writable.sync_data().is_ok() {
        return Ok(());
    }
    // A sync that failed once may succeed without having done anything: the bytes are written again.
    let mut bytes = vec![0; to.saturating_sub(from) as usize];
    let got = file.read_at(&mut bytes, from)?;
    let writable = env.disk.open(path, Access::Write)?;
    writable.write_all_at(&bytes[..got], from)?;
    writable.sync_data()
}

fn note_footer(state: &mut State, footer: &Footer) {
    state.guessed.extend(footer.guesses.iter().map(|guess| guess.boot));
    for learned in &footer.learned {
        state.learned.entry(learned.boot).or_insert(learned.offset_ns);
    }
}

/// Of each tag, up to where its samples at and above `position` are stored: the journal gives them
/// again.
fn know_what_is_stored(state: &mut State, position: u64) -> Result<(), OpenError> {
    let segments = state.segments.clone();
    let mut sealed: HashMap<u32, u64> = HashMap::new();
    for segment in segments.iter() {
        if segment.header.era != state.era || segment.footer.max_seq < position {
            continue;
        }
        let read = segment.each_entry(&mut |entry| {
            if entry.summary.last_seq >= position {
                let end = sealed.entry(entry.summary.tag.0).or_default();
                *end = (*end).max(entry.summary.last_seq + 1);
            }
        });
        read.map_err(attempt("read", &segment.path))?;
    }
    state.sealed_before = sealed;
    Ok(())
}

/// The names of all tags, the newest definition of each.
fn read_book(state: &mut State) {
    let segments = state.segments.clone();
    let mut book = Book::default();
    let mut seen = HashSet::new();
    for segment in segments.iter().rev() {
        let tags = segment.tags().unwrap_or_default();
        for place in tags.iter().rev() {
            if !seen.insert((segment.header.era, place.set, place.revision)) {
                continue;
            }
            let payload = segment.payload(place.offset, place.length, crate::frame::Kind::Tags);
            let Ok(payload) = payload else { continue };
            let read = decode_tags(&payload)
                .and_then(|(set, _, dictionary)| codec::decode_definition(set, dictionary).ok());
            if let Some(definition) = read {
                book.put_older(definition);
            }
        }
    }
    state.book = book;
}
