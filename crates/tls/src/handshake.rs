//! The handshake over an open stream: which certificates to trust and to show.

use crate::fault::TlsFault;
use crate::settings::TlsSettings;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, UnixTime,
};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{Certificates, LinkContext, Secrets, SinkContext};
use tagwerk_env::{Clock, Disk, Env, Stream};

/// Largest PEM file read.
const PEM_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Where Linux distributions keep the authorities that the system trusts.
const SYSTEM_AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What a handshake takes from the edge: files, the time, secrets, revocation lists.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    pub env: &'a Env,
    pub secrets: &'a dyn Secrets,
    pub certificates: &'a dyn Certificates,
}

impl<'a> From<&'a LinkContext> for Means<'a> {
    fn from(context: &'a LinkContext) -> Means<'a> {
        let LinkContext { env, secrets, certificates, .. } = context;
        Means { env, secrets: &**secrets, certificates: &**certificates }
    }
}

impl<'a> From<&'a SinkContext> for Means<'a> {
    fn from(context: &'a SinkContext) -> Means<'a> {
        let SinkContext { env, secrets, certificates, .. } = context;
        Means { env, secrets: &**secrets, certificates: &**certificates }
    }
}

/// The other side.
#[derive(Clone, Copy)]
pub struct Peer<'a> {
    /// The host that was connected to.
    pub host: &'a str,
    /// How messages call it, such as `the broker at mqtts://b:8883`.
    pub words: &'a str,
}

/// Does the handshake over an open stream; the caller bounds the time.
pub async fn connect(
    means: impl Into<Means<'_>>,
    peer: Peer<'_>,
    settings: &TlsSettings,
    stream: Box<dyn Stream>,
) -> Result<Box<dyn Stream>, TlsFault> {
    let means = means.into();
    let config = client_config(means, settings).map_err(TlsFault::Settings)?;
    let name = settings.server_name.as_deref().unwrap_or(peer.host);
    let name = ServerName::try_from(name.to_owned()).map_err(|_| {
        TlsFault::Settings(format!("`{name}` cannot stand in a certificate; set `tls.server_name`"))
    })?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    match connector.connect(name, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => {
            let fault = TlsFault::of_io(&error, peer.words, means.env.clock.wall());
            Err(fault.unwrap_or_else(|| {
                TlsFault::Passing(format!("the connection to {} broke: {error}", peer.words))
            }))
        }
    }
}

fn client_config(means: Means<'_>, settings: &TlsSettings) -> Result<ClientConfig, String> {
    let disk = &*means.env.disk;
    let provider = Arc::new(ring::default_provider());
    let time = Arc::new(WallClock(means.env.clock.clone()));
    let builder = ClientConfig::builder_with_details(provider.clone(), time)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let builder = if settings.verify {
        let trusted = Arc::new(authorities(disk, settings.ca_file.as_deref())?);
        let revoked = means.certificates.revoked()?;
        let verifier = WebPkiServerVerifier::builder_with_provider(trusted, provider)
            .with_crls(revoked.into_iter().map(CertificateRevocationListDer::from))
            .allow_unknown_revocation_status()
            .build()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        builder.with_webpki_verifier(verifier)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider)))
    };
    let Some(certificate_file) = &settings.certificate_file else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(disk, certificate_file)?;
    let Some((key, origin)) = private_key(means, settings)? else {
        return Ok(builder.with_no_client_auth());
    };
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| format!("`{certificate_file}` and {origin} do not fit together: {error}"))
}

/// The key, and how messages call the place that it is from.
fn private_key(
    means: Means<'_>,
    settings: &TlsSettings,
) -> Result<Option<(PrivateKeyDer<'static>, String)>, String> {
    let (pem, origin) = match (&settings.key_file, &settings.key) {
        (Some(file), _) => (read(&*means.env.disk, file)?, format!("`{file}`")),
        (None, Some(key)) => {
            let text = means.secrets.get(&key.secret)?;
            (text.expose().as_bytes().to_vec(), format!("the secret `{}`", key.secret))
        }
        (None, None) => return Ok(None),
    };
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(key) => Ok(Some((key, origin))),
        // The parser's own words could repeat a part of the key.
        Err(_) => Err(format!("{origin} holds no private key in PEM")),
    }
}

fn authorities(disk: &dyn Disk, file: Option<&str>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    match file {
        Some(file) => {
            for certificate in certificates(disk, file)? {
                store
                    .add(certificate)
                    .map_err(|error| format!("a certificate in `{file}` is of no use: {error}"))?;
            }
        }
        None => {
            for file in SYSTEM_AUTHORITIES {
                if let Ok(found) = certificates(disk, file) {
                    store.add_parsable_certificates(found);
                    break;
                }
            }
            if store.is_empty() {
                return Err("this system trusts no authorities; name the other side's in \
                            `tls.ca_file`"
                    .into());
            }
        }
    }
    Ok(store)
}

fn certificates(disk: &dyn Disk, file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(&read(disk, file)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("`{file}` is not a PEM file ({error:?})"))?;
    match found.is_empty() {
        true => Err(format!("`{file}` holds no certificate in PEM")),
        false => Ok(found),
    }
}

fn read(disk: &dyn Disk, file: &str) -> Result<Vec<u8>, String> {
    disk.read(Path::new(file), PEM_BYTES_MAX)
        .map_err(|error| format!("cannot read `{file}`: {error}"))
}

/// The edge's own clock, by which certificates are checked.
struct WallClock(Arc<dyn Clock>);

impl std::fmt::Debug for WallClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WallClock")
    }
}

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        let nanos = u64::try_from(self.0.wall().unix_ns).unwrap_or(0);
        Some(UnixTime::since_unix_epoch(Duration::from_nanos(nanos)))
    }
}

/// Accepts any certificate, for `verify: false`.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
