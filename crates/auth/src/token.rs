//! Secrets that a program or a browser carries: made here, shown once, kept only as a digest.

use crate::Random;
use sha2::Digest as _;
use subtle::ConstantTimeEq;

/// Random bytes in a secret: beyond guessing at any rate of tries.
const SECRET_BYTES: usize = 32;

/// What is kept of a secret. SHA-256 suffices where a password would need argon2: there are 256 bits
/// to guess.
#[derive(Clone, Copy, Debug, Eq)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    pub fn of(secret: &str) -> Digest {
        Digest::of_bytes(secret.as_bytes())
    }

    pub fn of_bytes(bytes: &[u8]) -> Digest {
        Digest(sha2::Sha256::digest(bytes).into())
    }

    pub fn from_slice(bytes: &[u8]) -> Option<Digest> {
        Some(Digest(bytes.try_into().ok()?))
    }
}

/// Takes the same time whether the digests differ in the first byte or the last.
impl PartialEq for Digest {
    fn eq(&self, other: &Digest) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl std::hash::Hash for Digest {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// A new secret with a prefix that tells people and scanners what they found, such as `twk_`.
pub fn new_secret(random: &dyn Random, prefix: &str) -> String {
    format!("{prefix}{}", hexadecimal::<SECRET_BYTES>(random))
}

/// A name for something that is not secret.
pub fn new_id(random: &dyn Random) -> String {
    hexadecimal::<8>(random)
}

fn hexadecimal<const BYTES: usize>(random: &dyn Random) -> String {
    let mut bytes = [0u8; BYTES];
    random.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    #[test]
    fn secrets_are_long_and_differ_and_are_recognised_by_their_digest() {
        let a = new_secret(&SystemRandom, "twk_");
        let b = new_secret(&SystemRandom, "twk_");
        assert!(a.starts_with("twk_") && a.len() == 4 + 64);
        assert_ne!(a, b);
        assert_eq!(Digest::of(&a), Digest::of(&a));
        assert_ne!(Digest::of(&a), Digest::of(&b));
        assert_eq!(Digest::from_slice(&Digest::of(&a).0), Some(Digest::of(&a)));
        assert_eq!(Digest::from_slice(&[1, 2]), None);
    }
}
