//! What an HTTP answer means for what was sent. Pure: bytes and a status in, a verdict out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tagwerk_component::{Findings, Place};

/// Largest body of an answer that is looked at. The rest is not read.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Letters of an answer that a message repeats.
const EXCERPT_LETTERS_MAX: usize = 300;
/// The longest wait that a server can ask for.
const WAIT_MAX: Duration = Duration::from_secs(3_600);

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The status, such as 201.
    #[serde(default)]
    #[schemars(range(min = 200, max = 299))]
    pub status: Option<u16>,
    /// Text that the answer must contain.
    #[serde(default)]
    pub text: Option<String>,
    /// Values that the answer, which must be JSON, has at these places: `/status: ok`,
    /// `/result/errors: 0`. A place is a JSON pointer.
    #[serde(default)]
    pub json: BTreeMap<String, Scalar>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged, expecting = "expected text, a number, `true` or `false`")]
pub enum Scalar {
    Flag(bool),
    Number(serde_json::Number),
    Text(String),
}

impl Scalar {
    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Scalar::Flag(own), Value::Bool(other)) => own == other,
            (Scalar::Number(own), Value::Number(other)) => {
                own == other || own.as_f64() == other.as_f64()
            }
            (Scalar::Text(own), Value::String(other)) => own == other,
            _ => false,
        }
    }
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scalar::Flag(flag) => write!(f, "{flag}"),
            Scalar::Number(number) => write!(f, "{number}"),
            Scalar::Text(text) => write!(f, "{text:?}"),
        }
    }
}

impl Expected {
    pub fn check(&self, place: &Place, findings: &mut Findings) {
        if let Some(status) = self.status
            && !(200..300).contains(&status)
        {
            findings.error(
                place.clone().key("status"),
                format!("{status} does not say that a request was taken"),
                "choose a status from 200 to 299",
            );
        }
        for pointer in self.json.keys().filter(|p| !p.is_empty() && !p.starts_with('/')) {
            findings.error(
                place.clone().key("json").key(pointer),
                format!("`{pointer}` is not a place in a JSON text"),
                format!("write `/{pointer}`"),
            );
        }
        if *self == Expected::default() {
            findings.error(
                place.clone(),
                "nothing is expected",
                "add `status`, `text` or `json`, or remove `expect`",
            );
        }
    }

    /// What is not as expected.
    fn missed(&self, answer: &Answer) -> Option<String> {
        if let Some(status) = self.status
            && status != answer.status
        {
            return Some(format!("not status {status}"));
        }
        if let Some(text) = &self.text
            && !String::from_utf8_lossy(&answer.body).contains(text.as_str())
        {
            return Some(format!("without the text {text:?}"));
        }
        if self.json.is_empty() {
            return None;
        }
        if answer.cut {
            return Some(format!("of more than {ANSWER_BYTES_MAX} bytes"));
        }
        let Ok(value) = serde_json::from_slice::<Value>(&answer.body) else {
            return Some("which is not JSON".into());
        };
        let wrong = self.json.iter().find(|(p, own)| !value.pointer(p).is_some_and(|v| own.is(v)));
        wrong.map(|(pointer, scalar)| format!("without {scalar} at `{pointer}`"))
    }
}

/// An answer as far as it matters.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub content_type: Option<String>,
    pub retry_after: Option<String>,
    pub location: Option<String>,
    /// At most [`ANSWER_BYTES_MAX`].
    pub body: Vec<u8>,
    /// There was more of it.
    pub cut: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Delivered,
    /// Passing; not before the given time where the server names one.
    Retry(String, Option<Duration>),
    /// These samples will never be taken.
    Reject(String),
    /// Fewer samples at once may be.
    TooLarge(String),
    Settings(String),
    /// The server wants to know who this is.
    Unauthorized(String),
}

impl Answer {
    /// `server` is how messages call it; `unix_ns` is now, for a wait until a date.
    pub fn judge(&self, expected: Option<&Expected>, server: &str, unix_ns: i64) -> Verdict {
        let text = |more: &str| {
            let excerpt = self.excerpt();
            let said = if excerpt.is_empty() { String::new() } else { format!(": {excerpt}") };
            format!("{server} answered {}{more}{said}", self.reason())
        };
        match self.status {
            200..=299 => match expected {
                Some(expected) => match expected.missed(self) {
                    None => Verdict::Delivered,
                    Some(missed) => {
                        Verdict::Retry(text(&format!(", {missed} that `expect` asks for")), None)
                    }
                },
                None if self.is_page() => Verdict::Retry(
                    text(
                        " with a web page; a proxy or a log-in portal may be between, or `url` is \
                         that of a page (if this is how the server answers, say so in `expect`)",
                    ),
                    None,
                ),
                None => Verdict::Delivered,
            },
            300..=399 => Verdict::Settings(match &self.location {
                Some(location) => {
                    let location = shortened(location);
                    text(&format!(" and points to {location}; write that in `url` if it is right"))
                }
                None => text("; correct `url`"),
            }),
            401 => Verdict::Unauthorized(text("; check `auth`, `headers` and their secrets")),
            403 => Verdict::Settings(text("; check the rights of the edge's account there")),
            407 => Verdict::Settings(text("; a proxy wants to know who this is")),
            400 | 409 | 415 | 422 => Verdict::Reject(text("")),
            413 => Verdict::TooLarge(text("; lower `batch_bytes`, or make the group smaller")),
            408 | 421 | 423 | 424 | 425 | 429 => self.later(text, unix_ns),
            404 | 405 | 410 => Verdict::Settings(text("; check `url` and `method`")),
            400..=499 | 501 | 505 => Verdict::Settings(text("; check the settings")),
            _ => self.later(text, unix_ns),
        }
    }

    fn later(&self, text: impl Fn(&str) -> String, unix_ns: i64) -> Verdict {
        match self.retry_after.as_deref().and_then(|words| wait(words, unix_ns)) {
            Some(wait) => {
                let wait = wait.min(WAIT_MAX);
                let more = format!(" and asks to wait {} s", wait.as_secs());
                Verdict::Retry(text(&more), Some(wait))
            }
            None => Verdict::Retry(text(""), None),
        }
    }

    fn is_page(&self) -> bool {
        let media = self.content_type.as_deref().unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(media.as_str(), "text/html" | "application/xhtml+xml")
    }

    pub fn reason(&self) -> String {
        let status = hyper::StatusCode::from_u16(self.status).ok();
        match status.and_then(|status| status.canonical_reason()) {
            Some(reason) => format!("{} {reason}", self.status),
            None => self.status.to_string(),
        }
    }

    /// The beginning of the body, on one line.
    pub fn excerpt(&self) -> String {
        shortened(String::from_utf8_lossy(&self.body).trim())
    }
}

fn shortened(text: &str) -> String {
    let letters = text.chars().take(EXCERPT_LETTERS_MAX);
    letters.map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `Retry-After` is a number of seconds or a date; RFC 9110 section 10.2.3.
fn wait(words: &str, unix_ns: i64) -> Option<Duration> {
    let words = words.trim();
    if let Ok(seconds) = words.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(words).ok()?;
    let date = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(date.saturating_sub(Duration::from_nanos(u64::try_from(unix_ns).ok()?)))
}

#[cfg(test)]
mod tests;
