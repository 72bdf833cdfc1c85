//! The certificates' routes: the page on which a person decides whom the edge trusts.

use super::extract::{At, Sent};
use super::record::record;
use super::refusal::Refusal;
use crate::accounts::Caller;
use crate::app::Shared;
use crate::certificates::{
    Added, CertificateRefused, CertificateStore, Description, Rejected, describe, describe_list,
    fingerprint, write_certificate,
};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use tagwerk_api::{
    Certificate, Certificates, ErrorCode, NewCertificate, RejectedCertificate, RevocationList, Time,
};
use tagwerk_runtime::RecordKind;

pub async fn certificates(State(app): State<Shared>) -> Json<Certificates> {
    Json(list(&app.certificates))
}

pub async fn add(
    State(app): State<Shared>,
    caller: Caller,
    Sent(sent): Sent<NewCertificate>,
) -> Result<Json<Certificates>, Refusal> {
    let store = Arc::clone(&app.certificates);
    for added in blocking(move || store.add(sent.pem.as_bytes())).await? {
        record(&app, RecordKind::Certificate, &caller.by(), &words(&added)).await?;
    }
    Ok(Json(list(&app.certificates)))
}

pub async fn trust(
    State(app): State<Shared>,
    caller: Caller,
    At(fingerprint): At<String>,
) -> Result<Json<Certificates>, Refusal> {
    let store = Arc::clone(&app.certificates);
    let added = blocking(move || store.trust(&fingerprint)).await?;
    record(&app, RecordKind::Certificate, &caller.by(), &words(&added)).await?;
    Ok(Json(list(&app.certificates)))
}

pub async fn remove(
    State(app): State<Shared>,
    caller: Caller,
    At(fingerprint): At<String>,
) -> Result<StatusCode, Refusal> {
    let store = Arc::clone(&app.certificates);
    let text = blocking(move || store.remove(&fingerprint)).await?;
    record(&app, RecordKind::Certificate, &caller.by(), &text).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn pem(
    State(app): State<Shared>,
    At(fingerprint): At<String>,
) -> Result<Response, Refusal> {
    let der = app.certificates.certificate(&fingerprint).ok_or_else(|| {
        let text = format!("there is no certificate {fingerprint}");
        Refusal::from(CertificateRefused::NotFound(text))
    })?;
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((kind, write_certificate(&der)).into_response())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CertificateRefused> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.expect("the certificates' methods do not panic")?)
}

fn words(added: &Added) -> String {
    match added {
        Added::Certificate { fingerprint, subject } => {
            format!("trusts the certificate {subject} ({fingerprint})")
        }
        Added::List { issuer } => format!("took a revocation list of {issuer}"),
    }
}

fn list(store: &CertificateStore) -> Certificates {
    let own = store.own_certificates().into_iter();
    let trusted = store.trusted_certificates().into_iter();
    let lists = store.lists().into_iter();
    Certificates {
        own: own.map(|(purpose, der)| certificate(&der, Some(purpose))).collect(),
        trusted: trusted.map(|der| certificate(&der, None)).collect(),
        rejected: store.rejected().into_iter().map(rejected).collect(),
        revocation_lists: lists.filter_map(|der| revocation_list(&der)).collect(),
    }
}

fn certificate(der: &[u8], purpose: Option<String>) -> Certificate {
    let shown = shown(der);
    Certificate {
        fingerprint: fingerprint(der),
        subject: shown.subject,
        issuer: shown.issuer,
        self_signed: shown.self_signed,
        authority: shown.authority,
        not_before: Time::from_unix_ns(shown.not_before_unix_ns),
        not_after: Time::from_unix_ns(shown.not_after_unix_ns),
        serial: shown.serial,
        uris: shown.uris,
        names: shown.names,
        key: shown.key,
        purpose,
    }
}

fn rejected(rejected: Rejected) -> RejectedCertificate {
    let shown = shown(rejected.der());
    RejectedCertificate {
        fingerprint: fingerprint(rejected.der()),
        subject: shown.subject,
        issuer: shown.issuer,
        self_signed: shown.self_signed,
        authority: shown.authority,
        not_before: Time::from_unix_ns(shown.not_before_unix_ns),
        not_after: Time::from_unix_ns(shown.not_after_unix_ns),
        serial: shown.serial,
        uris: shown.uris,
        names: shown.names,
        key: shown.key,
        purpose: Some(rejected.purpose),
        first_seen: Time::from_unix_ns(rejected.first_unix_ns),
        last_seen: Time::from_unix_ns(rejected.last_unix_ns),
        times: rejected.times,
        reason: rejected.reason,
    }
}

fn revocation_list(der: &[u8]) -> Option<RevocationList> {
    let shown = describe_list(der).ok()?;
    Some(RevocationList {
        id: fingerprint(der),
        issuer: shown.issuer,
        next_update: shown.next_update_unix_ns.map(Time::from_unix_ns),
        revoked: shown.revoked as u64,
    })
}

/// A stranger may have shown something that is no certificate; it is listed all the same.
fn shown(der: &[u8]) -> Description {
    describe(der).unwrap_or_else(|problem| Description {
        subject: problem,
        issuer: String::new(),
        self_signed: false,
        authority: false,
        not_before_unix_ns: 0,
        not_after_unix_ns: 0,
        serial: String::new(),
        uris: Vec::new(),
        names: Vec::new(),
        key: String::new(),
    })
}

impl From<CertificateRefused> for Refusal {
    fn from(refused: CertificateRefused) -> Refusal {
        match refused {
            CertificateRefused::Choice(text) => Refusal::invalid(
                text,
                "send certificates or revocation lists as PEM, or one as DER in base64",
            ),
            CertificateRefused::Limit(text) => {
                Refusal::new(StatusCode::CONFLICT, ErrorCode::Limit, text, "remove an unused one")
            }
            CertificateRefused::NotFound(text) => Refusal::not_found(text, "list them first"),
            CertificateRefused::Disk(..) => Refusal::unavailable(
                refused.to_string(),
                "see that the data directory can be written and has space",
            ),
        }
    }
}
