//! The archive on the edge: the thread that keeps it, what is wrong with it, and the tags that only it
//! knows. What a day's file is, is `tagwerk-archive`'s.

use anyhow::Context;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tagwerk_archive::{Archive, Done, KeepError, Keeper, Plan, TagName, Trouble};
use tagwerk_config::CheckedArchive;
use tagwerk_env::{Env, Moment, WallTime};
use tagwerk_historian::{Historian, TagInfo};
use tagwerk_journal::{Journal, Stream};
use tagwerk_model::TagId;
use tagwerk_runtime::view::{Problem, ProblemKind};
use tagwerk_runtime::{EventSeverity, RecordKind, Runtime};

/// How often the thread looks whether it is to end, or has another configuration.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a configuration that is put to work waits for the folder of its archive.
const OPEN_TIME_MAX: Duration = Duration::from_secs(2);
const OPEN_LOOK_EVERY: Duration = Duration::from_millis(10);
/// How often it looks for days that are over, for files that came, and tries again what failed.
const WORK_EVERY: Duration = Duration::from_secs(60);
/// A sample is in the journal this long after its time at the latest; later ones get their own file.
const SAMPLE_LATE_MAX: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub struct Archiving(Arc<Inner>);

struct Inner {
    env: Env,
    runtime: Runtime,
    historian: Historian,
    journal: Journal,
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
    ) -> Archiving {
        Archiving(Arc::new(Inner {
            env: env.clone(),
            runtime: runtime.clone(),
            historian: historian.clone(),
            journal: journal.clone(),
            state: Mutex::default(),
        }))
    }

    /// Takes the archive of a configuration that was put to work.
    pub fn set(&self, wanted: Option<CheckedArchive>) {
        let edge: Arc<str> = self.0.runtime.edge().to_string().into();
        let wanted = wanted.map(|wanted| (wanted, edge));
        let mut state = self.0.state();
        if state.wanted == wanted {
            return;
        }
        let opened = wanted.as_ref().map(|(wanted, edge)| {
            let (disk, tell) = (self.0.env.disk.clone(), tell(self.0.runtime.clone()));
            Archive::new(disk, Path::new(&*wanted.folder), edge.clone(), tell)
        });
        state.current = opened.map(|archive| Current { archive, looked: false });
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
            Some(current) if !current.looked => Found::Opening,
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
            Work { inner, mark, held_to: i64::MIN, seen: 0, keeper: None, next: Moment(0) }.run();
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
}

struct Work {
    inner: Arc<Inner>,
    mark: Mark,
    held_to: i64,
    /// The revision that was taken over.
    seen: u64,
    keeper: Option<Keeper>,
    next: Moment,
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
                let wait = if more { Duration::ZERO } else { WORK_EVERY };
                self.next = self.inner.env.clock.now().after(wait);
            } else {
                clock.park_until(clock.now().after(LOOK_EVERY));
            }
        }
    }

    fn change(&mut self) {
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

    fn tell(&self, result: Result<Done, KeepError>) -> bool {
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
        match result {
            Ok(done) => {
                if before.is_some() {
                    self.inner.note(EventSeverity::Info, "days are archived again");
                }
                done != Done::Nothing
            }
            Err(error) => {
                let cause = error.to_string();
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
                    doing: "history keeps the days; archiving them is tried again every minute"
                        .to_owned(),
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
