//! Logging in and out, and setting the first administrator.

use super::{Accounts, Caller, Session};
use crate::store::{SessionRow, StoreError, UserRow};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_api::Via;
use tagwerk_auth::{Digest, Role, ScramVerifier, check_password, hash_password, verify_password};
use tagwerk_model::limits;

pub struct LoggedIn {
    pub caller: Caller,
    /// The cookie's value.
    pub secret: String,
}

#[derive(Debug)]
pub enum LoginRefused {
    /// The password, or the user: the answer does not tell which.
    Wrong,
    /// Too many failures; the next try is worth it after this long.
    Wait(Duration),
    /// The setup token is wrong, used, or of an earlier start.
    SetupToken,
    AlreadySetUp,
    /// The name or password chosen is not acceptable.
    Choice(String),
    Store(StoreError),
}

impl From<StoreError> for LoginRefused {
    fn from(error: StoreError) -> LoginRefused {
        LoginRefused::Store(error)
    }
}

/// What failures are counted by.
pub(super) fn keys(from: IpAddr, username: &str) -> [String; 2] {
    [format!("account {username}"), format!("address {from}")]
}

impl Accounts {
    pub async fn login(
        &self,
        from: IpAddr,
        username: &str,
        password: &str,
    ) -> Result<LoggedIn, LoginRefused> {
        let verified = self.check_known_password(from, username, password).await?;
        let _changing = self.changing.lock().await;
        let mut user = self.state().users.get(username).cloned().ok_or(LoginRefused::Wrong)?;
        // Set before the PostgreSQL protocol was spoken. Another may have been set meanwhile.
        if user.scram.is_none() && user.password_hash == verified {
            let (random, password) = (Arc::clone(&self.random), password.to_owned());
            let scram = self.blocking(move |_| ScramVerifier::make(&*random, &password).to_text());
            user.scram = Some(scram.await);
        }
        user.last_login_unix_ns = Some(self.clock.wall().unix_ns);
        self.start_session(user).await
    }

    /// Checks a password with the brake on guessing; as slow for a user who does not exist. The hash
    /// that it fits.
    pub(super) async fn check_known_password(
        &self,
        from: IpAddr,
        username: &str,
        password: &str,
    ) -> Result<String, LoginRefused> {
        let keys = keys(from, username);
        self.brake(&keys)?;
        let _permit = self.hashing.acquire().await.expect("the semaphore is never closed");
        // Tries that waited here together must not all count as the first.
        self.brake(&keys)?;
        let hash = self.state().users.get(username).map(|user| user.password_hash.clone());
        let (password, known) = (password.to_owned(), hash.clone());
        let right = self.blocking(move |_| verify_password(hash.as_deref(), &password)).await;
        self.note(&keys, right);
        known.filter(|_| right).ok_or(LoginRefused::Wrong)
    }

    pub(super) fn note(&self, keys: &[String], right: bool) {
        let now = self.clock.now().0;
        let mut state = self.state();
        for key in keys {
            match right {
                true => state.throttle.succeeded(key),
                false => state.throttle.failed(key, now),
            }
        }
    }

    pub(super) fn brake(&self, keys: &[String]) -> Result<(), LoginRefused> {
        let now = self.clock.now().0;
        let state = self.state();
        match keys.iter().filter_map(|key| state.throttle.wait(key, now)).max() {
            Some(wait) => Err(LoginRefused::Wait(wait)),
            None => Ok(()),
        }
    }

    /// Makes the first administrator and logs them in.
    pub async fn set_up(
        &self,
        from: IpAddr,
        token: &str,
        username: &str,
        password: &str,
    ) -> Result<LoggedIn, LoginRefused> {
        let _changing = self.changing.lock().await;
        if !self.setup_needed() {
            return Err(LoginRefused::AlreadySetUp);
        }
        let keys = [format!("setup {from}")];
        self.brake(&keys)?;
        if self.state().setup != Some(Digest::of(token)) {
            let now = self.clock.now().0;
            self.state().throttle.failed(&keys[0], now);
            return Err(LoginRefused::SetupToken);
        }
        check_password(username, password)
            .map_err(|refused| LoginRefused::Choice(refused.to_string()))?;
        let (random, chosen) = (Arc::clone(&self.random), password.to_owned());
        let (password_hash, scram) = self
            .blocking(move |_| {
                let scram = ScramVerifier::make(&*random, &chosen).to_text();
                (hash_password(&*random, &chosen), Some(scram))
            })
            .await;
        let now = self.clock.wall().unix_ns;
        let user = UserRow {
            username: username.to_owned(),
            role: Role::Admin,
            password_hash,
            scram,
            created_unix_ns: now,
            last_login_unix_ns: Some(now),
        };
        let logged_in = self.start_session(user).await?;
        self.state().setup = None;
        Ok(logged_in)
    }

    async fn start_session(&self, user: UserRow) -> Result<LoggedIn, LoginRefused> {
        let (secret, row) = self.new_session(&user.username);
        let surplus = self.surplus_sessions();
        let (stored_user, stored_row, ended) = (user.clone(), row.clone(), surplus.clone());
        self.blocking(move |store| {
            store.put_user(&stored_user)?;
            store.remove_sessions(&ended)?;
            store.put_session(&stored_row)
        })
        .await?;
        let mut state = self.state();
        surplus.iter().for_each(|digest| drop(state.sessions.remove(digest)));
        let caller = Caller {
            name: user.username.clone(),
            role: user.role,
            via: Via::Session,
            session: Some(row.digest),
        };
        let stored_seen_ns = row.times.seen_ns;
        state.sessions.insert(row.digest, Session { row, stored_seen_ns });
        state.users.insert(user.username.clone(), user);
        Ok(LoggedIn { caller, secret })
    }

    /// Sessions that are over, and, where there are too many, the one unused for longest.
    fn surplus_sessions(&self) -> Vec<Digest> {
        let (now, boot) = (self.clock.now().0, self.clock.boot_id());
        let state = self.state();
        let rows = || state.sessions.values().map(|session| &session.row);
        let mut surplus: Vec<Digest> =
            rows().filter(|row| !row.times.alive(boot, now)).map(|row| row.digest).collect();
        if state.sessions.len() - surplus.len() >= limits::SESSIONS_MAX {
            let alive = rows().filter(|row| row.times.alive(boot, now));
            let oldest: Option<&SessionRow> = alive.min_by_key(|row| row.times.seen_ns);
            surplus.extend(oldest.map(|row| row.digest));
        }
        surplus
    }

    pub async fn log_out(&self, caller: &Caller) -> Result<(), StoreError> {
        let Some(digest) = caller.session else { return Ok(()) };
        self.state().sessions.remove(&digest);
        self.blocking(move |store| store.remove_sessions(&[digest])).await
    }
}
