//! Makes a backup of a running edge.

use super::archive::{ArchiveWriter, FORMAT, FileEntry, Manifest};
use super::{SECRETS, STORE};
use crate::app::VERSION;
use crate::certificates;
use crate::private_file;
use crate::secrets::{ClearSecret, SecretStore};
use crate::store::Store;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tagwerk_auth::Random;
use tagwerk_component::SecretText;
use tagwerk_config::CheckedTable;
use tagwerk_env::{Access, Disk, DiskFile, Env};

/// Bytes copied at once.
const COPY_BYTES: usize = 1024 * 1024;

/// What a backup is made of.
pub struct Backup<'a> {
    pub env: &'a Env,
    pub data: &'a Path,
    pub store: &'a Store,
    pub secrets: &'a SecretStore,
    /// Whose files go along.
    pub tables: Vec<CheckedTable>,
    pub random: &'a dyn Random,
    pub edge: String,
}

/// A file that goes with its value.
pub struct Scratch {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

impl Scratch {
    pub fn new(disk: &Arc<dyn Disk>, path: PathBuf) -> io::Result<Scratch> {
        match disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        private_file::prepare(&**disk, &path)?;
        Ok(Scratch { disk: disk.clone(), path })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn open(&self) -> io::Result<Box<dyn DiskFile>> {
        self.disk.open(&self.path, Access::Write)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is removed by the next backup.
        let _ = self.disk.remove(&self.path);
    }
}

/// A secret as it lies in a backup.
#[derive(Serialize, Deserialize)]
pub(super) struct SecretForm {
    name: String,
    value: String,
    changed_unix_ns: i64,
    changed_by: String,
}

impl SecretForm {
    pub fn clear(self) -> ClearSecret {
        ClearSecret {
            name: self.name,
            value: SecretText::new(self.value),
            changed_unix_ns: self.changed_unix_ns,
            changed_by: self.changed_by,
        }
    }
}

/// Writes a backup and returns the file it is in. Blocking, and takes seconds.
pub fn make(what: &Backup<'_>, passphrase: &str) -> anyhow::Result<Scratch> {
    let disk = &what.env.disk;
    let folder = what.data.join("backup");
    disk.create_directories(&folder)?;
    let copy = Scratch::new(disk, folder.join("store.copy"))?;
    let counts = what.store.copy_without_secrets(copy.path())?;
    let secrets: Vec<SecretForm> = what
        .secrets
        .reveal()
        .into_iter()
        .map(|secret| SecretForm {
            name: secret.name,
            value: secret.value.expose().to_owned(),
            changed_unix_ns: secret.changed_unix_ns,
            changed_by: secret.changed_by,
        })
        .collect();
    let secrets_text = serde_json::to_vec(&secrets)?;
    let certificates = certificate_files(&**disk, what.data);
    let tables = super::tables::copies(disk, what.data, &what.tables)?;
    let mut table_files = Vec::with_capacity(tables.len());
    for (path, copy) in &tables {
        let file = copy.open()?;
        table_files.push((FileEntry { path: path.clone(), bytes: file.length()? }, file));
    }
    let store_file = copy.open()?;
    let mut files = vec![
        FileEntry { path: STORE.to_owned(), bytes: store_file.length()? },
        FileEntry { path: SECRETS.to_owned(), bytes: secrets_text.len() as u64 },
    ];
    files.extend(
        certificates
            .iter()
            .map(|(path, bytes)| FileEntry { path: path.clone(), bytes: bytes.len() as u64 }),
    );
    files.extend(table_files.iter().map(|(entry, _)| entry.clone()));
    let manifest = Manifest {
        format: FORMAT,
        edge: what.edge.clone(),
        made_unix_ns: what.env.clock.wall().unix_ns,
        version: VERSION.to_owned(),
        schema: counts.schema,
        revision: counts.revision,
        devices: counts.devices,
        tags: counts.tags,
        users: counts.users,
        tokens: counts.tokens,
        certificates: certificates.len() as u64,
        secrets: secrets.iter().map(|secret| secret.name.clone()).collect(),
        files,
    };
    let out = Scratch::new(disk, folder.join("out.backup"))?;
    let file = out.open()?;
    let mut writer = ArchiveWriter::begin(&*file, what.random, passphrase, &manifest)?;
    copy_file(&*store_file, &mut writer)?;
    writer.write(&secrets_text)?;
    for (_, bytes) in &certificates {
        writer.write(bytes)?;
    }
    for (_, file) in &table_files {
        copy_file(&**file, &mut writer)?;
    }
    writer.finish()?;
    Ok(out)
}

fn copy_file(file: &dyn DiskFile, writer: &mut ArchiveWriter<'_>) -> io::Result<()> {
    let (mut offset, mut buffer) = (0, vec![0; COPY_BYTES]);
    loop {
        let count = file.read_at(&mut buffer, offset)?;
        if count == 0 {
            return Ok(());
        }
        writer.write(&buffer[..count])?;
        offset += count as u64;
    }
}

/// The certificates' files, but for those that are just being written.
fn certificate_files(disk: &dyn Disk, data: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for folder in certificates::FOLDERS {
        let folder = format!("{}/{folder}", certificates::FOLDER);
        for name in disk.list(&data.join(&folder)).unwrap_or_default() {
            let path = format!("{folder}/{}", name.display());
            let bytes = disk.read(&data.join(&path), certificates::FILE_BYTES_MAX);
            if let Ok(bytes) = bytes
                && super::archive::is_known_path(&path)
                && !path.ends_with(".new")
            {
                files.push((path, bytes));
            }
        }
    }
    files.sort();
    files
}
