//! The life of the edge: what is opened in which order, and closed in the reverse.

use crate::accounts::{Accounts, StartSecrets};
use crate::alarms::Judging;
use crate::app::{App, Shared, VERSION};
use crate::archiving::{Archiving, Running};
use crate::backup::{Pending, Swap};
use crate::certificates::CertificateStore;
use crate::configuration::{Author, Base, Configuration};
use crate::feeding::Feeding;
use crate::history::Tables;
use crate::http::{self, Encryption, Listening, TlsFiles};
use crate::ledger::{Books, Keeping};
use crate::lookups::LookupTables;
use crate::notify::Notifying;
use crate::postgres;
use crate::private_file;
use crate::process;
use crate::rules::{Ruling, check_sql};
use crate::secrets::SecretStore;
use crate::store::Store;
use anyhow::{Context, bail};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_auth::SystemRandom;
use tagwerk_config::Weight;
use tagwerk_env::{Access, DiskFile, Env};
use tagwerk_journal::{Durability, Journal, Opened, Options};
use tagwerk_model::limits;
use tagwerk_pg::Plaintext;
use tagwerk_runtime::{EventSeverity, Parts, RecordKind, Runtime};
use tagwerk_sql::Sql;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Where the command line finds its token.
pub const CLI_TOKEN: &str = "cli.token";
/// How long devices and sinks may take to end.
const STOP_TIME_MAX: Duration = Duration::from_secs(10);

pub struct RunOptions {
    pub data: PathBuf,
    pub listen: Vec<SocketAddr>,
    /// Where PostgreSQL clients connect; nowhere unless given.
    pub postgres: Vec<SocketAddr>,
    pub transport: Transport,
    pub initial_config: Option<PathBuf>,
    pub samples_bytes_max: Option<u64>,
    pub history_bytes_max: Option<u64>,
    pub sync: Durability,
    pub journal_buffer_for_test: Option<usize>,
    pub announce: Announce,
}

/// Whether connections are encrypted.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Encrypted where anybody beyond this machine can connect.
    Automatic,
    Plain,
    Own,
    Files(TlsFiles),
}

/// How the start is told on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announce {
    Text,
    /// One line of JSON once everything answers, for programs.
    Json,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Cleanly,
    /// The initial configuration has findings; nothing was started.
    InitialConfigRefused,
}

pub async fn run(options: RunOptions) -> anyhow::Result<Ended> {
    let env = Env::system();
    let data = &options.data;
    env.disk
        .create_directories(data)
        .with_context(|| format!("the data directory {} cannot be made", data.display()))?;
    let _lock = lock(&env, data)?;
    let store = open_state(&env, data)?;
    let initial = match initial_config(&env, &options, &store).await? {
        Initial::Refused => return Ok(Ended::InitialConfigRefused),
        Initial::None => None,
        Initial::Apply(text) => Some(text),
    };
    let (end, ending) = watch::channel(false);
    let Opening { app, journal, threads, listening, postgres, start_secrets } =
        open(env, &options, store, &ending).await?;
    match initial {
        None => app.configuration.start().await,
        Some(text) => {
            let author = Author { by: "local", comment: Some("initial configuration") };
            app.configuration.apply(text, Base::Any, author).await.map_err(anyhow::Error::msg)?;
        }
    }
    // The edge works with what a restore may have put in place: the state before it goes.
    if let Err(error) = Swap::of(data).confirm(&*app.env.disk) {
        tracing::warn!(%error, "the state before the restore could not be removed");
    }
    let urls = listening.urls();
    // Before anyone is told that it works: who then ends it at once must not kill it.
    let signals = Signals::listen().context("signals cannot be listened for")?;
    let server = listening.serve(&app, http::router(app.clone()), ending.clone());
    let sql_addresses = postgres.as_ref().map(postgres::Opened::addresses).unwrap_or_default();
    let postgres = postgres.map(|opened| opened.serve(&app, ending));
    announce(options.announce, &urls, &sql_addresses, &start_secrets);
    tracing::info!(version = VERSION, addresses = ?urls, "the edge works");

    signals.wait().await;
    tracing::info!("the edge ends");
    end.send_replace(true);
    server.ended().await;
    if let Some(postgres) = postgres {
        postgres.ended().await;
    }
    let clock = &app.env.clock;
    let deadline = clock.now().after(STOP_TIME_MAX);
    if tagwerk_env::timeout(&**clock, deadline, app.runtime.stop()).await.is_none() {
        tracing::warn!("devices or sinks did not end in time");
    }
    let closed = tokio::task::spawn_blocking(move || {
        threads.end();
        journal.close()
    });
    let closed = closed.await;
    closed.context("closing the journal failed")?.context("the journal did not close cleanly")?;
    Ok(Ended::Cleanly)
}

/// An edge that is open, and does not read or answer yet.
struct Opening {
    app: Shared,
    journal: Journal,
    threads: Threads,
    listening: Listening,
    postgres: Option<postgres::Opened>,
    start_secrets: StartSecrets,
}

/// Those who read the journal on threads of their own.
struct Threads {
    feeding: Feeding,
    keeping: Keeping,
    judging: Judging,
    notifying: Notifying,
    ruling: Ruling,
    archiver: Running,
}

impl Threads {
    /// What they take from the journal must be taken before it closes.
    fn end(self) {
        // It writes samples, which the others take.
        self.ruling.end();
        self.archiver.end();
        self.judging.end();
        // After those whose changes it tells.
        self.notifying.end();
        self.feeding.end();
        self.keeping.end();
    }
}

async fn open(
    env: Env,
    options: &RunOptions,
    store: Store,
    ending: &watch::Receiver<bool>,
) -> anyhow::Result<Opening> {
    let data = &options.data;
    let (journal, opened, journal_options) = open_journal(&env, options)?;
    let random = Arc::new(SystemRandom);
    let secrets = Arc::new(SecretStore::open(&env, data, store.clone(), random.clone())?);
    crate::cli::log::keep_out(secrets.clone());
    let certificates = Arc::new(CertificateStore::open(&env, data));
    let runtime = start_runtime(&env, &journal, &secrets, &certificates)?;
    let feeding = Feeding::start(&env, data, &journal, &runtime, options.history_bytes_max)?;
    let keeping = Keeping::start(&env, &journal, &runtime)?;
    let judging = Judging::start(&env, &journal)?;
    let alarms = judging.board();
    let notifying = Notifying::start((&env, &journal), &alarms, &secrets, &certificates, &runtime)?;
    let lookups = open_tables(&env, data, &secrets, &certificates)?;
    let ruling = Ruling::start(&env, &journal, &runtime, &lookups)?;
    let rules = ruling.rules();
    let historian = feeding.historian();
    let books = Books::new(&env, &runtime, &feeding, &keeping);
    let archiving = Archiving::new(&env, &runtime, &historian, &journal, secrets.clone(), data);
    let archiver = archiving.start()?;
    let kept = (store.clone(), secrets.clone());
    let fed = (archiving.clone(), historian.clone());
    let told = (alarms.clone(), notifying.board());
    let read = (rules.clone(), lookups.clone());
    let clock = env.clock.clone();
    let configuration = Configuration::new(kept, fed, told, read, runtime.clone(), clock);
    tokio::spawn(lookups.clone().follow(rules.clone(), configuration.clone(), ending.clone()));
    let sources = (archiving.clone(), secrets.clone(), configuration.clone());
    let tables = Arc::new(Tables::new(books.clone(), sources, (alarms.clone(), lookups.clone())));
    let sql = start_sql(&env, &tables)?;
    tell_start(&runtime, &opened);
    let (accounts, start_secrets) = open_accounts(&env, &store, &random)?;
    write_cli_token(&env, data, &start_secrets)?;
    let (listening, postgres) = open_doors(&env, options).await?;
    let app = Arc::new(App {
        started: env.clock.now(),
        started_unix_ns: env.clock.wall().unix_ns,
        env,
        data: data.clone(),
        store,
        random,
        backup_door: Default::default(),
        trials: Default::default(),
        trace_ends: Default::default(),
        runtime,
        historian,
        sql,
        books,
        tables,
        archiving,
        alarms,
        notify: notifying.board(),
        rules,
        lookups,
        rule_trials: App::rule_trials(),
        exports: App::exports(),
        accounts,
        configuration,
        secrets,
        certificates,
        journal_options,
        subscribers: App::subscribers(),
        ending: ending.clone(),
        secure: listening.secure(),
    });
    let threads = Threads { feeding, keeping, judging, notifying, ruling, archiver };
    Ok(Opening { app, journal, threads, listening, postgres, start_secrets })
}

fn open_accounts(
    env: &Env,
    store: &Store,
    random: &Arc<SystemRandom>,
) -> anyhow::Result<(Accounts, StartSecrets)> {
    Ok(Accounts::open(store.clone(), env.clock.clone(), random.clone())?)
}

fn open_tables(
    env: &Env,
    data: &Path,
    secrets: &Arc<SecretStore>,
    certificates: &Arc<CertificateStore>,
) -> anyhow::Result<LookupTables> {
    let opened = LookupTables::open(env, data, secrets.clone(), certificates.clone());
    opened.context("the folder of tables cannot be opened")
}

fn start_runtime(
    env: &Env,
    journal: &Journal,
    secrets: &Arc<SecretStore>,
    certificates: &Arc<CertificateStore>,
) -> anyhow::Result<Runtime> {
    let name = process::host_name(&*env.disk).unwrap_or_else(|| "edge".to_owned());
    let parts = Parts {
        env: env.clone(),
        journal: journal.clone(),
        edge: Arc::from(name),
        secrets: secrets.clone(),
        certificates: certificates.clone(),
    };
    let runtime = Runtime::start(parts).context("the runtime's threads cannot be started")?;
    announce_rejections(certificates, &runtime);
    Ok(runtime)
}

/// Where the console and programs, and where PostgreSQL clients connect.
async fn open_doors(
    env: &Env,
    options: &RunOptions,
) -> anyhow::Result<(Listening, Option<postgres::Opened>)> {
    let data = &options.data;
    let listening = Listening::open(env, data, &options.listen, encryption(options)).await?;
    let (files, plaintext) = postgres_encryption(options);
    let postgres = postgres::Opened::open(env, data, &options.postgres, files, plaintext).await?;
    Ok((listening, postgres))
}

fn open_journal(env: &Env, options: &RunOptions) -> anyhow::Result<(Journal, Opened, Options)> {
    let (data, own) = (&options.data, journal_options(options));
    let (journal, opened) = Journal::open(env, &data.join("journal"), own.clone())
        .with_context(|| format!("the journal in {} cannot be opened", data.display()))?;
    tell_opened(&opened);
    Ok((journal, opened, own))
}

fn write_cli_token(env: &Env, data: &Path, secrets: &StartSecrets) -> anyhow::Result<()> {
    let token = data.join(CLI_TOKEN);
    private_file::write(&*env.disk, &token, secrets.local.as_bytes())
        .with_context(|| format!("{} cannot be written", token.display()))
}

fn start_sql(env: &Env, tables: &Arc<Tables>) -> anyhow::Result<Sql> {
    Sql::start(env, tables.clone()).context("the threads of statements cannot be started")
}

pub fn lock(env: &Env, data: &Path) -> anyhow::Result<Box<dyn DiskFile>> {
    let path = data.join("lock");
    private_file::prepare(&*env.disk, &path)
        .and_then(|()| env.disk.open(&path, Access::Write))
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => anyhow::anyhow!(
                "another tagwerk runs on the data directory {}; stop it, or choose another by --data",
                data.display()
            ),
            _ => anyhow::Error::new(error)
                .context(format!("the data directory {} cannot be used", data.display())),
        })
}

/// Opens the store; one that a restore put in place and that does not open is taken back.
fn open_state(env: &Env, data: &Path) -> anyhow::Result<Store> {
    let swap = Swap::of(data);
    let pending = swap
        .recover(&*env.disk)
        .with_context(|| format!("the restore in {} cannot be ended", data.display()))?;
    match open_store(env, data) {
        Err(error) if pending == Pending::Placed => {
            tracing::error!(%error, "what was restored does not open; the state before comes back");
            swap.back(&*env.disk).context("the state before the restore cannot be brought back")?;
            open_store(env, data)
        }
        opened => opened,
    }
}

pub fn open_store(env: &Env, data: &Path) -> anyhow::Result<Store> {
    private_file::prepare(&*env.disk, &data.join("edge.db"))
        .with_context(|| format!("the store in {} cannot be made", data.display()))?;
    Store::open(data).with_context(|| format!("the store in {} cannot be opened", data.display()))
}

enum Initial {
    None,
    Apply(String),
    Refused,
}

/// Reads and checks the initial configuration, where there is one and no revision yet.
async fn initial_config(env: &Env, options: &RunOptions, store: &Store) -> anyhow::Result<Initial> {
    let Some(path) = &options.initial_config else { return Ok(Initial::None) };
    if store.newest_revision()?.is_some() {
        return Ok(Initial::None);
    }
    let bytes = env
        .disk
        .read(path, limits::CONFIG_BYTES_MAX as u64)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    let checking = tokio::task::spawn_blocking(move || {
        let read = check_sql(&bytes);
        (bytes, read)
    });
    let (bytes, read) = checking.await.context("checking the configuration failed")?;
    for finding in &read.findings {
        eprintln!("{}", crate::cli::finding_line(&path.display().to_string(), finding));
    }
    if read.checked.is_none() {
        let errors = read.findings.iter().filter(|f| f.weight == Weight::Error).count();
        eprintln!("{errors} errors in {}; nothing was started", path.display());
        return Ok(Initial::Refused);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Initial::Apply(text)),
        Err(_) => bail!("{} is not UTF-8", path.display()),
    }
}

fn journal_options(options: &RunOptions) -> Options {
    let mut journal = Options::default();
    if let Some(bytes_max) = options.samples_bytes_max {
        journal.samples.bytes_max = bytes_max;
    }
    journal.samples.durability = options.sync;
    journal.outputs.durability = options.sync;
    journal.buffered_for_test = options.journal_buffer_for_test;
    journal
}

fn tell_opened(opened: &Opened) {
    if !opened.clean {
        tracing::warn!(
            epoch = opened.epoch,
            cut = opened.cut.len(),
            quarantined = opened.quarantined.len(),
            gaps = opened.gaps.len(),
            "the last run did not end cleanly; the journal was recovered"
        );
    }
    if opened.read_only {
        tracing::error!("the disk of the journal is read only: nothing new is stored");
    }
    for trouble in &opened.troubles {
        tracing::error!(trouble, "the journal could not be repaired in one place");
    }
}

/// A certificate that nobody trusts is an event, once.
fn announce_rejections(certificates: &CertificateStore, runtime: &Runtime) {
    let runtime = runtime.clone();
    certificates.announce(Box::new(move |purpose, text| {
        runtime.note(RecordKind::Certificate, EventSeverity::Warning, purpose, text);
    }));
}

/// The start as an event, and how the run before it ended.
fn tell_start(runtime: &Runtime, opened: &Opened) {
    if !opened.clean {
        let text = format!(
            "the run before did not end in order: power was cut or the process was killed; the \
             journal was recovered, {} damaged pieces put aside, {} gaps noted",
            opened.cut.len() + opened.quarantined.len(),
            opened.gaps.len()
        );
        runtime.note(RecordKind::System, EventSeverity::Warning, "edge", &text);
    }
    let text = format!("Tagwerk {VERSION} started");
    runtime.note(RecordKind::System, EventSeverity::Info, "edge", &text);
}

fn encryption(options: &RunOptions) -> Encryption {
    let beyond = options.listen.iter().any(|address| !address.ip().is_loopback());
    match &options.transport {
        Transport::Files(files) => Encryption::Files(files.clone()),
        Transport::Own => Encryption::Own,
        Transport::Automatic if beyond => Encryption::Own,
        Transport::Automatic | Transport::Plain => Encryption::None,
    }
}

/// PostgreSQL clients beyond this machine always encrypt; on it, unless somebody asked for it.
fn postgres_encryption(options: &RunOptions) -> (Option<TlsFiles>, Plaintext) {
    match &options.transport {
        Transport::Files(files) => (Some(files.clone()), Plaintext::Never),
        Transport::Own => (None, Plaintext::Never),
        Transport::Automatic | Transport::Plain => (None, Plaintext::OnLoopback),
    }
}

fn announce(how: Announce, urls: &[String], postgres: &[String], secrets: &StartSecrets) {
    let first = urls.first().map_or("", String::as_str);
    let setup = secrets.setup.as_deref().map(|token| format!("{first}/setup?token={token}"));
    match how {
        Announce::Json => {
            let mut told = serde_json::json!({ "console": first, "setup": setup });
            if !postgres.is_empty() {
                told["postgres"] = postgres.into();
            }
            println!("{told}");
        }
        Announce::Text => {
            urls.iter().for_each(|url| println!("Console: {url}"));
            postgres.iter().for_each(|address| println!("PostgreSQL: {address}"));
            if let Some(setup) = setup {
                println!("First login: {setup}");
            }
        }
    }
}

/// What a service manager or Ctrl-C sends.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on a signal no longer kills the process, but is kept for [`Signals::wait`].
    fn listen() -> io::Result<Signals> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Signals { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    async fn wait(mut self) {
        self.next().await;
        // From here on the signals have no handler that listens; a second one must end the wait.
        tokio::spawn(async move {
            self.next().await;
            tracing::warn!("ended at once by a second signal");
            std::process::exit(130);
        });
    }
}
