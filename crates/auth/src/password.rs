//! Passwords: which are acceptable, and how they are kept (argon2id).

use crate::Random;
use argon2::{Argon2, Params, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use std::fmt;

const PASSWORD_CHARS_MIN: usize = 10;
/// A longer one adds no safety and lets a stranger make the edge hash megabytes.
const PASSWORD_BYTES_MAX: usize = 256;
const USERNAME_BYTES_MAX: usize = 64;
const SALT_BYTES: usize = 16;

/// Passwords of at least ten characters that every guessing list starts with, and those that people
/// in plants choose first. Compared in lower case and without trailing digits and marks.
const COMMON: &[&str] = &[
    "password",
    "passwort",
    "administrator",
    "admin",
    "adminadmin",
    "letmein",
    "welcome",
    "changeme",
    "qwertyuiop",
    "qwertzuiop",
    "qwerty",
    "iloveyou",
    "tagwerk",
    "tagwerkedge",
    "gateway",
    "operator",
    "engineer",
    "maintenance",
    "siemens",
    "schneider",
    "default",
    "industrial",
    "passwordpassword",
];

/// Why a new user name or password was not taken, for the person who chose it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordRefused(pub String);

impl fmt::Display for PasswordRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PasswordRefused {}

/// The rules for a new password; length counts, character classes do not (NIST SP 800-63B, 3.1.1).
pub fn check_password(username: &str, password: &str) -> Result<(), PasswordRefused> {
    let refuse = |text: String| Err(PasswordRefused(text));
    if username.is_empty()
        || username.len() > USERNAME_BYTES_MAX
        || !username.chars().all(|c| c.is_ascii_alphanumeric() || "._-@".contains(c))
    {
        return refuse(format!(
            "the user name must have 1 to {USERNAME_BYTES_MAX} letters, digits or any of . _ - @"
        ));
    }
    let length = password.chars().count();
    if length < PASSWORD_CHARS_MIN {
        return refuse(format!(
            "the password has {length} characters; it needs at least {PASSWORD_CHARS_MIN}"
        ));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return refuse(format!("the password is longer than {PASSWORD_BYTES_MAX} bytes"));
    }
    let lower = password.to_lowercase();
    if lower.contains(&username.to_lowercase()) && length < username.len() + PASSWORD_CHARS_MIN {
        return refuse("the password is little more than the user name".to_owned());
    }
    let stem = lower.trim_end_matches(|c: char| !c.is_alphabetic());
    if COMMON.contains(&stem) || COMMON.contains(&lower.as_str()) || is_sequence(&lower) {
        return refuse("the password is among the first that are guessed".to_owned());
    }
    Ok(())
}

/// `1111111111`, `1234567890`, `abcdefghij` and their like.
fn is_sequence(text: &str) -> bool {
    let codes: Vec<i64> = text.chars().map(|c| i64::from(u32::from(c))).collect();
    let steps = codes.windows(2).filter(|pair| (pair[1] - pair[0]).abs() <= 1).count();
    // The fall from 9 to 0 and one odd character at the end do not make it a good password.
    steps + 3 > codes.len()
}

/// The parameters that OWASP's password storage sheet names first after 46 MiB: 19 MiB, two passes,
/// one lane. 30 to 100 ms on a gateway's core, and small enough not to show in the memory of one.
fn hasher() -> Argon2<'static> {
    Argon2::from(Params::new(19 * 1024, 2, 1, None).expect("the parameters are in argon2's range"))
}

/// A new salt and the hash, in the PHC string form. Takes some 50 ms of CPU and 19 MiB: not for an
/// asynchronous thread.
pub fn hash_password(random: &dyn Random, password: &str) -> String {
    let mut salt = [0u8; SALT_BYTES];
    random.fill(&mut salt);
    let hash: PasswordHash = hasher()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .expect("salt and password are of a length that argon2 takes");
    hash.to_string()
}

/// Whether `password` is the one of `hash`; for a user who does not exist (`None`) it takes as long,
/// and is false. Not for an asynchronous thread.
pub fn verify_password(hash: Option<&str>, password: &str) -> bool {
    // Hash of nothing anyone knows, with the parameters of `hasher`.
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let known = hash.is_some();
    let password = if password.len() > PASSWORD_BYTES_MAX { "" } else { password };
    let same = hasher().verify_password(password.as_bytes(), hash.unwrap_or(NOBODY)).is_ok();
    known && same
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    #[test]
    fn passwords_are_judged_by_length_and_by_how_soon_they_are_guessed() {
        let check = |user: &str, password: &str, taken: bool| {
            let verdict = check_password(user, password);
            assert_eq!(verdict.is_ok(), taken, "{user} {password}: {verdict:?}");
        };
        check("anna", "a fine long sentence", true);
        check("anna", "Tr0ub4dor&3x", true);
        check("anna", "kurz", false);
        check("anna", "äöüäöüäöü", false);
        check("anna", "Password1234", false);
        check("anna", "tagwerk2026!!", false);
        check("anna", "1234567890", false);
        check("anna", "aaaaaaaaaaaa", false);
        check("anna.miller", "Anna.Miller1", false);
        check("", "a fine long sentence", false);
        check("an na", "a fine long sentence", false);
        check("anna", &"x y".repeat(100), false);
    }

    #[test]
    fn a_password_is_recognised_and_no_other() {
        let hash = hash_password(&SystemRandom, "a fine long sentence");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify_password(Some(&hash), "a fine long sentence"));
        assert!(!verify_password(Some(&hash), "a fine long sentence "));
        assert!(!verify_password(None, "a fine long sentence"));
        assert!(!verify_password(Some("rubbish"), "a fine long sentence"));
        assert_ne!(hash, hash_password(&SystemRandom, "a fine long sentence"), "salted");
    }

    #[test]
    fn an_unknown_user_costs_the_same_work() {
        // The stand-in must parse and carry the working parameters, or the answer comes at once.
        let nobody = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let parsed = PasswordHash::new(nobody).unwrap();
        assert_eq!(Params::try_from(&parsed).unwrap().m_cost(), hasher().params().m_cost());
        assert_eq!(Params::try_from(&parsed).unwrap().t_cost(), hasher().params().t_cost());
    }
}
