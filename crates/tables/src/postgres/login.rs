//! Says to a PostgreSQL server who this is: by SCRAM-SHA-256 (RFC 7677), or by the older ways where the
//! server wants them. The random generator reads the system's.

use super::wire::Asked;
use crate::source::TableFault;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac, pbkdf2};
use std::num::NonZeroU32;

const WAY: &str = "SCRAM-SHA-256";
/// Iterations that a server may ask for. More: refused, since they take the edge's time.
const ITERATIONS_MAX: u32 = 1_000_000;

pub struct Login<'a> {
    pub username: &'a str,
    pub password: Option<&'a str>,
    pub encrypted: bool,
}

/// Under way.
pub struct Scram {
    nonce: String,
    first: String,
    /// What the server must prove in the end.
    signature: Option<Vec<u8>>,
    proven: bool,
}

impl Login<'_> {
    fn password(&self) -> Result<&str, TableFault> {
        self.password.ok_or_else(|| {
            TableFault::new("the server wants a password", "add `password: { secret: … }`")
        })
    }

    /// What to answer, if anything.
    pub fn answer(
        &self,
        asked: Asked,
        scram: &mut Option<Scram>,
    ) -> Result<Option<Vec<u8>>, TableFault> {
        let odd = || TableFault::new("the server's login is not understood", "see its log");
        Ok(match asked {
            Asked::Cleartext if !self.encrypted => {
                let problem = "the server wants the password in clear text";
                return Err(TableFault::new(problem, "add `tls: {}`, or let it use SCRAM"));
            }
            Asked::Cleartext => Some([self.password()?.as_bytes(), b"\0"].concat()),
            Asked::Md5(salt) => Some(md5(self.username, self.password()?, salt)),
            Asked::Sasl(ways) if ways.iter().any(|way| way == WAY) => {
                self.password()?;
                let begun = Scram::begin(nonce()?);
                let first = format!("n,,{}", begun.first);
                let length = (first.len() as u32).to_be_bytes();
                *scram = Some(begun);
                Some([WAY.as_bytes(), b"\0", &length, first.as_bytes()].concat())
            }
            Asked::SaslContinue(text) => {
                let scram = scram.as_mut().ok_or_else(odd)?;
                Some(scram.go_on(&text, self.password()?).ok_or_else(odd)?.into_bytes())
            }
            Asked::SaslFinal(text) => {
                scram.as_mut().ok_or_else(odd)?.end(&text);
                None
            }
            Asked::Sasl(_) | Asked::Other(_) => {
                let problem = "the server wants a login that the edge does not have";
                return Err(TableFault::new(problem, "let it use SCRAM-SHA-256"));
            }
        })
    }

    /// The server knows the password too, where it had to show that.
    pub fn finish(&self, scram: Option<&Scram>) -> Result<(), TableFault> {
        if scram.is_some_and(|scram| !scram.proven) {
            let problem = "the server does not prove that it knows the password: it may be another";
            return Err(TableFault::new(problem, "check `host`, and add `tls: {}`"));
        }
        Ok(())
    }
}

fn nonce() -> Result<String, TableFault> {
    let mut bytes = [0; 18];
    let made = SystemRandom::new().fill(&mut bytes);
    made.map_err(|_| TableFault::new("the system gives no random bytes", "try again"))?;
    Ok(STANDARD.encode(bytes))
}

fn md5(username: &str, password: &str, salt: [u8; 4]) -> Vec<u8> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let inner = hex(&Md5::digest([password.as_bytes(), username.as_bytes()].concat()));
    let outer = hex(&Md5::digest([inner.as_bytes(), &salt].concat()));
    format!("md5{outer}\0").into_bytes()
}

impl Scram {
    fn begin(nonce: String) -> Scram {
        let first = format!("n=,r={nonce}");
        Scram { nonce, first, signature: None, proven: false }
    }

    fn go_on(&mut self, server: &str, password: &str) -> Option<String> {
        let part = |key: &str| server.split(',').find_map(|part| part.strip_prefix(key));
        let (nonce, salt) = (part("r=")?, STANDARD.decode(part("s=")?).ok()?);
        let iterations: u32 = part("i=")?.parse().ok()?;
        let iterations = NonZeroU32::new(iterations).filter(|i| i.get() <= ITERATIONS_MAX)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return None;
        }
        let mut salted = [0; digest::SHA256_OUTPUT_LEN];
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
        pbkdf2::derive(algorithm, iterations, &salt, password.as_bytes(), &mut salted);
        let sign = |key: &[u8], text: &[u8]| -> Vec<u8> {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
        };
        let last = format!("c=biws,r={nonce}");
        let all = format!("{},{server},{last}", self.first);
        let client = sign(&salted, b"Client Key");
        let stored = digest::digest(&digest::SHA256, &client);
        let signed = sign(stored.as_ref(), all.as_bytes());
        let proof: Vec<u8> = client.iter().zip(&signed).map(|(a, b)| a ^ b).collect();
        self.signature = Some(sign(&sign(&salted, b"Server Key"), all.as_bytes()));
        Some(format!("{last},p={}", STANDARD.encode(proof)))
    }

    fn end(&mut self, server: &str) {
        let told = server.strip_prefix("v=").and_then(|text| STANDARD.decode(text).ok());
        self.proven = told.is_some() && told == self.signature;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677, section 3, whose client names itself.
    #[test]
    fn a_password_is_proven_and_so_is_the_server() {
        let mut scram = Scram::begin("rOprNGfwEbeRWgbNEkqO".to_owned());
        scram.first = "n=user,r=rOprNGfwEbeRWgbNEkqO".to_owned();
        let server = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                      s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let answer = scram.go_on(server, "pencil").unwrap();
        assert!(answer.ends_with("p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="), "{answer}");
        scram.end("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        assert!(scram.proven);
        scram.end("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G8=");
        assert!(!scram.proven);
        let mut other = Scram::begin("abc".to_owned());
        assert!(other.go_on(server, "pencil").is_none());
    }

    #[test]
    fn a_password_is_never_sent_in_clear() {
        let login = Login { username: "u", password: Some("p"), encrypted: false };
        assert!(login.answer(Asked::Cleartext, &mut None).is_err());
        let login = Login { encrypted: true, ..login };
        assert_eq!(login.answer(Asked::Cleartext, &mut None).unwrap(), Some(b"p\0".to_vec()));
    }
}
