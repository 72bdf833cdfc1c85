//! What stands in a certificate, in words for people. Decides nothing about trust.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::time::ASN1Time;

/// Names and addresses that are shown of one certificate. More: passed over.
const NAMES_MAX: usize = 64;
const SECOND_NS: i64 = 1_000_000_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub subject: String,
    pub issuer: String,
    pub self_signed: bool,
    pub authority: bool,
    pub not_before_unix_ns: i64,
    pub not_after_unix_ns: i64,
    pub serial: String,
    pub uris: Vec<String>,
    pub names: Vec<String>,
    pub key: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationDescription {
    pub issuer: String,
    pub next_update_unix_ns: Option<i64>,
    pub revoked: usize,
}

/// Reads a certificate (DER); in words why it is none.
pub fn describe(der: &[u8]) -> Result<Description, String> {
    let (rest, certificate) = X509Certificate::from_der(der)
        .map_err(|error| format!("this is no certificate that can be read: {error}"))?;
    if !rest.is_empty() {
        return Err(format!("the certificate is followed by {} bytes of something", rest.len()));
    }
    let (mut uris, mut names) = (Vec::new(), Vec::new());
    let alternatives = certificate.extensions().iter().filter_map(|extension| {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) => Some(names),
            _ => None,
        }
    });
    for name in alternatives.flat_map(|names| &names.general_names).take(NAMES_MAX) {
        match name {
            GeneralName::URI(uri) => uris.push((*uri).to_owned()),
            GeneralName::DNSName(name) => names.push((*name).to_owned()),
            GeneralName::IPAddress(bytes) => names.extend(address(bytes)),
            _ => {}
        }
    }
    let authority = certificate.is_ca();
    Ok(Description {
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        self_signed: certificate.subject().as_raw() == certificate.issuer().as_raw(),
        authority,
        not_before_unix_ns: unix_ns(&certificate.validity().not_before),
        not_after_unix_ns: unix_ns(&certificate.validity().not_after),
        serial: certificate.raw_serial_as_string(),
        uris,
        names,
        key: key(&certificate),
    })
}

/// Reads a revocation list (DER); in words why it is none.
pub fn describe_list(der: &[u8]) -> Result<RevocationDescription, String> {
    let (rest, list) = CertificateRevocationList::from_der(der)
        .map_err(|error| format!("this is no revocation list that can be read: {error}"))?;
    if !rest.is_empty() {
        return Err(format!("the list is followed by {} bytes of something", rest.len()));
    }
    Ok(RevocationDescription {
        issuer: list.issuer().to_string(),
        next_update_unix_ns: list.next_update().as_ref().map(unix_ns),
        revoked: list.iter_revoked_certificates().count(),
    })
}

fn unix_ns(time: &ASN1Time) -> i64 {
    time.timestamp().saturating_mul(SECOND_NS)
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(octets).to_string());
    }
    let octets = <[u8; 16]>::try_from(bytes).ok()?;
    Some(std::net::Ipv6Addr::from(octets).to_string())
}

/// Kind and size of the key, such as `RSA 2048`.
fn key(certificate: &X509Certificate<'_>) -> String {
    let info = certificate.public_key();
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA {}", key.key_size()),
        Ok(PublicKey::EC(point)) => format!("EC {}", point.key_size()),
        _ => match info.algorithm.algorithm.to_id_string().as_str() {
            "1.3.101.112" => "Ed25519".to_owned(),
            "1.3.101.113" => "Ed448".to_owned(),
            other => other.to_owned(),
        },
    }
}
