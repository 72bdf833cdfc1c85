//! Writes each day into the folder once it is over, and removes those that were kept long enough. The
//! files are all the state there is: what is missing is written, whatever happened before.

use crate::bucket_error::BucketError;
use crate::disk_file::DiskWriter;
use crate::file::ArchiveFile;
use crate::folder::{Archive, Asked, file_name, is_staged, staged_name};
use crate::output::TagName;
use crate::writer::{ParquetFile, Purpose};
use crate::{ArchiveError, DAY_NS, Direction};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::Access;
use tagwerk_historian::{Historian, Piece, ReadError, Scan, TagInfo};
use tagwerk_model::TagId;

/// A survey reads every directory of history, about 0.2 s for a million chunks. So often it looks for
/// samples that came late; a day that is over is seen at once.
const SURVEY_EVERY_NS: i64 = 3_600_000_000_000;

/// Chooses tags.
pub type Choose = Arc<dyn Fn(&TagInfo) -> bool + Send + Sync>;

/// What is to be kept.
#[derive(Clone)]
pub struct Plan {
    pub tags: Choose,
    /// Files of days that ended longer ago are removed.
    pub keep: Option<Duration>,
}

/// What one step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    Wrote {
        path: PathBuf,
        samples: u64,
    },
    Removed {
        path: PathBuf,
    },
    /// Nothing is left to do.
    Nothing,
}

#[derive(Debug)]
pub enum KeepError {
    /// There is no such folder: nothing is made, because a disk may only not be mounted.
    NoFolder {
        folder: PathBuf,
    },
    Io {
        attempt: &'static str,
        path: PathBuf,
        error: io::Error,
    },
    History(ReadError),
    /// What was written does not read as it should.
    Unsound(ArchiveError),
}

impl KeepError {
    pub fn remedy(&self) -> &'static str {
        match self {
            KeepError::NoFolder { .. } => "make the folder, or mount the disk that it lies on",
            KeepError::Io { error, .. } if BucketError::of(error).is_some() => {
                BucketError::of(error).map_or("", BucketError::remedy)
            }
            KeepError::Io { error, .. } => match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "free some space there, or set `archive.keep` to a shorter time"
                }
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    "let the edge's user write into the folder"
                }
                _ => "check the disk and the folder",
            },
            KeepError::History(_) => "check the disk of the data directory",
            KeepError::Unsound(_) => "check the disk that the folder lies on",
        }
    }
}

impl fmt::Display for KeepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeepError::NoFolder { folder } => {
                write!(f, "days cannot be archived: there is no folder {}", folder.display())
            }
            KeepError::Io { attempt, path, error } => write!(
                f,
                "days cannot be archived: to {attempt} {} failed: {error}",
                path.display()
            ),
            KeepError::History(error) => write!(f, "days cannot be archived: {error}"),
            KeepError::Unsound(error) => {
                write!(f, "a day was written and does not read as it should: {error}")
            }
        }
    }
}

impl std::error::Error for KeepError {}

impl From<ReadError> for KeepError {
    fn from(error: ReadError) -> KeepError {
        KeepError::History(error)
    }
}

/// The one writer of a folder.
pub struct Keeper {
    archive: Arc<Archive>,
    historian: Historian,
    plan: Plan,
    /// How many samples history had of a day when the day was complete in the folder.
    settled: BTreeMap<i64, u64>,
    /// The end and the time of the last survey that left nothing to do.
    surveyed: Option<(i64, i64)>,
    /// What a kill left behind is removed once.
    cleared: bool,
}

impl Keeper {
    pub fn new(archive: Arc<Archive>, historian: Historian, plan: Plan) -> Keeper {
        Keeper {
            archive,
            historian,
            plan,
            settled: BTreeMap::new(),
            surveyed: None,
            cleared: false,
        }
    }

    /// Writes or removes one file. History must hold everything that was taken before `held_to`; days
    /// that end later wait. Blocking, and long.
    pub fn step(&mut self, now_unix_ns: i64, held_to_unix_ns: i64) -> Result<Done, KeepError> {
        self.archive.refresh().map_err(|error| self.folder_error(error))?;
        self.clear()?;
        let end = held_to_unix_ns.min(now_unix_ns).div_euclid(DAY_NS);
        let is_recent = |at: i64| (at..at.saturating_add(SURVEY_EVERY_NS)).contains(&now_unix_ns);
        if self.surveyed.is_some_and(|(known, at)| known == end && is_recent(at)) {
            return self.remove(now_unix_ns);
        }
        let tags = self.tags();
        for (day, samples) in self.days(&tags)? {
            let is_due = day < end && !self.is_over(day, now_unix_ns);
            if !is_due || self.settled.get(&day) == Some(&samples) {
                continue;
            }
            let written = self.write(day, &tags)?;
            self.settled.insert(day, samples);
            if let Some(done) = written {
                self.archive.refresh().map_err(|error| self.folder_error(error))?;
                return Ok(done);
            }
        }
        self.surveyed = Some((end, now_unix_ns));
        self.remove(now_unix_ns)
    }

    fn folder_error(&self, error: io::Error) -> KeepError {
        let folder = self.archive.folder().to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => KeepError::NoFolder { folder },
            _ => KeepError::Io { attempt: "list", path: folder, error },
        }
    }

    /// Removes what was being written when the process was killed.
    fn clear(&mut self) -> Result<(), KeepError> {
        if self.cleared {
            return Ok(());
        }
        let names =
            self.archive.disk.list(self.archive.folder()).map_err(|e| self.folder_error(e))?;
        for name in names {
            if name.to_str().is_some_and(is_staged) {
                let path = self.archive.folder().join(&name);
                let removed = self.archive.disk.remove(&path);
                removed.map_err(|error| KeepError::Io { attempt: "remove", path, error })?;
            }
        }
        self.cleared = true;
        Ok(())
    }

    /// Those of the plan, in the order of the files.
    fn tags(&self) -> Vec<(TagName, TagId)> {
        let chosen = self.historian.tags().into_iter().filter(|tag| (self.plan.tags)(tag));
        let mut tags: Vec<(TagName, TagId)> =
            chosen.map(|tag| (TagName { device: tag.device, name: tag.name }, tag.id)).collect();
        tags.sort();
        tags
    }

    /// The days that history has samples of, with how many, about: of chunks that reach into two
    /// days, all count for both.
    fn days(&self, tags: &[(TagName, TagId)]) -> Result<BTreeMap<i64, u64>, KeepError> {
        let mut days: BTreeMap<i64, u64> = BTreeMap::new();
        let scan = Scan { tags: tags.iter().map(|(_, id)| *id).collect(), ..Scan::default() };
        for chunk in self.historian.chunks(&scan) {
            let chunk = chunk?;
            let summary = chunk.summary();
            let (first, last) =
                (summary.min_time.div_euclid(DAY_NS), summary.max_time.div_euclid(DAY_NS));
            let mut add = |day: i64| *days.entry(day).or_default() += u64::from(summary.count);
            if last - first <= 1 {
                (first..=last).for_each(&mut add);
                continue;
            }
            // Of a slow tag, or of a clock that was set: only the days that it has.
            match chunk.decode() {
                Ok(piece) => {
                    let all: BTreeSet<i64> =
                        piece.times.iter().map(|time| time.div_euclid(DAY_NS)).collect();
                    all.into_iter().for_each(&mut add);
                }
                Err(ReadError::Damaged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(days)
    }

    fn is_over(&self, day: i64, now_unix_ns: i64) -> bool {
        let Some(keep) = self.plan.keep else { return false };
        let keep = i64::try_from(keep.as_nanos()).unwrap_or(i64::MAX);
        (day + 1).saturating_mul(DAY_NS).saturating_add(keep) <= now_unix_ns
    }

    /// Removes a file that was kept long enough. A clock that is set years ahead must not empty the
    /// folder: as many days as are to be kept always stay.
    fn remove(&mut self, now_unix_ns: i64) -> Result<Done, KeepError> {
        let Some(keep) = self.plan.keep else { return Ok(Done::Nothing) };
        let days = self.archive.archived_days();
        let stay = keep.as_secs().div_ceil(86_400) as usize;
        let old = days.iter().take(days.len().saturating_sub(stay));
        for day in old.filter(|day| self.is_over(**day, now_unix_ns)) {
            if let Some(path) = self.archive.paths_of(*day).pop() {
                let failed = |attempt, error| KeepError::Io { attempt, path: path.clone(), error };
                self.archive.disk.remove(&path).map_err(|error| failed("remove", error))?;
                let synced = self.archive.disk.sync_directory(self.archive.folder());
                synced.map_err(|error| failed("sync the folder of", error))?;
                self.archive.forget(&path);
                self.archive.refresh().map_err(|error| self.folder_error(error))?;
                return Ok(Done::Removed { path });
            }
        }
        Ok(Done::Nothing)
    }

    /// Writes what the folder does not have of a day; none when it has all.
    fn write(&self, day: i64, tags: &[(TagName, TagId)]) -> Result<Option<Done>, KeepError> {
        let missing = self.missing(day, tags)?;
        if missing.is_empty() {
            return Ok(None);
        }
        let (target, staged) = self.free_name(day)?;
        let result = self.write_staged(day, &missing, &staged).and_then(|samples| {
            if samples > 0 {
                self.place(&staged, &target)?;
            }
            Ok(samples)
        });
        if !matches!(result, Ok(samples) if samples > 0) {
            // Gives the space back; what stays is removed at the next start.
            let _ = self.archive.disk.remove(&staged);
        }
        let samples = result?;
        Ok((samples > 0).then_some(Done::Wrote { path: target, samples }))
    }

    /// The tags of which history has more than the folder, and how many samples more.
    fn missing<'t>(
        &self,
        day: i64,
        tags: &'t [(TagName, TagId)],
    ) -> Result<Vec<Missing<'t>>, KeepError> {
        let mut files = Vec::new();
        for path in self.archive.paths_of(day) {
            let file = self.archive.open(&path);
            files.push(file.map_err(unread)?);
        }
        let mut missing = Vec::new();
        for tag in tags {
            let archived: u64 = files.iter().map(|file| file.rows_of(&tag.0)).sum();
            let mut held = 0;
            for chunk in self.historian.chunks(&of_day(day, tag.1)) {
                let chunk = chunk?;
                let summary = chunk.summary();
                let whole = summary.min_time.div_euclid(DAY_NS) == day
                    && summary.max_time.div_euclid(DAY_NS) == day;
                held += match whole {
                    true => u64::from(summary.count),
                    false => count(chunk.decode(), day)?,
                };
            }
            if held > archived {
                missing.push(Missing { name: &tag.0, id: tag.1, samples: held - archived });
            }
        }
        Ok(missing)
    }

    /// A name that no file has, of ours or of others, and the one to write under until then.
    fn free_name(&self, day: i64) -> Result<(PathBuf, PathBuf), KeepError> {
        let folder = self.archive.folder();
        let names = self.archive.disk.list(folder).map_err(|error| self.folder_error(error))?;
        let taken: BTreeSet<&Path> = names.iter().map(PathBuf::as_path).collect();
        let free = (1..).map(|number| file_name(day, number));
        let name = free.into_iter().find(|name| !taken.contains(Path::new(name)));
        let name = name.unwrap_or_default();
        Ok((folder.join(&name), folder.join(staged_name(&name))))
    }

    fn write_staged(
        &self,
        day: i64,
        tags: &[Missing<'_>],
        staged: &Path,
    ) -> Result<u64, KeepError> {
        let disk = &self.archive.disk;
        let failed = |attempt, error| KeepError::Io { attempt, path: staged.to_owned(), error };
        match disk.remove(staged) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", error));
            }
            _ => {}
        }
        let file = disk.open(staged, Access::CreateNew).map_err(|e| failed("make", e))?;
        let purpose = Purpose::Archive { edge: &self.archive.edge };
        let written = |error| failed("write", error);
        let mut out = ParquetFile::new(DiskWriter::new(file), purpose).map_err(written)?;
        for tag in tags {
            for piece in self.new_pieces(day, tag)? {
                out.push(tag.name, &piece?).map_err(written)?;
            }
        }
        let samples = out.rows();
        let mut file = out.end().map_err(written)?;
        file.sync().map_err(|error| failed("sync", error))?;
        drop(file);
        if samples > 0 {
            self.prove(staged)?;
        }
        Ok(samples)
    }

    /// What history has of a day and a tag, and the folder has not.
    fn new_pieces<'a>(
        &'a self,
        day: i64,
        tag: &Missing<'_>,
    ) -> Result<Box<dyn Iterator<Item = Result<Piece, KeepError>> + 'a>, KeepError> {
        let scan = of_day(day, tag.id);
        let held = self.historian.scan(&scan).filter_map(|piece| match piece {
            // Told by history; what is left is worth keeping.
            Err(ReadError::Damaged { .. }) => None,
            piece => Some(piece.map_err(KeepError::History)),
        });
        if self.archive.paths_of(day).is_empty() {
            return Ok(Box::new(held));
        }
        let asked = Asked {
            name: tag.name.clone(),
            tag: tag.id,
            from_unix_ns: scan.from_unix_ns,
            to_unix_ns: scan.to_unix_ns,
            direction: Direction::Forward,
            cancel: None,
        };
        let mut times: BTreeSet<i64> = BTreeSet::new();
        for piece in self.archive.pieces(asked) {
            times.extend(piece.map_err(unread)?.times);
        }
        let mut new = Vec::new();
        for piece in held {
            new.extend(without(&piece?, &times));
        }
        // More than are missing: the day was stamped anew since, as its clock became known.
        let count: u64 = new.iter().map(|piece| piece.len() as u64).sum();
        if count > tag.samples {
            tracing::warn!(day, tag = %tag.name.name, "late samples of another clock stay out");
            new.clear();
        }
        Ok(Box::new(new.into_iter().map(Ok)))
    }

    /// Reads again what will be the only copy.
    fn prove(&self, staged: &Path) -> Result<(), KeepError> {
        let file = ArchiveFile::open(&*self.archive.disk, staged, &self.archive.edge)
            .map_err(KeepError::Unsound)?;
        (0..file.index.groups.len())
            .try_for_each(|number| file.group(number).map(drop))
            .map_err(KeepError::Unsound)
    }

    fn place(&self, staged: &Path, target: &Path) -> Result<(), KeepError> {
        let disk = &self.archive.disk;
        let failed = |attempt, error| KeepError::Io { attempt, path: target.to_owned(), error };
        disk.rename(staged, target).map_err(|error| failed("rename a file to", error))?;
        disk.sync_directory(self.archive.folder())
            .map_err(|error| failed("sync the folder of", error))?;
        tracing::info!(path = %target.display(), "a day is archived");
        Ok(())
    }
}

fn unread(error: ArchiveError) -> KeepError {
    match error {
        ArchiveError::Io { path, error } => KeepError::Io { attempt: "read", path, error },
        error => KeepError::Unsound(error),
    }
}

/// A tag of which the folder does not have all.
struct Missing<'t> {
    name: &'t TagName,
    id: TagId,
    samples: u64,
}

fn of_day(day: i64, tag: TagId) -> Scan {
    Scan {
        tags: vec![tag],
        from_unix_ns: day.saturating_mul(DAY_NS),
        to_unix_ns: (day + 1).saturating_mul(DAY_NS),
        ..Scan::default()
    }
}

fn count(piece: Result<Piece, ReadError>, day: i64) -> Result<u64, KeepError> {
    match piece {
        Ok(piece) => {
            let of_day = piece.times.iter().filter(|time| time.div_euclid(DAY_NS) == day);
            Ok(of_day.count() as u64)
        }
        Err(ReadError::Damaged { .. }) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// The parts of a piece at other times than these.
fn without(piece: &Piece, times: &BTreeSet<i64>) -> Vec<Piece> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (place, time) in piece.times.iter().enumerate() {
        if times.contains(time) {
            if from < place {
                parts.push(piece.slice(from..place));
            }
            from = place + 1;
        }
    }
    if from < piece.len() {
        parts.push(piece.slice(from..piece.len()));
    }
    parts
}
