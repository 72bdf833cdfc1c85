//! The command line: `run` is the edge; everything else is a client of its API, and `lint` of nobody.

mod backup;
mod books;
mod certificates;
mod client;
mod configure;
mod ekuiper;
mod export;
mod field;
pub(crate) mod log;
mod notify;
mod past;
mod people;
mod secrets;
mod table;
mod tables;
mod tls_client;
mod values;
mod verify;
mod watch;

use crate::run::{self, Announce, Ended, RunOptions, Transport};
use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};
use client::Client;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tagwerk_config::LocatedFinding;
use tagwerk_env::Env;
use tagwerk_journal::Durability;

/// The Tagwerk edge: polls field devices, keeps what they say, and delivers it.
#[derive(Parser)]
#[command(name = "tagwerk", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    command: Command,
}

/// How a command reaches the edge.
#[derive(Args)]
pub(crate) struct Reach {
    /// Where the edge answers
    #[arg(long, global = true, env = "TAGWERK_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// An API token
    #[arg(long, global = true, env = "TAGWERK_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The edge's data directory; on the same machine its `cli.token` stands in for --token
    #[arg(long, global = true, env = "TAGWERK_DATA", default_value = "/var/lib/tagwerk")]
    data: PathBuf,
    /// Certificate (PEM) to trust for https; the edge's own is found in --data
    #[arg(long, global = true)]
    ca: Option<PathBuf>,
    /// Answer in JSON, as the API does
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run the edge until it is told to end
    Run(RunArguments),
    /// Check configuration files, without an edge
    Lint {
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    #[command(flatten)]
    Configure(configure::Command),
    #[command(flatten)]
    Values(values::Command),
    #[command(flatten)]
    People(people::Command),
    #[command(flatten)]
    Secrets(secrets::Command),
    #[command(flatten)]
    Certificates(certificates::Command),
    #[command(flatten)]
    Field(field::Command),
    #[command(flatten)]
    Tables(tables::Command),
    /// Make rules of what eKuiper exports, with a report of what could not be translated
    ImportEkuiper(ekuiper::Arguments),
    #[command(flatten)]
    Notify(notify::Command),
    #[command(flatten)]
    Books(books::Command),
    #[command(flatten)]
    Backup(backup::Command),
    /// Prove what a journal holds, alone or beside a copy or what a receiver got
    Verify(verify::Arguments),
    /// Fill a data directory with history that was never measured, before an edge first runs on it
    #[command(hide = true)]
    Past(past::Arguments),
    /// Print the API's OpenAPI document
    #[command(hide = true)]
    Openapi,
    /// Print what every driver, sink and channel says of itself, as the API does
    #[command(hide = true)]
    Components,
}

#[derive(Args)]
struct RunArguments {
    /// Address to listen on; may be given more than once
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: Vec<SocketAddr>,
    /// Address for PostgreSQL clients to read history with SQL, such as 0.0.0.0:5432; may be given
    /// more than once
    #[arg(long, value_name = "ADDRESS")]
    postgres: Vec<SocketAddr>,
    /// Encrypt on loopback too
    #[arg(long, conflicts_with = "plain_http")]
    tls: bool,
    /// Certificate chain (PEM) to show instead of the edge's own
    #[arg(long, requires = "tls_key", conflicts_with = "plain_http")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM)
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Do not encrypt beyond loopback; for use behind a proxy that does
    #[arg(long)]
    plain_http: bool,
    /// Applied as the first revision when there is none
    #[arg(long)]
    initial_config: Option<PathBuf>,
    /// Bytes of samples to keep at most
    #[arg(long)]
    samples_bytes_max: Option<u64>,
    /// Bytes of history to keep at most; the oldest goes first
    #[arg(long)]
    history_bytes_max: Option<u64>,
    /// How soon samples are safe from a power cut
    #[arg(long, value_enum, default_value_t = Sync::Normal)]
    sync: Sync,
    #[arg(long, value_enum, default_value_t = log::Format::Text)]
    log_format: log::Format,
    /// Tell the start as one line of JSON
    #[arg(long)]
    ready_json: bool,
    #[arg(long, hide = true)]
    journal_buffer_for_test: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Sync {
    /// Every append
    Strict,
    /// Within 200 ms
    Normal,
    /// Within 5 s
    Relaxed,
}

pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Run(arguments) => run_edge(cli.reach, arguments),
        Command::Lint { files } => configure::lint_files(&Env::system(), &files, cli.reach.json),
        Command::Verify(arguments) => verify::run(&arguments, cli.reach.json),
        Command::ImportEkuiper(arguments) => ekuiper::run(&arguments, cli.reach.json),
        Command::Past(arguments) => past::run(&cli.reach.data, &arguments),
        Command::Openapi => openapi(),
        Command::Components => components(),
        Command::Configure(command) => ask(&cli.reach, |c| configure::run(c, command)),
        Command::Values(command) => ask(&cli.reach, |c| values::run(c, command)),
        Command::People(command) => ask(&cli.reach, |c| people::run(c, command)),
        Command::Tables(command) => ask(&cli.reach, |c| tables::run(c, command)),
        Command::Field(command) => ask(&cli.reach, |c| field::run(c, command)),
        Command::Backup(command) if backup::is_offline(&command) => {
            backup::offline(&cli.reach, command)
        }
        Command::Backup(command) => ask(&cli.reach, |c| backup::run(c, command)),
        Command::Notify(command) => ask(&cli.reach, |c| notify::run(c, command)),
        Command::Books(command) => ask(&cli.reach, |c| books::run(c, command)),
        Command::Certificates(command) => ask(&cli.reach, |c| certificates::run(c, command)),
        Command::Secrets(command) => ask(&cli.reach, |c| secrets::run(c, command)),
    };
    result.unwrap_or_else(|error| {
        eprintln!("tagwerk: {error:#}");
        ExitCode::FAILURE
    })
}

fn run_edge(reach: Reach, arguments: RunArguments) -> anyhow::Result<ExitCode> {
    log::start(arguments.log_format);
    let options = RunOptions {
        data: reach.data,
        listen: arguments.listen,
        postgres: arguments.postgres,
        transport: match (arguments.tls_cert, arguments.tls_key) {
            (Some(certificate), Some(key)) => {
                Transport::Files(crate::http::TlsFiles { certificate, key })
            }
            _ if arguments.tls => Transport::Own,
            _ if arguments.plain_http => Transport::Plain,
            _ => Transport::Automatic,
        },
        initial_config: arguments.initial_config,
        samples_bytes_max: arguments.samples_bytes_max,
        history_bytes_max: arguments.history_bytes_max,
        sync: match arguments.sync {
            Sync::Strict => Durability::Strict,
            Sync::Normal => Durability::Normal,
            Sync::Relaxed => Durability::Relaxed,
        },
        journal_buffer_for_test: arguments.journal_buffer_for_test,
        announce: if arguments.ready_json { Announce::Json } else { Announce::Text },
    };
    // Two threads: HTTP is light, and the devices have a thread of their own.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .thread_name("http")
        .enable_all()
        .build()
        .context("the threads for HTTP cannot be started")?;
    let ended = runtime.block_on(run::run(options))?;
    // A blocking read of a dead disk must not hold the end up.
    runtime.shutdown_background();
    Ok(match ended {
        Ended::Cleanly => ExitCode::SUCCESS,
        Ended::InitialConfigRefused => ExitCode::from(2),
    })
}

/// Runs a client's command to its end.
fn ask<F, Fut>(reach: &Reach, command: F) -> anyhow::Result<ExitCode>
where
    F: FnOnce(Client) -> Fut,
    Fut: Future<Output = anyhow::Result<ExitCode>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = Client::new(Env::system(), reach)?;
    runtime.block_on(command(client))
}

fn openapi() -> anyhow::Result<ExitCode> {
    println!("{}", openapi_text());
    Ok(ExitCode::SUCCESS)
}

/// What the reference pages are written from.
fn components() -> anyhow::Result<ExitCode> {
    println!("{}", serde_json::to_string_pretty(&crate::show::components())?);
    Ok(ExitCode::SUCCESS)
}

/// The API's document as it is committed.
pub fn openapi_text() -> String {
    let document = tagwerk_api::openapi(crate::app::VERSION);
    serde_json::to_string_pretty(&document).expect("a JSON value can be written as JSON")
}

/// One finding as compilers write theirs, so that editors can jump to it.
pub(crate) fn finding_line(file: &str, finding: &LocatedFinding) -> String {
    let LocatedFinding { line, column, problem, remedy, path, .. } = finding;
    let weight = match finding.weight {
        tagwerk_config::Weight::Error => "",
        tagwerk_config::Weight::Warning => "warning: ",
    };
    let place = if path.is_empty() { String::new() } else { format!("{path}: ") };
    format!("{file}:{line}:{column} {weight}{place}{problem}; {remedy}")
}
