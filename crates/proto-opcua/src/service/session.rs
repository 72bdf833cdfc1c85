//! Endpoints and sessions (Part 4, 5.5 and 5.7).

use super::{RequestHeader, bytes, id, put_texts, skip_texts};
use crate::bytes::{Put, Reader, Result};
use crate::node_id::{LocalizedText, NodeId};
use crate::status::Status;
use crate::variant::{ExtensionObject, skip_all_diagnostics};

/// A server's offer of one way to be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub url: Box<str>,
    pub application_uri: Box<str>,
    pub application_name: Box<str>,
    /// With its chain, DER, one after the other.
    pub certificate: Vec<u8>,
    pub mode: u32,
    pub policy_uri: Box<str>,
    pub tokens: Vec<TokenPolicy>,
    pub transport_uri: Box<str>,
}

/// One way in which the server lets users say who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPolicy {
    pub id: Box<str>,
    pub kind: u32,
    /// Empty where it is the endpoint's.
    pub policy_uri: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    Anonymous = 0,
    UserName = 1,
    Certificate = 2,
}

pub fn get_endpoints(header: &RequestHeader<'_>, url: &str, out: &mut Vec<u8>) {
    header.begin(id::GET_ENDPOINTS, out);
    out.put_text(url);
    out.put_count(0);
    out.put_count(0);
}

pub fn endpoints(reader: &mut Reader<'_>) -> Result<Vec<Endpoint>> {
    reader.list(40, Endpoint::decode)
}

impl Endpoint {
    fn decode(reader: &mut Reader<'_>) -> Result<Endpoint> {
        let url = reader.owned()?;
        let application_uri = reader.owned()?;
        reader.byte_string()?;
        let application_name = LocalizedText::decode(reader)?.text().into();
        reader.u32()?;
        reader.byte_string()?;
        reader.byte_string()?;
        skip_texts(reader)?;
        let certificate = bytes(reader)?;
        let mode = reader.u32()?;
        let policy_uri = reader.owned()?;
        let tokens = reader.list(20, |reader| {
            let (id, kind) = (reader.owned()?, reader.u32()?);
            reader.byte_string()?;
            reader.byte_string()?;
            Ok(TokenPolicy { id, kind, policy_uri: reader.owned()? })
        })?;
        let transport_uri = reader.owned()?;
        reader.u8()?;
        Ok(Endpoint {
            url,
            application_uri,
            application_name,
            certificate,
            mode,
            policy_uri,
            tokens,
            transport_uri,
        })
    }
}

/// Who we say we are.
#[derive(Clone, Copy)]
pub struct Application<'a> {
    pub uri: &'a str,
    pub product_uri: &'a str,
    pub name: &'a str,
}

pub struct CreateSession<'a> {
    pub application: Application<'a>,
    pub url: &'a str,
    pub name: &'a str,
    pub nonce: &'a [u8],
    /// Null where the channel has none.
    pub certificate: Option<&'a [u8]>,
    pub timeout_ms: f64,
    pub message_bytes_max: u32,
}

pub fn create_session(header: &RequestHeader<'_>, request: &CreateSession<'_>, out: &mut Vec<u8>) {
    const CLIENT: u32 = 1;
    header.begin(id::CREATE_SESSION, out);
    out.put_text(request.application.uri);
    out.put_text(request.application.product_uri);
    LocalizedText { locale: None, text: Some(request.application.name.into()) }.encode(out);
    out.put_u32(CLIENT);
    out.put_string(None);
    out.put_string(None);
    out.put_count(0);
    out.put_string(None);
    out.put_text(request.url);
    out.put_text(request.name);
    out.put_string(Some(request.nonce));
    out.put_string(request.certificate);
    out.put_f64(request.timeout_ms);
    out.put_u32(request.message_bytes_max);
}

/// A session as the server made it.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    pub token: NodeId,
    pub timeout_ms: f64,
    pub nonce: Vec<u8>,
    pub certificate: Vec<u8>,
    pub endpoints: Vec<Endpoint>,
    pub signature_algorithm: Box<str>,
    pub signature: Vec<u8>,
}

impl Session {
    pub fn decode(reader: &mut Reader<'_>) -> Result<Session> {
        NodeId::decode(reader)?;
        let token = NodeId::decode(reader)?;
        let timeout_ms = reader.f64()?;
        let nonce = bytes(reader)?;
        let certificate = bytes(reader)?;
        let endpoints = endpoints(reader)?;
        for _ in 0..reader.count(8)? {
            reader.byte_string()?;
            reader.byte_string()?;
        }
        let signature_algorithm = reader.owned()?;
        let signature = bytes(reader)?;
        Ok(Session {
            token,
            timeout_ms,
            nonce,
            certificate,
            endpoints,
            signature_algorithm,
            signature,
        })
    }
}

/// How the user says who they are.
pub enum UserToken<'a> {
    Anonymous { policy: &'a str },
    UserName { policy: &'a str, name: &'a str, password: &'a [u8], algorithm: &'a str },
    Certificate { policy: &'a str, certificate: &'a [u8] },
}

pub struct ActivateSession<'a> {
    /// Algorithm and signature; null without security.
    pub signature: Option<(&'a str, &'a [u8])>,
    pub locales: &'a [&'a str],
    pub token: UserToken<'a>,
    pub token_signature: Option<(&'a str, &'a [u8])>,
}

pub fn activate_session(
    header: &RequestHeader<'_>,
    request: &ActivateSession<'_>,
    out: &mut Vec<u8>,
) {
    header.begin(id::ACTIVATE_SESSION, out);
    put_signature(request.signature, out);
    out.put_count(0);
    put_texts(request.locales, out);
    match request.token {
        UserToken::Anonymous { policy } => {
            ExtensionObject::put(321, out, |out| out.put_text(policy));
        }
        UserToken::UserName { policy, name, password, algorithm } => {
            ExtensionObject::put(324, out, |out| {
                out.put_text(policy);
                out.put_text(name);
                out.put_string(Some(password));
                out.put_string(Some(algorithm.as_bytes()).filter(|a| !a.is_empty()));
            });
        }
        UserToken::Certificate { policy, certificate } => {
            ExtensionObject::put(327, out, |out| {
                out.put_text(policy);
                out.put_string(Some(certificate));
            });
        }
    }
    put_signature(request.token_signature, out);
}

fn put_signature(signature: Option<(&str, &[u8])>, out: &mut Vec<u8>) {
    out.put_string(signature.map(|(algorithm, _)| algorithm.as_bytes()));
    out.put_string(signature.map(|(_, signature)| signature));
}

/// The nonce for the next activation.
pub fn activate_session_result(reader: &mut Reader<'_>) -> Result<Vec<u8>> {
    let nonce = bytes(reader)?;
    reader.list(4, |reader| reader.u32().map(Status))?;
    skip_all_diagnostics(reader)?;
    Ok(nonce)
}

pub fn close_session(header: &RequestHeader<'_>, out: &mut Vec<u8>) {
    header.begin(id::CLOSE_SESSION, out);
    // Its subscriptions too.
    out.put_bool(true);
}
