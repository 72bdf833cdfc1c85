//! Deliveries as a request: its body, its headers, and the key by which a receiver knows a repeat.

use super::sender::{Part, Payload, Terms};
use super::settings::{Body, Compression, Method};
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use std::io::Write;
use tagwerk_component::SinkFault;
use tagwerk_model::value::write_json_text;

/// What of some deliveries becomes one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The payload at this place, of the only delivery.
    One(usize),
    List,
    Lines,
}

impl Form {
    /// The requests that these deliveries are.
    pub fn all(body: Body, parts: &[Part]) -> Vec<Form> {
        match body {
            Body::One => {
                (0..parts.first().map_or(0, |part| part.payloads.len())).map(Form::One).collect()
            }
            Body::List => vec![Form::List],
            Body::Lines => vec![Form::Lines],
        }
    }
}

pub fn build(terms: &Terms, parts: &[Part], form: Form) -> Result<Request<Full<Bytes>>, SinkFault> {
    let settings = &terms.checked.settings;
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
        return Err(SinkFault::Retry("there is nothing to send".into()));
    };
    let (body, media) = write_body(parts, form);
    let mut key = format!(
        "{}/{}/{}-{}",
        terms.key_prefix, first.origin.epoch, first.origin.from, last.origin.to
    );
    if let Form::One(index) = form
        && first.payloads.len() > 1
    {
        key.push_str(&format!("/{index}"));
    }
    let method = match settings.method {
        Method::Post => hyper::Method::POST,
        Method::Put => hyper::Method::PUT,
        Method::Patch => hyper::Method::PATCH,
    };
    let mut request = Request::builder()
        .method(method)
        .uri(first.target.as_str())
        .header(HOST, terms.client.address.authority())
        .header(USER_AGENT, concat!("tagwerk/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "*/*")
        .header(CONTENT_TYPE, media)
        .header("idempotency-key", key)
        .body(Full::default())
        .map_err(|error| SinkFault::Settings(format!("no request can be made: {error}")))?;
    for (name, value) in &terms.headers {
        request.headers_mut().insert(name, value.clone());
    }
    let body = match settings.compression {
        Compression::None => body,
        Compression::Gzip => {
            let gzip = HeaderValue::from_static("gzip");
            request.headers_mut().insert(CONTENT_ENCODING, gzip);
            compressed(&body)
        }
    };
    *request.body_mut() = Full::new(Bytes::from(body));
    Ok(request)
}

fn write_body(parts: &[Part], form: Form) -> (Vec<u8>, &'static str) {
    const JSON: &str = "application/json";
    const TEXT: &str = "text/plain; charset=utf-8";
    let mut payloads = parts.iter().flat_map(|part| &part.payloads);
    let mut body = Vec::new();
    let media = match form {
        Form::One(index) => match payloads.nth(index) {
            Some(Payload { bytes, text }) => {
                body.extend_from_slice(bytes);
                if *text { TEXT } else { JSON }
            }
            None => JSON,
        },
        Form::List => {
            body.push(b'[');
            for payload in payloads {
                if body.len() > 1 {
                    body.push(b',');
                }
                match payload.text {
                    true => write_json_text(&String::from_utf8_lossy(&payload.bytes), &mut body),
                    false => body.extend_from_slice(&payload.bytes),
                }
            }
            body.push(b']');
            JSON
        }
        Form::Lines => {
            let mut any_text = false;
            for payload in payloads {
                any_text |= payload.text;
                body.extend_from_slice(&payload.bytes);
                body.push(b'\n');
            }
            if any_text { TEXT } else { "application/x-ndjson" }
        }
    };
    (body, media)
}

fn compressed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    // Writing into a Vec cannot fail.
    drop(encoder.write_all(body));
    encoder.finish().unwrap_or_default()
}
