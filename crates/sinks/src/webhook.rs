//! The channel `webhook`: hands notices to an HTTP server, one request each.
//!
//! At least once: a notice counts as delivered when the server has answered with a status of success.

mod body;
mod settings;

use crate::http::answer::Answer;
use crate::http::exchange::Client;
use crate::http::settings::{Method, Words};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use settings::{Checked, Target};
use std::sync::Arc;
use tagwerk_component::{
    BoxFuture, Channel, ChannelContext, ChannelPlan, ChannelRequest, Findings, Notice, OpenChannel,
    SinkFault, Spec, Told,
};

/// Calls an address.
pub struct Webhook;

/// There is one recipient, and its address may be a secret.
const RECIPIENT: &str = "webhook";

impl Channel for Webhook {
    fn spec(&self) -> Spec {
        Spec {
            name: "webhook",
            summary: "Sends an HTTP request, such as to a chat or to a service that calls people.",
            settings: schemars::schema_for!(settings::Settings),
            addresses: Vec::new(),
            data_types: Vec::new(),
            abilities: Vec::new(),
            example: "url: { secret: chat-address }\n\
                      body:\n  text: \"{subject}\\n{message}\"\n",
        }
    }

    fn check(&self, channel: &ChannelRequest<'_>, findings: &mut Findings) -> Option<ChannelPlan> {
        let checked = Checked::from_settings(channel.settings, findings)?;
        Some(ChannelPlan { open: Arc::new(Hook(checked)), recipients: vec![RECIPIENT.into()] })
    }
}

struct Hook(Checked);

impl OpenChannel for Hook {
    fn tell<'a>(
        &'a self,
        context: &'a ChannelContext,
        notice: &'a Notice,
        to: &'a [Box<str>],
    ) -> BoxFuture<'a, Vec<Told>> {
        Box::pin(async move { Told::all(to, &self.send(context, notice).await) })
    }
}

impl Hook {
    async fn send(&self, context: &ChannelContext, notice: &Notice) -> Result<String, SinkFault> {
        let target = self.target(context)?;
        let request = self.request(context, &target, notice)?;
        let settings = &self.0.settings;
        let client = Client {
            env: context.env.clone(),
            secrets: context.secrets.clone(),
            certificates: context.certificates.clone(),
            address: target.address.clone(),
            tls: settings.tls.clone().unwrap_or_default(),
            connect_timeout: settings.connect_timeout,
            timeout: settings.timeout,
        };
        let (answer, _) = client.exchange(None, &request).await.map_err(|failed| failed.fault)?;
        judge(&answer, &client.words())
    }

    fn target(&self, context: &ChannelContext) -> Result<Target, SinkFault> {
        match (&self.0.target, &self.0.settings.url) {
            (Some(target), _) => Ok(target.clone()),
            (None, Words::Text(url)) => Err(SinkFault::Settings(format!("`{url}` is no address"))),
            (None, Words::Secret(secret)) => {
                let url = context.secrets.get(&secret.secret).map_err(SinkFault::Settings)?;
                // What is wrong with it is not repeated: it is a secret.
                Target::parse(url.expose().trim()).map_err(|_| {
                    SinkFault::Settings(format!(
                        "the secret `{}` holds no address such as `https://host/path`; store it \
                         again",
                        secret.secret
                    ))
                })
            }
        }
    }

    fn request(
        &self,
        context: &ChannelContext,
        target: &Target,
        notice: &Notice,
    ) -> Result<Request<Full<Bytes>>, SinkFault> {
        let settings = &self.0.settings;
        let (body, media) = self.0.body.fill(notice);
        let method = match settings.method {
            Method::Post => hyper::Method::POST,
            Method::Put => hyper::Method::PUT,
            Method::Patch => hyper::Method::PATCH,
        };
        let mut request = Request::builder()
            .method(method)
            .uri(target.fill(notice))
            .header(HOST, target.address.authority())
            .header(USER_AGENT, concat!("tagwerk/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "*/*")
            .header(CONTENT_TYPE, media)
            .header("idempotency-key", &*notice.id)
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| SinkFault::Settings(format!("no request can be made: {error}")))?;
        for (name, value) in &settings.headers {
            let Ok(key) = HeaderName::try_from(name.as_str()) else { continue };
            let value = match value {
                Words::Text(text) => HeaderValue::try_from(text.as_str()).ok(),
                Words::Secret(secret) => {
                    let text = context.secrets.get(&secret.secret).map_err(SinkFault::Settings)?;
                    HeaderValue::try_from(text.expose().trim_end_matches(['\r', '\n'])).ok()
                }
            };
            let value = value.ok_or_else(|| {
                SinkFault::Settings(format!(
                    "the secret for the header `{name}` cannot stand in a header: it must be one \
                     line of ASCII"
                ))
            })?;
            request.headers_mut().insert(key, value);
        }
        Ok(request)
    }
}

/// Chats answer with pages too, hence only the status counts.
fn judge(answer: &Answer, server: &str) -> Result<String, SinkFault> {
    let said = answer.excerpt();
    let said = if said.is_empty() { said } else { format!(": {said}") };
    let text = |more: &str| format!("{server} answered {}{more}{said}", answer.reason());
    match answer.status {
        200..=299 => Ok(format!("{}{said}", answer.reason())),
        408 | 425 | 429 | 500 | 502..=504 | 507 | 509 => Err(SinkFault::Retry(text(""))),
        300..=399 => Err(SinkFault::Settings(text("; it points elsewhere: correct `url`"))),
        401 | 403 | 407 => Err(SinkFault::Settings(text("; check `headers` and their secrets"))),
        404 | 405 | 410 => Err(SinkFault::Settings(text("; check `url` and `method`"))),
        400..=499 => Err(SinkFault::Reject(text("; check `body`"))),
        _ => Err(SinkFault::Retry(text(""))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged_by_their_status() {
        let of = |status: u16| {
            let answer = Answer { status, body: b"no_text".to_vec(), ..Answer::default() };
            judge(&answer, "the server")
        };
        assert_eq!(of(200), Ok("200 OK: no_text".into()));
        assert!(of(204).is_ok());
        for (status, expected) in [(429, 'r'), (503, 'r'), (404, 's'), (302, 's'), (400, 'x')] {
            let kind = match of(status).unwrap_err() {
                SinkFault::Retry(_) => 'r',
                SinkFault::Settings(_) => 's',
                SinkFault::Reject(_) => 'x',
            };
            assert_eq!(kind, expected, "{status}");
        }
    }
}
