//! Lookup tables on the edge: read by a shelf, given to rules and to statements, and what follows when
//! one has another version.

use crate::configuration::Configuration;
use crate::rules::Rules;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tagwerk_component::{Certificates, Secrets};
use tagwerk_config::{CheckedTable, TableSource};
use tagwerk_env::Env;
use tagwerk_model::{ColumnType, Table, format_unix_ns};
use tagwerk_rules::Versions;
use tagwerk_runtime::view::{Problem, ProblemKind};
use tagwerk_sql::{Lookup, Lookups};
use tagwerk_tables::{Context, Shelf, Store, TableView};
use tokio::sync::watch;

/// Of tables by their names: the columns that rules are planned with.
type Shapes = BTreeMap<Arc<str>, Vec<(Box<str>, ColumnType)>>;

/// The tables of the running configuration. Cheap to clone.
#[derive(Clone)]
pub struct LookupTables(Arc<Inner>);

struct Inner {
    shelf: Shelf,
    /// As the engine has them, so that a version is turned into that once.
    made: Mutex<BTreeMap<Arc<str>, Lookup>>,
    planned: Mutex<Option<Shapes>>,
}

impl LookupTables {
    pub fn open(
        env: &Env,
        data: &Path,
        secrets: Arc<dyn Secrets>,
        certificates: Arc<dyn Certificates>,
    ) -> std::io::Result<LookupTables> {
        let files = data.join(tagwerk_tables::FILES);
        env.disk.create_directories(&files)?;
        let store = Store::open(&env.disk, &data.join(tagwerk_tables::VERSIONS))?;
        let context = Context { env: env.clone(), secrets, certificates, files };
        let shelf = Shelf::new(context, store);
        let (made, planned) = (Mutex::default(), Mutex::default());
        Ok(LookupTables(Arc::new(Inner { shelf, made, planned })))
    }

    pub fn shelf(&self) -> &Shelf {
        &self.0.shelf
    }

    /// Says which tables there are; blocks on the disk.
    pub fn define(&self, tables: &[CheckedTable]) {
        self.0.shelf.define(tables);
    }

    /// As they are now. Those of which there is no version yet are told with the reason.
    pub fn lookups(&self) -> Arc<Lookups> {
        let mut lookups = Lookups::default();
        let mut made = locked(&self.0.made);
        let views = self.0.shelf.list();
        made.retain(|name, _| views.iter().any(|view| *view.checked.name == **name));
        for view in views {
            let name: Arc<str> = Arc::from(&*view.checked.name);
            let Some(current) = &view.current else {
                lookups.add_unread(name, unread(&view).into());
                continue;
            };
            let known = made.get(&name).filter(|known| known.version == current.version);
            let lookup = known.cloned().unwrap_or_else(|| {
                Lookup::new(name.clone(), current.version.clone(), &current.table)
            });
            made.insert(name, lookup.clone());
            lookups.add(lookup);
        }
        Arc::new(lookups)
    }

    /// What is known of the columns of a table that is read in this very way.
    pub fn columns(&self, table: &CheckedTable) -> Option<Arc<Table>> {
        self.0.shelf.known(table).map(|current| current.table)
    }

    /// Rules are planned with the columns that these have.
    pub fn planned_with(&self, lookups: &Lookups) {
        *locked(&self.0.planned) = Some(self.shapes(lookups));
    }

    fn shapes(&self, lookups: &Lookups) -> Shapes {
        let known = |view: TableView| {
            let lookup = lookups.get(&view.checked.name)?;
            let current = view.current.filter(|current| current.version == lookup.version)?;
            let shape = current.table.shape().map(|(name, of)| (name.into(), of)).collect();
            Some((lookup.name.clone(), shape))
        };
        self.0.shelf.list().into_iter().filter_map(known).collect()
    }

    /// Versions for rules that are run again.
    pub fn versions(&self) -> Box<dyn Versions> {
        Box::new(OnDisk(self.0.shelf.store().clone()))
    }

    /// Hands versions on to rules as they come, until the edge ends. Where columns are others, rules are
    /// planned anew.
    pub async fn follow(
        self,
        rules: Rules,
        configuration: Configuration,
        mut ending: watch::Receiver<bool>,
    ) {
        let mut changed = self.0.shelf.watch();
        loop {
            tokio::select! {
                () = crate::app::ended(&mut ending) => break,
                gone = changed.changed() => if gone.is_err() { break },
            }
            let lookups = self.lookups();
            let shapes = self.shapes(&lookups);
            let other = locked(&self.0.planned).as_ref().is_some_and(|planned| *planned != shapes);
            match other {
                true => configuration.tables_changed().await,
                false => rules.board().set_lookups(lookups.iter().cloned().collect()),
            }
        }
        self.0.shelf.end();
    }

    pub fn problems(&self) -> Vec<Problem> {
        let failing = self.0.shelf.list().into_iter().filter_map(|view| {
            let failing = view.failing?;
            let doing = match &view.current {
                Some(current) => {
                    format!("its rows of {} stay in use", format_unix_ns(current.read_unix_ns))
                }
                None => "rules that read it wait".to_owned(),
            };
            Some(Problem {
                kind: ProblemKind::Task,
                error: view.current.is_none(),
                subject: format!("table {}", view.checked.name).into(),
                since_unix_ns: failing.since_unix_ns,
                cause: format!("it cannot be read: {}", failing.fault.problem),
                doing,
                remedy: failing.fault.remedy,
                tags: 0,
            })
        });
        failing.collect()
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unread(view: &TableView) -> String {
    match &view.failing {
        Some(failing) => format!("it could not be read: {}", failing.fault.problem),
        None => "it has not been read yet".to_owned(),
    }
}

/// The tables of a document, as far as their columns are known without reading them.
pub fn of_document(
    tables: &[CheckedTable],
    known: &dyn Fn(&CheckedTable) -> Option<Arc<Table>>,
) -> Lookups {
    let mut lookups = Lookups::default();
    for table in tables {
        let name: Arc<str> = Arc::from(&*table.name);
        let said = || {
            let columns = table.columns.iter().map(|(name, of)| (&**name, *of));
            (!table.columns.is_empty()).then(|| Arc::new(Table::without_rows(columns)))
        };
        let shape = match &table.source {
            TableSource::Rows(rows) => Some(rows.clone()),
            _ => said().or_else(|| known(table)),
        };
        match shape {
            Some(shape) => lookups.add(Lookup::new(name, "".into(), &shape)),
            None => lookups.add_unread(name, "it has not been read yet".into()),
        }
    }
    lookups
}

struct OnDisk(Store);

impl Versions for OnDisk {
    fn load(&self, table: &str, version: &str) -> Option<Lookup> {
        let rows = self.0.load(version)?;
        Some(Lookup::new(table.into(), version.into(), &rows))
    }

    fn keep(&self, needed: &BTreeSet<Arc<str>>) {
        self.0.keep_versions(needed);
    }
}
