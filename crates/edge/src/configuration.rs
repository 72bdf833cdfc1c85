//! The one door through which a configuration comes: check it, keep it as a revision, run it.

use crate::archiving::Archiving;
use crate::history;
use crate::lookups::LookupTables;
use crate::registry::CATALOGUE;
use crate::rules::{Rules, check_sql_with};
use crate::secret_use;
use crate::secrets::SecretStore;
use crate::show;
use crate::store::{NewRevision, RevisionRow, Store, StoreError, TagNumbers};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tagwerk_alarms::Board;
use tagwerk_api as api;
use tagwerk_config::{Checked, CheckedTemplate, Diff, Lint, LocatedFinding, diff, lint};
use tagwerk_env::Clock;
use tagwerk_historian::Historian;
use tagwerk_model::TagId;
use tagwerk_runtime::view::{Problem, ProblemKind};
use tagwerk_runtime::{Calculated, RecordKind, Runtime, TagIds};
use tagwerk_sql::UserFunction;

/// From running a configuration to giving back the memory that reading it took.
const RELEASE_AFTER: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub struct Configuration(Arc<Inner>);

struct Inner {
    store: Store,
    runtime: Runtime,
    clock: Arc<dyn Clock>,
    secrets: Arc<SecretStore>,
    archiving: Archiving,
    historian: Historian,
    alarms: Board,
    notify: tagwerk_notify::Board,
    rules: Rules,
    lookups: LookupTables,
    numbers: TagNumbers,
    state: Mutex<State>,
    /// Held from reading the revision a change is based on to running the new one.
    door: tokio::sync::Mutex<()>,
    /// Reading a document of the largest size takes several times its memory: one at a time.
    reading: tokio::sync::Semaphore,
}

#[derive(Default)]
struct State {
    active: Option<RevisionRow>,
    description: Option<String>,
    problem: Option<Problem>,
    /// Where the running configuration uses secrets, and their names.
    secret_uses: Vec<(String, String)>,
    templates: Vec<CheckedTemplate>,
}

#[derive(Debug)]
pub enum ApplyRefused {
    /// Another revision came between; it is told which, and by whom.
    Stale(RevisionRow),
    /// The request names no revision although there is one.
    NoBase(RevisionRow),
    Findings(Vec<LocatedFinding>),
    NoRevision(u64),
    /// Stored, but not all of it could be put to work.
    NotRunning(String),
    Store(StoreError),
}

impl From<StoreError> for ApplyRefused {
    fn from(error: StoreError) -> ApplyRefused {
        ApplyRefused::Store(error)
    }
}

impl fmt::Display for ApplyRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApplyRefused::Stale(row) | ApplyRefused::NoBase(row) => write!(
                f,
                "the running configuration is revision {}, applied by {} at {}",
                row.revision,
                row.by,
                api::Time::from_unix_ns(row.applied_unix_ns)
            ),
            ApplyRefused::Findings(findings) => match findings.len() {
                1 => f.write_str("the configuration has one finding"),
                n => write!(f, "the configuration has {n} findings"),
            },
            ApplyRefused::NoRevision(revision) => write!(
                f,
                "there is no revision {revision}; the last {} are kept",
                tagwerk_model::limits::REVISIONS_MAX
            ),
            ApplyRefused::NotRunning(text) => {
                write!(f, "the revision is stored but does not run: {text}")
            }
            ApplyRefused::Store(error) => error.fmt(f),
        }
    }
}

/// What a new configuration is based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The revision that its author saw; 0 for none.
    Revision(u64),
    /// Its author did not say.
    Unstated,
    /// Whatever runs: a rollback names its text itself.
    Any,
}

/// What a document is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// To be run: a rule whose SQL is wrong fails, and the edge starts.
    Start,
    /// To become the configuration: SQL that is wrong is a finding.
    Change,
}

/// Who applies a configuration, and why.
pub struct Author<'a> {
    pub by: &'a str,
    pub comment: Option<&'a str>,
}

impl Configuration {
    pub fn new(
        (store, secrets): (Store, Arc<SecretStore>),
        (archiving, historian): (Archiving, Historian),
        (alarms, notify): (Board, tagwerk_notify::Board),
        (rules, lookups): (Rules, LookupTables),
        runtime: Runtime,
        clock: Arc<dyn Clock>,
    ) -> Configuration {
        Configuration(Arc::new(Inner {
            numbers: TagNumbers::new(store.clone()),
            store,
            runtime,
            clock,
            secrets,
            archiving,
            historian,
            alarms,
            notify,
            rules,
            lookups,
            state: Mutex::default(),
            door: tokio::sync::Mutex::new(()),
            reading: tokio::sync::Semaphore::new(1),
        }))
    }

    /// Runs the newest revision. One that this version does not accept, or a store that cannot be
    /// read, is a problem to show and no reason not to start.
    pub async fn start(&self) {
        let _door = self.0.door.lock().await;
        self.start_newest().await;
    }

    /// The running configuration once more, with the secrets as they are now.
    pub async fn secret_changed(&self, name: &str) {
        let _door = self.0.door.lock().await;
        if self.secret_uses(name).is_empty() {
            return;
        }
        self.start_newest().await;
    }

    /// The running configuration once more, with the columns that lookup tables have now.
    pub async fn tables_changed(&self) {
        let _door = self.0.door.lock().await;
        self.start_newest().await;
    }

    /// Closes the door for changes until the guard is dropped, for those who replace the store.
    pub async fn close_door(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.door.lock().await
    }

    /// Runs what the store holds now, and nothing where it holds nothing; the caller holds the door.
    pub async fn start_anew(&self) {
        *self.state() = State::default();
        self.start_newest().await;
        if self.active().is_none() && self.problem().is_none() {
            let nothing = format!("version: 1\nedge: {{ name: {} }}\n", self.0.runtime.edge());
            let (_, read) = self.read(nothing, Reading::Start).await;
            if let Some(checked) = read.checked
                && let Err(error) = self.run(checked).await
            {
                self.report(error);
            }
        }
    }

    /// Runs the newest revision; the caller holds the door.
    async fn start_newest(&self) {
        let row = match self.stored(|store| store.newest_revision()).await {
            Ok(None) => return,
            Ok(Some(row)) => row,
            Err(error) => return self.report(error.to_string()),
        };
        self.state().active = Some(row.clone());
        let revision = row.revision;
        let text = match self.stored(move |store| store.revision_text(revision)).await {
            Ok(text) => text.unwrap_or_default(),
            Err(error) => return self.report(error.to_string()),
        };
        let (_, read) = self.read(text, Reading::Start).await;
        let Some(checked) = read.checked else {
            let first = read.findings.first().map(|f| format!(": {f}")).unwrap_or_default();
            return self.report(format!(
                "revision {revision} is not accepted by this version of Tagwerk{first}"
            ));
        };
        if let Err(error) = self.run(checked).await {
            self.report(error);
        }
    }

    /// Everything that is wrong with a document.
    pub async fn lint(&self, text: String) -> api::LintAnswer {
        let (text, read) = self.read(text, Reading::Change).await;
        api::LintAnswer {
            ok: read.checked.is_some(),
            dropped: read.dropped as u64,
            findings: self.findings(&text, read.checked.as_ref(), read.findings),
        }
    }

    /// What applying a document would change.
    pub async fn diff(&self, text: String) -> Result<api::DiffAnswer, StoreError> {
        let active = self.active_text().await?;
        let (text, read) = self.read(text, Reading::Change).await;
        let mut answer = api::DiffAnswer {
            ok: read.checked.is_some(),
            findings: self.findings(&text, read.checked.as_ref(), read.findings),
            changes: Vec::new(),
            effects: Vec::new(),
            templates: Vec::new(),
        };
        if let Some(mut checked) = read.checked {
            secret_use::salt(&mut checked, &self.0.secrets);
            let runtime = self.0.runtime.clone();
            let (changes, effects) = tokio::task::spawn_blocking(move || {
                (compare(active.as_deref(), &text), runtime.plan(&checked))
            })
            .await
            .expect("comparing two documents does not panic");
            answer.findings.extend(changes.findings.into_iter().map(show::finding));
            answer.templates = changes.templates.into_iter().map(show::template_change).collect();
            answer.changes = changes.changes.into_iter().map(show::change).collect();
            answer.effects = effects.into_iter().map(show::effect).collect();
        }
        Ok(answer)
    }

    /// Makes a document the running configuration, or changes nothing. Once it returns well, the
    /// revision is on disk.
    pub async fn apply(
        &self,
        text: String,
        base: Base,
        author: Author<'_>,
    ) -> Result<api::ApplyAnswer, ApplyRefused> {
        let _door = self.0.door.lock().await;
        // Before the costly check and again never: the door is closed until this one is through.
        self.based_on(base)?;
        let before = self.active_text().await?;
        let (text, read) = self.read(text, Reading::Change).await;
        let Some(checked) = read.checked else {
            return Err(ApplyRefused::Findings(read.findings));
        };
        let findings = self.findings(&text, Some(&checked), read.findings);
        let (devices, tags) = (checked.devices.len(), checked.tag_count());
        let checked = self.number_tags(checked).await?;
        let (by, comment) = (author.by.to_owned(), author.comment.map(str::to_owned));
        let applied_unix_ns = self.0.clock.wall().unix_ns;
        let runtime = self.0.runtime.clone();
        let (row, changes) = self
            .stored(move |store| {
                let new = NewRevision {
                    text: &text,
                    applied_unix_ns,
                    by: &by,
                    comment: comment.as_deref(),
                    devices,
                    tags,
                };
                let mut added = store.add_revision(&new);
                // Space is kept for this: a full disk must not keep a plant from being mended.
                if matches!(&added, Err(error) if error.is_disk_full()) && runtime.make_room() {
                    added = store.add_revision(&new);
                }
                let revision = added?;
                Ok((store.revision(revision)?, compare(before.as_deref(), &text).changes.len()))
            })
            .await?;
        let row = row.ok_or(ApplyRefused::NoRevision(0))?;
        let revision = row.revision;
        self.state().active = Some(row);
        let entry = match author.comment {
            Some(comment) => format!("applied revision {revision}: {comment}"),
            None => format!("applied revision {revision}"),
        };
        if let Err(error) =
            self.0.runtime.record(RecordKind::Configuration, author.by, &entry).await
        {
            tracing::error!(%error, revision, "the record of a new revision could not be written");
        }
        if let Err(error) = self.run(checked).await {
            self.report(error.clone());
            return Err(ApplyRefused::NotRunning(error));
        }
        tracing::info!(revision, by = author.by, devices, tags, "configuration applied");
        Ok(api::ApplyAnswer { revision, findings, changes: changes as u64 })
    }

    /// Applies the text of an earlier revision as a new one.
    pub async fn roll_back(
        &self,
        revision: u64,
        author: Author<'_>,
    ) -> Result<api::ApplyAnswer, ApplyRefused> {
        let text = self.stored(move |store| store.revision_text(revision)).await?;
        let text = text.ok_or(ApplyRefused::NoRevision(revision))?;
        let standard = format!("back to revision {revision}");
        let comment = Some(author.comment.unwrap_or(&standard));
        self.apply(text, Base::Any, Author { by: author.by, comment }).await
    }

    pub fn active(&self) -> Option<RevisionRow> {
        self.state().active.clone()
    }

    pub fn description(&self) -> Option<String> {
        self.state().description.clone()
    }

    /// Where the running configuration uses a secret.
    pub fn secret_uses(&self, name: &str) -> Vec<String> {
        let state = self.state();
        let uses = state.secret_uses.iter().filter(|(_, used)| used == name);
        uses.map(|(place, _)| place.clone()).collect()
    }

    /// Those that the running configuration has.
    pub fn templates(&self) -> Vec<CheckedTemplate> {
        self.state().templates.clone()
    }

    /// Those of the user's own, as the running configuration has them.
    pub fn functions(&self) -> Vec<UserFunction> {
        self.0.rules.functions()
    }

    /// The running configuration, where there is one.
    pub async fn text(&self) -> Result<Option<String>, StoreError> {
        self.active_text().await
    }

    /// Why the stored configuration does not run, if so.
    pub fn problem(&self) -> Option<Problem> {
        self.state().problem.clone()
    }

    /// Runs a query of the store where waiting harms nobody.
    pub async fn stored<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.0.store.clone();
        tokio::task::spawn_blocking(move || query(&store))
            .await
            .expect("the store's methods do not panic")
    }

    fn based_on(&self, base: Base) -> Result<(), ApplyRefused> {
        let active = self.active();
        match (base, active) {
            (Base::Any, _) | (Base::Unstated, None) => Ok(()),
            (Base::Unstated, Some(row)) => Err(ApplyRefused::NoBase(row)),
            (Base::Revision(seen), Some(row)) if row.revision != seen => {
                Err(ApplyRefused::Stale(row))
            }
            // Based on a revision that is gone, although none is left: nothing can be lost.
            (Base::Revision(_), _) => Ok(()),
        }
    }

    /// The linter's findings, and those that only this edge can know.
    fn findings(
        &self,
        text: &str,
        checked: Option<&Checked>,
        found: Vec<LocatedFinding>,
    ) -> Vec<api::Finding> {
        let missing = checked.map(|checked| secret_use::missing(text, checked, &self.0.secrets));
        let found = found.into_iter().map(show::finding);
        found.chain(missing.unwrap_or_default()).collect()
    }

    async fn active_text(&self) -> Result<Option<String>, StoreError> {
        match self.active() {
            None => Ok(None),
            Some(row) => self.stored(move |store| store.revision_text(row.revision)).await,
        }
    }

    async fn read(&self, text: String, reading: Reading) -> (String, Lint) {
        let _permit = self.0.reading.acquire().await.expect("the semaphore is never closed");
        let lookups = self.0.lookups.clone();
        tokio::task::spawn_blocking(move || {
            let read = match reading {
                Reading::Start => lint(text.as_bytes(), &CATALOGUE),
                Reading::Change => check_sql_with(text.as_bytes(), &|table| lookups.columns(table)),
            };
            (text, read)
        })
        .await
        .expect("checking a document does not panic")
    }

    async fn number_tags(&self, checked: Checked) -> Result<Checked, StoreError> {
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || {
            let devices = checked.devices.iter().map(|device| {
                let tags = device.groups.iter().flat_map(|group| &group.tags);
                (&*device.name, tags.map(|tag| &*tag.name))
            });
            inner.numbers.prepare(devices)?;
            Ok(checked)
        })
        .await
        .expect("numbering tags does not panic")
    }

    async fn run(&self, mut checked: Checked) -> Result<(), String> {
        let inner = Arc::clone(&self.0);
        let description = checked.edge.description.clone();
        let secret_uses = secret_use::uses(&checked).to_vec();
        let templates = checked.templates.clone();
        let (keep, archive) = (checked.keep.clone(), checked.archive.clone());
        let alarms = checked.alarms.clone();
        let told = checked.notify.clone();
        let edge = checked.edge.name.clone();
        secret_use::salt(&mut checked, &inner.secrets);
        tokio::task::spawn_blocking(move || {
            inner.lookups.define(&checked.tables);
            let lookups = inner.lookups.lookups();
            let rules = inner.rules.prepare(&checked, &inner.numbers, &lookups)?;
            let formulas = rules.formulas(&checked);
            let (rules, outputs) = inner.rules.make_way(rules);
            let calculated = Calculated { outputs, formulas };
            let applied = inner.runtime.apply(checked, calculated, &inner.numbers);
            applied.map_err(|error| error.to_string())?;
            // Before the alarms, so that the first one is told.
            inner.notify.define(crate::notify::plan(&edge, told.as_ref(), &alarms));
            inner.alarms.define(crate::alarms::watches(&alarms, &inner.runtime));
            // Before the rules that are planned with them begin.
            inner.rules.board().set_lookups(lookups.iter().cloned().collect());
            inner.rules.run(rules);
            inner.lookups.planned_with(&lookups);
            Ok::<(), String>(())
        })
        .await
        .map_err(|error| format!("applying the configuration failed: {error}"))??;
        self.0.historian.set_retention(history::retention(keep));
        self.0.archiving.set(archive);
        self.0.archiving.opened().await;
        self.release_memory();
        let mut state = self.state();
        state.description = description;
        state.secret_uses = secret_uses;
        state.templates = templates;
        state.problem = None;
        Ok(())
    }

    /// Once those who hold the text have let it go, which they do within a moment.
    fn release_memory(&self) {
        let clock = self.0.clock.clone();
        tokio::spawn(async move {
            clock.sleep_until(clock.now().after(RELEASE_AFTER)).await;
            tokio::task::spawn_blocking(tagwerk_env::release_memory).await
        });
    }

    fn report(&self, cause: String) {
        tracing::error!(cause, "the configuration does not run");
        self.state().problem = Some(Problem {
            kind: ProblemKind::Task,
            error: true,
            subject: Arc::from("configuration"),
            since_unix_ns: self.0.clock.wall().unix_ns,
            cause,
            doing: "the edge runs without it and keeps it as it is".to_owned(),
            remedy: "correct the configuration and apply it, or roll back to a revision that works"
                .to_owned(),
            tags: 0,
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Differences from the document before; all of it when there was none.
fn compare(before: Option<&str>, after: &str) -> Diff {
    // Both have been read before; what cannot be compared has no changes to show.
    let before = before.unwrap_or("{}");
    diff(before.as_bytes(), after.as_bytes()).unwrap_or_default()
}

impl TagIds for TagNumbers {
    fn tag_ids(&self, device: &str, tags: &[&str]) -> Result<Vec<TagId>, String> {
        self.tags(device, tags).map_err(|error| error.to_string())
    }

    fn next_set_id(&self, count: u32) -> Result<u32, String> {
        self.next_set(count).map_err(|error| error.to_string())
    }
}
