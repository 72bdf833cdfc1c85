//! TLS towards a broker: which certificates to trust and to show. Unverified only where the settings
//! say so in as many words.

use super::refusal;
use super::settings::{Address, Tls};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::Arc;
use tagwerk_component::SinkFault;
use tagwerk_env::{Disk, Stream};

/// Largest PEM file read.
const PEM_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Where Linux distributions keep the authorities that the system trusts.
const SYSTEM_AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Does the handshake over an open stream; the caller bounds the time.
pub async fn connect(
    disk: &dyn Disk,
    address: &Address,
    settings: &Tls,
    stream: Box<dyn Stream>,
) -> Result<Box<dyn Stream>, SinkFault> {
    let config = client_config(disk, settings).map_err(SinkFault::Settings)?;
    let name = settings.server_name.as_ref().unwrap_or(&address.host);
    let name = ServerName::try_from(name.clone()).map_err(|_| {
        SinkFault::Settings(format!(
            "`{name}` cannot stand in a certificate; set `tls.server_name`"
        ))
    })?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    match connector.connect(name, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(refusal::of_io(&error, &address.to_string())),
    }
}

fn client_config(disk: &dyn Disk, settings: &Tls) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let builder = if settings.verify {
        builder.with_root_certificates(authorities(disk, settings.ca_file.as_deref())?)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider)))
    };
    match (&settings.certificate_file, &settings.key_file) {
        (Some(certificate_file), Some(key_file)) => {
            let chain = certificates(disk, certificate_file)?;
            let key = PrivateKeyDer::from_pem_slice(&read(disk, key_file)?)
                .map_err(|error| format!("`{key_file}` holds no private key in PEM ({error:?})"))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                format!("`{certificate_file}` and `{key_file}` do not fit together: {error}")
            })
        }
        _ => Ok(builder.with_no_client_auth()),
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
                return Err(
                    "this system trusts no authorities; name the broker's in `tls.ca_file`".into(),
                );
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
