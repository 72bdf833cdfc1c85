//! Listening: who is let in, how many at once, and what stops a statement from outside.

use crate::io::{Out, Reader};
use crate::refusal::Refusal;
use crate::{login, session};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tagwerk_auth::{Random, Role, ScramVerifier};
use tagwerk_env::{BoxFuture, Env, Listener, Stream};
use tagwerk_model::limits;
use tagwerk_sql::Sql;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Pause after an accept that failed, such as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// What connections get to say when the edge ends.
const END_TIME_MAX: Duration = Duration::from_secs(5);

/// Who may come in: decided by the edge, as for HTTP.
pub trait Door: Send + Sync + 'static {
    /// What is kept of the user's password, a stand-in when there is none; how long to wait after too
    /// many failures.
    fn verifier(&self, from: IpAddr, user: &str) -> Result<ScramVerifier, Duration>;
    /// Whether this name is that of a user, rather than the word for tokens.
    fn is_user(&self, user: &str) -> bool;
    /// The password was right: who it is, unless the user is gone meanwhile.
    fn passed(&self, from: IpAddr, user: &str) -> Option<Login>;
    /// The password was wrong: counted and recorded.
    fn failed<'a>(&'a self, from: IpAddr, user: &'a str) -> BoxFuture<'a, ()>;
    /// Who shows this API token.
    fn by_token<'a>(&'a self, from: IpAddr, secret: &'a str) -> BoxFuture<'a, Option<Login>>;
    /// Whether who logged in so may still ask.
    fn holds(&self, login: &Login) -> bool;
    /// Changes whenever [`Door::holds`] may answer differently.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// Who logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub name: String,
    pub role: Role,
    /// What must stay as it is for the login to hold, such as a digest of the password's hash.
    pub stamp: Vec<u8>,
}

/// Where a connection may stay unencrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plaintext {
    Never,
    OnLoopback,
}

/// What the server works with.
pub struct Parts {
    pub env: Env,
    pub sql: Sql,
    pub door: Arc<dyn Door>,
    pub random: Arc<dyn Random>,
    pub tls: Option<TlsAcceptor>,
    pub plaintext: Plaintext,
    pub version: String,
    /// True once the edge ends.
    pub ending: watch::Receiver<bool>,
}

/// Sockets that are open, before anything answers on them.
pub struct Listening(Vec<Box<dyn Listener>>);

impl Listening {
    /// Opens all addresses, or none: which failed, and why.
    pub async fn open(
        env: &Env,
        addresses: &[SocketAddr],
    ) -> Result<Listening, (SocketAddr, io::Error)> {
        let mut listeners = Vec::new();
        for address in addresses {
            let listener = env.net.listen(*address).await;
            listeners.push(listener.map_err(|error| (*address, error))?);
        }
        Ok(Listening(listeners))
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.iter().filter_map(|listener| listener.local_address().ok()).collect()
    }

    pub fn serve(self, parts: Parts) -> Server {
        let shared = Arc::new(Shared {
            parts,
            arriving: Arc::new(Semaphore::new(limits::POSTGRES_CONNECTIONS_MAX)),
            sessions: Arc::new(Semaphore::new(limits::POSTGRES_CONNECTIONS_MAX)),
            cancels: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        for listener in self.0 {
            tasks.spawn(accept(Arc::clone(&shared), listener));
        }
        Server(tasks)
    }
}

pub struct Server(JoinSet<()>);

impl Server {
    /// Waits until every connection has ended, after `ending` turned true.
    pub async fn ended(mut self) {
        while self.0.join_next().await.is_some() {}
    }
}

/// The key that a cancel must show, and the session that it wakes.
type Cancelled = ([u8; 4], Arc<Notify>);

pub(crate) struct Shared {
    pub parts: Parts,
    /// One permit per connection that has not logged in.
    arriving: Arc<Semaphore>,
    /// One permit per connection that has.
    sessions: Arc<Semaphore>,
    cancels: Mutex<HashMap<i32, Cancelled>>,
}

impl Shared {
    pub fn cancel(&self, pid: i32, key: [u8; 4]) {
        let cancels = self.cancels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, notify)) = cancels.get(&pid)
            && *known == key
        {
            // Kept for the next step of a statement that is between two messages.
            notify.notify_one();
        }
    }
}

/// A session's number and key, by which another connection can stop its statement.
pub(crate) struct Handle {
    shared: Arc<Shared>,
    pub pid: i32,
    pub key: [u8; 4],
    pub canceled: Arc<Notify>,
}

impl Handle {
    pub fn new(shared: &Arc<Shared>) -> Handle {
        let mut cancels = shared.cancels.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = [0u8; 8];
        let (pid, key) = loop {
            shared.parts.random.fill(&mut bytes);
            let [a, b, c, d, key @ ..] = bytes;
            let pid = i32::from_be_bytes([a & 0x7f, b, c, d]);
            if pid != 0 && !cancels.contains_key(&pid) {
                break (pid, key);
            }
        };
        let canceled = Arc::new(Notify::new());
        cancels.insert(pid, (key, canceled.clone()));
        Handle { shared: Arc::clone(shared), pid, key, canceled }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut cancels = self.shared.cancels.lock().unwrap_or_else(PoisonError::into_inner);
        cancels.remove(&self.pid);
    }
}

async fn accept(shared: Arc<Shared>, listener: Box<dyn Listener>) {
    let mut ending = shared.parts.ending.clone();
    let mut connections = JoinSet::new();
    let clock = Arc::clone(&shared.parts.env.clock);
    loop {
        let accepted = tokio::select! {
            biased;
            _ = ending.wait_for(|ending| *ending) => break,
            // Lets go of the ended ones, so that they do not gather.
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                connections.spawn(connection(
                    Arc::clone(&shared),
                    stream,
                    peer.ip().to_canonical(),
                ));
            }
            Err(error) => {
                tracing::warn!(%error, "a PostgreSQL connection could not be accepted");
                clock.sleep_until(clock.now().after(ACCEPT_PAUSE)).await;
            }
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    tagwerk_env::timeout(&*clock, clock.now().after(END_TIME_MAX), all).await;
}

async fn connection(shared: Arc<Shared>, stream: Box<dyn Stream>, from: IpAddr) {
    // Too many that do not log in: closed at once.
    let Ok(arriving) = Arc::clone(&shared.arriving).try_acquire_owned() else { return };
    let clock = Arc::clone(&shared.parts.env.clock);
    let deadline = clock.now().after(limits::POSTGRES_LOGIN_TIME_MAX);
    let mut ending = shared.parts.ending.clone();
    let arrived = tokio::select! {
        arrived = tagwerk_env::timeout(&*clock, deadline, login::arrive(&shared, stream, from)) => arrived,
        _ = ending.wait_for(|ending| *ending) => None,
    };
    // Whoever breaks a login off, or takes too long, notices.
    let Some(Some(mut arrived)) = arrived else { return };
    drop(arriving);
    let Ok(_place) = Arc::clone(&shared.sessions).try_acquire_owned() else {
        let text = format!(
            "{} connections are open, which is the limit",
            limits::POSTGRES_CONNECTIONS_MAX
        );
        let refusal = Refusal::fatal("53300", text).hint("close some, or let clients share them");
        refusal.write(&mut arrived.out.bytes);
        arrived.out.close().await;
        return;
    };
    session::run(&shared, arrived).await;
}

/// A connection whose client has logged in.
pub(crate) struct Arrived {
    pub reader: Reader,
    pub out: Out,
    pub login: Login,
    pub settings: crate::settings::Settings,
}
