//! The edge's certificates: a folder of files that a person may look at, held in memory for those who
//! connect. What nobody trusts is kept for review, folded by fingerprint and bounded.

mod pem;
mod show;

use pem::Material;
pub use pem::write_certificate;
pub use show::{Description, describe, describe_list};

use crate::private_file;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;
use tagwerk_auth::Digest;
use tagwerk_component::{Certificates, Identity};
use tagwerk_env::{Clock, Disk, Env};

/// The folder in the data directory.
pub const FOLDER: &str = "certificates";
/// Folders in it, one per standing of a certificate.
pub const FOLDERS: [&str; 4] = ["own", "trusted", "rejected", "revoked"];
/// Certificates and authorities trusted at once. More: refused.
const TRUSTED_MAX: usize = 1_000;
/// Rejected certificates kept for review. More: the one seen longest ago is forgotten.
pub const REJECTED_MAX: usize = 64;
/// Revocation lists. More: refused.
const LISTS_MAX: usize = 64;
/// The largest file that is read.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// A certificate that a stranger shows. Larger: not kept.
const SHOWN_BYTES_MAX: usize = 64 * 1024;
/// Purposes for which the edge has a certificate of its own. More: refused.
const OWN_MAX: usize = 64;
/// How often the store learns that a certificate is rejected again; flash wears.
const SEEN_EVERY: Duration = Duration::from_secs(600);

#[derive(Debug)]
pub enum CertificateRefused {
    /// What was sent is no certificate.
    Choice(String),
    Limit(String),
    NotFound(String),
    Disk(PathBuf, io::Error),
}

impl fmt::Display for CertificateRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateRefused::Choice(text)
            | CertificateRefused::Limit(text)
            | CertificateRefused::NotFound(text) => f.write_str(text),
            CertificateRefused::Disk(path, error) => {
                write!(f, "{} cannot be written: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for CertificateRefused {}

/// A certificate that somebody showed and nobody trusted, as it lies on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    pub purpose: String,
    pub reason: String,
    pub first_unix_ns: i64,
    pub last_unix_ns: i64,
    pub times: u64,
    pub pem: String,
    #[serde(skip)]
    der: Vec<u8>,
    #[serde(skip)]
    stored_unix_ns: i64,
}

impl Rejected {
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

/// What a new certificate was taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    Certificate { fingerprint: String, subject: String },
    List { issuer: String },
}

/// Called with the purpose and words when a certificate is rejected for the first time.
pub type Announce = Box<dyn Fn(&str, &str) + Send + Sync>;

pub struct CertificateStore {
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    folder: PathBuf,
    state: Mutex<State>,
    announce: OnceLock<Announce>,
}

/// By fingerprint, but for those of its own, which go by purpose.
#[derive(Default)]
struct State {
    own: BTreeMap<String, Identity>,
    trusted: BTreeMap<String, Vec<u8>>,
    rejected: BTreeMap<String, Rejected>,
    lists: BTreeMap<String, Vec<u8>>,
}

impl CertificateStore {
    /// What cannot be read is passed over and told in the log.
    pub fn open(env: &Env, data: &Path) -> CertificateStore {
        let store = CertificateStore {
            disk: env.disk.clone(),
            clock: env.clock.clone(),
            folder: data.join(FOLDER),
            state: Mutex::default(),
            announce: OnceLock::new(),
        };
        *store.state() = store.load();
        store
    }

    /// Lets others change the folder while nobody else does, and reads it anew.
    pub fn replaced<T>(&self, change: impl FnOnce() -> T) -> T {
        let mut state = self.state();
        let result = change();
        *state = self.load();
        result
    }

    fn load(&self) -> State {
        let mut state = State::default();
        for (name, bytes) in self.files("own") {
            if let Some((name, identity)) = own_purpose(&name).zip(pem::read_identity(&bytes)) {
                state.own.insert(name, identity);
            }
        }
        for (_, bytes) in self.files("trusted") {
            for der in material(&bytes).certificates {
                state.trusted.insert(fingerprint(&der), der);
            }
        }
        for (_, bytes) in self.files("rejected") {
            let read = serde_json::from_slice::<Rejected>(&bytes).ok().and_then(|mut rejected| {
                rejected.der = material(rejected.pem.as_bytes()).certificates.pop()?;
                rejected.stored_unix_ns = rejected.last_unix_ns;
                Some(rejected)
            });
            if let Some(rejected) = read {
                state.rejected.insert(fingerprint(&rejected.der), rejected);
            }
        }
        for (_, bytes) in self.files("revoked") {
            for der in material(&bytes).lists {
                state.lists.insert(fingerprint(&der), der);
            }
        }
        state
    }

    /// From now on rejections are told to somebody.
    pub fn announce(&self, announce: Announce) {
        // The first one stays; there is one edge in a process.
        let _ = self.announce.set(announce);
    }

    pub fn own_certificates(&self) -> Vec<(String, Vec<u8>)> {
        let state = self.state();
        state.own.iter().map(|(name, own)| (name.clone(), own.certificate.clone())).collect()
    }

    pub fn trusted_certificates(&self) -> Vec<Vec<u8>> {
        self.state().trusted.values().cloned().collect()
    }

    pub fn rejected(&self) -> Vec<Rejected> {
        self.state().rejected.values().cloned().collect()
    }

    pub fn lists(&self) -> Vec<Vec<u8>> {
        self.state().lists.values().cloned().collect()
    }

    /// The certificate of this fingerprint, wherever it stands.
    pub fn certificate(&self, fingerprint: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let own = state.own.values().map(|own| &own.certificate);
        let own = own.into_iter().find(|der| self::fingerprint(der) == fingerprint);
        let rejected = || state.rejected.get(fingerprint).map(|rejected| &rejected.der);
        own.or(state.trusted.get(fingerprint)).or_else(rejected).cloned()
    }

    /// Trusts certificates, or takes revocation lists. Blocking.
    pub fn add(&self, bytes: &[u8]) -> Result<Vec<Added>, CertificateRefused> {
        let material = pem::read(bytes).map_err(CertificateRefused::Choice)?;
        let mut added = Vec::new();
        for der in material.certificates {
            added.push(self.trust_der(der)?);
        }
        for der in material.lists {
            added.push(self.add_list(der)?);
        }
        Ok(added)
    }

    /// Trusts a certificate that was rejected. Blocking.
    pub fn trust(&self, fingerprint: &str) -> Result<Added, CertificateRefused> {
        let der = self.state().rejected.get(fingerprint).map(|rejected| rejected.der.clone());
        self.trust_der(der.ok_or_else(|| unknown(fingerprint))?)
    }

    /// Trusts a certificate no longer, forgets a rejected one, or removes a list; returns what it was.
    /// Blocking.
    pub fn remove(&self, fingerprint: &str) -> Result<String, CertificateRefused> {
        let mut state = self.state();
        if state.trusted.contains_key(fingerprint) {
            self.remove_trusted(fingerprint)?;
            let der = state.trusted.remove(fingerprint).unwrap_or_default();
            return Ok(format!("trusts {} no longer", subject(&der)));
        }
        if let Some(rejected) = state.rejected.get(fingerprint) {
            let what = format!("forgot the rejected certificate {}", subject(&rejected.der));
            self.remove_file("rejected", &format!("{fingerprint}.json"))?;
            state.rejected.remove(fingerprint);
            return Ok(what);
        }
        if state.lists.contains_key(fingerprint) {
            self.remove_matching("revoked", |m| m.lists.iter().any(|d| is(d, fingerprint)))?;
            let der = state.lists.remove(fingerprint).unwrap_or_default();
            let issuer = describe_list(&der).map(|list| list.issuer).unwrap_or_default();
            return Ok(format!("removed the revocation list of {issuer}"));
        }
        if state.own.values().any(|own| is(&own.certificate, fingerprint)) {
            return Err(CertificateRefused::Choice(
                "the edge uses this certificate itself; it cannot be removed".to_owned(),
            ));
        }
        Err(unknown(fingerprint))
    }

    fn trust_der(&self, der: Vec<u8>) -> Result<Added, CertificateRefused> {
        let description = describe(&der).map_err(CertificateRefused::Choice)?;
        let fingerprint = fingerprint(&der);
        let mut state = self.state();
        if state.trusted.len() >= TRUSTED_MAX && !state.trusted.contains_key(&fingerprint) {
            let text = format!("an edge trusts at most {TRUSTED_MAX} certificates");
            return Err(CertificateRefused::Limit(text));
        }
        self.write_file("trusted", &format!("{fingerprint}.der"), &der)?;
        if state.rejected.contains_key(&fingerprint) {
            self.remove_file("rejected", &format!("{fingerprint}.json"))?;
            state.rejected.remove(&fingerprint);
        }
        state.trusted.insert(fingerprint.clone(), der);
        Ok(Added::Certificate { fingerprint, subject: description.subject })
    }

    fn add_list(&self, der: Vec<u8>) -> Result<Added, CertificateRefused> {
        let description = describe_list(&der).map_err(CertificateRefused::Choice)?;
        let fingerprint = fingerprint(&der);
        let mut state = self.state();
        if state.lists.len() >= LISTS_MAX && !state.lists.contains_key(&fingerprint) {
            let text = format!("an edge has at most {LISTS_MAX} revocation lists");
            return Err(CertificateRefused::Limit(text));
        }
        self.write_file("revoked", &format!("{fingerprint}.crl"), &der)?;
        state.lists.insert(fingerprint, der);
        Ok(Added::List { issuer: description.issuer })
    }

    /// A person may have put it there under another name, and others into the same file.
    fn remove_trusted(&self, fingerprint: &str) -> Result<(), CertificateRefused> {
        self.remove_matching("trusted", |m| m.certificates.iter().any(|d| is(d, fingerprint)))
    }

    fn remove_matching(
        &self,
        folder: &str,
        matches: impl Fn(&Material) -> bool,
    ) -> Result<(), CertificateRefused> {
        for (name, bytes) in self.files(folder) {
            if matches(&material(&bytes)) {
                self.remove_file(folder, &name)?;
            }
        }
        Ok(())
    }

    /// Names and contents of a folder's files that are small enough.
    fn files(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let folder = self.folder.join(folder);
        let names = match self.disk.list(&folder) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                tracing::error!(%error, folder = %folder.display(), "certificates cannot be listed");
                return Vec::new();
            }
        };
        let mut files = Vec::new();
        for name in names {
            let path = folder.join(&name);
            if path.extension().is_some_and(|extension| extension == "new") {
                continue;
            }
            match self.disk.read(&path, FILE_BYTES_MAX) {
                Ok(bytes) => files.push((name.to_string_lossy().into_owned(), bytes)),
                Err(error) => {
                    tracing::error!(%error, file = %path.display(), "a certificate cannot be read");
                }
            }
        }
        files
    }

    fn write_file(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<(), CertificateRefused> {
        let folder = self.folder.join(folder);
        let path = folder.join(name);
        self.disk
            .create_directories(&folder)
            .and_then(|()| private_file::write(&*self.disk, &path, bytes))
            .map_err(|error| CertificateRefused::Disk(path, error))
    }

    fn remove_file(&self, folder: &str, name: &str) -> Result<(), CertificateRefused> {
        let path = self.folder.join(folder).join(name);
        match self.disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(CertificateRefused::Disk(path, error))
            }
            _ => {
                // Without this the removal may be undone by a power cut, and is then done again.
                let _ = self.disk.sync_directory(&self.folder.join(folder));
                Ok(())
            }
        }
    }

    fn store_rejected(&self, fingerprint: &str, rejected: &mut Rejected) {
        rejected.stored_unix_ns = rejected.last_unix_ns;
        let bytes = serde_json::to_vec(rejected).unwrap_or_default();
        if let Err(error) = self.write_file("rejected", &format!("{fingerprint}.json"), &bytes) {
            tracing::warn!(%error, "a rejected certificate cannot be kept");
        }
    }

    fn forget_surplus(&self, state: &mut State) {
        while state.rejected.len() > REJECTED_MAX {
            let oldest = state.rejected.iter().min_by_key(|(_, rejected)| rejected.last_unix_ns);
            let Some(oldest) = oldest.map(|(fingerprint, _)| fingerprint.clone()) else { return };
            state.rejected.remove(&oldest);
            if let Err(error) = self.remove_file("rejected", &format!("{oldest}.json")) {
                tracing::warn!(%error, "a rejected certificate cannot be forgotten");
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Changed in single steps, after the disk.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Certificates for CertificateStore {
    fn own(&self, purpose: &str) -> Result<Option<Identity>, String> {
        Ok(self.state().own.get(purpose).cloned())
    }

    fn keep_own(&self, purpose: &str, identity: &Identity) -> Result<(), String> {
        let mut state = self.state();
        if state.own.len() >= OWN_MAX && !state.own.contains_key(purpose) {
            return Err(format!("an edge has at most {OWN_MAX} certificates of its own"));
        }
        let text = pem::write_identity(identity);
        self.write_file("own", &format!("{}.pem", crate::show::encoded(purpose)), text.as_bytes())
            .map_err(|error| error.to_string())?;
        state.own.insert(purpose.to_owned(), identity.clone());
        Ok(())
    }

    fn trusted(&self) -> Result<Vec<Vec<u8>>, String> {
        Ok(self.trusted_certificates())
    }

    fn revoked(&self) -> Result<Vec<Vec<u8>>, String> {
        Ok(self.lists())
    }

    fn reject(&self, purpose: &str, certificate: &[u8], reason: &str) {
        if certificate.len() > SHOWN_BYTES_MAX {
            tracing::warn!(purpose, "a certificate was rejected that is too large to keep");
            return;
        }
        let now = self.clock.wall().unix_ns;
        let fingerprint = fingerprint(certificate);
        let mut state = self.state();
        if let Some(rejected) = state.rejected.get_mut(&fingerprint) {
            rejected.times += 1;
            rejected.last_unix_ns = now;
            let told_anew = rejected.reason != reason || rejected.purpose != purpose;
            rejected.reason = reason.to_owned();
            rejected.purpose = purpose.to_owned();
            let since = now.saturating_sub(rejected.stored_unix_ns).unsigned_abs();
            if told_anew || since > SEEN_EVERY.as_nanos() as u64 {
                self.store_rejected(&fingerprint, rejected);
            }
            return;
        }
        let mut rejected = Rejected {
            purpose: purpose.to_owned(),
            reason: reason.to_owned(),
            first_unix_ns: now,
            last_unix_ns: now,
            times: 1,
            pem: write_certificate(certificate),
            der: certificate.to_vec(),
            stored_unix_ns: now,
        };
        self.store_rejected(&fingerprint, &mut rejected);
        state.rejected.insert(fingerprint, rejected);
        self.forget_surplus(&mut state);
        drop(state);
        if let Some(announce) = self.announce.get() {
            announce(
                purpose,
                &format!("rejected the certificate {}: {reason}", subject(certificate)),
            );
        }
    }
}

/// SHA-256, in hexadecimal.
pub fn fingerprint(der: &[u8]) -> String {
    Digest::of_bytes(der).0.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is(der: &[u8], fingerprint: &str) -> bool {
    self::fingerprint(der) == fingerprint
}

fn subject(der: &[u8]) -> String {
    describe(der).map_or_else(|_| "that cannot be read".to_owned(), |shown| shown.subject)
}

fn unknown(fingerprint: &str) -> CertificateRefused {
    CertificateRefused::NotFound(format!("there is no certificate {fingerprint}"))
}

/// What a file of the folder holds; nothing where it cannot be read.
fn material(bytes: &[u8]) -> Material {
    pem::read(bytes).unwrap_or_else(|problem| {
        tracing::warn!(problem, "a file among the certificates was passed over");
        Material::default()
    })
}

/// Whatever a file of the folder may hold; `None` when it is nothing of that.
pub fn read_any(bytes: &[u8]) -> Option<()> {
    let identity = pem::read_identity(bytes).map(drop);
    identity.or_else(|| pem::read(bytes).ok().map(drop))
}

/// The purpose in the name of a file.
fn own_purpose(name: &str) -> Option<String> {
    let name = name.strip_suffix(".pem")?.as_bytes();
    let (mut bytes, mut at) = (Vec::new(), 0);
    while at < name.len() {
        if name[at] == b'%' {
            let digits = std::str::from_utf8(name.get(at + 1..at + 3)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            at += 3;
        } else {
            bytes.push(name[at]);
            at += 1;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
