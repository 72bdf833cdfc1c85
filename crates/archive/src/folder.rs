//! The folder of archived days: which files there are, what they hold, and the samples in them.

use crate::bucket_error::BucketError;
use crate::file::{ArchiveFile, Place};
use crate::output::TagName;
use crate::read::run_pieces;
use crate::{ArchiveError, DAY_NS, Direction, Trouble, union};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tagwerk_env::{Access, Disk};
use tagwerk_historian::Piece;
use tagwerk_model::{DataType, TagId, format_day};

/// Files kept open, by what they take in memory; one stays whatever it takes.
const OPEN_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Row groups kept, proven, for the neighbours of the tag that asked.
const GROUPS_BYTES_MAX: usize = 16 * 1024 * 1024;
const FILE_PREFIX: &str = "samples-";
const FILE_SUFFIX: &str = ".parquet";
/// A file that is being written.
const STAGED_SUFFIX: &str = ".new";

/// Called by whoever reads or refreshes; must not block.
pub type OnTrouble = Arc<dyn Fn(&Trouble) + Send + Sync>;

/// A tag that archived files hold, as the newest of them names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedTag {
    pub name: TagName,
    pub data_type: DataType,
    pub unit: Arc<str>,
}

/// Which samples are wanted: those of one tag in `from..to`.
#[derive(Clone)]
pub struct Asked {
    pub name: TagName,
    /// The number that pieces carry.
    pub tag: TagId,
    pub from_unix_ns: i64,
    pub to_unix_ns: i64,
    pub direction: Direction,
    pub cancel: Option<Arc<AtomicBool>>,
}

/// A folder of archived days; shared by those who read it and the one who writes it.
pub struct Archive {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) folder: PathBuf,
    pub(crate) edge: Arc<str>,
    on_trouble: OnTrouble,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By day and number, those that are ours.
    days: Days,
    /// The folder was looked through at least once.
    is_listed: bool,
    /// Left out, with the length at which they were told.
    left_out: HashMap<PathBuf, u64>,
    tags: HashMap<TagName, (i64, ArchivedTag)>,
    open: VecDeque<Arc<ArchiveFile>>,
    groups: VecDeque<(PathBuf, usize, Bytes)>,
}

type Days = BTreeMap<i64, BTreeMap<u32, PathBuf>>;

impl Archive {
    pub fn new(
        disk: Arc<dyn Disk>,
        folder: &Path,
        edge: Arc<str>,
        on_trouble: OnTrouble,
    ) -> Arc<Archive> {
        let folder = folder.to_owned();
        Arc::new(Archive { disk, folder, edge, on_trouble, state: Mutex::default() })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Looks which files there are. Blocking.
    pub fn refresh(&self) -> io::Result<()> {
        let mut found = Days::new();
        let before = self.state.lock().days.clone();
        for name in self.disk.list(&self.folder)? {
            let Some((day, number)) = name.to_str().and_then(parse_name) else { continue };
            let path = self.folder.join(&name);
            let known = before.get(&day).is_some_and(|files| files.contains_key(&number));
            if known || self.admit(&path, day)? {
                found.entry(day).or_default().insert(number, path);
            }
        }
        self.miss(&before, &found);
        let mut state = self.state.lock();
        state.days = found;
        state.is_listed = true;
        let State { days, open, groups, .. } = &mut *state;
        let stays =
            |path: &Path| days.values().flat_map(BTreeMap::values).any(|known| known == path);
        open.retain(|file| stays(&file.path));
        groups.retain(|(path, ..)| stays(path));
        Ok(())
    }

    /// Whether it is known which files there are.
    pub fn is_listed(&self) -> bool {
        self.state.lock().is_listed
    }

    /// Whether a new file is ours and sound; takes over its tags. A line that is down says nothing of it,
    /// and what would be taken for missing then would be written a second time.
    fn admit(&self, path: &Path, day: i64) -> io::Result<bool> {
        let length = match self.disk.open(path, Access::Read).and_then(|file| file.length()) {
            Ok(length) => length,
            Err(error) if BucketError::is_passing(&error) => return Err(error),
            Err(_) => return Ok(false),
        };
        if self.state.lock().left_out.get(path) == Some(&length) {
            return Ok(false);
        }
        match ArchiveFile::open(&*self.disk, path, &self.edge) {
            Ok(file) => {
                self.learn(&file, day);
                self.state.lock().left_out.remove(path);
                Ok(true)
            }
            Err(ArchiveError::Io { error, .. }) if BucketError::is_passing(&error) => Err(error),
            Err(error) => {
                self.leave_out(&error, length);
                Ok(false)
            }
        }
    }

    /// Tells that files are gone which nobody here removed: perhaps a disk is no longer mounted.
    fn miss(&self, before: &Days, found: &Days) {
        let all = |days: &Days| -> usize { days.values().map(BTreeMap::len).sum() };
        let is_there =
            |path: &PathBuf| found.values().flat_map(BTreeMap::values).any(|known| known == path);
        let gone =
            before.values().flat_map(BTreeMap::values).filter(|path| !is_there(path)).count();
        if gone > 0 {
            let (path, left) = (self.folder.clone(), all(found));
            let text = format!(
                "{gone} archived files are gone from {}, {left} are left; statements answer without \
                 them; see that its disk is mounted and that nobody else removes files",
                path.display()
            );
            (self.on_trouble)(&Trouble { path, text });
        }
    }

    /// What the keeper removed is not missed.
    pub(crate) fn forget(&self, path: &Path) {
        let mut state = self.state.lock();
        state.days.values_mut().for_each(|files| files.retain(|_, known| known != path));
        state.days.retain(|_, files| !files.is_empty());
    }

    fn learn(&self, file: &ArchiveFile, day: i64) {
        let mut state = self.state.lock();
        for run in file.index.groups.iter().flat_map(|group| &group.runs) {
            let names = file.index.tags.get(run.tag as usize);
            let unit = file.index.units.get(run.unit as usize);
            let data_type = DataType::from_code(run.data_type);
            let (Some((device, name)), Some(unit), Some(data_type)) = (names, unit, data_type)
            else {
                continue;
            };
            let name = TagName { device: device.as_str().into(), name: name.as_str().into() };
            if state.tags.get(&name).is_none_or(|(known, _)| *known <= day) {
                let tag = ArchivedTag { name: name.clone(), data_type, unit: unit.as_str().into() };
                state.tags.insert(name, (day, tag));
            }
        }
    }

    /// Tells it, once for a file as it is.
    fn leave_out(&self, error: &ArchiveError, length: u64) {
        let path = match error {
            ArchiveError::Io { path, .. }
            | ArchiveError::Damaged { path, .. }
            | ArchiveError::Foreign { path, .. } => path.clone(),
            ArchiveError::Cancelled => return,
        };
        if self.state.lock().left_out.insert(path.clone(), length) != Some(length) {
            (self.on_trouble)(&Trouble { path, text: error.to_string() });
        }
    }

    /// Every tag of the files that were found.
    pub fn tags(&self) -> Vec<ArchivedTag> {
        self.state.lock().tags.values().map(|(_, tag)| tag.clone()).collect()
    }

    /// Whether any file may hold samples of this time.
    pub fn reaches_into(&self, from_unix_ns: i64, to_unix_ns: i64) -> bool {
        from_unix_ns < to_unix_ns && !self.days(from_unix_ns, to_unix_ns).is_empty()
    }

    /// The days that have files.
    pub fn archived_days(&self) -> Vec<i64> {
        self.state.lock().days.keys().copied().collect()
    }

    pub(crate) fn paths_of(&self, day: i64) -> Vec<PathBuf> {
        let state = self.state.lock();
        let files = state.days.get(&day).into_iter().flat_map(BTreeMap::values);
        files.cloned().collect()
    }

    fn days(&self, from: i64, to: i64) -> Vec<i64> {
        let (first, last) = (from.div_euclid(DAY_NS), to.saturating_sub(1).div_euclid(DAY_NS));
        match first <= last {
            true => self.state.lock().days.range(first..=last).map(|(day, _)| *day).collect(),
            false => Vec::new(),
        }
    }

    /// The samples. What is damaged is left out, and told. Blocking.
    pub fn pieces(self: &Arc<Self>, asked: Asked) -> Pieces {
        let mut days = self.days(asked.from_unix_ns, asked.to_unix_ns);
        if asked.direction == Direction::Forward {
            days.reverse();
        }
        Pieces { archive: self.clone(), asked, days, current: None }
    }

    pub(crate) fn open(&self, path: &Path) -> Result<Arc<ArchiveFile>, ArchiveError> {
        {
            let mut state = self.state.lock();
            if let Some(place) = state.open.iter().position(|file| file.path == path)
                && let Some(file) = state.open.remove(place)
            {
                state.open.push_back(file.clone());
                return Ok(file);
            }
        }
        let file = Arc::new(ArchiveFile::open(&*self.disk, path, &self.edge)?);
        let mut state = self.state.lock();
        state.open.push_back(file.clone());
        let weight = |files: &VecDeque<Arc<ArchiveFile>>| -> usize {
            files.iter().map(|file| file.weight).sum()
        };
        while state.open.len() > 1 && weight(&state.open) > OPEN_BYTES_MAX {
            state.open.pop_front();
        }
        Ok(file)
    }

    fn group(&self, file: &ArchiveFile, number: usize) -> Result<Bytes, ArchiveError> {
        {
            let state = self.state.lock();
            let kept = state.groups.iter().find(|(path, n, _)| *n == number && *path == file.path);
            if let Some((_, _, bytes)) = kept {
                return Ok(bytes.clone());
            }
        }
        let bytes = file.group(number)?;
        let mut state = self.state.lock();
        state.groups.push_back((file.path.clone(), number, bytes.clone()));
        let size = |groups: &VecDeque<(PathBuf, usize, Bytes)>| -> usize {
            groups.iter().map(|(_, _, bytes)| bytes.len()).sum()
        };
        while state.groups.len() > 1 && size(&state.groups) > GROUPS_BYTES_MAX {
            state.groups.pop_front();
        }
        Ok(bytes)
    }

    fn let_go(&self, path: &Path) {
        let mut state = self.state.lock();
        state.open.retain(|file| file.path != path);
        state.groups.retain(|(known, ..)| known != path);
    }

    /// Lets a file that turned out damaged go, and tells it. Others are errors of the request.
    fn pass_over(&self, error: ArchiveError) -> Option<ArchiveError> {
        match &error {
            ArchiveError::Damaged { path, .. } | ArchiveError::Foreign { path, .. } => {
                let length = self.disk.open(path, Access::Read).and_then(|file| file.length());
                self.leave_out(&error, length.unwrap_or_default());
                // A good copy may take its place.
                self.let_go(path);
                None
            }
            ArchiveError::Io { path, error: cause } => {
                // What lies there now, perhaps another copy, is opened anew.
                self.let_go(path);
                // Removed since, unless all of the folder is gone.
                let is_gone = cause.kind() == io::ErrorKind::NotFound;
                (!is_gone || self.disk.list(&self.folder).is_err()).then_some(error)
            }
            _ => Some(error),
        }
    }
}

/// The name of a day's file that is being written, before it gets its own.
pub(crate) fn staged_name(name: &str) -> String {
    format!(".{name}{STAGED_SUFFIX}")
}

pub(crate) fn is_staged(name: &str) -> bool {
    let staged = name.strip_suffix(STAGED_SUFFIX).and_then(|name| name.strip_prefix('.'));
    staged.and_then(parse_name).is_some()
}

/// `samples-2026-11-20.parquet` or `samples-2026-11-20.2.parquet`: the day, and which of its files.
pub(crate) fn parse_name(name: &str) -> Option<(i64, u32)> {
    let middle = name.strip_prefix(FILE_PREFIX)?.strip_suffix(FILE_SUFFIX)?;
    let (date, number) = middle.split_once('.').unwrap_or((middle, "1"));
    let number: u32 = number.parse().ok()?;
    let mut parts = date.split('-').map(str::parse::<i64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    // From March on the leap day is the last of a year, see `format_day`.
    let shifted = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * shifted + shifted.div_euclid(4) - shifted.div_euclid(100)
        + shifted.div_euclid(400)
        + of_year
        - 719_468;
    (file_name(days, number) == name).then_some((days, number))
}

pub(crate) fn file_name(day: i64, number: u32) -> String {
    match number {
        1 => format!("{FILE_PREFIX}{}{FILE_SUFFIX}", format_day(day)),
        _ => format!("{FILE_PREFIX}{}.{number}{FILE_SUFFIX}", format_day(day)),
    }
}

type Boxed = Box<dyn Iterator<Item = Result<Piece, ArchiveError>> + Send>;

/// See [`Archive::pieces`].
pub struct Pieces {
    archive: Arc<Archive>,
    asked: Asked,
    /// The next one last.
    days: Vec<i64>,
    current: Option<Boxed>,
}

impl Iterator for Pieces {
    type Item = Result<Piece, ArchiveError>;

    fn next(&mut self) -> Option<Result<Piece, ArchiveError>> {
        loop {
            if self.asked.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
                self.days.clear();
                self.current = None;
                return Some(Err(ArchiveError::Cancelled));
            }
            if let Some(current) = &mut self.current {
                match current.next() {
                    Some(piece) => return Some(piece),
                    None => self.current = None,
                }
            }
            self.current = Some(self.day()?);
        }
    }
}

impl Pieces {
    /// The next day; files of one day hold different samples.
    fn day(&mut self) -> Option<Boxed> {
        let day = self.days.pop()?;
        let direction = self.asked.direction;
        let mut all: Option<Boxed> = None;
        for path in self.archive.paths_of(day) {
            let file = match self.archive.open(&path) {
                Ok(file) => file,
                Err(error) => match self.archive.pass_over(error) {
                    None => continue,
                    Some(error) => return Some(Box::new(std::iter::once(Err(error)))),
                },
            };
            let runs: Boxed = Box::new(Runs::new(self.archive.clone(), file, &self.asked));
            all = Some(match all {
                None => runs,
                Some(before) => Box::new(union(before, runs, direction)),
            });
        }
        all.or_else(|| Some(Box::new(std::iter::empty())))
    }
}

/// What one file holds of the tag.
struct Runs {
    archive: Arc<Archive>,
    file: Arc<ArchiveFile>,
    asked: Asked,
    /// The next one last.
    places: Vec<Place>,
    ready: VecDeque<Piece>,
}

impl Runs {
    fn new(archive: Arc<Archive>, file: Arc<ArchiveFile>, asked: &Asked) -> Runs {
        let overlaps = |place: &&Place| {
            place.run.to >= asked.from_unix_ns && place.run.from < asked.to_unix_ns
        };
        let places = file.places(&asked.name.device, &asked.name.name);
        let mut places: Vec<Place> = places.iter().filter(overlaps).copied().collect();
        if asked.direction == Direction::Forward {
            places.reverse();
        }
        Runs { archive, file, asked: asked.clone(), places, ready: VecDeque::new() }
    }

    fn load(&self, place: &Place) -> Result<Vec<Piece>, ArchiveError> {
        let bytes = self.archive.group(&self.file, place.group)?;
        let Asked { tag, from_unix_ns, to_unix_ns, direction, .. } = &self.asked;
        let range = (*from_unix_ns, *to_unix_ns);
        run_pieces(&self.file, place, bytes, *tag, range, *direction)
    }
}

impl Iterator for Runs {
    type Item = Result<Piece, ArchiveError>;

    fn next(&mut self) -> Option<Result<Piece, ArchiveError>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(Ok(piece));
            }
            let place = self.places.pop()?;
            match self.load(&place) {
                Ok(pieces) => self.ready.extend(pieces),
                Err(error) => {
                    if let Some(error) = self.archive.pass_over(error) {
                        return Some(Err(error));
                    }
                }
            }
        }
    }
}
