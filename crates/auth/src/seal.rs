//! Sealing: what only the holder of a key, or of a passphrase, can read, and nobody can change unseen.
//!
//! ChaCha20-Poly1305, because gateways without instructions for AES are many.

use crate::Random;
use argon2::{Algorithm, Argon2, Params, Version};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

pub const KEY_BYTES: usize = 32;
/// What a sealed text has beside the text: its nonce and its tag.
pub const SEAL_BYTES: usize = NONCE_LEN + 16;

/// A key that seals small texts, each under a nonce of its own.
pub struct SealKey(LessSafeKey);

impl SealKey {
    pub fn new(bytes: &[u8; KEY_BYTES]) -> SealKey {
        let key = UnboundKey::new(&CHACHA20_POLY1305, bytes);
        SealKey(LessSafeKey::new(key.expect("the key has the length of the cipher's keys")))
    }

    /// Bytes for a new key.
    pub fn generate(random: &dyn Random) -> [u8; KEY_BYTES] {
        let mut bytes = [0; KEY_BYTES];
        random.fill(&mut bytes);
        bytes
    }

    /// Seals `text` so that it opens for the same `place` only.
    pub fn seal(&self, random: &dyn Random, place: &str, text: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let mut sealed = text.to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut sealed,
            )
            .expect("the text is shorter than the cipher's limit");
        [&nonce[..], &sealed].concat()
    }

    /// `None` when the key, the place or the sealed text is another.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length =
            self.0.open_in_place(nonce, Aad::from(place.as_bytes()), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

/// How much work it is to try a passphrase; stored with what it seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

impl Cost {
    /// Some seconds on a gateway's core, 64 MiB. RFC 9106's second choice, with one lane.
    pub const BACKUP: Cost = Cost { memory_kib: 64 * 1024, passes: 3, lanes: 1 };
    /// What is accepted of a foreign file, which must not take the gateway's memory or its day.
    const MOST: Cost = Cost { memory_kib: 256 * 1024, passes: 16, lanes: 4 };

    fn acceptable(self) -> bool {
        (1..=Cost::MOST.lanes).contains(&self.lanes)
            && (1..=Cost::MOST.passes).contains(&self.passes)
            && (8 * self.lanes..=Cost::MOST.memory_kib).contains(&self.memory_kib)
    }
}

const MAGIC: &[u8; 8] = b"TWSEALED";
/// Format of the sealed file. Greater: of a later version.
const FORMAT: u16 = 1;
const SALT_BYTES: usize = 16;
/// Length of the head of a sealed file.
pub const HEAD_BYTES: usize = 8 + 2 + 12 + SALT_BYTES;
/// Text in one part of a sealed file; the last part has less, or none.
pub const PART_BYTES: usize = 64 * 1024;
/// Length of a part that is sealed and not the last.
pub const SEALED_PART_BYTES: usize = PART_BYTES + 16;

/// The head of a file that a passphrase seals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedHead {
    cost: Cost,
    salt: [u8; SALT_BYTES],
}

/// Why a head is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadRefused {
    NotSealed,
    /// Of a later version than this one.
    Newer(u16),
    /// Opening it would take more memory or time than is allowed.
    TooCostly,
}

impl SealedHead {
    pub fn new(random: &dyn Random, cost: Cost) -> SealedHead {
        let mut salt = [0; SALT_BYTES];
        random.fill(&mut salt);
        SealedHead { cost, salt }
    }

    pub fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..10].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[10..14].copy_from_slice(&self.cost.memory_kib.to_le_bytes());
        bytes[14..18].copy_from_slice(&self.cost.passes.to_le_bytes());
        bytes[18..22].copy_from_slice(&self.cost.lanes.to_le_bytes());
        bytes[22..].copy_from_slice(&self.salt);
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<SealedHead, HeadRefused> {
        let (magic, rest) = bytes.split_first_chunk::<8>().ok_or(HeadRefused::NotSealed)?;
        let (format, rest) = rest.split_first_chunk::<2>().ok_or(HeadRefused::NotSealed)?;
        if magic != MAGIC {
            return Err(HeadRefused::NotSealed);
        }
        let format = u16::from_le_bytes(*format);
        if format > FORMAT {
            return Err(HeadRefused::Newer(format));
        }
        if rest.len() < HEAD_BYTES - 10 {
            return Err(HeadRefused::NotSealed);
        }
        let number = |at: usize| {
            let bytes: [u8; 4] = rest[at..at + 4].try_into().expect("four bytes were asked for");
            u32::from_le_bytes(bytes)
        };
        let cost = Cost { memory_kib: number(0), passes: number(4), lanes: number(8) };
        if !cost.acceptable() {
            return Err(HeadRefused::TooCostly);
        }
        let mut salt = [0; SALT_BYTES];
        salt.copy_from_slice(&rest[12..12 + SALT_BYTES]);
        Ok(SealedHead { cost, salt })
    }

    /// The parts of the file, for whoever knows the passphrase. Takes seconds of CPU: not for an
    /// asynchronous thread.
    pub fn parts(&self, passphrase: &str) -> SealedParts {
        let Cost { memory_kib, passes, lanes } = self.cost;
        let params = Params::new(memory_kib, passes, lanes, Some(KEY_BYTES))
            .expect("the cost was checked, and is in argon2's range");
        let mut key = [0; KEY_BYTES];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), &self.salt, &mut key)
            .expect("passphrase and salt are of a length that argon2 takes");
        SealedParts { key: SealKey::new(&key).0, head: self.encode(), next: 0 }
    }
}

/// Seals or opens the parts of one file in their order. A part that is missing, moved, changed or cut
/// off does not open: each is sealed with its number and with whether it is the last.
pub struct SealedParts {
    key: LessSafeKey,
    head: [u8; HEAD_BYTES],
    next: u64,
}

impl SealedParts {
    pub fn seal(&mut self, mut text: Vec<u8>, end: End) -> Vec<u8> {
        let nonce = self.nonce(end);
        self.key
            .seal_in_place_append_tag(nonce, Aad::from(&self.head), &mut text)
            .expect("a part is shorter than the cipher's limit");
        text
    }

    /// `None` when the passphrase is wrong or the part is not the one that belongs here.
    pub fn open(&mut self, mut sealed: Vec<u8>, end: End) -> Option<Vec<u8>> {
        let nonce = self.nonce(end);
        let length = self.key.open_in_place(nonce, Aad::from(&self.head), &mut sealed).ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }

    fn nonce(&mut self, end: End) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        nonce[..8].copy_from_slice(&self.next.to_le_bytes());
        nonce[8] = u8::from(end == End::Last);
        self.next += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Whether parts follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    More,
    Last,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

    #[test]
    fn a_text_opens_with_its_key_at_its_place_only() {
        let bytes = SealKey::generate(&SystemRandom);
        let key = SealKey::new(&bytes);
        let sealed = key.seal(&SystemRandom, "mqtt", b"geheim");
        assert_eq!(sealed.len(), 6 + SEAL_BYTES);
        assert!(!sealed.windows(6).any(|part| part == b"geheim"));
        assert_eq!(key.open("mqtt", &sealed).as_deref(), Some(&b"geheim"[..]));
        assert_eq!(key.open("opcua", &sealed), None);
        let other = SealKey::new(&SealKey::generate(&SystemRandom));
        assert_eq!(other.open("mqtt", &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open("mqtt", &changed), None, "byte {at}");
            assert_eq!(key.open("mqtt", &sealed[..at]), None, "cut at {at}");
        }
        assert_ne!(sealed, key.seal(&SystemRandom, "mqtt", b"geheim"), "never the same twice");
    }

    #[test]
    fn parts_open_in_their_order_and_whole_only() {
        let head = SealedHead::new(&SystemRandom, CHEAP);
        let mut parts = head.parts("a fine long sentence");
        let first = parts.seal(vec![1; PART_BYTES], End::More);
        let last = parts.seal(vec![2; 5], End::Last);
        assert_eq!(first.len(), SEALED_PART_BYTES);
        let head = SealedHead::decode(&head.encode()).unwrap();
        let open = || head.parts("a fine long sentence");
        let mut parts = open();
        assert_eq!(parts.open(first.clone(), End::More), Some(vec![1; PART_BYTES]));
        assert_eq!(parts.open(last.clone(), End::Last), Some(vec![2; 5]));
        assert_eq!(open().open(first.clone(), End::Last), None, "cut off");
        assert_eq!(open().open(last, End::Last), None, "the first left out");
        assert_eq!(head.parts("another long sentence").open(first, End::More), None);
    }

    #[test]
    fn foreign_heads_are_refused() {
        let head = SealedHead::new(&SystemRandom, CHEAP).encode();
        for length in 0..HEAD_BYTES {
            assert_eq!(SealedHead::decode(&head[..length]), Err(HeadRefused::NotSealed));
        }
        assert_eq!(SealedHead::decode(&[b'x'; HEAD_BYTES]), Err(HeadRefused::NotSealed));
        let mut newer = head;
        newer[8] = 2;
        assert_eq!(SealedHead::decode(&newer), Err(HeadRefused::Newer(2)));
        for at in [10, 14, 18] {
            for number in [0, u32::MAX] {
                let mut costly = head;
                costly[at..at + 4].copy_from_slice(&number.to_le_bytes());
                assert_eq!(SealedHead::decode(&costly), Err(HeadRefused::TooCostly));
            }
        }
    }
}
