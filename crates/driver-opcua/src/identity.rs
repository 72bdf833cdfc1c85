//! The edge's own certificate as an OPC UA application, made on first use and kept.

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use rsa::pkcs8::EncodePrivateKey;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{Fault, Identity, LinkContext};
use tagwerk_proto_opcua::OwnKey;
use tagwerk_proto_opcua::policy::{leaf, random};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Under which the certificate is kept.
pub const PURPOSE: &str = "opcua";
const KEY_BITS: usize = 2_048;
const DAY: u64 = 86_400;
const VALID_DAYS: u64 = 20 * 365;
pub const NAME: &str = "Tagwerk edge";
pub const PRODUCT_URI: &str = "urn:tagwerk:edge";

/// Two sessions that open at once must not make two certificates.
static MAKING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

pub struct Own {
    pub key: Arc<OwnKey>,
    /// As the certificate names it, which servers compare.
    pub application_uri: String,
}

/// The kept certificate, or a new one.
pub async fn own(context: &LinkContext) -> Result<Own, Fault> {
    let trouble = |what: String| {
        Fault::Settings(format!("the edge's own OPC UA certificate cannot be used: {what}"))
    };
    let identity = match context.certificates.own(PURPOSE).map_err(trouble)? {
        Some(identity) => identity,
        None => made(context).await.map_err(trouble)?,
    };
    let key = OwnKey::new(&identity.certificate, &identity.key).map_err(trouble)?;
    let application_uri = application_uri(&identity.certificate)
        .ok_or_else(|| trouble("it names no application URI".to_owned()))?;
    Ok(Own { key: Arc::new(key), application_uri })
}

/// The certificate that all links will share, made by the first of them.
async fn made(context: &LinkContext) -> Result<Identity, String> {
    let _one_at_a_time = MAKING.lock().await;
    if let Some(identity) = context.certificates.own(PURPOSE)? {
        return Ok(identity);
    }
    let now = context.env.clock.wall().unix_ns.max(0) as u64 / 1_000_000_000;
    // The search for primes takes a second or more, which other links must not wait for.
    let made = tokio::task::spawn_blocking(move || make(now)).await;
    let made = made.map_err(|error| error.to_string())??;
    context.certificates.keep_own(PURPOSE, &made)?;
    context.trace.note(|| "Made the edge's own OPC UA certificate".to_owned());
    Ok(made)
}

/// A certificate that signs itself, for RSA 2048. `now` in seconds since 1970.
pub fn make(now: u64) -> Result<Identity, String> {
    let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, KEY_BITS)
        .map_err(|error| format!("making a key: {error}"))?;
    let key = key.to_pkcs8_der().map_err(|error| format!("making a key: {error}"))?.to_bytes();
    let pair = KeyPair::try_from(key.as_slice()).map_err(|error| error.to_string())?;
    let bytes: [u8; 8] = random().map_err(|error| error.to_string())?;
    let number: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, NAME);
    name.push(DnType::OrganizationName, "Tagwerk");
    params.distinguished_name = name;
    let uri = format!("urn:tagwerk:edge:{number}");
    params.subject_alt_names =
        vec![SanType::URI(uri.try_into().map_err(|_| "an application URI".to_owned())?)];
    params.not_before = date_time_ymd(1970, 1, 1) + Duration::from_secs(now.saturating_sub(DAY));
    params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(now + VALID_DAYS * DAY);
    // As Part 6, 6.2.2 wants it of certificates that sign themselves.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::ContentCommitment,
        KeyUsagePurpose::KeyEncipherment,
        KeyUsagePurpose::DataEncipherment,
        KeyUsagePurpose::KeyCertSign,
    ];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&pair).map_err(|error| error.to_string())?;
    Ok(Identity { certificate: certificate.der().to_vec(), key: key.to_vec() })
}

/// The first URI among the certificate's alternative names.
pub fn application_uri(certificate: &[u8]) -> Option<String> {
    let (_, parsed) = X509Certificate::from_der(leaf(certificate)).ok()?;
    let names = parsed.subject_alternative_name().ok()??;
    names.value.general_names.iter().find_map(|name| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    })
}
