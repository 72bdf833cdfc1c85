//! What every request and every start and end of the edge works with.

use crate::accounts::Accounts;
use crate::archiving::Archiving;
use crate::certificates::CertificateStore;
use crate::configuration::Configuration;
use crate::history::Tables;
use crate::ledger::Books;
use crate::lookups::LookupTables;
use crate::process::Usage;
use crate::rules::Rules;
use crate::secrets::SecretStore;
use crate::store::Store;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{self, Arc};
use tagwerk_alarms::Board;
use tagwerk_api as api;
use tagwerk_auth::Random;
use tagwerk_env::{Env, Moment};
use tagwerk_historian::Historian;
use tagwerk_journal::Options;
use tagwerk_model::limits;
use tagwerk_runtime::Runtime;
use tagwerk_sql::Sql;
use tokio::sync::{Mutex, Semaphore, watch};

pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Problems listed in one status.
const PROBLEMS_MAX: usize = 100;
/// Trials of rules at once. More: refused.
pub const RULE_TRIALS_MAX: usize = 2;

pub type Shared = Arc<App>;

pub struct App {
    pub env: Env,
    /// The data directory.
    pub data: PathBuf,
    pub store: Store,
    pub random: Arc<dyn Random>,
    /// Held by whoever makes a backup or puts one back.
    pub backup_door: Mutex<()>,
    /// Who has a trial under way.
    pub trials: sync::Mutex<HashSet<String>>,
    /// When the communication logs of links switch themselves off.
    pub trace_ends: sync::Mutex<HashMap<String, i64>>,
    pub runtime: Runtime,
    pub historian: Historian,
    pub sql: Sql,
    pub books: Books,
    pub tables: Arc<Tables>,
    pub archiving: Archiving,
    pub alarms: Board,
    pub notify: tagwerk_notify::Board,
    pub rules: Rules,
    pub lookups: LookupTables,
    /// One permit per trial of a rule.
    pub rule_trials: Arc<Semaphore>,
    /// One permit per export of history.
    pub exports: Arc<Semaphore>,
    pub accounts: Accounts,
    pub configuration: Configuration,
    pub secrets: Arc<SecretStore>,
    pub certificates: Arc<CertificateStore>,
    pub journal_options: Options,
    pub started: Moment,
    pub started_unix_ns: i64,
    /// One permit per live subscriber.
    pub subscribers: Arc<Semaphore>,
    /// True once the edge ends; streams without an end watch it.
    pub ending: watch::Receiver<bool>,
    /// Reached over TLS, so that cookies may say so.
    pub secure: bool,
}

/// Resolves once the edge ends. Cancel safe.
pub async fn ended(ending: &mut watch::Receiver<bool>) {
    // An error means that nobody is left who could end it, which is an end too.
    let _ = ending.wait_for(|ending| *ending).await;
}

impl App {
    pub fn subscribers() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(limits::LIVE_SUBSCRIBERS_MAX))
    }

    pub fn rule_trials() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(RULE_TRIALS_MAX))
    }

    pub fn exports() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(limits::HISTORY_EXPORTS_MAX))
    }

    pub fn problems(&self) -> Vec<api::Problem> {
        let own = self.configuration.problem().into_iter().chain(self.archiving.problem());
        let own = own.chain(self.books.problem());
        let own = own.chain(crate::notify::problems(&self.notify));
        let own = own.chain(self.rules.problems(self.started_unix_ns));
        let own = own.chain(self.lookups.problems());
        let mut problems: Vec<_> = own.chain(self.runtime.problems()).collect();
        problems.sort_by_key(|problem| (!problem.error, problem.since_unix_ns));
        problems.truncate(PROBLEMS_MAX);
        let shown = problems.into_iter().map(crate::show::problem);
        shown.map(|p| api::Problem { cause: self.secrets.redact(p.cause), ..p }).collect()
    }

    /// Without secrets that a sink's words may contain.
    pub fn sinks(&self) -> Vec<api::SinkStatus> {
        let shown = self.runtime.sinks().into_iter().map(crate::show::sink);
        shown
            .map(|mut sink| {
                sink.reason = sink.reason.map(|reason| self.secrets.redact(reason));
                sink
            })
            .collect()
    }

    pub fn usage(&self) -> Usage {
        Usage::of_this_process(&*self.env.disk)
    }
}
