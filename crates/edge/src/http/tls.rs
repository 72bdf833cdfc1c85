//! The certificate with which the edge shows itself: given by files, or its own, made at the first
//! start and kept.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tagwerk_env::{Access, Disk};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate chain or a key. Larger: refused.
const PEM_BYTES_MAX: u64 = 256 * 1024;

/// Where certificate and key lie, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug)]
pub enum TlsError {
    Read(PathBuf, io::Error),
    Write(PathBuf, io::Error),
    Make(String),
    /// The files can be read, but not used.
    Unusable(TlsFiles, String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::Read(path, error) => write!(f, "{} cannot be read: {error}", path.display()),
            TlsError::Write(path, error) => {
                write!(f, "{} cannot be written: {error}", path.display())
            }
            TlsError::Make(error) => write!(f, "a certificate could not be made: {error}"),
            TlsError::Unusable(files, error) => write!(
                f,
                "certificate {} and key {} cannot be used: {error}",
                files.certificate.display(),
                files.key.display()
            ),
        }
    }
}

impl std::error::Error for TlsError {}

/// The edge's own certificate in its data directory, made when it is missing.
pub fn own_files(disk: &dyn Disk, data: &Path, addresses: &[IpAddr]) -> Result<TlsFiles, TlsError> {
    let directory = data.join("tls");
    let files =
        TlsFiles { certificate: directory.join("cert.pem"), key: directory.join("key.pem") };
    match disk.open(&files.certificate, Access::Read) {
        Ok(_) => return Ok(files),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(TlsError::Read(files.certificate, error)),
    }
    let mut names = vec!["localhost".to_owned(), "tagwerk".to_owned()];
    names.extend(crate::process::host_name(disk));
    names.extend(["127.0.0.1".to_owned(), "::1".to_owned()]);
    names.extend(addresses.iter().filter(|ip| !ip.is_unspecified()).map(IpAddr::to_string));
    names.sort();
    names.dedup();
    let made = rcgen::generate_simple_self_signed(names)
        .map_err(|error| TlsError::Make(error.to_string()))?;
    disk.create_directories(&directory)
        .map_err(|error| TlsError::Write(directory.clone(), error))?;
    crate::private_file::write(disk, &files.key, made.signing_key.serialize_pem().as_bytes())
        .map_err(|error| TlsError::Write(files.key.clone(), error))?;
    // The certificate last: its presence says that both are there.
    disk.replace(&files.certificate, made.cert.pem().as_bytes())
        .map_err(|error| TlsError::Write(files.certificate.clone(), error))?;
    Ok(files)
}

/// What encrypts connections other than HTTP, with the same certificate.
pub fn tls_acceptor(
    disk: &dyn Disk,
    data: &Path,
    addresses: &[std::net::SocketAddr],
    files: Option<TlsFiles>,
) -> Result<TlsAcceptor, TlsError> {
    let ips: Vec<IpAddr> = addresses.iter().map(std::net::SocketAddr::ip).collect();
    let files = match files {
        Some(files) => files,
        None => own_files(disk, data, &ips)?,
    };
    acceptor(disk, &files)
}

pub fn acceptor(disk: &dyn Disk, files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let read = |path: &Path| {
        disk.read(path, PEM_BYTES_MAX).map_err(|error| TlsError::Read(path.to_owned(), error))
    };
    let unusable = |error: String| TlsError::Unusable(files.clone(), error);
    let (certificate, key) = (read(&files.certificate)?, read(&files.key)?);
    let chain = CertificateDer::pem_slice_iter(&certificate)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unusable(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| unusable(error.to_string()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| unusable(error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
