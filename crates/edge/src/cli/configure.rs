//! Commands about the configuration.

use super::client::{Client, Refused};
use super::{finding_line, table};
use anyhow::Context;
use axum::body::Bytes;
use clap::Subcommand;
use hyper::{Method, StatusCode, header};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tagwerk_api::{
    ApplyAnswer, DiffAnswer, Finding, Page, Revision, RevisionText, RollbackAnswer,
    RollbackRequest, Weight,
};
use tagwerk_env::Env;
use tagwerk_model::limits;

#[derive(Subcommand)]
pub enum Command {
    /// Make a file the running configuration
    Apply {
        file: PathBuf,
        /// Why, for those who read the revisions later
        #[arg(long)]
        comment: Option<String>,
        /// The revision that the file is based on; the running one unless told
        #[arg(long)]
        base: Option<u64>,
        /// Only show what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// Show what applying a file would change
    Diff { file: PathBuf },
    /// Print the running configuration, or an earlier one; or write its tags as a table
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Export {
        #[command(subcommand)]
        what: Option<super::export::What>,
        /// Where the table goes: a name that ends with .csv or .xlsx
        file: Option<PathBuf>,
        #[arg(long, conflicts_with = "file")]
        revision: Option<u64>,
        /// Only these devices, with commas between
        #[arg(long, requires = "file")]
        devices: Option<String>,
        /// Only the headers and one row as an example
        #[arg(long, requires = "file")]
        empty: bool,
    },
    /// Apply the text of an earlier revision as a new one
    Rollback {
        revision: u64,
        #[arg(long)]
        comment: Option<String>,
    },
    /// List what was applied, when, and by whom
    Revisions,
}

pub async fn run(client: Client, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Apply { file, dry_run: true, .. } | Command::Diff { file } => {
            show_diff(&client, &file).await
        }
        Command::Apply { file, comment, base, .. } => {
            apply(&client, &file, comment.as_deref(), base).await
        }
        Command::Export { what: Some(super::export::What::History(arguments)), .. } => {
            super::export::history(&client, &arguments).await
        }
        Command::Export { file: Some(file), devices, empty, .. } => {
            super::tables::export(&client, &file, devices.as_deref(), empty).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Export { revision, .. } => export(&client, revision).await,
        Command::Rollback { revision, comment } => {
            let request = RollbackRequest { revision, comment };
            let path = "/api/v1/config/rollback";
            let answer = client.send_json(Method::POST, path, &request).await?;
            if client.json {
                println!("{}", answer.text());
            } else {
                let applied: RollbackAnswer = answer.parse()?;
                println!("revision {} has the text of revision {revision}", applied.revision);
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Revisions => revisions(&client).await,
    }
}

/// Checks files without an edge; fails when one has an error.
pub fn lint_files(env: &Env, files: &[PathBuf], json: bool) -> anyhow::Result<ExitCode> {
    let mut ok = true;
    for file in files {
        let read = crate::rules::check_sql(&read(env, file)?);
        ok &= read.checked.is_some();
        let name = file.display().to_string();
        if json {
            let findings: Vec<Finding> =
                read.findings.into_iter().map(crate::show::finding).collect();
            println!("{}", serde_json::json!({ "file": name, "findings": findings }));
            continue;
        }
        read.findings.iter().for_each(|finding| println!("{}", finding_line(&name, finding)));
        if read.dropped > 0 {
            println!("{name}: and {} more findings", read.dropped);
        }
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(env: &Env, file: &Path) -> anyhow::Result<Vec<u8>> {
    env.disk
        .read(file, limits::CONFIG_BYTES_MAX as u64)
        .with_context(|| format!("{} cannot be read", file.display()))
}

const YAML: (&str, &str) = ("content-type", "text/yaml");

async fn apply(
    client: &Client,
    file: &Path,
    comment: Option<&str>,
    base: Option<u64>,
) -> anyhow::Result<ExitCode> {
    let text = read(client.env(), file)?;
    let base = match base {
        Some(base) => base,
        None => running_revision(client).await?,
    };
    let base = format!("\"{base}\"");
    let comment = comment.map(|text| format!("?comment={}", crate::show::encoded(text)));
    let path = format!("/api/v1/config{}", comment.unwrap_or_default());
    let headers = [YAML, (header::IF_MATCH.as_str(), &base)];
    let answer = match client.send(Method::PUT, &path, &headers, Bytes::from(text)).await {
        Ok(answer) => answer,
        Err(error) => {
            if let Some(refused) = error.downcast_ref::<Refused>() {
                let findings = refused.body.findings.iter().flatten();
                findings.for_each(|finding| println!("{}", line(file, finding)));
            }
            return Err(error);
        }
    };
    if client.json {
        println!("{}", answer.text());
        return Ok(ExitCode::SUCCESS);
    }
    let applied: ApplyAnswer = answer.parse()?;
    applied.findings.iter().for_each(|finding| println!("{}", line(file, finding)));
    println!("revision {} runs, with {} changes", applied.revision, applied.changes);
    Ok(ExitCode::SUCCESS)
}

/// 0 when there is none.
pub async fn running_revision(client: &Client) -> anyhow::Result<u64> {
    let answer = match client.get("/api/v1/config").await {
        Ok(answer) => answer,
        Err(error) => match error.downcast_ref::<Refused>() {
            Some(refused) if refused.status == StatusCode::NOT_FOUND => return Ok(0),
            _ => return Err(error),
        },
    };
    let etag = answer.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok());
    etag.and_then(|etag| etag.trim_matches('"').parse().ok()).context("the edge named no revision")
}

async fn show_diff(client: &Client, file: &Path) -> anyhow::Result<ExitCode> {
    let text = Bytes::from(read(client.env(), file)?);
    let answer = client.send(Method::POST, "/api/v1/config/diff", &[YAML], text).await?;
    let diff: DiffAnswer = answer.parse()?;
    let code = if diff.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if client.json {
        println!("{}", answer.text());
        return Ok(code);
    }
    diff.findings.iter().for_each(|finding| println!("{}", line(file, finding)));
    for change in &diff.changes {
        match (&change.before, &change.after) {
            (Some(before), Some(after)) => println!("~ {}: {before} -> {after}", change.path),
            (None, Some(after)) => println!("+ {}: {after}", change.path),
            (before, None) => {
                println!("- {}: {}", change.path, before.as_deref().unwrap_or_default())
            }
        }
    }
    for effect in &diff.effects {
        let kind = format!("{:?}", effect.kind).to_lowercase();
        match effect.groups.is_empty() {
            true => println!("device {} {kind}", effect.device),
            false => println!("device {} {kind}: {}", effect.device, effect.groups.join(", ")),
        }
    }
    if diff.ok && diff.changes.is_empty() {
        println!("nothing would change");
    }
    Ok(code)
}

fn line(file: &Path, finding: &Finding) -> String {
    let weight = match finding.weight {
        Weight::Error => "",
        Weight::Warning => "warning: ",
    };
    let Finding { line, column, path, problem, remedy, .. } = finding;
    format!("{}:{line}:{column} {weight}{path}: {problem}; {remedy}", file.display())
}

async fn export(client: &Client, revision: Option<u64>) -> anyhow::Result<ExitCode> {
    let text = match revision {
        None => client.get("/api/v1/config").await?.text().into_owned(),
        Some(revision) => {
            let path = format!("/api/v1/config/revisions/{revision}");
            client.get_as::<RevisionText>(&path).await?.text
        }
    };
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}

async fn revisions(client: &Client) -> anyhow::Result<ExitCode> {
    let answer = client.get("/api/v1/config/revisions?limit=1000").await?;
    if client.json {
        println!("{}", answer.text());
        return Ok(ExitCode::SUCCESS);
    }
    let page: Page<Revision> = answer.parse()?;
    let rows: Vec<Vec<String>> = page
        .items
        .into_iter()
        .map(|row| {
            vec![
                format!("{}{}", row.revision, if row.active { " *" } else { "" }),
                row.applied_at.0,
                row.by,
                row.devices.to_string(),
                row.tags.to_string(),
                row.comment.unwrap_or_default(),
            ]
        })
        .collect();
    table::print(&["REVISION", "APPLIED", "BY", "DEVICES", "TAGS", "COMMENT"], &rows);
    Ok(ExitCode::SUCCESS)
}
