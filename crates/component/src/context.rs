//! What a component gets when it is opened: the machine, the secrets and certificates of the edge, and
//! the communication log.

use crate::trace::Trace;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use tagwerk_env::Env;

/// What a link is opened with.
#[derive(Clone)]
pub struct LinkContext {
    pub env: Env,
    pub secrets: Arc<dyn Secrets>,
    pub certificates: Arc<dyn Certificates>,
    pub trace: Trace,
    pub health: Arc<dyn Health>,
}

/// How the edge itself fares, for a driver that shows it.
pub trait Health: Send + Sync {
    /// None: it cannot be told at the moment.
    fn figures(&self) -> Option<HealthFigures>;
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthFigures {
    /// Devices that are enabled and cannot be reached, or do not answer.
    pub devices_lost: u64,
    /// Those that are enabled.
    pub sinks: Vec<SinkHealth>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkHealth {
    pub name: Arc<str>,
    pub connected: bool,
    /// Samples that wait.
    pub backlog: u64,
    /// Messages that the destination refused for good.
    pub rejected: u64,
}

/// Of an edge without devices and sinks.
pub struct NoHealth;

impl Health for NoHealth {
    fn figures(&self) -> Option<HealthFigures> {
        Some(HealthFigures::default())
    }
}

/// A setting that is secret: written `{secret: NAME}`, never in clear text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    pub secret: String,
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "format": "secret",
            "properties": { "secret": {
                "type": "string",
                "description": "Name of a secret that the edge holds.",
                "minLength": 1,
                "maxLength": 128
            } },
            "required": ["secret"],
            "additionalProperties": false
        })
    }
}

/// The text of a secret. Shows itself nowhere by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Box<str>);

impl SecretText {
    pub fn new(text: impl Into<Box<str>>) -> SecretText {
        SecretText(text.into())
    }

    /// The text itself, to be handed to the other side.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

/// The secrets that the edge holds.
pub trait Secrets: Send + Sync {
    /// The secret of this name, or in words why there is none.
    fn get(&self, name: &str) -> Result<SecretText, String>;

    /// The text without the secrets that stand in it: a device may repeat one in its answer.
    fn redact(&self, text: String) -> String {
        text
    }
}

/// A certificate of one's own (DER), and its private key (PKCS #8, DER).
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({} bytes of certificate)", self.certificate.len())
    }
}

/// The certificates that the edge holds for its components, all DER. Blocks on the disk, shortly.
pub trait Certificates: Send + Sync {
    /// The edge's own, for a purpose such as `opcua`; `None` until one was kept.
    fn own(&self, purpose: &str) -> Result<Option<Identity>, String>;

    fn keep_own(&self, purpose: &str, identity: &Identity) -> Result<(), String>;

    /// What a person trusts: single certificates, and authorities.
    fn trusted(&self) -> Result<Vec<Vec<u8>>, String>;

    /// Revocation lists.
    fn revoked(&self) -> Result<Vec<Vec<u8>>, String>;

    /// Lays a certificate that was not trusted before a person, with the reason.
    fn reject(&self, purpose: &str, certificate: &[u8], reason: &str);
}

/// An edge that holds no secrets.
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn get(&self, name: &str) -> Result<SecretText, String> {
        Err(format!("the edge holds no secret `{name}`; store it with `tagwerk secret set {name}`"))
    }
}

/// An edge that holds no certificates and trusts none.
pub struct NoCertificates;

impl Certificates for NoCertificates {
    fn own(&self, _: &str) -> Result<Option<Identity>, String> {
        Ok(None)
    }

    fn keep_own(&self, _: &str, _: &Identity) -> Result<(), String> {
        Ok(())
    }

    fn trusted(&self) -> Result<Vec<Vec<u8>>, String> {
        Ok(Vec::new())
    }

    fn revoked(&self) -> Result<Vec<Vec<u8>>, String> {
        Ok(Vec::new())
    }

    fn reject(&self, _: &str, _: &[u8], _: &str) {}
}
