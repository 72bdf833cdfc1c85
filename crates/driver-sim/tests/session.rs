//! Sessions as the runtime uses them: check, open, read, write, and the faults on demand.
#![allow(clippy::unwrap_used, reason = "test code")]

use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{
    DevicePlan, DeviceRequest, Driver, Fault, Findings, GroupRequest, Session, TagRequest,
    WriteSent,
};
use tagwerk_driver_sim::Sim;
use tagwerk_env::{Env, SystemDisk};
use tagwerk_model::{
    BatchBuilder, DataType, Quality, TagDefinition, TagId, TagSet, TagSetDefinition, Value,
};
use tagwerk_testkit::{FakeNet, PausedClock, link_context};

struct Rig {
    env: Env,
    plan: DevicePlan,
    session: Box<dyn Session>,
    out: BatchBuilder,
}

const TAGS: [(&str, DataType); 3] = [
    ("counter", DataType::Uint32),
    ("setpoint:speed", DataType::Int16),
    ("constant:7", DataType::Float32),
];

fn check(settings: Json) -> DevicePlan {
    let tags = TAGS.map(|(address, data_type)| {
        let write = address.starts_with("setpoint");
        TagRequest { name: address, address, data_type, read: true, write }
    });
    let group = GroupRequest { name: "all", interval: Duration::from_secs(1), tags: tags.into() };
    let request = DeviceRequest { name: "machine", settings: &settings, groups: vec![group] };
    let mut findings = Findings::new();
    let plan = Sim.check(&request, &mut findings);
    plan.unwrap_or_else(|| panic!("{:?}", findings.list()))
}

async fn rig(settings: Json) -> Rig {
    let env = Env {
        clock: Arc::new(PausedClock::new()),
        disk: Arc::new(SystemDisk),
        net: Arc::new(FakeNet::new()),
    };
    let plan = check(settings);
    let session = plan.open.open(&link_context(env.clone())).await.unwrap();
    let tags = TAGS.iter().enumerate().map(|(i, (name, data_type))| TagDefinition {
        id: TagId(i as u32),
        name: (*name).into(),
        data_type: *data_type,
        unit: "".into(),
    });
    let set = TagSet::new(TagSetDefinition {
        id: 1,
        device: "machine".into(),
        group: "all".into(),
        tags: tags.collect(),
    });
    let out = BatchBuilder::new(Arc::new(set), vec![None; TAGS.len()].into());
    Rig { env, plan, session, out }
}

impl Rig {
    async fn read(&mut self) -> Result<Vec<Option<Value>>, Fault> {
        let request = self.plan.groups[0].reads[0].clone();
        self.out.clear();
        self.session.read(&request, &mut self.out).await?;
        let batch = self.out.batch(0, 0, TAGS.len() as u32);
        Ok(batch.samples().map(|sample| sample.value.map(|v| v.to_value())).collect())
    }

    async fn write(&mut self, value: i64) -> Result<(), WriteSent> {
        let token = self.plan.groups[0].writes[1].clone().unwrap();
        self.session.write(&token, &Value::I64(value)).await.map_err(|fault| fault.sent)
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_written_is_read_back() {
    let mut rig = rig(json!({})).await;
    let values = |counter, speed| {
        vec![Some(Value::U64(counter)), Some(Value::I64(speed)), Some(Value::F64(7.0))]
    };
    assert_eq!(rig.read().await, Ok(values(1, 0)));
    assert_eq!(rig.write(-5).await, Ok(()));
    assert_eq!(rig.read().await, Ok(values(2, -5)));
}

#[tokio::test(start_paused = true)]
async fn answers_take_their_latency_and_silence_the_timeout() {
    let mut rig = rig(json!({ "latency": "100ms", "timeout": "2s", "silent_every": 2 })).await;
    let start = rig.env.clock.now();
    rig.read().await.unwrap();
    assert_eq!(rig.env.clock.now().since(start), Duration::from_millis(100));
    assert!(matches!(rig.read().await, Err(Fault::Silent(_))));
    assert_eq!(rig.env.clock.now().since(start), Duration::from_millis(2_100));
    assert!(rig.read().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_link_is_lost_on_demand_and_refused_on_demand() {
    let mut rig = rig(json!({ "lost_every": 2 })).await;
    assert!(rig.read().await.is_ok());
    assert!(matches!(rig.read().await, Err(Fault::Link(_))));
    let unreachable = check(json!({ "unreachable": true }));
    assert!(matches!(
        unreachable.open.open(&link_context(rig.env)).await.err(),
        Some(Fault::Link(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_refused_address_is_found_by_dividing_the_read() {
    let mut rig = rig(json!({ "refuse": ["constant:7"] })).await;
    assert!(matches!(rig.read().await, Err(Fault::Refused { .. })));
    let mut waiting = vec![rig.plan.groups[0].reads[0].clone()];
    let mut refused = Vec::new();
    rig.out.clear();
    while let Some(request) = waiting.pop() {
        if rig.session.read(&request, &mut rig.out).await.is_ok() {
            continue;
        }
        match rig.session.divide(&request) {
            Some(parts) => waiting.extend(parts),
            None => refused.extend(request.tags),
        }
    }
    assert_eq!(refused, [2]);
    let batch = rig.out.batch(0, 0, 3);
    let qualities: Vec<Quality> = (0..3).map(|i| batch.quality(i)).collect();
    assert_eq!(qualities, [Quality::GOOD, Quality::GOOD, Quality::BAD_WAITING]);
}

#[tokio::test(start_paused = true)]
async fn a_write_without_an_answer_may_have_been_done() {
    let mut rig = rig(json!({ "silent_write_every": 1 })).await;
    assert_eq!(rig.write(1).await, Err(WriteSent::Perhaps));
    let mut rig = self::rig(json!({ "refuse": ["setpoint:speed"] })).await;
    assert_eq!(rig.write(1).await, Err(WriteSent::No));
}

#[tokio::test(start_paused = true)]
async fn a_panic_comes_when_it_was_asked_for() {
    let mut rig = rig(json!({ "panic_every": 1 })).await;
    let task = tokio::spawn(async move { rig.read().await });
    assert!(task.await.unwrap_err().is_panic());
}
