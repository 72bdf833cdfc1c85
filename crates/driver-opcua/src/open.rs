//! From settings to a session: asks the server what it offers, checks its certificate, opens the
//! secured channel with exactly that certificate, and logs in.

use crate::connection::{Answer, Connection, MESSAGE_BYTES_MAX, decode};
use crate::endpoint::{Choice, choose};
use crate::identity::{self, Own};
use crate::operation_limits::OperationLimits;
use crate::session::OpcSession;
use crate::settings::{IdentityKind, Server, Settings};
use crate::trust::{self, Peer};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tagwerk_component::{BoxFuture, Fault, LinkContext, Open, Session};
use tagwerk_env::timeout;
use tagwerk_proto_opcua::policy::{NONCE_BYTES, random};
use tagwerk_proto_opcua::service::{
    self, ActivateSession, Application, Attribute, CreateSession, Endpoint, ReadNode,
    RequestHeader, UserToken, id,
};
use tagwerk_proto_opcua::{
    Channel, Malformed, Mode, NodeId, PeerKey, Policy, Put, Status, Variant,
};

/// How long the server keeps a session without a connection.
const SESSION_TIMEOUT_MS: f64 = 60_000.0;
/// Namespaces that a server may have. More: the rest cannot be addressed by name.
const NAMESPACES_MAX: usize = 4_096;

pub struct OpenServer {
    settings: Arc<Settings>,
    /// Namespaces as they were at the first connection.
    first_namespaces: Mutex<Option<Vec<Box<str>>>>,
}

impl OpenServer {
    pub fn new(settings: &Arc<Settings>) -> OpenServer {
        OpenServer { settings: settings.clone(), first_namespaces: Mutex::new(None) }
    }
}

impl Open for OpenServer {
    fn open<'a>(
        &'a self,
        context: &'a LinkContext,
    ) -> BoxFuture<'a, Result<Box<dyn Session>, Fault>> {
        Box::pin(async move {
            let clock = &*context.env.clock;
            let limit = self.settings.connect_timeout.0;
            let opened = timeout(clock, clock.now().after(limit), self.session(context)).await;
            opened.unwrap_or_else(|| {
                Err(Fault::Link(format!(
                    "{} gave no session within {} ms; check address and network, or raise \
                     `connect_timeout`",
                    self.settings.endpoint,
                    limit.as_millis()
                )))
            })
        })
    }
}

impl OpenServer {
    async fn session(&self, context: &LinkContext) -> Result<Box<dyn Session>, Fault> {
        let settings = &self.settings;
        let server = Server::parse(&settings.endpoint)
            .map_err(|problem| Fault::Settings(format!("`{}`: {problem}", settings.endpoint)))?;
        let own = identity::own(context).await?;
        let choice = choose(&self.endpoints(context, &server).await?, settings)?;
        let (policy, mode) = (choice.policy, choice.mode);
        let keys = match policy == Policy::None && choice.token_policy == Policy::None {
            true => None,
            false => {
                let now = context.env.clock.wall().unix_ns;
                trust::check(
                    &Peer {
                        certificates: &choice.endpoint.certificate,
                        host: &server.host,
                        application_uri: &choice.endpoint.application_uri,
                    },
                    settings.trust,
                    &*context.certificates,
                    now,
                )?;
                let peer = PeerKey::new(&choice.endpoint.certificate).map_err(Fault::Settings)?;
                Some((own.key.clone(), peer))
            }
        };
        let channel_keys = keys.clone().filter(|_| policy != Policy::None);
        let channel = Channel::new(policy, mode, channel_keys);
        // The configured host, whatever name the server gives itself behind a translated address.
        let mut connection = connect(context, &server, settings.timeout.0, channel).await?;
        let login = Login { settings, own: &own, choice: &choice, server: &server };
        login.log_in(&mut connection, keys.as_ref().map(|(_, peer)| peer)).await?;
        let namespaces = namespaces(&mut connection).await?;
        let moved = self.compare(&mut connection, &namespaces);
        let limits = OperationLimits::read(&mut connection).await?;
        Ok(Box::new(OpcSession::new(connection, settings.clone(), namespaces, moved, limits)))
    }

    /// What the server offers, asked without security.
    async fn endpoints(
        &self,
        context: &LinkContext,
        server: &Server,
    ) -> Result<Vec<Endpoint>, Fault> {
        let channel = Channel::new(Policy::None, Mode::None, None);
        let timeout = self.settings.timeout.0;
        let mut connection = connect(context, server, timeout, channel).await?;
        let url = server.url();
        let answer = ask(&mut connection, "Ask for endpoints", |header, out| {
            service::get_endpoints(header, &url, out);
        });
        let answer = answer.await?;
        decode(answer, id::GET_ENDPOINTS, service::endpoints)?.map_err(|status| {
            Fault::Link(format!("{url} does not say which endpoints it has: {status}"))
        })
    }

    /// Says where namespaces have other numbers than at first; gives how many.
    fn compare(&self, connection: &mut Connection, namespaces: &[Box<str>]) -> u64 {
        // A panic elsewhere leaves the list whole.
        let mut first = self.first_namespaces.lock().unwrap_or_else(|p| p.into_inner());
        let first = first.get_or_insert_with(|| namespaces.to_vec());
        let mut moved = 0;
        for (number, uri) in first.iter().enumerate().filter(|(number, _)| *number > 1) {
            let now = namespaces.get(number);
            if now == Some(uri) {
                continue;
            }
            moved += 1;
            connection.context().trace.note(|| {
                format!(
                    "Namespace {number} was `{uri}` at the first connection and is now `{}`: \
                     addresses with `ns={number}` may mean other nodes; write `nsu={uri};…`",
                    now.map_or("gone", |uri| uri)
                )
            });
        }
        moved
    }
}

async fn connect(
    context: &LinkContext,
    server: &Server,
    limit: Duration,
    channel: Channel,
) -> Result<Connection, Fault> {
    let clock = &*context.env.clock;
    let until = clock.now().after(limit);
    let url = server.url();
    let stream = timeout(clock, until, context.env.net.connect(&server.host, server.port)).await;
    let stream = stream
        .ok_or_else(|| format!("no connection within {} ms", limit.as_millis()))
        .and_then(|stream| stream.map_err(|error| error.to_string()))
        .map_err(|why| {
            Fault::Link(format!("{url} cannot be reached: {why}; check address and network"))
        })?;
    Connection::open(stream, context, &url, limit, channel).await
}

/// One request while connecting, when nothing else is under way.
pub async fn ask(
    connection: &mut Connection,
    what: &'static str,
    encode: impl FnOnce(&RequestHeader<'_>, &mut Vec<u8>),
) -> Result<Answer, Fault> {
    let request = connection
        .request(|| what.to_owned(), encode)
        .map_err(|error: Malformed| Fault::Link(format!("{what}: {error}")))?;
    let until = connection.deadline();
    loop {
        match connection.receive(until).await? {
            Some((number, answer)) if number == request => return Ok(answer),
            Some(_) if connection.clock().now() < until => {}
            _ => {
                let waited = connection.timeout().as_millis();
                return Err(Fault::Link(format!("{what}: no answer within {waited} ms")));
            }
        }
    }
}

struct Login<'a> {
    settings: &'a Settings,
    own: &'a Own,
    choice: &'a Choice,
    server: &'a Server,
}

impl Login<'_> {
    async fn log_in(
        &self,
        connection: &mut Connection,
        peer: Option<&PeerKey>,
    ) -> Result<(), Fault> {
        let secured = self.choice.policy != Policy::None;
        let certificate = secured.then_some(self.own.key.certificate.as_slice());
        let nonce =
            random::<NONCE_BYTES>().map_err(|error: Malformed| Fault::Link(error.to_string()))?;
        let url = self.server.url();
        let request = CreateSession {
            application: Application {
                uri: &self.own.application_uri,
                product_uri: identity::PRODUCT_URI,
                name: identity::NAME,
            },
            url: &url,
            name: identity::NAME,
            nonce: &nonce,
            certificate,
            timeout_ms: SESSION_TIMEOUT_MS,
            message_bytes_max: MESSAGE_BYTES_MAX,
        };
        let answer = ask(connection, "Create session", |header, out| {
            service::create_session(header, &request, out);
        });
        let session = decode(answer.await?, id::CREATE_SESSION, service::Session::decode)?;
        let session = session.map_err(|status| self.refused("gives no session", status))?;
        if secured {
            self.check_session(&session, peer, &nonce)?;
        }
        connection.token = session.token.clone();
        self.activate(connection, &session, peer).await
    }

    /// The server must prove that it holds its key, and offer here what it offered before.
    fn check_session(
        &self,
        session: &service::Session,
        peer: Option<&PeerKey>,
        nonce: &[u8],
    ) -> Result<(), Fault> {
        let peer = peer.ok_or_else(|| Fault::Link("the server has no certificate".to_owned()))?;
        if tagwerk_proto_opcua::policy::leaf(&session.certificate) != peer.certificate {
            return Err(Fault::Link("the session has another certificate".to_owned()));
        }
        let mut signed = self.own.key.certificate.clone();
        signed.extend_from_slice(nonce);
        peer.verify(self.choice.policy, &signed, &session.signature).map_err(|error| {
            Fault::Link(format!("the server cannot prove that its certificate is its own: {error}"))
        })?;
        // The first list came without protection: somebody in between may have cut it short.
        let again = choose(&session.endpoints, self.settings).ok();
        let better = again
            .filter(|again| (again.policy, again.mode) > (self.choice.policy, self.choice.mode));
        match better {
            None => Ok(()),
            Some(better) => Err(Fault::Settings(format!(
                "somebody between the edge and the server hides that it offers {} ({:?}): find out \
                 who, or set `security` to what must be used",
                better.policy.name(),
                better.mode
            ))),
        }
    }

    async fn activate(
        &self,
        connection: &mut Connection,
        session: &service::Session,
        peer: Option<&PeerKey>,
    ) -> Result<(), Fault> {
        let broken = |error: Malformed| Fault::Link(format!("logging in: {error}"));
        let Choice { policy, token, token_policy, .. } = self.choice;
        let certificate = tagwerk_proto_opcua::policy::leaf(&self.choice.endpoint.certificate);
        let mut challenge = certificate.to_vec();
        challenge.extend_from_slice(&session.nonce);
        let sign = |policy: Policy| self.own.key.sign(policy, &challenge).map_err(broken);
        let signature = if *policy == Policy::None { Vec::new() } else { sign(*policy)? };
        let name = self.settings.user.clone().unwrap_or_default();
        let mut token_signature = None;
        let password;
        let user_token = match self.settings.identity {
            IdentityKind::Anonymous => UserToken::Anonymous { policy: &token.id },
            IdentityKind::User => {
                password = self.password(connection, &session.nonce, peer)?;
                UserToken::UserName {
                    policy: &token.id,
                    name: &name,
                    password: &password,
                    algorithm: token_policy.encryption_algorithm(),
                }
            }
            IdentityKind::Certificate => {
                token_signature = Some(sign(*token_policy)?);
                UserToken::Certificate { policy: &token.id, certificate: &self.own.key.certificate }
            }
        };
        let request = ActivateSession {
            signature: (*policy != Policy::None)
                .then_some((policy.signature_algorithm(), &signature)),
            locales: &["en"],
            token: user_token,
            token_signature: token_signature
                .as_ref()
                .map(|signature| (token_policy.signature_algorithm(), signature.as_slice())),
        };
        let answer = ask(connection, "Activate session", |header, out| {
            service::activate_session(header, &request, out);
        });
        let result = decode(answer.await?, id::ACTIVATE_SESSION, service::activate_session_result)?;
        result.map(drop).map_err(|status| self.refused("does not let the edge in", status))
    }

    /// The password as the server wants it: with its nonce, encrypted for its certificate.
    fn password(
        &self,
        connection: &Connection,
        nonce: &[u8],
        peer: Option<&PeerKey>,
    ) -> Result<Vec<u8>, Fault> {
        let name = self.settings.password.as_ref().map_or("", |password| &password.secret);
        let password =
            connection.context().secrets.get(name).map_err(|why| {
                Fault::Settings(format!("the password of the OPC UA user: {why}"))
            })?;
        let password = password.expose().as_bytes();
        if self.choice.token_policy == Policy::None {
            return Ok(password.to_vec());
        }
        let peer = peer.ok_or_else(|| Fault::Link("the server has no certificate".to_owned()))?;
        let mut plain = Vec::with_capacity(4 + password.len() + nonce.len());
        plain.put_u32((password.len() + nonce.len()) as u32);
        plain.put_bytes(password);
        plain.put_bytes(nonce);
        peer.encrypt(self.choice.token_policy, &plain)
            .map_err(|error| Fault::Link(format!("encrypting the password: {error}")))
    }

    fn refused(&self, what: &str, status: Status) -> Fault {
        let url = self.server.url();
        let text = format!("{url} {what}: {status}");
        if status.is_about_certificates() {
            return Fault::Settings(format!(
                "{text}; let the server trust the edge's own certificate (shown on the \
                 Certificates page), then it connects by itself"
            ));
        }
        match status.code() {
            Status::BAD_USER_ACCESS_DENIED
            | Status::BAD_IDENTITY_TOKEN_INVALID
            | Status::BAD_IDENTITY_TOKEN_REJECTED => Fault::Settings(format!(
                "{text}; check `identity`, `user` and the secret of `password`"
            )),
            _ => Fault::Link(text),
        }
    }
}

/// The names of the server's namespaces, by number.
async fn namespaces(connection: &mut Connection) -> Result<Vec<Box<str>>, Fault> {
    const NAMESPACE_ARRAY: NodeId = NodeId::standard(2255);
    let answer = ask(connection, "Read namespaces", |header, out| {
        let node = ReadNode { node_id: &NAMESPACE_ARRAY, attribute: Attribute::Value, range: "" };
        service::read(header, [node].into_iter(), out);
    });
    let results = decode(answer.await?, id::READ, service::read_results)?;
    let results = results.map_err(|status| {
        Fault::Link(format!("the server's namespaces cannot be read: {status}"))
    })?;
    let Some(Some(Variant::Array(array))) = results.into_iter().next().map(|data| data.value)
    else {
        return Err(Fault::Link("the server does not say which namespaces it has".to_owned()));
    };
    let text = |item: Variant| match item {
        Variant::String(text) => text,
        _ => "".into(),
    };
    let names: Vec<Box<str>> = array.items.into_iter().take(NAMESPACES_MAX).map(text).collect();
    let trace = connection.context().trace.clone();
    trace.note(|| format!("Namespaces: {}", names.join(", ")));
    Ok(names)
}
