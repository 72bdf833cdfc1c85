//! The settings of an HTTP sink, and what can be wrong with them. The doc comments are the help in
//! the console's form. Nothing here touches the world.

use super::DATA;
use super::address::{Address, Target};
use super::answer::Expected;
use crate::payload::Format;
use crate::payload::filter::Program;
use crate::template;
use hyper::header::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tagwerk_component::{Duration, Findings, Place, Secret};
use tagwerk_tls::TlsSettings;

/// Requests that may be on their way at once.
pub const IN_FLIGHT_MAX: usize = 16;
/// Headers of the settings.
const HEADERS_MAX: usize = 32;
/// Headers that the sink writes itself.
pub const OWN_HEADERS: [&str; 8] = [
    "host",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "expect",
    "upgrade",
    "idempotency-key",
];

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to send: `https://host/path`. Placeholders after the host: `{edge}`, `{sink}`,
    /// `{device}`, `{group}`; names are percent-encoded.
    pub url: String,
    /// Method of the requests.
    #[serde(default)]
    pub method: Method,
    /// Headers of the requests. A value is text, or a secret of the edge: `{secret: NAME}`.
    #[serde(default)]
    pub headers: BTreeMap<String, Words>,
    /// How the edge shows who it is; at most one way.
    #[serde(default)]
    pub auth: Auth,
    /// TLS, for `https://`.
    #[serde(default)]
    pub tls: Option<TlsSettings>,
    /// Form of the payloads.
    #[serde(default)]
    pub format: Format,
    /// With format `jq`, the jq program that makes the payloads. Its input is the `tags` form with
    /// the keys `edge` and `device`, and with each tag's `unit` and `quality`. Each output becomes
    /// one payload; text is sent as it is, anything else as JSON. A program that fails, does not
    /// end or makes more than 1,000 payloads loses the delivery to the dead letters.
    #[serde(default)]
    pub filter: Option<String>,
    /// Send tags whose quality is bad, with the OPC UA status code as the error.
    #[serde(default = "default_true")]
    pub errors: bool,
    /// Add the keys `epoch`, `from`, `to` and `replayed` to the payload, by which a receiver can
    /// prove that nothing is missing.
    #[serde(default)]
    pub sequence: bool,
    /// How payloads become the body of a request.
    #[serde(default)]
    pub body: Body,
    /// With body `list` or `lines`: a request is sent when it has this many samples.
    #[serde(default = "default_batch_samples")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub batch_samples: usize,
    /// With body `list` or `lines`: a request is sent before it has more bytes than this,
    /// uncompressed. One delivery is never divided.
    #[serde(default = "default_batch_bytes")]
    #[schemars(range(min = 1_024, max = 67_108_864))]
    pub batch_bytes: usize,
    /// With body `list` or `lines`: the longest that samples wait for others before they are sent.
    #[serde(default = "default_linger")]
    pub linger: Duration,
    /// Compression of the bodies.
    #[serde(default)]
    pub compression: Compression,
    /// Time to connect, TLS included.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout: Duration,
    /// Time for the server to take a request and answer it. Then the sink connects again and
    /// delivers again.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// Requests that may be on their way at once, each on a connection of its own. With 1 they
    /// arrive in order; with more they start in order.
    #[serde(default = "default_in_flight_max")]
    #[schemars(range(min = 1, max = 16))]
    pub in_flight_max: usize,
    /// What the server's answer must be for samples to count as delivered. Without, any status from
    /// 200 to 299, unless a web page comes with it: those are from a proxy or a log-in portal.
    #[serde(default)]
    pub expect: Option<Expected>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    #[default]
    Post,
    Put,
    Patch,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// One payload; each delivery is a request of its own.
    #[default]
    One,
    /// A JSON list of payloads, from as many deliveries as the `batch_` settings allow.
    List,
    /// A line for each payload, from as many deliveries as the `batch_` settings allow.
    Lines,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    #[default]
    None,
    Gzip,
}

/// Text, or a secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged, expecting = "expected text or `{secret: NAME}`")]
pub enum Words {
    Text(String),
    Secret(Secret),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// User name and password, as HTTP Basic.
    #[serde(default)]
    pub basic: Option<Basic>,
    /// A token, sent as `Authorization: Bearer`.
    #[serde(default)]
    pub bearer: Option<Secret>,
    /// A token that a token server gives for the edge's id and secret: OAuth 2 client credentials.
    #[serde(default)]
    pub oauth2: Option<Oauth2>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// User name.
    pub username: String,
    /// Password.
    pub password: Secret,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oauth2 {
    /// Address of the token server. The sink's `tls` holds for it too.
    pub token_url: String,
    /// The edge's id at the token server.
    pub client_id: String,
    /// The edge's secret at the token server.
    pub client_secret: Secret,
    /// What to ask for, separated by spaces.
    #[serde(default)]
    pub scope: Option<String>,
}

fn default_true() -> bool {
    true
}
fn default_batch_samples() -> usize {
    5_000
}
fn default_batch_bytes() -> usize {
    1024 * 1024
}
fn default_linger() -> Duration {
    Duration::from_millis(1_000)
}
fn default_connect_timeout() -> Duration {
    Duration::from_millis(10_000)
}
fn default_timeout() -> Duration {
    Duration::from_millis(20_000)
}
fn default_in_flight_max() -> usize {
    1
}

/// Settings that passed check.
pub struct Checked {
    pub settings: Settings,
    pub address: Address,
    pub target: Target,
    pub token: Option<(Address, String)>,
    pub program: Option<Program>,
}

const URL_REMEDY: &str = "write `https://host/path`";

impl Checked {
    /// Reports everything that is wrong; `None` when any of it is an error.
    pub fn from_settings(value: &serde_json::Value, findings: &mut Findings) -> Option<Checked> {
        let before = findings.errors();
        let settings = match Settings::deserialize(value) {
            Ok(settings) => settings,
            Err(error) => {
                findings.error(
                    Place::root().key("settings"),
                    format!("these are not the settings of an HTTP sink: {error}"),
                    "compare with the example in the reference of the sink `http`",
                );
                return None;
            }
        };
        let address = check_url(&settings, findings);
        check_numbers(&settings, findings);
        check_headers(&settings, findings);
        let token = check_auth(&settings, findings);
        check_tls(&settings, &address, &token, findings);
        if let Some(expected) = &settings.expect {
            expected.check(&Place::settings("expect"), findings);
        }
        let filter = settings.filter.as_deref();
        let program = Program::check(settings.format, filter, None, findings);
        if findings.errors() > before {
            return None;
        }
        let (address, target) = address?;
        Some(Checked { address, target, token, program, settings })
    }
}

fn check_url(settings: &Settings, findings: &mut Findings) -> Option<(Address, Target)> {
    match Address::split(&settings.url) {
        Err(problem) => {
            findings.error(Place::settings("url"), problem, URL_REMEDY);
            None
        }
        Ok((address, rest)) => match Target::parse(rest) {
            Ok(target) => Some((address, target)),
            Err(problem) => {
                template::report(problem, Place::settings("url"), DATA, findings);
                None
            }
        },
    }
}

fn check_numbers(settings: &Settings, findings: &mut Findings) {
    for (key, number, bounds) in [
        ("in_flight_max", settings.in_flight_max, 1..=IN_FLIGHT_MAX),
        ("batch_samples", settings.batch_samples, 1..=1_000_000),
        ("batch_bytes", settings.batch_bytes, 1_024..=64 * 1024 * 1024),
    ] {
        if !bounds.contains(&number) {
            findings.error(
                Place::settings(key),
                format!("{number} is out of range"),
                format!("choose a number from {} to {}", bounds.start(), bounds.end()),
            );
        }
    }
    for (key, duration, least, remedy) in [
        ("linger", settings.linger, 0, "choose at most `10m`"),
        ("connect_timeout", settings.connect_timeout, 100, "choose from `100ms` to `10m`"),
        ("timeout", settings.timeout, 100, "choose from `100ms` to `10m`"),
    ] {
        if !(least..=600_000).contains(&duration.0.as_millis()) {
            findings.error(Place::settings(key), format!("{duration} is out of range"), remedy);
        }
    }
}

fn check_headers(settings: &Settings, findings: &mut Findings) {
    let place = Place::settings("headers");
    if settings.headers.len() > HEADERS_MAX {
        findings.error(
            place.clone(),
            format!("there are {} headers", settings.headers.len()),
            format!("{HEADERS_MAX} are possible"),
        );
    }
    for (name, value) in &settings.headers {
        let place = place.clone().key(name);
        let lower = name.to_ascii_lowercase();
        if HeaderName::try_from(name.as_str()).is_err() {
            findings.error(
                place,
                format!("`{name}` cannot be the name of a header"),
                "use letters, digits and `-`",
            );
        } else if OWN_HEADERS.contains(&lower.as_str()) {
            findings.error(place, format!("`{name}` is written by the sink"), "remove it");
        } else if lower == "authorization" && settings.auth != Auth::default() {
            findings.error(
                place,
                "this header is what `auth` writes",
                "remove the header or `auth`",
            );
        } else if let Words::Text(text) = value
            && HeaderValue::try_from(text.as_str()).is_err()
        {
            findings.error(place, "this text cannot stand in a header", "use one line of ASCII");
        }
    }
}

fn check_auth(settings: &Settings, findings: &mut Findings) -> Option<(Address, String)> {
    let Auth { basic, bearer, oauth2 } = &settings.auth;
    let ways = [basic.is_some(), bearer.is_some(), oauth2.is_some()];
    if ways.iter().filter(|given| **given).count() > 1 {
        findings.error(
            Place::settings("auth"),
            "there is more than one way to show who the edge is",
            "keep one of `basic`, `bearer` and `oauth2`",
        );
    }
    if basic.as_ref().is_some_and(|basic| basic.username.contains(':')) {
        findings.error(
            Place::settings("auth").key("basic").key("username"),
            "HTTP Basic has no way to write a `:` in a user name",
            "use another name",
        );
    }
    let oauth2 = oauth2.as_ref()?;
    let place = Place::settings("auth").key("oauth2").key("token_url");
    match Address::split(&oauth2.token_url) {
        Err(problem) => findings.error(place, problem, URL_REMEDY),
        Ok((_, rest)) if rest.contains(['{', '}']) => {
            findings.error(place, "there are no placeholders here", URL_REMEDY);
        }
        Ok((address, rest)) => match Target::parse(rest) {
            Ok(_) => return Some((address, format!("/{}", rest.trim_start_matches('/')))),
            Err(problem) => template::report(problem, place, DATA, findings),
        },
    }
    None
}

fn check_tls(
    settings: &Settings,
    address: &Option<(Address, Target)>,
    token: &Option<(Address, String)>,
    findings: &mut Findings,
) {
    let clear = |address: &Address| !address.tls;
    let (server, token) = (address.as_ref().map(|(address, _)| address), token.as_ref());
    if let Some(tls) = &settings.tls {
        if server.is_some_and(clear) && token.is_none_or(|(address, _)| clear(address)) {
            findings.error(
                Place::settings("tls"),
                format!("there are TLS settings, but `{}` does not use TLS", settings.url),
                "write `https://` in `url`, or remove `tls`",
            );
        }
        tls.check(&Place::settings("tls"), findings);
    }
    let secret_header = settings.headers.values().any(|value| matches!(value, Words::Secret(_)));
    if server.is_some_and(clear) && (settings.auth != Auth::default() || secret_header) {
        findings.warning(
            Place::settings("url"),
            "secrets go over the network in clear text: anyone between can read them",
            "use `https://`",
        );
    }
}

#[cfg(test)]
mod tests;
