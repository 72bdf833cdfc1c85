//! SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL uses it: what is kept of a password, and the
//! server's side of a login. Neither gives the password, nor lets its holder log in elsewhere.

use crate::Random;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use std::fmt;
use std::num::NonZeroU32;
use subtle::ConstantTimeEq;

const ITERATIONS: NonZeroU32 = NonZeroU32::new(50_000).expect("it is not zero");
/// What is accepted of a stored verifier.
const ITERATIONS_MAX: u32 = 10_000_000;
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 18;
const KEY_BYTES: usize = 32;
const SCHEME: &str = "SCRAM-SHA-256$";

/// What is kept of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramVerifier {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    stored_key: [u8; KEY_BYTES],
    server_key: [u8; KEY_BYTES],
}

impl fmt::Debug for ScramVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramVerifier")
    }
}

impl ScramVerifier {
    /// Takes some 20 ms of CPU: not for an asynchronous thread.
    pub fn make(random: &dyn Random, password: &str) -> ScramVerifier {
        let mut salt = vec![0; SALT_BYTES];
        random.fill(&mut salt);
        ScramVerifier::derive(password, salt, ITERATIONS)
    }

    fn derive(password: &str, salt: Vec<u8>, iterations: NonZeroU32) -> ScramVerifier {
        let salted = salted(password, &salt, iterations);
        let stored_key = sha256(&hmac(&salted, b"Client Key"));
        let server_key = hmac(&salted, b"Server Key");
        ScramVerifier { iterations, salt, stored_key, server_key }
    }

    /// For a user who does not exist, or has none: opens nothing, and looks the same each time.
    pub fn of_nobody(secret: &[u8], username: &str) -> ScramVerifier {
        let key = hmac(secret, username.as_bytes());
        let salt = key[..SALT_BYTES].to_vec();
        let (stored_key, server_key) = (hmac(&key, b"stored"), hmac(&key, b"server"));
        ScramVerifier { iterations: ITERATIONS, salt, stored_key, server_key }
    }

    /// In the form in which PostgreSQL keeps it.
    pub fn to_text(&self) -> String {
        format!(
            "{SCHEME}{}:{}${}:{}",
            self.iterations,
            STANDARD.encode(&self.salt),
            STANDARD.encode(self.stored_key),
            STANDARD.encode(self.server_key)
        )
    }

    pub fn from_text(text: &str) -> Option<ScramVerifier> {
        let (cost, keys) = text.strip_prefix(SCHEME)?.split_once('$')?;
        let (iterations, salt) = cost.split_once(':')?;
        let (stored, server) = keys.split_once(':')?;
        let iterations: NonZeroU32 = iterations.parse().ok()?;
        (iterations.get() <= ITERATIONS_MAX).then_some(())?;
        Some(ScramVerifier {
            iterations,
            salt: STANDARD.decode(salt).ok()?,
            stored_key: STANDARD.decode(stored).ok()?.try_into().ok()?,
            server_key: STANDARD.decode(server).ok()?.try_into().ok()?,
        })
    }
}

/// A login under way: the client has spoken once.
pub struct ScramExchange {
    verifier: ScramVerifier,
    nonce: String,
    /// Both first messages, as the proof covers them.
    begun: String,
    /// What the client said of channel binding, which it must repeat.
    binding: String,
}

/// How a login ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScramRefused {
    /// The messages are not what the standard says.
    Malformed,
    /// They are, and the password is another.
    WrongPassword,
}

impl ScramExchange {
    /// Answers the client's first message. Channel binding is not offered, and so not taken.
    pub fn begin(
        random: &dyn Random,
        verifier: ScramVerifier,
        first: &str,
    ) -> Result<(ScramExchange, String), ScramRefused> {
        let at = first.match_indices(',').nth(1).ok_or(ScramRefused::Malformed)?.0;
        let (binding, bare) = first.split_at(at + 1);
        if !binding.starts_with("n,") && !binding.starts_with("y,") {
            return Err(ScramRefused::Malformed);
        }
        let mut parts = bare.split(',');
        let user = parts.next().is_some_and(|part| part.starts_with("n="));
        let own = parts.next().and_then(|part| part.strip_prefix("r="));
        let own = own.filter(|nonce| user && !nonce.is_empty()).ok_or(ScramRefused::Malformed)?;
        let mut bytes = [0; NONCE_BYTES];
        random.fill(&mut bytes);
        let nonce = format!("{own}{}", STANDARD.encode(bytes));
        let answer =
            format!("r={nonce},s={},i={}", STANDARD.encode(&verifier.salt), verifier.iterations);
        let begun = format!("{bare},{answer}");
        Ok((ScramExchange { verifier, nonce, begun, binding: binding.to_owned() }, answer))
    }

    /// Checks the proof; gives the server's own.
    pub fn end(self, last: &str) -> Result<String, ScramRefused> {
        let (without_proof, proof) = last.rsplit_once(",p=").ok_or(ScramRefused::Malformed)?;
        let mut parts = without_proof.split(',');
        let binding = parts.next().and_then(|part| part.strip_prefix("c="));
        let nonce = parts.next().and_then(|part| part.strip_prefix("r="));
        let repeated = binding.and_then(|binding| STANDARD.decode(binding).ok());
        if repeated.as_deref() != Some(self.binding.as_bytes()) || nonce != Some(&self.nonce) {
            return Err(ScramRefused::Malformed);
        }
        let proof: Option<[u8; KEY_BYTES]> =
            STANDARD.decode(proof).ok().and_then(|proof| proof.try_into().ok());
        let proof = proof.ok_or(ScramRefused::Malformed)?;
        let covered = format!("{},{without_proof}", self.begun);
        let signature = hmac(&self.verifier.stored_key, covered.as_bytes());
        let client_key: Vec<u8> = proof.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        let same: bool = sha256(&client_key).ct_eq(&self.verifier.stored_key).into();
        if !same {
            return Err(ScramRefused::WrongPassword);
        }
        let own = hmac(&self.verifier.server_key, covered.as_bytes());
        Ok(format!("v={}", STANDARD.encode(own)))
    }
}

fn salted(password: &str, salt: &[u8], iterations: NonZeroU32) -> [u8; KEY_BYTES] {
    let mut salted = [0; KEY_BYTES];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, password.as_bytes(), &mut salted);
    salted
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; KEY_BYTES] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let tag = hmac::sign(&key, text);
    tag.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn sha256(text: &[u8]) -> [u8; KEY_BYTES] {
    digest::digest(&digest::SHA256, text).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    /// The client's side, as the standard says it.
    fn log_in(verifier: ScramVerifier, password: &str) -> Result<(), ScramRefused> {
        let bare = "n=,r=rOprNGfwEbeRWgbNEkqO";
        let (exchange, answer) =
            ScramExchange::begin(&SystemRandom, verifier, &format!("n,,{bare}"))?;
        let field = |name: &str| {
            let part = answer.split(',').find(|part| part.starts_with(name)).unwrap();
            part[2..].to_owned()
        };
        let salt = STANDARD.decode(field("s=")).unwrap();
        let salted = salted(password, &salt, field("i=").parse().unwrap());
        let client_key = hmac(&salted, b"Client Key");
        let last = format!("c=biws,r={}", field("r="));
        let covered = format!("{bare},{answer},{last}");
        let signature = hmac(&sha256(&client_key), covered.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        let own = exchange.end(&format!("{last},p={}", STANDARD.encode(proof)))?;
        let server = hmac(&hmac(&salted, b"Server Key"), covered.as_bytes());
        assert_eq!(own, format!("v={}", STANDARD.encode(server)));
        Ok(())
    }

    #[test]
    fn the_password_opens_and_no_other() {
        let verifier = ScramVerifier::make(&SystemRandom, "a fine long sentence");
        let text = verifier.to_text();
        assert!(text.starts_with("SCRAM-SHA-256$50000:"), "{text}");
        let verifier = ScramVerifier::from_text(&text).unwrap();
        assert_eq!(log_in(verifier.clone(), "a fine long sentence"), Ok(()));
        assert_eq!(log_in(verifier, "another sentence"), Err(ScramRefused::WrongPassword));
        let nobody = ScramVerifier::of_nobody(b"secret", "anna");
        assert_eq!(nobody, ScramVerifier::of_nobody(b"secret", "anna"));
        assert_eq!(log_in(nobody, ""), Err(ScramRefused::WrongPassword));
    }

    #[test]
    fn the_example_of_the_standard_is_kept_to() {
        // RFC 7677, section 3: user "user", password "pencil", 4,096 iterations.
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let verifier = ScramVerifier::derive("pencil", salt, NonZeroU32::new(4_096).unwrap());
        let covered = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
            s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let signature = hmac(&verifier.server_key, covered.as_bytes());
        assert_eq!(STANDARD.encode(signature), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn rubbish_is_refused() {
        let verifier = || ScramVerifier::of_nobody(b"secret", "anna");
        for first in
            ["", "n,,", "n,,n=", "n,,n=,r=", "p=tls-unique,,n=,r=abc", ",,,,", "n,,r=abc,n="]
        {
            let begun = ScramExchange::begin(&SystemRandom, verifier(), first);
            assert_eq!(begun.err(), Some(ScramRefused::Malformed), "{first}");
        }
        for last in ["", ",p=", "c=biws,r=other,p=AAAA", "c=eSws,r=abc,p="] {
            let (exchange, _) =
                ScramExchange::begin(&SystemRandom, verifier(), "n,,n=,r=abc").ok().unwrap();
            assert_eq!(exchange.end(last), Err(ScramRefused::Malformed), "{last}");
        }
        for text in
            ["", "SCRAM-SHA-256$0:AA==$AA==:AA==", "SCRAM-SHA-256$4096:AA==$AA==:AA==", "md5"]
        {
            assert_eq!(ScramVerifier::from_text(text), None, "{text}");
        }
    }
}
