//! The settings of the channel `webhook`, and what can be wrong with them. The doc comments are the
//! help in the reference. Nothing here touches the world.

use super::body::{Body, PLACEHOLDERS};
use crate::http::address::{Address, encoded};
use crate::http::settings::{Method, OWN_HEADERS, Words};
use crate::template::{self, Problem, Template};
use hyper::header::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tagwerk_component::{Duration, Findings, Notice, Place};
use tagwerk_tls::TlsSettings;

/// Headers of the settings. More: a finding.
const HEADERS_MAX: usize = 32;
const URL_REMEDY: &str = "write `https://host/path`";

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to send: `https://host/path`, or a secret of the edge that holds it: `{secret: NAME}`, as
    /// the address of a chat often is one. After the host it may hold the placeholders of `body`, which
    /// are percent-encoded.
    pub url: Words,
    /// Method of the request.
    #[serde(default)]
    pub method: Method,
    /// Headers of the request. A value is text, or a secret of the edge: `{secret: NAME}`.
    #[serde(default)]
    pub headers: BTreeMap<String, Words>,
    /// What is sent: keys and values of a JSON text, or plain text. All texts in it may hold
    /// placeholders: `{subject}`, `{message}` (all of it, as lines of text), `{edge}`, `{route}`,
    /// `{time}`, `{count}` (of alarms), `{link}`, `{id}`, and of the most urgent alarm `{event}`,
    /// `{alarm}`, `{device}`, `{tag}`, `{priority}`, `{state}`, `{value}`, `{unit}`, `{raised}`,
    /// `{text}` and `{response}`. Default: all that is known, as JSON.
    #[serde(default)]
    pub body: Option<serde_json::Value>,
    /// TLS, for `https://`.
    #[serde(default)]
    pub tls: Option<TlsSettings>,
    /// Time to connect, TLS included.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout: Duration,
    /// Time for the server to take the request and answer it.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
}

fn default_connect_timeout() -> Duration {
    Duration::from_millis(10_000)
}
fn default_timeout() -> Duration {
    Duration::from_millis(20_000)
}

/// An address, taken apart.
#[derive(Clone, Debug)]
pub struct Target {
    pub address: Address,
    path: Template,
}

impl Target {
    pub fn parse(url: &str) -> Result<Target, Problem> {
        let (address, rest) = Address::split(url).map_err(Problem::Text)?;
        let strange = |c: char| !c.is_ascii_graphic() || "#\"<>\\^`|".contains(c);
        if let Some(wrong) = rest.chars().find(|c| strange(*c)) {
            return Err(Problem::Text(format!("{wrong:?} cannot stand in an address")));
        }
        let rooted = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
        let path = Template::parse(&rooted, PLACEHOLDERS)?;
        Ok(Target { address, path })
    }

    /// What to ask for at the server.
    pub fn fill(&self, notice: &Notice) -> String {
        self.path.render(|name| encoded(&super::body::value(notice, name)).into())
    }
}

/// Settings that passed check.
pub struct Checked {
    pub settings: Settings,
    /// None: it is in a secret.
    pub target: Option<Target>,
    pub body: Body,
}

impl Checked {
    /// Reports everything that is wrong; `None` when any of it is an error.
    pub fn from_settings(value: &serde_json::Value, findings: &mut Findings) -> Option<Checked> {
        let before = findings.errors();
        let settings = match Settings::deserialize(value) {
            Ok(settings) => settings,
            Err(error) => {
                findings.error(
                    Place::root().key("settings"),
                    format!("these are not the settings of a webhook: {error}"),
                    "compare with the example in the reference of the channel `webhook`",
                );
                return None;
            }
        };
        let target = check_url(&settings, findings);
        check_headers(&settings, findings);
        let body = check_body(&settings, findings);
        for (key, duration) in
            [("connect_timeout", settings.connect_timeout), ("timeout", settings.timeout)]
        {
            if !(100..=600_000).contains(&duration.0.as_millis()) {
                let remedy = "choose from `100ms` to `10m`";
                let problem = format!("{duration} is out of range");
                findings.error(Place::settings(key), problem, remedy);
            }
        }
        if let Some(tls) = &settings.tls {
            tls.check(&Place::settings("tls"), findings);
        }
        let body = body.filter(|_| findings.errors() == before)?;
        Some(Checked { target, body, settings })
    }
}

fn check_url(settings: &Settings, findings: &mut Findings) -> Option<Target> {
    let Words::Text(url) = &settings.url else { return None };
    let place = Place::settings("url");
    let target = match Target::parse(url) {
        Ok(target) => target,
        Err(problem @ Problem::Unknown(_)) => {
            template::report(problem, place, PLACEHOLDERS, findings);
            return None;
        }
        Err(Problem::Text(problem)) => {
            findings.error(place, problem, URL_REMEDY);
            return None;
        }
    };
    let clear = !target.address.tls;
    if clear && settings.tls.is_some() {
        findings.error(
            Place::settings("tls"),
            format!("there are TLS settings, but `{url}` does not use TLS"),
            "write `https://` in `url`, or remove `tls`",
        );
    }
    if clear && settings.headers.values().any(|value| matches!(value, Words::Secret(_))) {
        findings.warning(
            place,
            "secrets go over the network in clear text: anyone between can read them",
            "use `https://`",
        );
    }
    Some(target)
}

fn check_headers(settings: &Settings, findings: &mut Findings) {
    let place = Place::settings("headers");
    if settings.headers.len() > HEADERS_MAX {
        let problem = format!("there are {} headers", settings.headers.len());
        findings.error(place.clone(), problem, format!("{HEADERS_MAX} are possible"));
    }
    for (name, value) in &settings.headers {
        let place = place.clone().key(name);
        let lower = name.to_ascii_lowercase();
        if HeaderName::try_from(name.as_str()).is_err() {
            let problem = format!("`{name}` cannot be the name of a header");
            findings.error(place, problem, "use letters, digits and `-`");
        } else if OWN_HEADERS.contains(&lower.as_str()) {
            findings.error(place, format!("`{name}` is written by the channel"), "remove it");
        } else if let Words::Text(text) = value
            && HeaderValue::try_from(text.as_str()).is_err()
        {
            findings.error(place, "this text cannot stand in a header", "use one line of ASCII");
        }
    }
}

fn check_body(settings: &Settings, findings: &mut Findings) -> Option<Body> {
    match Body::parse(settings.body.as_ref()) {
        Ok(body) => Some(body),
        Err((path, problem)) => {
            let place = path.iter().fold(Place::settings("body"), |place, step| {
                match step.parse::<usize>() {
                    Ok(index) => place.index(index),
                    Err(_) => place.key(step),
                }
            });
            template::report(problem, place, PLACEHOLDERS, findings);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(settings: serde_json::Value, expected: &[&str]) {
        let mut findings = Findings::new();
        let checked = Checked::from_settings(&settings, &mut findings);
        let found: Vec<&str> = findings.list().iter().map(|f| f.problem.as_str()).collect();
        assert_eq!(found.len(), expected.len(), "{settings}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found}");
        }
        assert_eq!(checked.is_some(), findings.errors() == 0);
    }

    #[test]
    fn settings_are_checked() {
        let url = "https://chat.example/hook";
        let secret = json!({ "secret": "s" });
        check(json!({ "url": url }), &[]);
        check(json!({ "url": secret, "headers": { "authorization": secret } }), &[]);
        check(json!({ "url": url, "body": { "text": "{alarm}" }, "tls": {} }), &[]);
        check(json!({ "url": "https://h/a?t={subject}" }), &[]);
        check(json!({ "url": "chat.example" }), &["not an address"]);
        check(json!({ "url": "https://h/{nobody}" }), &["no placeholder `{nobody}`"]);
        check(json!({ "url": "https://h/a b" }), &["cannot stand in an address"]);
        check(json!({ "url": "http://h", "tls": {} }), &["does not use TLS"]);
        let headers = json!({ "authorization": secret });
        check(json!({ "url": "http://h", "headers": headers }), &["clear text"]);
        check(json!({ "url": url, "headers": { "a b": "x" } }), &["name of a header"]);
        check(json!({ "url": url, "headers": { "Host": "x" } }), &["written by the channel"]);
        check(json!({ "url": url, "headers": { "x": "a\nb" } }), &["stand in a header"]);
        check(json!({ "url": url, "body": "{alram}" }), &["no placeholder `{alram}`"]);
        check(json!({ "url": url, "body": "{" }), &["has no `}`"]);
        check(json!({ "url": url, "timeout": "1ms" }), &["out of range"]);
        check(json!({ "url": url, "retries": 3 }), &["not the settings"]);
    }
}
