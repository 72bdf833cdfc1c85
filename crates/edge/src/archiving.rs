//! The archive on the edge: the thread that keeps it, what is wrong with it, and the tags that only it
//! knows. What a day's file is, is `tagwerk-archive`'s.

use anyhow::Context;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tagwerk_archive::{
    Archive, BucketCache, BucketSettings, Done, KeepError, Keeper, Plan, SecretKey, TagName,
    Trouble,
};
use tagwerk_component::Secrets;
use tagwerk_config::{ArchivePlace, CheckedArchive, CheckedBucket};
use tagwerk_env::{Env, Moment, WallTime};
use tagwerk_historian::{Historian, TagInfo};
use tagwerk_journal::{Journal, Stream};
use tagwerk_model::{TagId, limits};
use tagwerk_runtime::view::{Problem, ProblemKind};
use tagwerk_runtime::{EventSeverity, RecordKind, Runtime};

/// How often the thread looks whether it is to end, or has another configuration.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a configuration that is put to work waits for the folder of its archive.
const OPEN_TIME_MAX: Duration = Duration::from_secs(2);
const OPEN_LOOK_EVERY: Duration = Duration::from_millis(10);
/// How often it looks for days that are over and for files that came; what failed is tried again
/// after this long at first, then after twice as long each time.
const WORK_EVERY: Duration = Duration::from_secs(60);
const RETRY_DOUBLINGS_MAX: u32 = 4;
/// A sample is in the journal this long after its time at the latest; later ones get their own file.
const SAMPLE_LATE_MAX: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub struct Archiving(Arc<Inner>);

struct Inner {
    env: Env,
    runtime: Runtime,
    historian: Historian,
    journal: Journal,
    secrets: Arc<dyn Secrets>,
    /// What a bucket's parts are kept in.
    cache: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    wanted: Option<(CheckedArchive, Arc<str>)>,
    /// Grows with every change of what is wanted.
    revision: u64,
    current: Option<Current>,
    problem: Option<Problem>,
    /// Numbers of tags that only the archive knows; given from the top, and never to another.
    own_ids: HashMap<TagName, TagId>,
    ending: bool,
}

#[derive(Clone)]
struct Current {
    archive: Arc<Archive>,
    /// Its folder was looked through, or is not there.
    looked: bool,
    /// A folder that was never there has no days. A bucket that was never reached may have them.
    needs_listing: bool,
}

impl Current {
    fn is_open(&self) -> bool {
        self.looked && (!self.needs_listing || self.archive.is_listed())
    }
}

/// The archive as a statement finds it.
pub enum Found {
    None,
    /// Which files there are is not known yet.
    Opening,
    Open(Arc<Archive>),
}

impl Archiving {
    pub fn new(
        env: &Env,
        runtime: &Runtime,
        historian: &Historian,
        journal: &Journal,
        secrets: Arc<dyn Secrets>,
        data: &Path,
    ) -> Archiving {
        Archiving(Arc::new(Inner {
            env: env.clone(),
            runtime: runtime.clone(),
            historian: historian.clone(),
            journal: journal.clone(),
            secrets,
            cache: data.join("archive-cache"),
            state: Mutex::default(),
        }))
    }

    /// Takes the archive of a configuration that was put to work.
    pub fn set(&self, wanted: Option<CheckedArchive>) {
        let edge: Arc<str> = self.0.runtime.edge().to_string().into();
        let wanted = wanted.map(|wanted| (wanted, edge));
        let mut state = self.0.state();
        if state.wanted == wanted {
            // Perhaps a secret was corrected, or what failed is to be tried again.
            state.revision += u64::from(state.problem.is_some());
            return;
        }
        let opened = wanted.as_ref().map(|(wanted, edge)| self.0.open(&wanted.place, edge));
        state.current = opened;
        state.wanted = wanted;
        state.revision += 1;
        state.problem = None;
    }

    /// Waits until it is known which files there are, so that the first statement sees them; not
    /// for long, since a disk may hang.
    pub async fn opened(&self) {
        let clock = &self.0.env.clock;
        let deadline = clock.now().after(OPEN_TIME_MAX);
        while matches!(self.found(), Found::Opening) && clock.now() < deadline {
            clock.sleep_until(clock.now().after(OPEN_LOOK_EVERY)).await;
        }
    }

    pub fn found(&self) -> Found {
        match &self.0.state().current {
            None => Found::None,
            Some(current) if !current.is_open() => Found::Opening,
            Some(current) => Found::Open(current.archive.clone()),
        }
    }

    pub fn problem(&self) -> Option<Problem> {
        self.0.state().problem.clone()
    }

    /// The number of a tag that neither the configuration nor history knows.
    pub fn own_id(&self, name: &TagName) -> TagId {
        let mut state = self.0.state();
        let next = TagId(u32::MAX - state.own_ids.len() as u32);
        *state.own_ids.entry(name.clone()).or_insert(next)
    }

    /// Starts the thread that keeps it. What the journal holds now is what history must have before
    /// a day counts as complete.
    pub fn start(&self) -> anyhow::Result<Running> {
        let inner = self.0.clone();
        let mark = inner.mark();
        let thread = std::thread::Builder::new().name("archive".to_owned()).spawn(move || {
            tagwerk_env::yield_to_other_threads();
            let (held_to, next) = (i64::MIN, Moment(0));
            Work { inner, mark, held_to, seen: 0, keeper: None, next, failures: 0 }.run();
        });
        let thread = thread.context("the thread of the archive cannot be started")?;
        Ok(Running { archiving: self.clone(), thread })
    }
}

/// The thread that keeps the archive.
pub struct Running {
    archiving: Archiving,
    thread: JoinHandle<()>,
}

impl Running {
    /// Lets the thread end, and does not wait for it when a disk holds it: what it leaves half done
    /// has no name yet.
    pub fn end(self) {
        self.archiving.0.state().ending = true;
        if self.thread.is_finished() && self.thread.join().is_err() {
            tracing::error!("the thread of the archive panicked");
        }
    }
}

/// Once history holds everything before `end`, it holds all samples before `held_to`.
struct Mark {
    end: u64,
    held_to: i64,
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self) -> Mark {
        let WallTime { unix_ns, .. } = self.env.clock.wall();
        let held_to = unix_ns.saturating_sub(SAMPLE_LATE_MAX.as_nanos() as i64);
        Mark { end: self.journal.end(Stream::Samples), held_to }
    }

    fn note(&self, severity: EventSeverity, text: &str) {
        self.runtime.note(RecordKind::System, severity, "archive", text);
    }

    fn open(&self, place: &ArchivePlace, edge: &Arc<str>) -> Current {
        let (edge, tell) = (edge.clone(), tell(self.runtime.clone()));
        match place {
            ArchivePlace::Folder(folder) => {
                let archive = Archive::new(self.env.disk.clone(), Path::new(&**folder), edge, tell);
                Current { archive, looked: false, needs_listing: false }
            }
            ArchivePlace::Bucket(bucket) => {
                let settings = bucket_settings(bucket, &edge);
                let (secrets, name) = (self.secrets.clone(), bucket.secret_key.clone());
                let key: SecretKey =
                    Arc::new(move || secrets.get(&name).map(|key| key.expose().to_owned()));
                let bytes_max = limits::ARCHIVE_CACHE_BYTES_MAX;
                let cache = BucketCache { folder: self.cache.clone(), bytes_max };
                let archive = Archive::in_bucket(&self.env, settings, key, &cache, edge, tell);
                Current { archive, looked: false, needs_listing: true }
            }
        }
    }
}

fn bucket_settings(bucket: &CheckedBucket, edge: &str) -> BucketSettings {
    BucketSettings {
        endpoint: bucket.endpoint.as_deref().map(str::to_owned),
        name: bucket.name.to_string(),
        prefix: bucket.prefix.as_deref().unwrap_or(edge).to_owned(),
        region: bucket.region.to_string(),
        access_key: bucket.access_key.to_string(),
        path_style: bucket.path_style,
        ca_file: bucket.ca_file.as_deref().map(PathBuf::from),
    }
}

struct Work {
    inner: Arc<Inner>,
    mark: Mark,
    held_to: i64,
    /// The revision that was taken over.
    seen: u64,
    keeper: Option<Keeper>,
    next: Moment,
    /// One after the other, up to now.
    failures: u32,
}

impl Work {
    fn run(mut self) {
        loop {
            let (revision, ending) = {
                let state = self.inner.state();
                (state.revision, state.ending)
            };
            if ending {
                return;
            }
            let changed = self.seen != revision;
            if changed {
                self.seen = revision;
                self.change();
            }
            let clock = &self.inner.env.clock;
            if changed || clock.now() >= self.next {
                let more = self.work();
                let wait = if more { Duration::ZERO } else { self.pause() };
                self.next = self.inner.env.clock.now().after(wait);
            } else {
                clock.park_until(clock.now().after(LOOK_EVERY));
            }
        }
    }

    fn pause(&self) -> Duration {
        WORK_EVERY * 2u32.pow(self.failures.saturating_sub(1).min(RETRY_DOUBLINGS_MAX))
    }

    fn change(&mut self) {
        self.failures = 0;
        let (wanted, archive) = {
            let state = self.inner.state();
            let (Some((wanted, _)), Some(current)) = (&state.wanted, &state.current) else {
                self.keeper = None;
                return;
            };
            (wanted.clone(), current.archive.clone())
        };
        // Statements wait for this, and not for days that are still to be written. That the folder
        // cannot be read is told by the first step.
        let _ = archive.refresh();
        let mut state = self.inner.state();
        if let Some(current) = &mut state.current
            && Arc::ptr_eq(&current.archive, &archive)
        {
            current.looked = true;
        }
        drop(state);
        let patterns = wanted.tags.clone();
        let tags = Arc::new(move |tag: &TagInfo| {
            patterns.iter().any(|pattern| pattern.matches(&tag.device, &tag.group, &tag.name))
        });
        let plan = Plan { tags, keep: wanted.keep };
        let keeper = Keeper::new(archive, self.inner.historian.clone(), plan);
        self.keeper = Some(keeper);
    }

    /// Does one step; whether there is more to do at once.
    fn work(&mut self) -> bool {
        if self.inner.historian.position() >= self.mark.end {
            self.held_to = self.held_to.max(self.mark.held_to);
            self.mark = self.inner.mark();
        }
        let Some(keeper) = &mut self.keeper else { return false };
        let now = self.inner.env.clock.wall().unix_ns;
        let result = keeper.step(now, self.held_to);
        let is_current = self.inner.state().revision == self.seen;
        !is_current || self.tell(result)
    }

    fn tell(&mut self, result: Result<Done, KeepError>) -> bool {
        match &result {
            Ok(Done::Wrote { path, samples }) => {
                let text = format!("{samples} samples are archived in {}", path.display());
                self.inner.note(EventSeverity::Info, &text);
            }
            Ok(Done::Removed { path }) => {
                let text = format!("{} was kept long enough and is removed", path.display());
                self.inner.note(EventSeverity::Info, &text);
            }
            Ok(Done::Nothing) | Err(_) => {}
        }
        let before = self.inner.state().problem.take();
        self.failures = if result.is_ok() { 0 } else { self.failures + 1 };
        match result {
            Ok(done) => {
                if before.is_some() {
                    self.inner.note(EventSeverity::Info, "days are archived again");
                }
                done != Done::Nothing
            }
            Err(error) => {
                let cause = self.inner.secrets.redact(error.to_string());
                if before.as_ref().is_none_or(|before| before.cause != cause) {
                    self.inner.note(EventSeverity::Warning, &cause);
                }
                let now = self.inner.env.clock.wall().unix_ns;
                self.inner.state().problem = Some(Problem {
                    kind: ProblemKind::Task,
                    error: true,
                    subject: "archive".into(),
                    since_unix_ns: before.map_or(now, |before| before.since_unix_ns),
                    cause,
                    doing: format!(
                        "history keeps the days; archiving them is tried again within {} min",
                        self.pause().as_secs() / 60
                    ),
                    remedy: error.remedy().to_owned(),
                    tags: 0,
                });
                false
            }
        }
    }
}

fn tell(runtime: Runtime) -> tagwerk_archive::OnTrouble {
    Arc::new(move |trouble: &Trouble| {
        runtime.note(RecordKind::System, EventSeverity::Warning, "archive", &trouble.text);
    })
}
