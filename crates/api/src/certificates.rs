//! Certificates: the edge's own, those it trusts, and those that wait for a decision.

use crate::Time;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// SHA-256 of the certificate, in hexadecimal.
    pub fingerprint: String,
    pub subject: String,
    pub issuer: String,
    pub self_signed: bool,
    /// It may sign other certificates.
    pub authority: bool,
    pub not_before: Time,
    pub not_after: Time,
    pub serial: String,
    /// URIs that it is for, such as an OPC UA application's.
    pub uris: Vec<String>,
    /// Host names and addresses that it is for.
    pub names: Vec<String>,
    /// Kind and size of its key, such as `RSA 2048`.
    pub key: String,
    /// What the edge uses its own certificate for; `null` for others'.
    pub purpose: Option<String>,
}

/// A certificate that somebody showed and nobody trusted.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RejectedCertificate {
    pub fingerprint: String,
    pub subject: String,
    pub issuer: String,
    pub self_signed: bool,
    pub authority: bool,
    pub not_before: Time,
    pub not_after: Time,
    pub serial: String,
    pub uris: Vec<String>,
    pub names: Vec<String>,
    pub key: String,
    /// Who met it, such as `opcua press`.
    pub purpose: Option<String>,
    pub first_seen: Time,
    pub last_seen: Time,
    pub times: u64,
    pub reason: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RevocationList {
    /// SHA-256 of the list, in hexadecimal.
    pub id: String,
    pub issuer: String,
    pub next_update: Option<Time>,
    /// Certificates that it revokes.
    pub revoked: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Certificates {
    pub own: Vec<Certificate>,
    pub trusted: Vec<Certificate>,
    pub rejected: Vec<RejectedCertificate>,
    pub revocation_lists: Vec<RevocationList>,
}

#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCertificate {
    /// PEM, or DER in base64: certificates to trust, or revocation lists.
    pub pem: String,
}
