//! What the sinks' tests stand on: batches, plans, and a clock that can be paused.
#![allow(dead_code)]

pub mod server;

use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{
    Delivery, Findings, Receipt, Sink, SinkContext, SinkFault, SinkPlan, SinkRequest, SinkSession,
};
use tagwerk_env::{BoxFuture, Clock, Env, Moment, SystemClock, WallTime};
use tagwerk_model::{
    BatchBuilder, DataType, SampleBatch, TagDefinition, TagId, TagSet, TagSetDefinition,
};

/// Tokio's clock, which a test can pause.
pub struct TokioClock(tokio::time::Instant);

impl Clock for TokioClock {
    fn now(&self) -> Moment {
        Moment(self.0.elapsed().as_nanos() as u64)
    }
    fn wall(&self) -> WallTime {
        // Certificates are checked by it.
        WallTime { synchronised: true, ..SystemClock::new().wall() }
    }
    fn boot_id(&self) -> [u8; 16] {
        [0; 16]
    }
    fn sleep_until(&self, moment: Moment) -> BoxFuture<'static, ()> {
        let until = self.0 + Duration::from_nanos(moment.0);
        Box::pin(tokio::time::sleep_until(until))
    }
    fn park_until(&self, moment: Moment) {
        std::thread::sleep(moment.since(self.now()));
    }
}

pub fn env() -> Env {
    Env { clock: Arc::new(TokioClock(tokio::time::Instant::now())), ..Env::system() }
}

pub fn context(env: Env) -> SinkContext {
    context_with(env, &[])
}

/// A context that holds these secrets.
pub fn context_with(env: Env, secrets: &[(&str, &str)]) -> SinkContext {
    let memory = tagwerk_testkit::MemorySecrets::default();
    secrets.iter().for_each(|(name, text)| memory.set(name, text));
    SinkContext {
        env,
        edge: "edge1".into(),
        sink: "cloud".into(),
        secrets: std::sync::Arc::new(memory),
        certificates: std::sync::Arc::new(tagwerk_component::NoCertificates),
    }
}

/// The plan of an MQTT sink for settings that must pass check.
pub fn plan(settings: &serde_json::Value) -> SinkPlan {
    plan_of(&tagwerk_sinks::Mqtt, settings)
}

pub fn plan_of(sink: &dyn Sink, settings: &serde_json::Value) -> SinkPlan {
    let mut findings = Findings::new();
    let request = SinkRequest { name: "cloud", settings };
    let plan = sink.check(&request, &mut findings);
    plan.unwrap_or_else(|| panic!("{:?}", findings.list()))
}

pub async fn open(
    settings: &serde_json::Value,
    context: &SinkContext,
) -> Result<Box<dyn SinkSession>, SinkFault> {
    plan(settings).open.open(context).await
}

pub async fn open_http(
    settings: &serde_json::Value,
    context: &SinkContext,
) -> Result<Box<dyn SinkSession>, SinkFault> {
    plan_of(&tagwerk_sinks::Http, settings).open.open(context).await
}

/// A set of integer tags `t0`, `t1` … of the device `boiler`, group `fast`.
pub fn set(count: usize) -> Arc<TagSet> {
    set_of("boiler", count)
}

pub fn set_of(device: &str, count: usize) -> Arc<TagSet> {
    let tags = (0..count)
        .map(|i| TagDefinition {
            id: TagId(i as u32),
            name: format!("t{i}").into(),
            data_type: DataType::Int64,
            unit: "bar".into(),
        })
        .collect();
    Arc::new(TagSet::new(TagSetDefinition {
        id: 1,
        device: device.into(),
        group: "fast".into(),
        tags,
    }))
}

/// Every tag of a set with the same value.
pub fn batch(set: &Arc<TagSet>, value: i64) -> SampleBatch {
    let mut builder = BatchBuilder::new(set.clone(), vec![None; set.len()].into());
    (0..set.len()).for_each(|index| builder.put_i64(index, value));
    builder.batch(0, 1_700_000_000_123_456_789, set.len() as u32)
}

pub async fn deliver(
    session: &mut dyn SinkSession,
    batch: &SampleBatch,
    from: u64,
) -> Result<Receipt, SinkFault> {
    let delivery =
        Delivery { batch, from, to: from + 1, epoch: 7, replayed: from.is_multiple_of(2) };
    let handed = session.deliver(&delivery).await;
    handed.map(|receipt| receipt.expect("a batch with values makes a message"))
}

/// The text of a fault of the expected kind.
#[track_caller]
pub fn text<T>(result: Result<T, SinkFault>, kind: &str) -> String {
    match (result.err(), kind) {
        (Some(SinkFault::Retry(text)), "retry")
        | (Some(SinkFault::Reject(text)), "reject")
        | (Some(SinkFault::Settings(text)), "settings") => text,
        (other, _) => panic!("expected {kind}, got {other:?}"),
    }
}

pub fn file(folder: &Path, name: &str) -> String {
    let path: PathBuf = folder.join(name);
    path.to_str().unwrap().to_owned()
}

pub fn with(mut settings: serde_json::Value, more: serde_json::Value) -> serde_json::Value {
    let more = match more {
        serde_json::Value::Object(more) => more,
        _ => json!({}).as_object().unwrap().clone(),
    };
    settings.as_object_mut().unwrap().extend(more);
    settings
}
