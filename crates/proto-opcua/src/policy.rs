//! Security policies (Part 7): how keys are derived, messages signed and encrypted. Basic128Rsa15
//! and Basic256 rest on SHA-1 signatures and are left out.

use crate::bytes::Malformed;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit};
use ring::signature::{self, RsaKeyPair};
use ring::{digest, hmac, rand};
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, Oaep, RsaPrivateKey, RsaPublicKey};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

/// Ascending by strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    None,
    Aes128Sha256RsaOaep,
    Basic256Sha256,
    Aes256Sha256RsaPss,
}

pub const NONCE_BYTES: usize = 32;
const BLOCK: usize = 16;
pub const SIGNATURE_BYTES: usize = 32;

const NAMES: [(Policy, &str); 4] = [
    (Policy::None, "None"),
    (Policy::Aes128Sha256RsaOaep, "Aes128_Sha256_RsaOaep"),
    (Policy::Basic256Sha256, "Basic256Sha256"),
    (Policy::Aes256Sha256RsaPss, "Aes256_Sha256_RsaPss"),
];
const PREFIX: &str = "http://opcfoundation.org/UA/SecurityPolicy#";

impl Policy {
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(policy, _)| *policy == self).map_or("", |(_, name)| name)
    }

    pub fn uri(self) -> String {
        format!("{PREFIX}{}", self.name())
    }

    pub fn from_uri(uri: &str) -> Option<Policy> {
        let name = uri.strip_prefix(PREFIX)?;
        NAMES.iter().find(|(_, known)| *known == name).map(|(policy, _)| *policy)
    }

    pub fn signature_algorithm(self) -> &'static str {
        match self {
            Policy::None => "",
            Policy::Aes256Sha256RsaPss => "http://opcfoundation.org/UA/security/rsa-pss-sha2-256",
            _ => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        }
    }

    pub fn encryption_algorithm(self) -> &'static str {
        match self {
            Policy::None => "",
            Policy::Aes256Sha256RsaPss => "http://opcfoundation.org/UA/security/rsa-oaep-sha2-256",
            _ => "http://www.w3.org/2001/04/xmlenc#rsa-oaep",
        }
    }

    fn key_bytes(self) -> usize {
        if self == Policy::Aes128Sha256RsaOaep { 16 } else { 32 }
    }

    fn padding(self) -> Oaep {
        match self {
            Policy::Aes256Sha256RsaPss => Oaep::new::<sha2::Sha256>(),
            _ => Oaep::new::<sha1::Sha1>(),
        }
    }

    /// Bytes of each encrypted block that OAEP takes: twice the digest, and two.
    fn overhead(self) -> usize {
        if self == Policy::Aes256Sha256RsaPss { 66 } else { 42 }
    }
}

/// Our certificate and its private key.
pub struct OwnKey {
    pub certificate: Vec<u8>,
    pub thumbprint: [u8; 20],
    signing: RsaKeyPair,
    decrypting: RsaPrivateKey,
}

impl OwnKey {
    /// From DER: a certificate, and its key in PKCS #8.
    pub fn new(certificate: &[u8], key: &[u8]) -> Result<OwnKey, String> {
        let signing = RsaKeyPair::from_pkcs8(key)
            .map_err(|error| format!("the private key is not an RSA key that fits: {error}"))?;
        let decrypting = RsaPrivateKey::from_pkcs8_der(key)
            .map_err(|error| format!("the private key cannot be read: {error}"))?;
        let thumbprint = thumbprint(leaf(certificate));
        Ok(OwnKey { certificate: certificate.to_vec(), thumbprint, signing, decrypting })
    }

    pub fn bytes(&self) -> usize {
        self.signing.public().modulus_len()
    }

    pub fn sign(&self, policy: Policy, message: &[u8]) -> Result<Vec<u8>, Malformed> {
        let scheme: &dyn signature::RsaEncoding = match policy {
            Policy::Aes256Sha256RsaPss => &signature::RSA_PSS_SHA256,
            _ => &signature::RSA_PKCS1_SHA256,
        };
        let mut signature = vec![0; self.bytes()];
        self.signing
            .sign(scheme, &rand::SystemRandom::new(), message, &mut signature)
            .map_err(|_| Malformed("the message cannot be signed"))?;
        Ok(signature)
    }

    pub fn decrypt(&self, policy: Policy, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(self.bytes()) {
            return Err(Malformed("an encrypted message of the wrong length"));
        }
        let mut plain = Vec::with_capacity(bytes.len());
        for block in bytes.chunks_exact(self.bytes()) {
            // Blinded: the time that it takes says nothing about the key (RUSTSEC-2023-0071).
            let part = self
                .decrypting
                .decrypt_blinded(&mut rsa::rand_core::OsRng, policy.padding(), block)
                .map_err(|_| Malformed("a message that is not encrypted for our certificate"))?;
            plain.extend_from_slice(&part);
        }
        Ok(plain)
    }
}

/// The public key of the server's certificate.
#[derive(Clone)]
pub struct PeerKey {
    pub certificate: Vec<u8>,
    pub thumbprint: [u8; 20],
    encrypting: RsaPublicKey,
    /// PKCS #1, as verification wants it.
    verifying: Vec<u8>,
}

impl PeerKey {
    /// From a certificate (DER), or the first of a chain.
    pub fn new(certificates: &[u8]) -> Result<PeerKey, String> {
        let leaf = leaf(certificates);
        let (_, parsed) = X509Certificate::from_der(leaf)
            .map_err(|error| format!("the server's certificate cannot be read: {error}"))?;
        let Ok(PublicKey::RSA(key)) = parsed.public_key().parsed() else {
            return Err("the server's certificate has no RSA key".to_owned());
        };
        let number = BigUint::from_bytes_be;
        let encrypting = RsaPublicKey::new(number(key.modulus), number(key.exponent))
            .map_err(|error| format!("the key of the server's certificate: {error}"))?;
        if !(256..=512).contains(&encrypting.size()) {
            let bits = encrypting.size() * 8;
            return Err(format!(
                "the key of the server's certificate has {bits} bits, not 2048 to 4096"
            ));
        }
        Ok(PeerKey {
            certificate: leaf.to_vec(),
            thumbprint: thumbprint(leaf),
            encrypting,
            verifying: parsed.public_key().subject_public_key.data.to_vec(),
        })
    }

    pub fn bytes(&self) -> usize {
        self.encrypting.size()
    }

    /// How long `length` bytes are when encrypted, and how many fit into each block.
    pub fn encrypted(&self, policy: Policy, length: usize) -> usize {
        length.div_ceil(self.block(policy)) * self.bytes()
    }

    pub fn block(&self, policy: Policy) -> usize {
        self.bytes() - policy.overhead()
    }

    pub fn encrypt(&self, policy: Policy, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut encrypted = Vec::with_capacity(self.encrypted(policy, bytes.len()));
        for block in bytes.chunks(self.block(policy)) {
            let part = self
                .encrypting
                .encrypt(&mut rsa::rand_core::OsRng, policy.padding(), block)
                .map_err(|_| Malformed("a message cannot be encrypted"))?;
            encrypted.extend_from_slice(&part);
        }
        Ok(encrypted)
    }

    pub fn verify(&self, policy: Policy, message: &[u8], signed: &[u8]) -> Result<(), Malformed> {
        let scheme: &'static dyn signature::VerificationAlgorithm = match policy {
            Policy::Aes256Sha256RsaPss => &signature::RSA_PSS_2048_8192_SHA256,
            _ => &signature::RSA_PKCS1_2048_8192_SHA256,
        };
        signature::UnparsedPublicKey::new(scheme, &self.verifying)
            .verify(message, signed)
            .map_err(|_| Malformed("a signature is wrong"))
    }
}

/// The first certificate of a chain, which are written one after the other (Part 6, 6.2.6).
pub fn leaf(certificates: &[u8]) -> &[u8] {
    match X509Certificate::from_der(certificates) {
        Ok((rest, _)) => &certificates[..certificates.len() - rest.len()],
        Err(_) => certificates,
    }
}

pub fn thumbprint(certificate: &[u8]) -> [u8; 20] {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
    digest.as_ref().try_into().unwrap_or_default()
}

pub fn random<const N: usize>() -> Result<[u8; N], Malformed> {
    let mut bytes = [0; N];
    rand::SecureRandom::fill(&rand::SystemRandom::new(), &mut bytes)
        .map_err(|_| Malformed("the machine gives no random numbers"))?;
    Ok(bytes)
}

/// The keys of one direction (Part 6, 6.7.5).
pub struct Keys {
    policy: Policy,
    signing: hmac::Key,
    cipher: Vec<u8>,
    initial: [u8; BLOCK],
}

impl Keys {
    pub fn derive(policy: Policy, secret: &[u8], seed: &[u8]) -> Keys {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let wanted = SIGNATURE_BYTES + policy.key_bytes() + BLOCK;
        let mut bytes = Vec::with_capacity(wanted + SIGNATURE_BYTES);
        let mut link = hmac::sign(&secret, seed);
        while bytes.len() < wanted {
            let mut input = link.as_ref().to_vec();
            input.extend_from_slice(seed);
            bytes.extend_from_slice(hmac::sign(&secret, &input).as_ref());
            link = hmac::sign(&secret, link.as_ref());
        }
        let (signing, rest) = bytes.split_at(SIGNATURE_BYTES);
        let (cipher, rest) = rest.split_at(policy.key_bytes());
        let mut initial = [0; BLOCK];
        initial.copy_from_slice(&rest[..BLOCK]);
        Keys {
            policy,
            signing: hmac::Key::new(hmac::HMAC_SHA256, signing),
            cipher: cipher.to_vec(),
            initial,
        }
    }

    pub fn sign(&self, message: &[u8]) -> hmac::Tag {
        hmac::sign(&self.signing, message)
    }

    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Malformed> {
        hmac::verify(&self.signing, message, signature)
            .map_err(|_| Malformed("a message's signature is wrong"))
    }

    /// Whole blocks, in place.
    pub fn encrypt(&self, bytes: &mut [u8]) -> Result<(), Malformed> {
        let length = bytes.len();
        let done = match self.policy {
            Policy::Aes128Sha256RsaOaep => self
                .cipher::<cbc::Encryptor<aes::Aes128>>()?
                .encrypt_padded_mut::<NoPadding>(bytes, length)
                .is_ok(),
            _ => self
                .cipher::<cbc::Encryptor<aes::Aes256>>()?
                .encrypt_padded_mut::<NoPadding>(bytes, length)
                .is_ok(),
        };
        if done { Ok(()) } else { Err(WHOLE_BLOCKS) }
    }

    /// Whole blocks, in place.
    pub fn decrypt(&self, bytes: &mut [u8]) -> Result<(), Malformed> {
        let done = match self.policy {
            Policy::Aes128Sha256RsaOaep => self
                .cipher::<cbc::Decryptor<aes::Aes128>>()?
                .decrypt_padded_mut::<NoPadding>(bytes)
                .is_ok(),
            _ => self
                .cipher::<cbc::Decryptor<aes::Aes256>>()?
                .decrypt_padded_mut::<NoPadding>(bytes)
                .is_ok(),
        };
        if done { Ok(()) } else { Err(WHOLE_BLOCKS) }
    }

    fn cipher<C: KeyIvInit>(&self) -> Result<C, Malformed> {
        C::new_from_slices(&self.cipher, &self.initial).map_err(|_| Malformed("a key of no use"))
    }
}

const WHOLE_BLOCKS: Malformed = Malformed("an encrypted message is not of whole blocks");
