//! Who the edge says it is: headers from secrets, and tokens that a token server gives.

use super::Checked;
use super::answer::Answer;
use super::exchange::Client;
use super::memory::Memory;
use super::settings::{Oauth2, Words};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{HeaderMap, Request};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::Duration;
use tagwerk_component::{SecretText, SinkContext, SinkFault};

/// Longest token taken from a token server.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// How long a token is used whose server does not say.
const TOKEN_LIFE_DEFAULT: Duration = Duration::from_secs(300);
/// The longest that a token is used, whatever its server says.
const TOKEN_LIFE_MAX: Duration = Duration::from_secs(24 * 3_600);

/// The headers of every request.
pub fn headers(context: &SinkContext, checked: &Checked) -> Result<HeaderMap, SinkFault> {
    let settings = &checked.settings;
    let mut headers = HeaderMap::new();
    for (name, value) in &settings.headers {
        let Ok(key) = HeaderName::try_from(name.as_str()) else { continue };
        let value = match value {
            Words::Text(text) => HeaderValue::try_from(text.as_str()).ok(),
            Words::Secret(secret) => header(secret_text(context, &secret.secret)?.expose()),
        };
        let value = value.ok_or_else(|| {
            SinkFault::Settings(format!(
                "the secret for the header `{name}` cannot stand in a header: it must be one line \
                 of ASCII"
            ))
        })?;
        headers.insert(key, value);
    }
    let authorization = match (&settings.auth.basic, &settings.auth.bearer) {
        (Some(basic), _) => {
            let password = secret_text(context, &basic.password.secret)?;
            Some(basic_header(&basic.username, password.expose()))
        }
        (None, Some(bearer)) => {
            Some(format!("Bearer {}", secret_text(context, &bearer.secret)?.expose()))
        }
        (None, None) => None,
    };
    if let Some(text) = authorization {
        let value = header(&text).ok_or_else(|| {
            SinkFault::Settings(
                "the token of `auth` cannot stand in a header: it must be one line of ASCII".into(),
            )
        })?;
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

fn secret_text(context: &SinkContext, name: &str) -> Result<SecretText, SinkFault> {
    context.secrets.get(name).map_err(SinkFault::Settings)
}

fn header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text.trim_end_matches(['\r', '\n'])).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn basic_header(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

/// A token server, and who the edge is to it.
pub struct TokenSource {
    pub client: Client,
    pub path: String,
    pub authorization: HeaderValue,
    pub scope: Option<String>,
}

impl TokenSource {
    pub fn new(
        context: &SinkContext,
        client: Client,
        path: String,
        oauth2: &Oauth2,
    ) -> Result<TokenSource, SinkFault> {
        let secret = secret_text(context, &oauth2.client_secret.secret)?;
        // RFC 6749 section 2.3.1: both are encoded as in a form before they become Basic.
        let text = basic_header(&form(&oauth2.client_id), &form(secret.expose().trim_end()));
        let authorization = header(&text).ok_or_else(|| {
            SinkFault::Settings("`auth.oauth2` cannot stand in a header".to_owned())
        })?;
        Ok(TokenSource { client, path, authorization, scope: oauth2.scope.clone() })
    }

    /// The value of `Authorization`, from memory while it is good.
    pub async fn token(&self, memory: &Memory) -> Result<HeaderValue, SinkFault> {
        let now = self.client.env.clock.now();
        if let Some(token) = memory.token(now) {
            return Ok(token);
        }
        let mut body = "grant_type=client_credentials".to_owned();
        if let Some(scope) = &self.scope {
            body.push_str(&format!("&scope={}", form(scope)));
        }
        let request = Request::post(self.path.as_str())
            .header(HOST, self.client.address.authority())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, self.authorization.clone())
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| SinkFault::Settings(format!("`auth.oauth2`: {error}")))?;
        let words = format!("the token server at {}", self.client.address);
        let (answer, _) =
            self.client.exchange(None, &request).await.map_err(|failed| failed.fault)?;
        let (token, life) = read_token(&answer, &words)?;
        memory.keep_token(&token, now.after(life));
        Ok(token)
    }
}

/// RFC 6749 sections 5.1 and 5.2.
pub fn read_token(answer: &Answer, words: &str) -> Result<(HeaderValue, Duration), SinkFault> {
    let text = |what: &str| format!("{words} {what} (status {})", answer.status);
    match answer.status {
        200 => {}
        400 | 401 | 403 | 404 | 405 => {
            return Err(SinkFault::Settings(format!(
                "{}; check `auth.oauth2` and its secret: {}",
                text("gives no token"),
                answer.excerpt()
            )));
        }
        _ => return Err(SinkFault::Retry(text("gives no token"))),
    }
    // Its own words are not repeated: they could hold a part of a token.
    let bad = || SinkFault::Retry(text("answers with something that is no token"));
    let value: serde_json::Value = serde_json::from_slice(&answer.body).map_err(|_| bad())?;
    let token = value["access_token"].as_str().filter(|token| token.len() <= TOKEN_BYTES_MAX);
    let token = token.and_then(|token| header(&format!("Bearer {token}"))).ok_or_else(bad)?;
    let seconds = value["expires_in"].as_f64().filter(|seconds| *seconds >= 0.0);
    let life = seconds.map_or(TOKEN_LIFE_DEFAULT, |seconds| {
        Duration::from_secs_f64(seconds.min(TOKEN_LIFE_MAX.as_secs_f64()))
    });
    // Fetched again before it ends, so that no request meets its end.
    Ok((token, life.mul_f64(0.9)))
}

fn form(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str) -> Result<(String, u64), SinkFault> {
        let answer = Answer { status, body: body.into(), ..Answer::default() };
        let (token, life) = read_token(&answer, "T")?;
        Ok((token.to_str().unwrap().to_owned(), life.as_secs()))
    }

    #[test]
    fn tokens_are_read() {
        let good = "{\"access_token\":\"abc\",\"expires_in\":100}";
        assert_eq!(check(200, good), Ok(("Bearer abc".into(), 90)));
        assert_eq!(check(200, "{\"access_token\":\"abc\"}"), Ok(("Bearer abc".into(), 270)));
        let endless = "{\"access_token\":\"abc\",\"expires_in\":1e300}";
        assert_eq!(check(200, endless), Ok(("Bearer abc".into(), 77_760)));
        let refused = check(401, "{\"error\":\"invalid_client\"}").unwrap_err();
        assert!(matches!(&refused, SinkFault::Settings(t) if t.contains("invalid_client")));
        for wrong in ["", "{}", "<html>", "{\"access_token\":\"a\\nb\"}", "{\"access_token\":5}"] {
            assert!(matches!(check(200, wrong), Err(SinkFault::Retry(_))), "{wrong}");
        }
        assert!(matches!(check(503, ""), Err(SinkFault::Retry(_))));
    }
}
