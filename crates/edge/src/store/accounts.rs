//! Rows of users, tokens and sessions. What they mean is the accounts' own.

use super::{Store, StoreError};
use rusqlite::params;
use tagwerk_auth::{Digest, Role, SessionTimes};

#[derive(Clone, Debug, PartialEq)]
pub struct UserRow {
    pub username: String,
    pub role: Role,
    pub password_hash: String,
    /// Of the same password, for the PostgreSQL protocol.
    pub scram: Option<String>,
    pub created_unix_ns: i64,
    pub last_login_unix_ns: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TokenRow {
    pub id: String,
    pub name: String,
    pub role: Role,
    pub digest: Digest,
    pub created_unix_ns: i64,
    pub expires_unix_ns: Option<i64>,
    pub last_used_unix_ns: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SessionRow {
    pub digest: Digest,
    pub username: String,
    pub times: SessionTimes,
}

impl Store {
    pub fn users(&self) -> Result<Vec<UserRow>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare(
            "SELECT username, role, password_hash, created_unix_ns, last_login_unix_ns, scram
             FROM users ORDER BY username",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(UserRow {
                username: row.get(0)?,
                role: read_role(row.get(1)?),
                password_hash: row.get(2)?,
                created_unix_ns: row.get(3)?,
                last_login_unix_ns: row.get(4)?,
                scram: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Adds a user or replaces one.
    pub fn put_user(&self, user: &UserRow) -> Result<(), StoreError> {
        self.lock().execute(
            "INSERT INTO users (username, role, password_hash, created_unix_ns,
                last_login_unix_ns, scram) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (username) DO UPDATE SET role = excluded.role,
                password_hash = excluded.password_hash, scram = excluded.scram,
                last_login_unix_ns = excluded.last_login_unix_ns",
            params![
                user.username,
                user.role.name(),
                user.password_hash,
                user.created_unix_ns,
                user.last_login_unix_ns,
                user.scram
            ],
        )?;
        Ok(())
    }

    /// Removes a user and the user's sessions.
    pub fn remove_user(&self, username: &str) -> Result<(), StoreError> {
        self.lock().execute("DELETE FROM users WHERE username = ?1", [username])?;
        Ok(())
    }

    pub fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare(
            "SELECT id, name, role, digest, created_unix_ns, expires_unix_ns, last_used_unix_ns
             FROM tokens ORDER BY created_unix_ns, id",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(TokenRow {
                id: row.get(0)?,
                name: row.get(1)?,
                role: read_role(row.get(2)?),
                digest: Digest(row.get(3)?),
                created_unix_ns: row.get(4)?,
                expires_unix_ns: row.get(5)?,
                last_used_unix_ns: row.get(6)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Adds a token or replaces one.
    pub fn put_token(&self, token: &TokenRow) -> Result<(), StoreError> {
        self.lock().execute(
            "INSERT INTO tokens VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (id) DO UPDATE SET last_used_unix_ns = excluded.last_used_unix_ns",
            params![
                token.id,
                token.name,
                token.role.name(),
                token.digest.0,
                token.created_unix_ns,
                token.expires_unix_ns,
                token.last_used_unix_ns
            ],
        )?;
        Ok(())
    }

    pub fn remove_token(&self, id: &str) -> Result<(), StoreError> {
        self.lock().execute("DELETE FROM tokens WHERE id = ?1", [id])?;
        Ok(())
    }

    pub fn sessions(&self) -> Result<Vec<SessionRow>, StoreError> {
        let connection = self.lock();
        let mut statement = connection
            .prepare("SELECT digest, username, boot_id, created_ns, seen_ns FROM sessions")?;
        let rows = statement.query_map([], |row| {
            Ok(SessionRow {
                digest: Digest(row.get(0)?),
                username: row.get(1)?,
                times: SessionTimes {
                    boot_id: row.get(2)?,
                    created_ns: row.get::<_, i64>(3)? as u64,
                    seen_ns: row.get::<_, i64>(4)? as u64,
                },
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Adds a session, or notes that it was used.
    pub fn put_session(&self, session: &SessionRow) -> Result<(), StoreError> {
        self.lock().execute(
            "INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (digest) DO UPDATE SET seen_ns = excluded.seen_ns",
            params![
                session.digest.0,
                session.username,
                session.times.boot_id,
                session.times.created_ns as i64,
                session.times.seen_ns as i64
            ],
        )?;
        Ok(())
    }

    pub fn remove_sessions(&self, digests: &[Digest]) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        for digest in digests {
            transaction.execute("DELETE FROM sessions WHERE digest = ?1", [digest.0])?;
        }
        Ok(transaction.commit()?)
    }
}

/// A role that this version does not know may see, and no more.
fn read_role(name: String) -> Role {
    Role::from_name(&name).unwrap_or(Role::Viewer)
}

#[cfg(test)]
mod tests {
    use super::super::in_memory;
    use super::*;

    #[test]
    fn users_tokens_and_sessions_come_back_as_they_went() {
        let store = in_memory();
        let mut user = UserRow {
            username: "anna".into(),
            role: Role::Admin,
            password_hash: "h".into(),
            scram: None,
            created_unix_ns: 1,
            last_login_unix_ns: None,
        };
        store.put_user(&user).unwrap();
        user.last_login_unix_ns = Some(7);
        user.scram = Some("s".into());
        store.put_user(&user).unwrap();
        assert_eq!(store.users().unwrap(), [user]);

        let token = TokenRow {
            id: "t".into(),
            name: "grafana".into(),
            role: Role::Viewer,
            digest: Digest([3; 32]),
            created_unix_ns: 1,
            expires_unix_ns: Some(2),
            last_used_unix_ns: None,
        };
        store.put_token(&token).unwrap();
        assert_eq!(store.tokens().unwrap(), [token]);
        store.remove_token("t").unwrap();
        assert!(store.tokens().unwrap().is_empty());

        let session = SessionRow {
            digest: Digest([4; 32]),
            username: "anna".into(),
            times: SessionTimes::new([9; 16], 77),
        };
        store.put_session(&session).unwrap();
        assert_eq!(store.sessions().unwrap(), [session]);
        store.remove_user("anna").unwrap();
        assert!(store.sessions().unwrap().is_empty(), "sessions end with their user");
    }
}
