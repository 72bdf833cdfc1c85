//! Logins over the PostgreSQL protocol: what is kept of a password for them, the same brake on
//! guessing, and whether a login still holds.

use super::login::keys;
use super::{Accounts, LoginRefused};
use std::net::IpAddr;
use std::time::Duration;
use tagwerk_auth::{Digest, Role, ScramVerifier};
use tokio::sync::watch;

impl Accounts {
    pub fn is_user(&self, username: &str) -> bool {
        self.state().users.contains_key(username)
    }

    /// Of somebody without one: a stand-in that no password fits.
    pub fn verifier(&self, from: IpAddr, username: &str) -> Result<ScramVerifier, Duration> {
        if let Err(LoginRefused::Wait(wait)) = self.brake(&keys(from, username)) {
            return Err(wait);
        }
        let state = self.state();
        let kept = state.users.get(username).and_then(|user| user.scram.as_deref());
        let kept = kept.and_then(ScramVerifier::from_text);
        Ok(kept.unwrap_or_else(|| ScramVerifier::of_nobody(&self.nobody, username)))
    }

    pub fn login_passed(&self, from: IpAddr, username: &str) {
        self.note(&keys(from, username), true);
    }

    pub fn login_failed(&self, from: IpAddr, username: &str) {
        self.note(&keys(from, username), false);
    }

    /// The role, and what changes with the password.
    pub fn standing_of_user(&self, username: &str) -> Option<(Role, Vec<u8>)> {
        let state = self.state();
        let user = state.users.get(username)?;
        Some((user.role, Digest::of(&user.password_hash).0.to_vec()))
    }

    /// Whether a token with this digest is still good.
    pub fn token_holds(&self, digest: &[u8]) -> bool {
        let Ok(digest) = <[u8; 32]>::try_from(digest).map(Digest) else { return false };
        let wall = self.clock.wall().unix_ns;
        let state = self.state();
        let good = |expires: Option<i64>| expires.is_none_or(|expires| wall < expires);
        state.local == digest
            || state.tokens.get(&digest).is_some_and(|token| good(token.expires_unix_ns))
    }

    /// Counts up whenever users or tokens change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(super) fn tell_change(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}
