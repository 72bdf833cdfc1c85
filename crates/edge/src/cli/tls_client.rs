//! The client's side of https: whom it trusts.

use anyhow::{Context, bail};
use std::path::Path;
use std::sync::Arc;
use tagwerk_env::Disk;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// Trusts exactly the certificates in this file.
pub fn connector(disk: &dyn Disk, trusted: &Path) -> anyhow::Result<TlsConnector> {
    let pem = disk.read(trusted, PEM_BYTES_MAX).with_context(|| {
        format!(
            "{} cannot be read; name the certificate to trust by --ca, or the edge's data \
             directory by --data",
            trusted.display()
        )
    })?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate =
            certificate.with_context(|| format!("{} is not PEM", trusted.display()))?;
        roots
            .add(certificate)
            .with_context(|| format!("a certificate in {} cannot be trusted", trusted.display()))?;
    }
    if roots.is_empty() {
        bail!("{} has no certificate", trusted.display());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS cannot be prepared")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
