//! The PostgreSQL protocol on the edge: who comes in by it, and with which certificate.

use crate::app::{Shared, VERSION};
use crate::http::{TlsFiles, tls_acceptor};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_auth::{Digest, ScramVerifier};
use tagwerk_env::{BoxFuture, Env};
use tagwerk_pg::{Door, Listening, Login, Parts, Plaintext, Server};
use tagwerk_runtime::RecordKind;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// Marks the stamp of a login by token.
const TOKEN: u8 = b't';
const USER: u8 = b'u';

/// Sockets that are open, and what encrypts them.
pub struct Opened {
    listening: Listening,
    tls: TlsAcceptor,
    plaintext: Plaintext,
}

impl Opened {
    /// None where no address is given.
    pub async fn open(
        env: &Env,
        data: &Path,
        addresses: &[SocketAddr],
        files: Option<TlsFiles>,
        plaintext: Plaintext,
    ) -> anyhow::Result<Option<Opened>> {
        if addresses.is_empty() {
            return Ok(None);
        }
        let tls = tls_acceptor(&*env.disk, data, addresses, files)?;
        let listening = Listening::open(env, addresses).await;
        let listening = listening.map_err(|(address, error)| {
            anyhow::anyhow!(
                "cannot listen on {address} for PostgreSQL clients: {error}; free the port or choose \
                 another by --postgres"
            )
        })?;
        Ok(Some(Opened { listening, tls, plaintext }))
    }

    pub fn addresses(&self) -> Vec<String> {
        self.listening.addresses().iter().map(ToString::to_string).collect()
    }

    pub fn serve(self, app: &Shared, ending: watch::Receiver<bool>) -> Server {
        self.listening.serve(Parts {
            env: app.env.clone(),
            sql: app.sql.clone(),
            door: Arc::new(Accounts(app.clone())),
            random: app.random.clone(),
            tls: Some(self.tls),
            plaintext: self.plaintext,
            version: VERSION.to_owned(),
            ending,
        })
    }
}

struct Accounts(Shared);

impl Door for Accounts {
    fn verifier(&self, from: IpAddr, user: &str) -> Result<ScramVerifier, Duration> {
        self.0.accounts.verifier(from, user)
    }

    fn is_user(&self, user: &str) -> bool {
        self.0.accounts.is_user(user)
    }

    fn passed(&self, from: IpAddr, user: &str) -> Option<Login> {
        let accounts = &self.0.accounts;
        accounts.login_passed(from, user);
        let (role, digest) = accounts.standing_of_user(user)?;
        let stamp = std::iter::once(USER).chain(digest).collect();
        Some(Login { name: user.to_owned(), role, stamp })
    }

    fn failed<'a>(&'a self, from: IpAddr, user: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let app = &self.0;
            app.accounts.login_failed(from, user);
            // The name as typed may be a password in the wrong field: only so much of it.
            let name: String = user.chars().take(64).collect();
            let text = format!("failed to log in from {from}");
            tracing::info!(by = name, text, "access");
            if let Err(error) = app.runtime.record(RecordKind::Login, &name, &text).await {
                tracing::warn!(%error, "a failed login could not be recorded");
            }
        })
    }

    fn by_token<'a>(&'a self, _from: IpAddr, secret: &'a str) -> BoxFuture<'a, Option<Login>> {
        Box::pin(async move {
            let caller = self.0.accounts.by_token(secret)?;
            let stamp = std::iter::once(TOKEN).chain(Digest::of(secret).0).collect();
            Some(Login { name: caller.name, role: caller.role, stamp })
        })
    }

    fn holds(&self, login: &Login) -> bool {
        let accounts = &self.0.accounts;
        match login.stamp.split_first() {
            Some((&TOKEN, digest)) => accounts.token_holds(digest),
            Some((&USER, digest)) => accounts
                .standing_of_user(&login.name)
                .is_some_and(|(role, now)| role == login.role && now == digest),
            _ => false,
        }
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.0.accounts.changes()
    }
}
