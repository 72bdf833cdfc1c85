//! Looks at a backup: opens it, checks everything that it holds, and lays it ready. Putting it in place
//! is the swap's.

use super::archive::{ArchiveError, ArchiveReader, FileEntry, Manifest};
use super::make::SecretForm;
use super::swap::Swap;
use super::{SECRETS, SECRETS_BYTES_MAX, STORE, STORE_BYTES_MAX};
use crate::certificates;
use crate::private_file;
use crate::secrets::{self, ClearSecret, KEY_FILE};
use crate::store::{Arrived, StoreError, adopt};
use std::fmt;
use std::io;
use std::path::Path;
use tagwerk_auth::Random;
use tagwerk_config::Weight;
use tagwerk_env::{Access, Disk, DiskFile, Env};
use tagwerk_model::limits::BACKUP_TABLE_FILE_BYTES_MAX;

/// Bytes copied at once.
const COPY_BYTES: usize = 1024 * 1024;
/// Findings of the configuration that are told. More: counted.
const FINDINGS_MAX: usize = 50;
/// What must stay free on the disk.
const RESERVE_BYTES: u64 = 16 * 1024 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub weight: Weight,
    pub problem: String,
    pub remedy: String,
}

/// A backup that was opened and lies ready.
#[derive(Debug)]
pub struct Restored {
    pub manifest: Manifest,
    pub findings: Vec<Finding>,
    /// Places of the staged files, in the order of their numbers.
    pub places: Vec<String>,
}

impl Restored {
    pub fn fits(&self) -> bool {
        self.findings.iter().all(|finding| finding.weight != Weight::Error)
    }
}

#[derive(Debug)]
pub enum RestoreError {
    Archive(ArchiveError),
    /// The store in it cannot be used.
    Store(StoreError),
    /// Findings are errors; nothing was changed.
    Findings,
    /// It was in place, did not run, and was taken back.
    NotRunning(String),
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestoreError::Archive(error) => error.fmt(f),
            RestoreError::Store(error) => write!(f, "the backup cannot be used: {error}"),
            RestoreError::Findings => f.write_str("the backup has findings that are errors"),
            RestoreError::NotRunning(cause) => {
                write!(f, "the backup did not run and was taken back: {cause}")
            }
        }
    }
}

impl std::error::Error for RestoreError {}

impl From<ArchiveError> for RestoreError {
    fn from(error: ArchiveError) -> RestoreError {
        RestoreError::Archive(error)
    }
}

impl From<io::Error> for RestoreError {
    fn from(error: io::Error) -> RestoreError {
        RestoreError::Archive(ArchiveError::Disk(error))
    }
}

/// Opens a backup, checks it and lays its files ready; nothing of the edge changes. Blocking, and takes
/// seconds.
pub fn check(
    env: &Env,
    data: &Path,
    random: &dyn Random,
    file: &dyn DiskFile,
    passphrase: &str,
) -> Result<Restored, RestoreError> {
    let disk = &*env.disk;
    let needed = file.length()?.saturating_add(RESERVE_BYTES);
    if disk.free_bytes(data).is_ok_and(|free| free < needed) {
        return Err(io::Error::other(format!("less than {needed} bytes are free")).into());
    }
    let mut reader = ArchiveReader::open(file, passphrase)?;
    let manifest = reader.manifest.clone();
    let staging = Staging { disk, swap: Swap::of(data) };
    let mut places = vec![STORE.to_owned(), KEY_FILE.to_owned()];
    let mut secret_list = Vec::new();
    let mut unreadable = Vec::new();
    for entry in &manifest.files {
        let bytes_max = bytes_max(&entry.path);
        if entry.bytes > bytes_max {
            return Err(form(format!("its file {} has {} bytes", entry.path, entry.bytes)));
        }
        match &*entry.path {
            STORE => staging.copy(&mut reader, entry, 0)?,
            SECRETS => secret_list = read_secrets(&mut reader, entry)?,
            path if super::tables::is_file(path) => {
                staging.copy(&mut reader, entry, places.len())?;
                disk.open(&staging.swap.staged(places.len()), Access::Write)?.sync_data()?;
                places.push(path.to_owned());
            }
            _ => {
                let bytes = read(&mut reader, entry)?;
                if !entry.path.ends_with(".json") && certificates::read_any(&bytes).is_none() {
                    unreadable.push(entry.path.clone());
                }
                staging.write(places.len(), &bytes)?;
                places.push(entry.path.clone());
            }
        }
    }
    reader.finish()?;
    if !manifest.files.iter().any(|entry| entry.path == STORE) {
        return Err(form("it has no store".to_owned()));
    }
    let (key, rows) = secrets::seal_all(random, &secret_list);
    staging.write(1, &key)?;
    let store = staging.swap.staged(0);
    let current = data.join(STORE);
    let current = disk.open(&current, Access::Read).is_ok().then_some(current);
    let arrived = adopt(&store, current.as_deref(), &rows).map_err(RestoreError::Store)?;
    disk.open(&store, Access::Write)?.sync_data()?;
    let mut findings = judge(&arrived, &secret_list, &manifest);
    findings.extend(unreadable.into_iter().map(|path| Finding {
        weight: Weight::Warning,
        problem: format!("the file {path} of the backup holds nothing that can be read"),
        remedy: "add the certificate again after the restore".to_owned(),
    }));
    Ok(Restored { manifest, findings, places })
}

struct Staging<'a> {
    disk: &'a dyn Disk,
    swap: Swap,
}

impl Staging<'_> {
    fn write(&self, n: usize, bytes: &[u8]) -> io::Result<()> {
        private_file::write(self.disk, &self.swap.staged(n), bytes)
    }

    fn copy(
        &self,
        reader: &mut ArchiveReader<'_>,
        entry: &FileEntry,
        n: usize,
    ) -> Result<(), RestoreError> {
        let path = self.swap.staged(n);
        private_file::prepare(self.disk, &path)?;
        let file = self.disk.open(&path, Access::Write)?;
        let (mut offset, mut buffer) = (0, vec![0; COPY_BYTES]);
        while offset < entry.bytes {
            let count = (entry.bytes - offset).min(COPY_BYTES as u64) as usize;
            reader.read_exact(&mut buffer[..count])?;
            file.write_all_at(&buffer[..count], offset)?;
            offset += count as u64;
        }
        Ok(())
    }
}

fn bytes_max(path: &str) -> u64 {
    match path {
        STORE => STORE_BYTES_MAX,
        SECRETS => SECRETS_BYTES_MAX,
        path if super::tables::is_file(path) => BACKUP_TABLE_FILE_BYTES_MAX,
        _ => certificates::FILE_BYTES_MAX,
    }
}

fn form(text: String) -> RestoreError {
    RestoreError::Archive(ArchiveError::Form(text))
}

fn read(reader: &mut ArchiveReader<'_>, entry: &FileEntry) -> Result<Vec<u8>, RestoreError> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < entry.bytes {
        // Grows with what is really there, whatever the list says.
        let start = bytes.len();
        bytes.resize(start + (entry.bytes as usize - start).min(COPY_BYTES), 0);
        reader.read_exact(&mut bytes[start..])?;
    }
    Ok(bytes)
}

fn read_secrets(
    reader: &mut ArchiveReader<'_>,
    entry: &FileEntry,
) -> Result<Vec<ClearSecret>, RestoreError> {
    let bytes = read(reader, entry)?;
    // The error's own words may quote what it stumbled over.
    let forms: Vec<SecretForm> = serde_json::from_slice(&bytes)
        .map_err(|_| form("its secrets have another form than this version knows".to_owned()))?;
    Ok(forms.into_iter().map(SecretForm::clear).collect())
}

fn judge(arrived: &Arrived, secrets: &[ClearSecret], manifest: &Manifest) -> Vec<Finding> {
    let mut findings = Vec::new();
    if arrived.administrators == 0 {
        findings.push(Finding {
            weight: Weight::Warning,
            problem: "the backup has no administrator".to_owned(),
            remedy: "the edge prints a link at its next start that sets the first one".to_owned(),
        });
    }
    let Some(text) = &arrived.configuration else {
        findings.push(Finding {
            weight: Weight::Warning,
            problem: "the backup has no configuration".to_owned(),
            remedy: "the edge reads nothing until one is applied".to_owned(),
        });
        return findings;
    };
    let read = crate::rules::check_sql(text.as_bytes());
    let count = read.findings.len() + read.dropped;
    for found in read.findings.into_iter().take(FINDINGS_MAX) {
        findings.push(Finding {
            weight: found.weight,
            problem: format!("configuration, line {}: {}", found.line, found.problem),
            remedy: found.remedy,
        });
    }
    if count > FINDINGS_MAX {
        findings.push(Finding {
            weight: Weight::Warning,
            problem: format!("the configuration has {} more findings", count - FINDINGS_MAX),
            remedy: "correct the first ones first".to_owned(),
        });
    }
    let tables = read.checked.as_ref().map_or(&[][..], |checked| &checked.tables);
    for (path, table) in super::tables::files(tables) {
        if !manifest.files.iter().any(|file| file.path == path) {
            findings.push(Finding {
                weight: Weight::Warning,
                problem: format!(
                    "the backup has no file {path}, from which the table {} is read",
                    table.name
                ),
                remedy: "put the file there after the restore, unless it lies there already"
                    .to_owned(),
            });
        }
    }
    for (place, name) in read.checked.iter().flat_map(|checked| &checked.secrets) {
        if !secrets.iter().any(|secret| secret.name == *name) {
            findings.push(Finding {
                weight: Weight::Warning,
                problem: format!("the backup has no secret {name}, which {place} uses"),
                remedy: format!("store it with `tagwerk secret set {name}`"),
            });
        }
    }
    findings
}
