//! The tables of an edge at work: each is read by a task of its own, at the start and then from time to
//! time. What is read and differs is a version, which is on disk before anybody has it. When reading
//! fails, the version before stays.

use crate::source::{Context, TableFault, read};
use crate::store::{Newest, Store, version_of};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tagwerk_config::{CheckedTable, TableSource};
use tagwerk_env::Moment;
use tagwerk_model::Table;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// From a reading that failed to the next one, where it is sooner than what is configured; doubled from
/// one to the next.
const RETRY_FIRST: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(300);

/// A version of a table.
#[derive(Clone, Debug)]
pub struct Current {
    pub version: Arc<str>,
    pub table: Arc<Table>,
    /// Of the file on disk.
    pub bytes: usize,
    /// When the source was last found to have these rows.
    pub read_unix_ns: i64,
}

/// Reading fails.
#[derive(Clone, Debug)]
pub struct Failing {
    pub since_unix_ns: i64,
    pub fault: TableFault,
}

/// A table as it is now.
#[derive(Clone, Debug)]
pub struct TableView {
    pub checked: Arc<CheckedTable>,
    pub current: Option<Current>,
    pub failing: Option<Failing>,
    /// It is being read.
    pub reading: bool,
    pub next_unix_ns: Option<i64>,
    /// Since the edge started.
    pub reads: u64,
    pub failures: u64,
}

/// All tables. Cheap to clone.
#[derive(Clone)]
pub struct Shelf(Arc<Inner>);

struct Inner {
    context: Context,
    store: Store,
    entries: Mutex<BTreeMap<Arc<str>, Entry>>,
    changed: watch::Sender<u64>,
    /// Counts readings that ended.
    ended: watch::Sender<u64>,
}

struct Entry {
    view: TableView,
    wake: Arc<Notify>,
    task: Option<JoinHandle<()>>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Shelf {
    pub fn new(context: Context, store: Store) -> Shelf {
        let (changed, ended) = (watch::Sender::new(0), watch::Sender::new(0));
        Shelf(Arc::new(Inner { context, store, entries: Mutex::default(), changed, ended }))
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Entry>> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says which tables there are. One that is read as before goes on; another begins with what was
    /// read of it last, also in an earlier run. Blocks on the disk, within a runtime.
    pub fn define(&self, tables: &[CheckedTable]) {
        let mut entries = self.entries();
        let mut before = std::mem::take(&mut *entries);
        for table in tables {
            let name: Arc<str> = Arc::from(&*table.name);
            let kept = before.remove(&name).filter(|entry| *entry.view.checked == *table);
            let entry = kept.unwrap_or_else(|| self.begin(&name, table));
            entries.insert(name, entry);
        }
        drop(before);
        let names: BTreeSet<&str> = tables.iter().map(|table| &*table.name).collect();
        self.0.store.keep_tables(&names);
        drop(entries);
        self.changed();
    }

    fn begin(&self, name: &Arc<str>, table: &CheckedTable) -> Entry {
        let mut view = TableView {
            checked: Arc::new(table.clone()),
            current: None,
            failing: None,
            reading: false,
            next_unix_ns: None,
            reads: 0,
            failures: 0,
        };
        let wake = Arc::new(Notify::new());
        if let TableSource::Rows(rows) = &table.source {
            // Nothing to wait for: they stand in the configuration.
            match self.keep(name, &view.checked, rows.clone()) {
                Ok(current) => view.current = Some(current),
                Err(fault) => view.failing = Some(self.failing(None, fault)),
            }
            return Entry { view, wake, task: None };
        }
        view.current = self.last(name, &view.checked);
        view.reading = true;
        let task =
            tokio::spawn(self.clone().work(name.clone(), view.checked.clone(), wake.clone()));
        Entry { view, wake, task: Some(task) }
    }

    /// What an earlier run read by the same means.
    fn last(&self, name: &str, checked: &CheckedTable) -> Option<Current> {
        let Newest { version, read_unix_ns, source } = self.0.store.newest(name)?;
        if source != means_of(checked) {
            return None;
        }
        let table = Arc::new(self.0.store.load(&version)?);
        let bytes = table.encode().len();
        Some(Current { version, table, bytes, read_unix_ns })
    }

    fn failing(&self, before: Option<&Failing>, fault: TableFault) -> Failing {
        let now = self.0.context.env.clock.wall().unix_ns;
        let since_unix_ns = before.map_or(now, |before| before.since_unix_ns);
        Failing { since_unix_ns, fault }
    }

    /// Puts a version on disk.
    fn keep(
        &self,
        name: &str,
        checked: &CheckedTable,
        table: Arc<Table>,
    ) -> Result<Current, TableFault> {
        let bytes = table.encode();
        let version = version_of(&bytes);
        let read_unix_ns = self.0.context.env.clock.wall().unix_ns;
        let source = means_of(checked);
        let newest = Newest { version: version.clone(), read_unix_ns, source };
        self.0.store.put(name, &bytes, newest).map_err(|error| {
            let problem = format!("what was read cannot be kept on disk: {error}");
            TableFault::new(problem, "see to the disk of the edge's data folder")
        })?;
        Ok(Current { version, table, bytes: bytes.len(), read_unix_ns })
    }

    /// Reads again and again, until the table is another.
    async fn work(self, name: Arc<str>, checked: Arc<CheckedTable>, wake: Arc<Notify>) {
        let clock = self.0.context.env.clock.clone();
        let mut retry = RETRY_FIRST;
        loop {
            self.change(&name, |view| (view.reading, view.next_unix_ns) = (true, None));
            let taken = self.read_once(&name, &checked).await;
            let pause = match (&taken, checked.refresh) {
                (Ok(()), refresh) => {
                    retry = RETRY_FIRST;
                    refresh
                }
                (Err(_), refresh) => {
                    let pause = refresh.map_or(retry, |refresh| refresh.min(retry));
                    retry = (retry * 2).min(RETRY_MAX);
                    Some(pause)
                }
            };
            let next = pause.map(|pause| clock.now().after(pause));
            let at = pause.map(|pause| {
                let pause = i64::try_from(pause.as_nanos()).unwrap_or(i64::MAX);
                clock.wall().unix_ns.saturating_add(pause)
            });
            self.change(&name, |view| (view.reading, view.next_unix_ns) = (false, at));
            self.0.ended.send_modify(|count| *count += 1);
            tokio::select! {
                () = wake.notified() => {}
                () = until(&*clock, next) => {}
            }
        }
    }

    async fn read_once(&self, name: &Arc<str>, checked: &Arc<CheckedTable>) -> Result<(), ()> {
        let read = read(&self.0.context, checked).await;
        let kept = match read {
            Err(fault) => Err(fault),
            Ok(table) => {
                let (shelf, name, checked) = (self.clone(), name.clone(), checked.clone());
                let kept = tokio::task::spawn_blocking(move || shelf.keep(&name, &checked, table));
                kept.await.unwrap_or_else(|_| {
                    let problem = "a fault while the table was kept on disk";
                    Err(TableFault::new(problem, "report it"))
                })
            }
        };
        match kept {
            Ok(current) => {
                let mut news = false;
                self.change(name, |view| {
                    let before = view.current.as_ref().map(|before| &before.version);
                    news = before != Some(&current.version);
                    if view.failing.take().is_some() {
                        tracing::info!(table = &**name, "a table is read again");
                    }
                    view.reads += 1;
                    view.current = Some(current);
                });
                if news {
                    self.changed();
                }
                Ok(())
            }
            Err(fault) => {
                self.change(name, |view| {
                    if view.failing.is_none() {
                        tracing::warn!(table = &**name, %fault, "a table cannot be read");
                    }
                    view.failures += 1;
                    view.failing = Some(self.failing(view.failing.as_ref(), fault));
                });
                Err(())
            }
        }
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut TableView)) {
        if let Some(entry) = self.entries().get_mut(name) {
            change(&mut entry.view);
        }
    }

    fn changed(&self) {
        self.0.changed.send_modify(|count| *count += 1);
    }

    /// Changes whenever a table has another version, or there are others.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    pub fn list(&self) -> Vec<TableView> {
        self.entries().values().map(|entry| entry.view.clone()).collect()
    }

    pub fn one(&self, name: &str) -> Option<TableView> {
        self.entries().get(name).map(|entry| entry.view.clone())
    }

    /// What is known of a table that is read in this very way.
    pub fn known(&self, table: &CheckedTable) -> Option<Current> {
        let entries = self.entries();
        let entry = entries.get(&*table.name).filter(|entry| *entry.view.checked == *table)?;
        entry.view.current.clone()
    }

    /// Reads a table now; false, where there is none that is read.
    pub fn refresh(&self, name: &str) -> bool {
        let entries = self.entries();
        let entry = entries.get(name).filter(|entry| entry.task.is_some());
        entry.inspect(|entry| entry.wake.notify_one()).is_some()
    }

    /// Reads a table now, and how it is then; none, where there is none that is read, or it is gone before
    /// that.
    pub async fn read_now(&self, name: &str) -> Option<TableView> {
        let mut ended = self.0.ended.subscribe();
        let before = self.one(name)?;
        if !self.refresh(name) {
            return None;
        }
        // One that is under way may have begun before the source was changed.
        let wanted = before.reads + before.failures + 1 + u64::from(before.reading);
        loop {
            let view = self.one(name)?;
            if view.reads + view.failures >= wanted && !view.reading {
                return Some(view);
            }
            ended.changed().await.ok()?;
        }
    }

    /// Ends all reading.
    pub fn end(&self) {
        self.entries().clear();
    }

    pub fn store(&self) -> &Store {
        &self.0.store
    }
}

async fn until(clock: &dyn tagwerk_env::Clock, moment: Option<Moment>) {
    match moment {
        Some(moment) => clock.sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Another text: another way to read it, whose rows say nothing of this one's.
fn means_of(checked: &CheckedTable) -> String {
    let CheckedTable { source, columns, .. } = checked;
    let text = match source {
        // They are the version.
        TableSource::Rows(_) => "rows".to_owned(),
        source => format!("{source:?} {columns:?}"),
    };
    version_of(text.as_bytes()).to_string()
}
