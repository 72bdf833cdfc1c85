//! The TLS settings that every component shares, and what can be wrong with them. The doc comments
//! are the help in the console's form.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tagwerk_component::{Findings, Place, Secret};

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// PEM file of the authorities to trust instead of the system's.
    #[serde(default)]
    pub ca_file: Option<String>,
    /// PEM file of the edge's own certificate, with its chain.
    #[serde(default)]
    pub certificate_file: Option<String>,
    /// PEM file of the key of `certificate_file`.
    #[serde(default)]
    pub key_file: Option<String>,
    /// The key of `certificate_file` as a secret of the edge, in PEM, instead of `key_file`.
    #[serde(default)]
    pub key: Option<Secret>,
    /// Name to expect in the other side's certificate, where it is not the host that is connected to.
    #[serde(default)]
    pub server_name: Option<String>,
    /// Check the other side's certificate. Without, anyone between can pose as the other side.
    #[serde(default = "default_true")]
    pub verify: bool,
}

fn default_true() -> bool {
    true
}

impl Default for TlsSettings {
    fn default() -> TlsSettings {
        TlsSettings {
            ca_file: None,
            certificate_file: None,
            key_file: None,
            key: None,
            server_name: None,
            verify: true,
        }
    }
}

impl TlsSettings {
    /// Reports everything that is wrong; `place` is that of these settings.
    pub fn check(&self, place: &Place, findings: &mut Findings) {
        let key = |key: &str| place.clone().key(key);
        let has_key = self.key_file.is_some() || self.key.is_some();
        if self.certificate_file.is_some() && !has_key {
            findings.error(
                key("key_file"),
                "there is a certificate but no key",
                "name the PEM file of the certificate's private key",
            );
        }
        if self.certificate_file.is_none() && has_key {
            findings.error(
                key("certificate_file"),
                "there is a key but no certificate",
                "name the PEM file of the key's certificate",
            );
        }
        if self.key_file.is_some() && self.key.is_some() {
            findings.error(
                key("key"),
                "the key is given twice, as a file and as a secret",
                "remove `key` or `key_file`",
            );
        }
        if let Some(name) = &self.server_name
            && rustls::pki_types::ServerName::try_from(name.as_str()).is_err()
        {
            findings.error(
                key("server_name"),
                format!("`{name}` is not a host name or an IP address"),
                "write the name as it stands in the other side's certificate",
            );
        }
        if !self.verify {
            findings.warning(
                key("verify"),
                "the other side's certificate is not checked: anyone between can pose as it",
                "name the other side's authority in `ca_file` and remove `verify: false`",
            );
        }
    }
}
