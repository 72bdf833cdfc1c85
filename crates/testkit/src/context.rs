//! Secrets and certificates in memory, and a link's context made of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tagwerk_component::{
    Certificates, Identity, LinkContext, NoHealth, SecretText, Secrets, Trace,
};
use tagwerk_env::Env;

/// A context without secrets or certificates, whose communication log is on.
pub fn link_context(env: Env) -> LinkContext {
    let trace = Trace::new(env.clock.clone());
    trace.switch(true);
    LinkContext {
        env,
        secrets: Arc::new(MemorySecrets::default()),
        certificates: Arc::new(MemoryCertificates::default()),
        trace,
        health: Arc::new(NoHealth),
    }
}

#[derive(Default)]
pub struct MemorySecrets(Mutex<BTreeMap<String, String>>);

impl MemorySecrets {
    pub fn set(&self, name: &str, text: &str) {
        self.0.lock().unwrap().insert(name.to_owned(), text.to_owned());
    }
}

impl Secrets for MemorySecrets {
    fn get(&self, name: &str) -> Result<SecretText, String> {
        let texts = self.0.lock().unwrap();
        let text = texts.get(name).ok_or_else(|| format!("the edge holds no secret `{name}`"))?;
        Ok(SecretText::new(text.as_str()))
    }
}

/// What a test puts in, and what a component kept or rejected.
#[derive(Default)]
pub struct MemoryCertificates {
    pub own: Mutex<BTreeMap<String, Identity>>,
    pub trusted: Mutex<Vec<Vec<u8>>>,
    pub revoked: Mutex<Vec<Vec<u8>>>,
    /// Purpose, certificate, reason.
    pub rejected: Mutex<Vec<(String, Vec<u8>, String)>>,
}

impl Certificates for MemoryCertificates {
    fn own(&self, purpose: &str) -> Result<Option<Identity>, String> {
        Ok(self.own.lock().unwrap().get(purpose).cloned())
    }

    fn keep_own(&self, purpose: &str, identity: &Identity) -> Result<(), String> {
        self.own.lock().unwrap().insert(purpose.to_owned(), identity.clone());
        Ok(())
    }

    fn trusted(&self) -> Result<Vec<Vec<u8>>, String> {
        Ok(self.trusted.lock().unwrap().clone())
    }

    fn revoked(&self) -> Result<Vec<Vec<u8>>, String> {
        Ok(self.revoked.lock().unwrap().clone())
    }

    fn reject(&self, purpose: &str, certificate: &[u8], reason: &str) {
        let entry = (purpose.to_owned(), certificate.to_vec(), reason.to_owned());
        self.rejected.lock().unwrap().push(entry);
    }
}
