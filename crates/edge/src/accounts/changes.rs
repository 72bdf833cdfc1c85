//! Changes to users and tokens. There is always an administrator.

use super::{Accounts, Caller, LoginRefused};
use crate::store::{StoreError, TokenRow, UserRow};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_auth::{
    Digest, Role, ScramVerifier, check_password, hash_password, new_id, new_secret,
};
use tagwerk_model::limits;

/// Length of a token's name. Longer: refused.
const TOKEN_NAME_BYTES_MAX: usize = 64;
/// The longest life of a token that has an end.
const TOKEN_LIFE_MAX: Duration = Duration::from_secs(10 * 366 * 86_400);

#[derive(Debug)]
pub enum AccountRefused {
    NotFound(String),
    Exists(String),
    /// It would leave the edge without an administrator.
    LastAdmin(String),
    Choice(String),
    Limit(String),
    Password(LoginRefused),
    Store(StoreError),
}

impl From<StoreError> for AccountRefused {
    fn from(error: StoreError) -> AccountRefused {
        AccountRefused::Store(error)
    }
}

impl Accounts {
    pub fn users(&self) -> Vec<UserRow> {
        self.state().users.values().cloned().collect()
    }

    pub async fn add_user(
        &self,
        username: &str,
        password: &str,
        role: Role,
    ) -> Result<UserRow, AccountRefused> {
        let _changing = self.changing.lock().await;
        let count = self.state().users.len();
        if self.state().users.contains_key(username) {
            return Err(AccountRefused::Exists(format!("the user {username} exists already")));
        }
        if count >= limits::USERS_MAX {
            return Err(AccountRefused::Limit(format!(
                "an edge has at most {} users",
                limits::USERS_MAX
            )));
        }
        let (password_hash, scram) = self.hash_choice(username, password).await?;
        let user = UserRow {
            username: username.to_owned(),
            role,
            password_hash,
            scram,
            created_unix_ns: self.clock.wall().unix_ns,
            last_login_unix_ns: None,
        };
        self.store_user(user).await
    }

    /// Changes a user's role or password; either ends the user's sessions.
    pub async fn change_user(
        &self,
        username: &str,
        role: Option<Role>,
        password: Option<&str>,
    ) -> Result<UserRow, AccountRefused> {
        let _changing = self.changing.lock().await;
        let mut user = self.known_user(username)?;
        if let Some(role) = role {
            if role != Role::Admin {
                self.keep_an_admin(&user, "given another role")?;
            }
            user.role = role;
        }
        if let Some(password) = password {
            (user.password_hash, user.scram) = self.hash_choice(username, password).await?;
        }
        let user = self.store_user(user).await?;
        self.end_sessions(username, None).await?;
        Ok(user)
    }

    /// Changes the caller's own password and ends the caller's other sessions.
    pub async fn change_own_password(
        &self,
        from: IpAddr,
        caller: &Caller,
        current: &str,
        new: &str,
    ) -> Result<(), AccountRefused> {
        if caller.session.is_none() {
            let text = "only a user has a password; this caller shows a token".to_owned();
            return Err(AccountRefused::Choice(text));
        }
        self.check_known_password(from, &caller.name, current)
            .await
            .map_err(AccountRefused::Password)?;
        let _changing = self.changing.lock().await;
        let mut user = self.known_user(&caller.name)?;
        (user.password_hash, user.scram) = self.hash_choice(&caller.name, new).await?;
        self.store_user(user).await?;
        self.end_sessions(&caller.name, caller.session).await
    }

    pub async fn remove_user(&self, username: &str) -> Result<(), AccountRefused> {
        let _changing = self.changing.lock().await;
        let user = self.known_user(username)?;
        self.keep_an_admin(&user, "removed")?;
        let name = username.to_owned();
        self.blocking(move |store| store.remove_user(&name)).await?;
        let mut state = self.state();
        state.users.remove(username);
        state.sessions.retain(|_, session| session.row.username != username);
        drop(state);
        self.tell_change();
        Ok(())
    }

    pub fn tokens(&self) -> Vec<TokenRow> {
        let mut tokens: Vec<TokenRow> = self.state().tokens.values().cloned().collect();
        tokens.sort_by(|a, b| (a.created_unix_ns, &a.id).cmp(&(b.created_unix_ns, &b.id)));
        tokens
    }

    /// Makes a token; its text comes back this once.
    pub async fn add_token(
        &self,
        name: &str,
        role: Role,
        expires_in: Option<Duration>,
    ) -> Result<(TokenRow, String), AccountRefused> {
        let _changing = self.changing.lock().await;
        let printable = name.chars().all(|c| !c.is_control());
        if name.trim().is_empty() || name.len() > TOKEN_NAME_BYTES_MAX || !printable {
            return Err(AccountRefused::Choice(format!(
                "a token's name must have 1 to {TOKEN_NAME_BYTES_MAX} printable characters"
            )));
        }
        if self.state().tokens.len() >= limits::TOKENS_MAX {
            return Err(AccountRefused::Limit(format!(
                "an edge has at most {} tokens",
                limits::TOKENS_MAX
            )));
        }
        if expires_in.is_some_and(|life| life > TOKEN_LIFE_MAX) {
            let text = "a token lives at most ten years, or for ever without `expires_in_ms`";
            return Err(AccountRefused::Choice(text.to_owned()));
        }
        let secret = new_secret(&*self.random, "twk_");
        let now = self.clock.wall().unix_ns;
        let token = TokenRow {
            id: new_id(&*self.random),
            name: name.to_owned(),
            role,
            digest: Digest::of(&secret),
            created_unix_ns: now,
            expires_unix_ns: expires_in.map(|life| now.saturating_add(life.as_nanos() as i64)),
            last_used_unix_ns: None,
        };
        let stored = token.clone();
        self.blocking(move |store| store.put_token(&stored)).await?;
        self.state().tokens.insert(token.digest, token.clone());
        Ok((token, secret))
    }

    pub async fn remove_token(&self, id: &str) -> Result<TokenRow, AccountRefused> {
        let _changing = self.changing.lock().await;
        let token = self.state().tokens.values().find(|token| token.id == id).cloned();
        let token =
            token.ok_or_else(|| AccountRefused::NotFound(format!("there is no token {id}")))?;
        // First out of memory: from here on it opens nothing, whatever the disk does.
        self.state().tokens.remove(&token.digest);
        self.tell_change();
        let id = id.to_owned();
        self.blocking(move |store| store.remove_token(&id)).await?;
        Ok(token)
    }

    fn known_user(&self, username: &str) -> Result<UserRow, AccountRefused> {
        let user = self.state().users.get(username).cloned();
        user.ok_or_else(|| AccountRefused::NotFound(format!("there is no user {username}")))
    }

    fn keep_an_admin(&self, user: &UserRow, what: &str) -> Result<(), AccountRefused> {
        let admins = self.state().users.values().filter(|u| u.role == Role::Admin).count();
        if user.role == Role::Admin && admins <= 1 {
            return Err(AccountRefused::LastAdmin(format!(
                "{} is the last administrator and cannot be {what}",
                user.username
            )));
        }
        Ok(())
    }

    /// The hash, and what is kept for the PostgreSQL protocol.
    async fn hash_choice(
        &self,
        username: &str,
        password: &str,
    ) -> Result<(String, Option<String>), AccountRefused> {
        check_password(username, password)
            .map_err(|refused| AccountRefused::Choice(refused.to_string()))?;
        let _permit = self.hashing.acquire().await.expect("the semaphore is never closed");
        let (random, password) = (Arc::clone(&self.random), password.to_owned());
        let both = self.blocking(move |_| {
            let scram = ScramVerifier::make(&*random, &password).to_text();
            (hash_password(&*random, &password), Some(scram))
        });
        Ok(both.await)
    }

    async fn store_user(&self, user: UserRow) -> Result<UserRow, AccountRefused> {
        let stored = user.clone();
        self.blocking(move |store| store.put_user(&stored)).await?;
        self.state().users.insert(user.username.clone(), user.clone());
        self.tell_change();
        Ok(user)
    }

    async fn end_sessions(
        &self,
        username: &str,
        except: Option<Digest>,
    ) -> Result<(), AccountRefused> {
        let mut ended = Vec::new();
        self.state().sessions.retain(|digest, session| {
            let keep = session.row.username != username || Some(*digest) == except;
            if !keep {
                ended.push(*digest);
            }
            keep
        });
        Ok(self.blocking(move |store| store.remove_sessions(&ended)).await?)
    }
}
