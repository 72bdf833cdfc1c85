//! Tags as tables: import and export.

use super::client::Client;
use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use hyper::{Method, header};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tagwerk_api::routes::IMPORT_BYTES_MAX;
use tagwerk_api::{ImportAnswer, ImportFinding, Weight};

#[derive(Subcommand)]
pub enum Command {
    /// Show what a table of tags would make of the configuration, or apply it
    Import(ImportArguments),
}

#[derive(Args)]
pub struct ImportArguments {
    file: PathBuf,
    #[arg(long, value_enum, default_value_t = Kind::Auto)]
    format: Kind,
    /// Remove the devices that the file does not have
    #[arg(long)]
    replace: bool,
    /// Apply it when it has no errors
    #[arg(long)]
    apply: bool,
    /// Write the new configuration here
    #[arg(long)]
    document: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Auto,
    Csv,
    Xlsx,
    Neuron,
    Thingspro,
}

pub async fn run(client: Client, Command::Import(import): Command) -> anyhow::Result<ExitCode> {
    let disk = &client.env().disk;
    let bytes = disk
        .read(&import.file, IMPORT_BYTES_MAX as u64)
        .with_context(|| format!("{} cannot be read", import.file.display()))?;
    let format = import.format.to_possible_value().map(|v| v.get_name().to_owned());
    let mode = if import.replace { "replace" } else { "merge" };
    let path = format!("/api/v1/import?format={}&mode={mode}", format.unwrap_or_default());
    let kind = [("content-type", "application/octet-stream")];
    let base = super::configure::running_revision(&client).await?;
    let answer = client.send(Method::POST, &path, &kind, bytes.into()).await?;
    let made: ImportAnswer = answer.parse()?;
    match client.json {
        true => println!("{}", answer.text()),
        false => tell(&import.file, &made),
    }
    let Some(document) = made.document else { return Ok(ExitCode::FAILURE) };
    if let Some(path) = &import.document {
        disk.replace(path, document.as_bytes())
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if import.apply {
        let comment = format!("import of {}", import.file.display());
        let path = format!("/api/v1/config?comment={}", crate::show::encoded(&comment));
        let base = format!("\"{base}\"");
        let headers = [("content-type", "text/yaml"), (header::IF_MATCH.as_str(), &*base)];
        client.send(Method::PUT, &path, &headers, document.into()).await?;
        println!("it is applied");
    } else if !client.json {
        println!("nothing was changed; add --apply to apply it");
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(file: &Path, made: &ImportAnswer) {
    for finding in &made.findings {
        println!("{}", line(file, finding));
    }
    if made.findings_dropped > 0 {
        println!("and {} more findings", made.findings_dropped);
    }
    for part in &made.not_translated {
        println!("not translated: {} in {}: {}", part.what, part.place, part.why);
    }
    made.assumed.iter().for_each(|text| println!("assumed: {text}"));
    println!("{}: {} devices, {} tags, {} rows", made.kind, made.devices, made.tags, made.rows);
    for change in made.diff.iter().flat_map(|diff| &diff.effects) {
        println!("device {} {}", change.device, format!("{:?}", change.kind).to_lowercase());
    }
}

fn line(file: &Path, finding: &ImportFinding) -> String {
    let weight = match finding.weight {
        Weight::Error => "",
        Weight::Warning => "warning: ",
    };
    let sheet = finding.sheet.as_ref().map(|sheet| format!("{sheet}:")).unwrap_or_default();
    let row = finding.row.map(|row| format!("{row}:")).unwrap_or_default();
    let column = finding.column.as_ref().map(|name| format!(" {name}:")).unwrap_or_default();
    format!(
        "{}:{sheet}{row}{column} {weight}{}; {}",
        file.display(),
        finding.problem,
        finding.remedy
    )
}

/// Writes the running configuration's tags into a file.
pub async fn export(
    client: &Client,
    file: &Path,
    devices: Option<&str>,
    empty: bool,
) -> anyhow::Result<()> {
    let format = match file.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => "csv",
        Some("xlsx") => "xlsx",
        _ => bail!("{} ends with neither .csv nor .xlsx", file.display()),
    };
    let mut path = format!("/api/v1/export?format={format}&empty={empty}");
    if let Some(devices) = devices {
        path.push_str(&format!("&devices={}", crate::show::encoded(devices)));
    }
    let answer = client.get(&path).await?;
    client
        .env()
        .disk
        .replace(file, &answer.bytes)
        .with_context(|| format!("{} cannot be written", file.display()))
}
