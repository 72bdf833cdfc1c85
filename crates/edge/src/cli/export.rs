//! History into a file.

use super::client::Client;
use anyhow::{Context, anyhow, bail};
use axum::body::Bytes;
use clap::{Args, Subcommand, ValueEnum};
use http_body_util::BodyExt;
use hyper::Method;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tagwerk_env::{Access, Disk};

/// Bytes written at once.
const WRITE_BYTES: usize = 1024 * 1024;

#[derive(Subcommand)]
pub enum What {
    /// Write samples into a file, sorted by tag and time
    History(HistoryArguments),
}

#[derive(Args)]
pub struct HistoryArguments {
    #[arg(long, value_enum, default_value_t = Format::Parquet)]
    format: Format,
    /// Instant of the first samples, such as 2026-11-20T00:00:00Z; the oldest unless told
    #[arg(long)]
    from: Option<String>,
    /// Instant before which samples are taken; now unless told
    #[arg(long)]
    to: Option<String>,
    /// device.tag, or a pattern such as 'boiler-1/*'; may be given more than once; all unless told
    #[arg(long)]
    tag: Vec<String>,
    /// Where the samples go; a file that is there is replaced once all of them are
    #[arg(long)]
    out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Parquet,
    Csv,
}

pub async fn history(client: &Client, arguments: &HistoryArguments) -> anyhow::Result<ExitCode> {
    let format = match arguments.format {
        Format::Parquet => "parquet",
        Format::Csv => "csv",
    };
    let mut path = format!("/api/v1/history/export?format={format}");
    let from = arguments.from.iter().map(|from| ("from", from));
    let to = arguments.to.iter().map(|to| ("to", to));
    for (name, value) in from.chain(to).chain(arguments.tag.iter().map(|tag| ("tag", tag))) {
        path.push_str(&format!("&{name}={}", crate::show::encoded(value)));
    }
    let out = &arguments.out;
    let name = out.file_name().with_context(|| format!("{} names no file", out.display()))?;
    let staged = out.with_file_name(format!(".{}.new", name.to_string_lossy()));
    let disk = client.env().disk.clone();
    let written = fetch(client, &path, &*disk, &staged).await.and_then(|bytes| {
        place(&*disk, &staged, out)
            .with_context(|| format!("{} cannot be written", out.display()))?;
        Ok(bytes)
    });
    if written.is_err() {
        // What came is not the whole.
        let _ = disk.remove(&staged);
    }
    let bytes = written?;
    match client.json {
        true => println!("{}", serde_json::json!({ "file": out, "bytes": bytes })),
        false => println!("{}: {bytes} bytes", out.display()),
    }
    Ok(ExitCode::SUCCESS)
}

async fn fetch(client: &Client, path: &str, disk: &dyn Disk, staged: &Path) -> anyhow::Result<u64> {
    let response = client.open(Method::GET, path, &[], Bytes::new()).await?;
    let response = client.accepted(response).await?;
    let cannot = || format!("{} cannot be written", staged.display());
    match disk.remove(staged) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(cannot);
        }
        _ => {}
    }
    let file = disk.open(staged, Access::CreateNew).with_context(cannot)?;
    let mut body = response.into_body();
    let (mut offset, mut buffer) = (0, Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            anyhow!("the answer broke off ({error}); the edge's log and events say why")
        })?;
        buffer.extend_from_slice(frame.data_ref().map(|data| &data[..]).unwrap_or_default());
        if buffer.len() >= WRITE_BYTES {
            file.write_all_at(&buffer, offset).with_context(cannot)?;
            offset += buffer.len() as u64;
            buffer.clear();
        }
    }
    file.write_all_at(&buffer, offset).with_context(cannot)?;
    offset += buffer.len() as u64;
    file.sync_data().with_context(cannot)?;
    match offset {
        0 => bail!("the edge sent nothing"),
        bytes => Ok(bytes),
    }
}

fn place(disk: &dyn Disk, staged: &Path, out: &Path) -> io::Result<()> {
    disk.rename(staged, out)?;
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    disk.sync_directory(folder.unwrap_or(Path::new(".")))
}
