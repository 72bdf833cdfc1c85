//! A runtime in a folder of its own, and what tests ask of it.

use crate::fake_sink::FakeSink;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tagwerk_component::{Driver, Sink};
use tagwerk_component::{NoCertificates, NoSecrets};
use tagwerk_config::{Catalogue, Checked};
use tagwerk_env::Env;
use tagwerk_journal::{Item, Journal, Options, ReaderFilter, Stream};
use tagwerk_model::{SampleBatch, TagId, TagSet, codec};
use tagwerk_runtime::view::{CommandRefused, CommandRequest, CommandView, DeviceState};
use tagwerk_runtime::{Parts, RuleOutput, Runtime, TagIds};

static DRIVERS: &[&dyn Driver] = &[&tagwerk_driver_sim::Sim, &crate::rows::FakeRows];
static SINKS: &[&dyn Sink] = &[&FakeSink];

/// Numbers that grow; a name that comes back has its own.
#[derive(Default)]
pub struct Numbers(AtomicU32, Mutex<HashMap<(String, String), TagId>>);

impl TagIds for Numbers {
    fn tag_ids(&self, device: &str, tags: &[&str]) -> Result<Vec<TagId>, String> {
        let mut known = self.1.lock();
        let new = || TagId(self.0.fetch_add(1, Ordering::Relaxed) + 1);
        let name = |tag: &str| (device.to_owned(), tag.to_owned());
        Ok(tags.iter().map(|tag| *known.entry(name(tag)).or_insert_with(new)).collect())
    }

    fn next_set_id(&self, count: u32) -> Result<u32, String> {
        Ok(self.0.fetch_add(count, Ordering::Relaxed) + 1)
    }
}

pub struct Edge {
    pub runtime: Runtime,
    pub journal: Journal,
    pub env: Env,
    numbers: Arc<Numbers>,
}

pub fn check(text: &str) -> Checked {
    let lint = tagwerk_config::lint(
        text.as_bytes(),
        &Catalogue { drivers: DRIVERS, sinks: SINKS, channels: &[] },
    );
    lint.checked.unwrap_or_else(|| panic!("{:#?}", lint.findings))
}

impl Edge {
    pub fn start(folder: &Path, config: &str) -> Edge {
        Edge::start_in(Env::system(), folder, config)
    }

    pub fn start_in(env: Env, folder: &Path, config: &str) -> Edge {
        Edge::start_with(env, folder, config, Vec::new(), Arc::default())
    }

    /// With what rules give, and the numbers that an earlier edge may have given.
    pub fn start_with(
        env: Env,
        folder: &Path,
        config: &str,
        outputs: Vec<RuleOutput>,
        numbers: Arc<Numbers>,
    ) -> Edge {
        let (journal, _) = Journal::open(&env, folder, Options::default()).unwrap();
        let parts = Parts {
            env: env.clone(),
            journal: journal.clone(),
            edge: Arc::from("test"),
            secrets: Arc::new(NoSecrets),
            certificates: Arc::new(NoCertificates),
        };
        let runtime = Runtime::start(parts).unwrap();
        let edge = Edge { runtime, journal, env, numbers };
        edge.apply_with(config, outputs);
        edge
    }

    pub fn apply(&self, config: &str) {
        self.apply_with(config, Vec::new());
    }

    pub fn apply_with(&self, config: &str, outputs: Vec<RuleOutput>) {
        self.runtime.apply(check(config), outputs, &*self.numbers).unwrap();
    }

    /// Waits until `reached`, looking again every 5 ms; a minute is a failure.
    pub async fn until(&self, what: &str, mut reached: impl FnMut(&Edge) -> bool) {
        for _ in 0..12_000 {
            if reached(self) {
                return;
            }
            let clock = &self.env.clock;
            clock.sleep_until(clock.now().after(Duration::from_millis(5))).await;
        }
        panic!("never: {what}; devices {:#?}", self.runtime.devices());
    }

    pub async fn until_state(&self, device: &str, state: DeviceState) {
        self.until(&format!("{device} {state:?}"), |e| e.state(device) == state).await;
    }

    pub fn state(&self, device: &str) -> DeviceState {
        self.runtime.device(device).unwrap().state
    }

    /// What the journal holds of one group, oldest first.
    pub fn batches(&self, device: &str, group: &str) -> Vec<SampleBatch> {
        let from = self.journal.oldest(Stream::Samples);
        let mut reader = self.journal.reader(Stream::Samples, from, ReaderFilter::default());
        let mut batches = Vec::new();
        while let Some(item) = reader.try_next() {
            let Item::Block(block) = item else { continue };
            let definition = codec::decode_definition(block.set.id, &block.set.dictionary).unwrap();
            let set = Arc::new(TagSet::new(definition));
            if set.device() == device && set.group() == group {
                let moment = block.moment.0;
                batches
                    .push(codec::decode_batch(set, &block.payload, moment, block.unix_ns).unwrap());
            }
        }
        batches
    }

    pub async fn write(
        &self,
        id: Option<&str>,
        tag: &str,
        value: serde_json::Value,
    ) -> Result<CommandView, CommandRefused> {
        let (device, tag) = tag.split_once('/').unwrap();
        let request = CommandRequest {
            id: id.map(str::to_owned),
            device: device.to_owned(),
            tag: tag.to_owned(),
            value,
            expires_in: None,
            by: "test".to_owned(),
        };
        let taken = self.runtime.command(request).await?;
        Ok(self.runtime.command_ended(&taken.id).await.unwrap())
    }

    pub async fn stop(self) {
        self.runtime.stop().await;
        self.journal.close().unwrap();
    }
}
