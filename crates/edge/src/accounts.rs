//! Users, tokens and sessions at work: who a request comes from, and changes to that.
//!
//! All of it is held in memory and written through to the store, so that asking costs no disk.

mod changes;
mod login;
mod postgres;

pub use changes::AccountRefused;
pub use login::{LoggedIn, LoginRefused};

use crate::store::{SessionRow, Store, StoreError, TokenRow, UserRow};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tagwerk_api::Via;
use tagwerk_auth::{Digest, Random, Role, SessionTimes, Throttle, new_secret};
use tagwerk_env::Clock;

/// Passwords hashed at once: each takes a core and 19 MiB.
const HASHED_AT_ONCE: usize = 1;
/// How often the store learns that a session or token is in use; flash wears.
const SEEN_EVERY: Duration = Duration::from_secs(600);

/// Who a request comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    pub name: String,
    pub role: Role,
    pub via: Via,
    pub(crate) session: Option<Digest>,
}

impl Caller {
    /// As the record, the revisions and the commands name the caller.
    pub fn by(&self) -> String {
        match self.via {
            Via::Session | Via::Local => self.name.clone(),
            Via::Token => format!("token {}", self.name),
        }
    }
}

pub struct Accounts {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    state: Mutex<State>,
    hashing: tokio::sync::Semaphore,
    /// Held over each change, from its check to the store's answer.
    changing: tokio::sync::Mutex<()>,
    /// Counts changes of users and tokens.
    changes: tokio::sync::watch::Sender<u64>,
    /// Makes up what is kept of the passwords of users who do not exist.
    nobody: [u8; 32],
}

struct State {
    users: BTreeMap<String, UserRow>,
    tokens: HashMap<Digest, TokenRow>,
    sessions: HashMap<Digest, Session>,
    throttle: Throttle,
    setup: Option<Digest>,
    local: Digest,
}

struct Session {
    row: SessionRow,
    stored_seen_ns: u64,
}

/// What only the process that started the edge learns.
pub struct StartSecrets {
    /// For the first administrator; `None` when there is one.
    pub setup: Option<String>,
    /// For the command line on the same machine.
    pub local: String,
}

impl Accounts {
    pub fn open(
        store: Store,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<(Accounts, StartSecrets), StoreError> {
        let users: BTreeMap<String, UserRow> =
            store.users()?.into_iter().map(|user| (user.username.clone(), user)).collect();
        let tokens = store.tokens()?.into_iter().map(|token| (token.digest, token)).collect();
        let (now, boot) = (clock.now().0, clock.boot_id());
        let (alive, dead): (Vec<_>, Vec<_>) =
            store.sessions()?.into_iter().partition(|session| session.times.alive(boot, now));
        if !dead.is_empty() {
            let digests: Vec<Digest> = dead.iter().map(|session| session.digest).collect();
            store.remove_sessions(&digests)?;
        }
        let sessions = alive
            .into_iter()
            .map(|row| (row.digest, Session { stored_seen_ns: row.times.seen_ns, row }))
            .collect();
        let secrets = StartSecrets {
            setup: users.is_empty().then(|| new_secret(&*random, "tws_")),
            local: new_secret(&*random, "twl_"),
        };
        let state = State {
            users,
            tokens,
            sessions,
            throttle: Throttle::new(),
            setup: secrets.setup.as_deref().map(Digest::of),
            local: Digest::of(&secrets.local),
        };
        let mut nobody = [0; 32];
        random.fill(&mut nobody);
        let accounts = Accounts {
            changes: tokio::sync::watch::channel(0).0,
            nobody,
            store,
            clock,
            random,
            state: Mutex::new(state),
            hashing: tokio::sync::Semaphore::new(HASHED_AT_ONCE),
            changing: tokio::sync::Mutex::new(()),
        };
        Ok((accounts, secrets))
    }

    /// Closes the door for changes of users until the guard is dropped.
    pub async fn close_door(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// Reads users and tokens anew, after others took their place. Every session ends. Blocking.
    pub fn reload(&self) -> Result<(), StoreError> {
        let users = self.store.users()?;
        let tokens = self.store.tokens()?;
        let mut state = self.state();
        state.users = users.into_iter().map(|user| (user.username.clone(), user)).collect();
        state.tokens = tokens.into_iter().map(|token| (token.digest, token)).collect();
        state.sessions.clear();
        if !state.users.is_empty() {
            state.setup = None;
        }
        drop(state);
        self.tell_change();
        Ok(())
    }

    pub fn setup_needed(&self) -> bool {
        self.state().users.is_empty()
    }

    /// The caller that shows this bearer token.
    pub fn by_token(&self, secret: &str) -> Option<Caller> {
        let digest = Digest::of(secret);
        let wall = self.clock.wall().unix_ns;
        let mut state = self.state();
        if state.local == digest {
            let name = "local".to_owned();
            return Some(Caller { name, role: Role::Admin, via: Via::Local, session: None });
        }
        let token = state.tokens.get_mut(&digest)?;
        if token.expires_unix_ns.is_some_and(|expires| wall >= expires) {
            return None;
        }
        let caller =
            Caller { name: token.name.clone(), role: token.role, via: Via::Token, session: None };
        let since = token.last_used_unix_ns.map_or(i64::MAX, |last| wall.saturating_sub(last));
        if since.unsigned_abs() > SEEN_EVERY.as_nanos() as u64 {
            token.last_used_unix_ns = Some(wall);
            let (store, token) = (self.store.clone(), token.clone());
            // Nobody waits for this; it is tried again with the next use.
            tokio::task::spawn_blocking(move || store.put_token(&token));
        }
        Some(caller)
    }

    /// The caller whose session this cookie is. The role is the user's role now, not then.
    pub fn by_session(&self, secret: &str) -> Option<Caller> {
        let digest = Digest::of(secret);
        let (now, boot) = (self.clock.now().0, self.clock.boot_id());
        let mut state = self.state();
        let state = &mut *state;
        let session = state.sessions.get_mut(&digest)?;
        let user = state.users.get(&session.row.username);
        let Some(user) = user.filter(|_| session.row.times.alive(boot, now)) else {
            state.sessions.remove(&digest);
            return None;
        };
        session.row.times.seen_ns = now;
        if now.saturating_sub(session.stored_seen_ns) > SEEN_EVERY.as_nanos() as u64 {
            session.stored_seen_ns = now;
            let (store, row) = (self.store.clone(), session.row.clone());
            tokio::task::spawn_blocking(move || store.put_session(&row));
        }
        Some(Caller {
            name: user.username.clone(),
            role: user.role,
            via: Via::Session,
            session: Some(digest),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is changed in single steps; a panic between them leaves it usable.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Runs `work` where waiting for the disk or a hash harms nobody.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(Store) -> T + Send + 'static,
    ) -> T {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || work(store))
            .await
            .expect("the store's methods do not panic")
    }

    fn new_session(&self, username: &str) -> (String, SessionRow) {
        let secret = new_secret(&*self.random, "twss_");
        let row = SessionRow {
            digest: Digest::of(&secret),
            username: username.to_owned(),
            times: SessionTimes::new(self.clock.boot_id(), self.clock.now().0),
        };
        (secret, row)
    }
}
