//! Making a backup and putting one back. Both are long, and one at a time.

use super::extract::{Asked, receive};
use super::record::record;
use super::refusal::Refusal;
use crate::accounts::Caller;
use crate::app::{App, Shared};
use crate::backup::{
    self, ArchiveError, Backup, RestoreError, Restored, Scratch, Swap, check_passphrase,
};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::sync::Arc;
use tagwerk_api::{
    BackupRequest, ErrorCode, PASSPHRASE_HEADER, RestoreAnswer, RestoreFinding, RestoreParameters,
    Time, Weight,
};
use tagwerk_config::CheckedTable;
use tagwerk_env::DiskFile;
use tagwerk_runtime::RecordKind;

/// Bytes of a backup sent at once.
const SEND_BYTES: usize = 256 * 1024;

pub async fn make(
    State(app): State<Shared>,
    caller: Caller,
    super::extract::Sent(sent): super::extract::Sent<BackupRequest>,
) -> Result<Response, Refusal> {
    check_passphrase(&sent.passphrase)
        .map_err(|text| Refusal::invalid(text, "choose a longer one, and keep it safe"))?;
    let door = app.backup_door.try_lock().map_err(|_| busy())?;
    let edge = app.runtime.edge().to_string();
    let (worker, name) = (app.clone(), edge.clone());
    let made = tokio::task::spawn_blocking(move || {
        let tables = worker.lookups.shelf().list();
        let what = Backup {
            tables: tables.iter().map(|table| CheckedTable::clone(&table.checked)).collect(),
            env: &worker.env,
            data: &worker.data,
            store: &worker.store,
            secrets: &worker.secrets,
            random: &*worker.random,
            edge: name,
        };
        let scratch = backup::make(&what, &sent.passphrase)?;
        let file = scratch.open()?;
        // The file's name goes at once: nobody finds it, and it is gone with the answer.
        anyhow::Ok((file.length()?, file, scratch))
    });
    let made = made.await.map_err(|_| Refusal::internal("making the backup failed"))?;
    drop(door);
    let (length, file, scratch) = made.map_err(|error| {
        Refusal::unavailable(
            format!("the backup could not be made: {error:#}"),
            "see that the data directory has space for a copy of the store",
        )
    })?;
    drop::<Scratch>(scratch);
    record(&app, RecordKind::Backup, &caller.by(), "made a backup").await?;
    let date = Time::from_unix_ns(app.env.clock.wall().unix_ns).0;
    let date = date.split('T').next().unwrap_or_default().to_owned();
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"tagwerk-{edge}-{date}.backup\""),
        ),
    ];
    Ok((headers, send(file)).into_response())
}

/// The file, part by part.
fn send(file: Box<dyn DiskFile>) -> Body {
    let file: Arc<dyn DiskFile> = Arc::from(file);
    Body::from_stream(stream::try_unfold(0, move |offset| {
        let file = file.clone();
        async move {
            let read = tokio::task::spawn_blocking(move || {
                let mut buffer = vec![0; SEND_BYTES];
                let count = file.read_at(&mut buffer, offset)?;
                buffer.truncate(count);
                Ok::<_, std::io::Error>(buffer)
            });
            let buffer = read.await.map_err(std::io::Error::other)??;
            let next = offset + buffer.len() as u64;
            Ok::<_, std::io::Error>((!buffer.is_empty()).then(|| (Bytes::from(buffer), next)))
        }
    }))
}

pub async fn restore(
    State(app): State<Shared>,
    caller: Caller,
    Asked(asked): Asked<RestoreParameters>,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<RestoreAnswer>, Refusal> {
    let passphrase = passphrase(&headers)?;
    let _door = app.backup_door.try_lock().map_err(|_| busy())?;
    let swap = Swap::of(&app.data);
    let result = restore_from(&app, &caller, asked, &swap, passphrase, request).await;
    let disk = app.env.disk.clone();
    // What was staged and not put in place goes; while there is a plan, nothing does.
    let _ = tokio::task::spawn_blocking(move || swap.clear(&*disk)).await;
    result
}

async fn restore_from(
    app: &Shared,
    caller: &Caller,
    asked: RestoreParameters,
    swap: &Swap,
    passphrase: String,
    request: Request,
) -> Result<Json<RestoreAnswer>, Refusal> {
    let (disk, preparing) = (app.env.disk.clone(), swap.clone());
    let upload = tokio::task::spawn_blocking(move || {
        preparing.prepare(&*disk)?;
        Scratch::new(&disk, preparing.scratch("upload"))
    });
    let upload = upload.await.map_err(|_| Refusal::internal("the restore failed"))?;
    let upload = upload.map_err(|error| refuse(ArchiveError::Disk(error).into()))?;
    let file = upload.open().map_err(|error| refuse(ArchiveError::Disk(error).into()))?;
    let file: Arc<dyn DiskFile> = Arc::from(file);
    receive(request, app, file.clone()).await?;
    let worker = app.clone();
    let checked = tokio::task::spawn_blocking(move || {
        backup::check(&worker.env, &worker.data, &*worker.random, &*file, &passphrase)
    });
    let checked = checked.await.map_err(|_| Refusal::internal("reading the backup failed"))?;
    let restored = checked.map_err(refuse)?;
    drop(upload);
    let apply = asked.apply.unwrap_or(false);
    let mut answer = show(app, &restored);
    if !apply {
        return Ok(Json(answer));
    }
    if !restored.fits() {
        return Err(refuse(RestoreError::Findings));
    }
    let result = backup::apply(app, &restored).await;
    let what = format!(
        "the backup of {} made at {}",
        restored.manifest.edge,
        Time::from_unix_ns(restored.manifest.made_unix_ns)
    );
    let text = match &result {
        Ok(()) => format!("put back {what}"),
        Err(error) => format!("could not put back {what}: {error}"),
    };
    record(app, RecordKind::Backup, &caller.by(), &text).await?;
    result.map_err(refuse)?;
    answer.applied = true;
    Ok(Json(answer))
}

fn busy() -> Refusal {
    Refusal::conflict(
        "a backup or a restore is under way",
        "wait until it has ended; it takes some minutes at most",
    )
}

fn passphrase(headers: &HeaderMap) -> Result<String, Refusal> {
    let missing = || {
        Refusal::invalid(
            "the header X-Passphrase has no passphrase",
            "send the passphrase with which the backup was made, percent-encoded",
        )
    };
    let text =
        headers.get(PASSPHRASE_HEADER).ok_or_else(missing)?.to_str().map_err(|_| missing())?;
    let (bytes, mut decoded, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], code) {
            (b'%', Some(code)) => {
                decoded.push(code);
                at += 3;
            }
            (byte, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).ok().filter(|text| !text.is_empty()).ok_or_else(missing)
}

fn show(app: &App, restored: &Restored) -> RestoreAnswer {
    let manifest = restored.manifest.clone();
    let mut findings: Vec<RestoreFinding> = restored.findings.iter().map(finding).collect();
    let here = app.runtime.edge();
    if *manifest.edge != *here {
        findings.push(RestoreFinding {
            weight: Weight::Warning,
            problem: format!("the backup is of the edge {}, this is {here}", manifest.edge),
            remedy: "make sure that it is the right one: two edges of one name and configuration \
                     read the same devices"
                .to_owned(),
        });
    }
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
        applied: false,
    }
}

pub fn finding(finding: &backup::Finding) -> RestoreFinding {
    RestoreFinding {
        weight: match finding.weight {
            tagwerk_config::Weight::Error => Weight::Error,
            tagwerk_config::Weight::Warning => Weight::Warning,
        },
        problem: finding.problem.clone(),
        remedy: finding.remedy.clone(),
    }
}

fn refuse(error: RestoreError) -> Refusal {
    let message = error.to_string();
    match error {
        RestoreError::Archive(ArchiveError::Disk(_)) => Refusal::unavailable(
            message,
            "see that the data directory can be written and has space for the backup twice",
        ),
        RestoreError::Archive(_) => Refusal::invalid(
            message,
            "check the file and its passphrase; a backup of a later version needs that version",
        ),
        RestoreError::Store(_) => Refusal::invalid(
            message,
            "use a backup that is whole, with the version of Tagwerk that made it or a later one",
        ),
        RestoreError::Findings => Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            ErrorCode::Invalid,
            message,
            "look at it without applying it first: the answer lists them",
        ),
        RestoreError::NotRunning(_) => Refusal::new(
            StatusCode::CONFLICT,
            ErrorCode::Conflict,
            message,
            "the edge runs as before; see its log for more",
        ),
    }
}
