//! Listening: the loop that accepts connections, what they may take, and their orderly end.

use super::extract::Peer;
use super::stall::Stall;
use super::tls::{self, TlsError, TlsFiles};
use crate::app::{Shared, ended};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tagwerk_env::{Env, Listener, Stream};
use tagwerk_model::limits;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// From the first byte of a request to the end of its headers, and between requests.
const HEADER_TIME_MAX: Duration = Duration::from_secs(15);
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// Buffer of a connection, and with it the longest request head.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 100;
/// Pause after an accept that failed, such as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// What a request that is under way gets when the edge ends.
const END_TIME_MAX: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub enum ServeError {
    Listen(SocketAddr, io::Error),
    Tls(TlsError),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Listen(address, error) => write!(
                f,
                "cannot listen on {address}: {error}; free the port or choose another by --listen"
            ),
            ServeError::Tls(error) => {
                write!(f, "{error}; correct --tls-cert and --tls-key, or remove them")
            }
        }
    }
}

impl std::error::Error for ServeError {}

/// Sockets that are open, before anything answers on them.
pub struct Listening {
    listeners: Vec<Box<dyn Listener>>,
    tls: Option<TlsAcceptor>,
}

/// Whether connections are encrypted.
pub enum Encryption {
    None,
    Own,
    Files(TlsFiles),
}

impl Listening {
    /// Opens all addresses, or none.
    pub async fn open(
        env: &Env,
        data: &Path,
        addresses: &[SocketAddr],
        encryption: Encryption,
    ) -> Result<Listening, ServeError> {
        let ips: Vec<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
        let files = match encryption {
            Encryption::None => None,
            Encryption::Own => {
                Some(tls::own_files(&*env.disk, data, &ips).map_err(ServeError::Tls)?)
            }
            Encryption::Files(files) => Some(files),
        };
        let tls = files.map(|files| tls::acceptor(&*env.disk, &files)).transpose();
        let tls = tls.map_err(ServeError::Tls)?;
        let mut listeners = Vec::new();
        for address in addresses {
            let listener = env.net.listen(*address).await;
            listeners.push(listener.map_err(|error| ServeError::Listen(*address, error))?);
        }
        Ok(Listening { listeners, tls })
    }

    /// Where the console is reached, first by the first address.
    pub fn urls(&self) -> Vec<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.listeners
            .iter()
            .filter_map(|listener| listener.local_address().ok())
            .map(|address| match address.ip().is_unspecified() {
                true => format!("{scheme}://localhost:{}", address.port()),
                false => format!("{scheme}://{address}"),
            })
            .collect()
    }

    pub fn secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Answers from now on, until `ending` turns true.
    pub fn serve(self, app: &Shared, router: Router, ending: watch::Receiver<bool>) -> Server {
        let shared = Arc::new(Serving {
            env: app.env.clone(),
            router,
            tls: self.tls,
            open: Mutex::default(),
            ending: ending.clone(),
        });
        let mut tasks = JoinSet::new();
        for listener in self.listeners {
            tasks.spawn(accept(Arc::clone(&shared), listener));
        }
        Server { tasks }
    }
}

pub struct Server {
    tasks: JoinSet<()>,
}

impl Server {
    /// Waits until every connection has ended, after `ending` turned true.
    pub async fn ended(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

struct Serving {
    env: Env,
    router: Router,
    tls: Option<TlsAcceptor>,
    open: Mutex<Open>,
    ending: watch::Receiver<bool>,
}

#[derive(Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place among those that are open.
struct Place {
    serving: Arc<Serving>,
    address: IpAddr,
}

impl Place {
    fn take(serving: &Arc<Serving>, address: IpAddr) -> Option<Place> {
        let mut open = serving.open.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let same = open.by_address.get(&address).copied().unwrap_or(0);
        let crowded = !address.is_loopback() && same >= limits::CONNECTIONS_PER_ADDRESS_MAX;
        if open.total >= limits::CONNECTIONS_MAX || crowded {
            return None;
        }
        open.total += 1;
        open.by_address.insert(address, same + 1);
        Some(Place { serving: Arc::clone(serving), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.serving.open.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        open.total -= 1;
        if let Some(count) = open.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

async fn accept(serving: Arc<Serving>, listener: Box<dyn Listener>) {
    let mut ending = serving.ending.clone();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = ended(&mut ending) => break,
            // Lets go of the ended ones, so that they do not gather.
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let peer = Peer(peer);
                if let Some(place) = Place::take(&serving, peer.ip()) {
                    connections.spawn(connection(Arc::clone(&serving), stream, peer, place));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                let clock = &serving.env.clock;
                clock.sleep_until(clock.now().after(ACCEPT_PAUSE)).await;
            }
        }
    }
    drop(listener);
    let clock = &serving.env.clock;
    let all = async { while connections.join_next().await.is_some() {} };
    tagwerk_env::timeout(&**clock, clock.now().after(END_TIME_MAX), all).await;
}

async fn connection(serving: Arc<Serving>, stream: Box<dyn Stream>, peer: Peer, _place: Place) {
    let clock = Arc::clone(&serving.env.clock);
    let stream = Stall::new(stream, Arc::clone(&clock));
    match &serving.tls {
        None => requests(&serving, TokioIo::new(stream), peer).await,
        Some(acceptor) => {
            let deadline = clock.now().after(HANDSHAKE_TIME_MAX);
            let handshake = tagwerk_env::timeout(&*clock, deadline, acceptor.accept(stream));
            // A handshake that fails is the other side's to notice.
            if let Some(Ok(stream)) = handshake.await {
                requests(&serving, TokioIo::new(stream), peer).await;
            }
        }
    }
}

async fn requests<I>(serving: &Serving, io: I, peer: Peer)
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let router = serving.router.clone();
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(Body::new))
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    let mut connection = std::pin::pin!(builder.serve_connection(io, service));
    let mut ending = serving.ending.clone();
    // How a connection broke off is the other side's affair, hence the ignored results.
    let _ = tokio::select! {
        result = connection.as_mut() => result,
        () = ended(&mut ending) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
}
