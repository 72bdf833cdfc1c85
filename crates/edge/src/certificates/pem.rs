//! Certificates, keys and revocation lists as people hand them over: PEM, DER, or DER in base64.

use super::show::{describe, describe_list};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tagwerk_component::Identity;
use tokio_rustls::rustls::pki_types::pem::{PemObject, SectionKind};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// Parts of one text. More: refused.
const PARTS_MAX: usize = 256;

/// What a text or a file holds, all DER.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Material {
    pub certificates: Vec<Vec<u8>>,
    pub lists: Vec<Vec<u8>>,
}

/// Reads certificates and revocation lists; refuses anything else, in words.
pub fn read(bytes: &[u8]) -> Result<Material, String> {
    let marker = b"-----BEGIN ";
    if bytes.windows(marker.len()).any(|part| part == marker) {
        return read_pem(bytes);
    }
    if bytes.first() == Some(&0x30) && std::str::from_utf8(bytes).is_err() {
        return read_der(bytes.to_vec());
    }
    let text: Vec<u8> = bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    let der = STANDARD.decode(text).map_err(|_| {
        "this is neither PEM nor DER in base64; a PEM begins with -----BEGIN CERTIFICATE-----"
            .to_owned()
    })?;
    read_der(der)
}

fn read_der(der: Vec<u8>) -> Result<Material, String> {
    let problem = match describe(&der) {
        Ok(_) => return Ok(Material { certificates: vec![der], lists: Vec::new() }),
        Err(problem) => problem,
    };
    match describe_list(&der) {
        Ok(_) => Ok(Material { certificates: Vec::new(), lists: vec![der] }),
        Err(_) => Err(problem),
    }
}

fn read_pem(bytes: &[u8]) -> Result<Material, String> {
    let mut material = Material::default();
    for part in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes).take(PARTS_MAX + 1) {
        let (kind, der) = part.map_err(|error| format!("the PEM cannot be read: {error}"))?;
        match kind {
            SectionKind::Certificate => {
                describe(&der)?;
                material.certificates.push(der);
            }
            SectionKind::Crl => {
                describe_list(&der)?;
                material.lists.push(der);
            }
            _ => {
                return Err("the PEM has a key or a request beside certificates; take it out, \
                            nobody must have that key but its owner"
                    .to_owned());
            }
        }
    }
    match material.certificates.len() + material.lists.len() {
        0 => Err("the PEM has no certificate and no revocation list".to_owned()),
        n if n > PARTS_MAX => Err(format!("the PEM has more than {PARTS_MAX} parts")),
        _ => Ok(material),
    }
}

pub fn write_certificate(der: &[u8]) -> String {
    write("CERTIFICATE", der)
}

/// Key and certificate in one file, so that neither is ever there without the other.
pub fn write_identity(identity: &Identity) -> String {
    write("PRIVATE KEY", &identity.key) + &write("CERTIFICATE", &identity.certificate)
}

pub fn read_identity(bytes: &[u8]) -> Option<Identity> {
    let key = PrivatePkcs8KeyDer::from_pem_slice(bytes).ok()?;
    let certificate = CertificateDer::from_pem_slice(bytes).ok()?;
    Some(Identity { certificate: certificate.to_vec(), key: key.secret_pkcs8_der().to_vec() })
}

fn write(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = &*text;
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}
