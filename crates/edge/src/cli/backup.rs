//! Commands that carry the edge's state away and bring it back.

use super::Reach;
use super::client::Client;
use super::people::read_hidden;
use crate::backup::{self, Restored, Scratch, Swap};
use crate::http::restore_finding;
use crate::run;
use anyhow::{Context, bail};
use axum::body::Bytes;
use clap::Subcommand;
use http_body_util::BodyExt;
use hyper::Method;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tagwerk_api::routes::BACKUP_BYTES_MAX;
use tagwerk_api::{BackupRequest, PASSPHRASE_HEADER, RestoreAnswer, RestoreFinding, Time, Weight};
use tagwerk_auth::SystemRandom;
use tagwerk_env::{Access, Env};

/// The passphrase is read from standard input, so that no list of processes shows it.
#[derive(Subcommand)]
pub enum Command {
    /// Write the edge's state but its samples into a file; the passphrase is read from standard input
    Backup { file: PathBuf },
    /// Look at a backup, or put it in place; the passphrase is read from standard input
    Restore {
        file: PathBuf,
        /// Put it in place; otherwise it is only looked at
        #[arg(long)]
        apply: bool,
        /// Into the data directory of an edge that does not run
        #[arg(long)]
        offline: bool,
    },
}

/// Whether the command needs no edge that answers.
pub fn is_offline(command: &Command) -> bool {
    matches!(command, Command::Restore { offline: true, .. })
}

pub async fn run(client: Client, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Backup { file } => make(&client, &file).await,
        Command::Restore { file, apply, .. } => restore(&client, &file, apply).await,
    }
}

async fn make(client: &Client, file: &Path) -> anyhow::Result<ExitCode> {
    let disk = &client.env().disk;
    if disk.open(file, Access::Read).is_ok() {
        bail!("{} exists already; choose another name", file.display());
    }
    let passphrase = read_hidden("Passphrase for the backup")?;
    let body = serde_json::to_vec(&BackupRequest { passphrase })?;
    let json = [("content-type", "application/json")];
    let response =
        client.open(Method::POST, "/api/v1/backup", &json, Bytes::from(body.clone())).await?;
    if !response.status().is_success() {
        // The refusal's words come with an ordinary request.
        client.send(Method::POST, "/api/v1/backup", &json, body.into()).await?;
        bail!("the edge made no backup");
    }
    let scratch = Scratch::new(disk, file.with_extension("part"))
        .with_context(|| format!("{} cannot be written", file.display()))?;
    let out = scratch.open()?;
    let (mut body, mut length) = (response.into_body(), 0u64);
    while let Some(frame) = body.frame().await {
        let frame = frame.context("the backup broke off")?;
        let bytes = frame.into_data().unwrap_or_default();
        out.write_all_at(&bytes, length).context("the backup cannot be written")?;
        length += bytes.len() as u64;
    }
    out.sync_data()?;
    disk.rename(scratch.path(), file)
        .with_context(|| format!("{} cannot be written", file.display()))?;
    println!("{} bytes in {}", length, file.display());
    println!("Keep the passphrase: without it nobody can read the file.");
    Ok(ExitCode::SUCCESS)
}

async fn restore(client: &Client, file: &Path, apply: bool) -> anyhow::Result<ExitCode> {
    let bytes = client
        .env()
        .disk
        .read(file, BACKUP_BYTES_MAX as u64)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    let passphrase = crate::show::encoded(&read_hidden("Passphrase of the backup")?);
    let headers =
        [(PASSPHRASE_HEADER, passphrase.as_str()), ("content-type", "application/octet-stream")];
    let path = format!("/api/v1/restore?apply={apply}");
    let answer = client.send(Method::POST, &path, &headers, bytes.into()).await?;
    if client.json {
        println!("{}", answer.text());
        return Ok(ExitCode::SUCCESS);
    }
    tell(&answer.parse()?, apply)
}

/// Restores into a data directory on which no edge runs.
pub fn offline(reach: &Reach, command: Command) -> anyhow::Result<ExitCode> {
    let Command::Restore { file, apply, .. } = command else { bail!("only a restore is offline") };
    let env = Env::system();
    let data = &reach.data;
    let upload = env
        .disk
        .open(&file, Access::Read)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    env.disk
        .create_directories(data)
        .with_context(|| format!("the data directory {} cannot be made", data.display()))?;
    let _lock = run::lock(&env, data)?;
    let swap = Swap::of(data);
    swap.recover(&*env.disk).context("an earlier restore cannot be ended")?;
    swap.confirm(&*env.disk)?;
    swap.prepare(&*env.disk)?;
    let passphrase = read_hidden("Passphrase of the backup")?;
    let checked = backup::check(&env, data, &SystemRandom, &*upload, &passphrase);
    let placed = checked.map_err(anyhow::Error::new).and_then(|restored| {
        if apply {
            place(&env, data, &swap, &restored)?;
        }
        Ok(restored)
    });
    if !apply || placed.is_err() {
        swap.recover(&*env.disk)?;
    }
    let answer = show(placed?, apply);
    if reach.json {
        println!("{}", serde_json::to_string(&answer)?);
        return Ok(ExitCode::SUCCESS);
    }
    tell(&answer, apply)
}

fn place(env: &Env, data: &Path, swap: &Swap, restored: &Restored) -> anyhow::Result<()> {
    if !restored.fits() {
        bail!("the backup has findings that are errors; look at it without --apply");
    }
    // The next start confirms it, or takes it back.
    let old = backup::old_files(&*env.disk, data);
    swap.place(&*env.disk, old, restored.places.clone()).context(
        "the backup cannot be put in place; start the edge, which ends it or takes it back",
    )
}

fn show(restored: Restored, applied: bool) -> RestoreAnswer {
    let findings: Vec<RestoreFinding> = restored.findings.iter().map(restore_finding).collect();
    let manifest = restored.manifest;
    RestoreAnswer {
        edge: manifest.edge,
        made_at: Time::from_unix_ns(manifest.made_unix_ns),
        version: manifest.version,
        revision: manifest.revision,
        devices: manifest.devices,
        tags: manifest.tags,
        users: manifest.users,
        tokens: manifest.tokens,
        certificates: manifest.certificates,
        secrets: manifest.secrets,
        findings,
        applied,
    }
}

fn tell(answer: &RestoreAnswer, apply: bool) -> anyhow::Result<ExitCode> {
    println!("backup of {}, made at {} by Tagwerk {}", answer.edge, answer.made_at, answer.version);
    println!(
        "{} devices, {} tags, {} users, {} tokens, {} certificates, {} secrets",
        answer.devices,
        answer.tags,
        answer.users,
        answer.tokens,
        answer.certificates,
        answer.secrets.len()
    );
    for finding in &answer.findings {
        let weight = match finding.weight {
            Weight::Error => "error",
            Weight::Warning => "warning",
        };
        println!("{weight}: {}; {}", finding.problem, finding.remedy);
    }
    let errors = answer.findings.iter().any(|finding| finding.weight == Weight::Error);
    match (apply, answer.applied) {
        (_, true) => println!("it is in place"),
        (false, _) if !errors => println!("nothing was changed; add --apply to put it in place"),
        _ => println!("nothing was changed"),
    }
    Ok(if errors { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
