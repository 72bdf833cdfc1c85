//! Devices that send rows and cannot be asked: each row is a batch, and nothing is read beside them.

use crate::edge::{Edge, check};
use serde_json::json;
use tagwerk_component::{
    Ability, AddressForm, BoxFuture, DevicePlan, DeviceRequest, Driver, Fault, Findings, GroupPlan,
    LinkContext, Open, ReadRequest, Report, Session, Spec, Token, Unwatched, Watch, WatchId,
    WriteFault,
};
use tagwerk_model::{BatchBuilder, DataType, Quality, Value};
use tagwerk_runtime::view::CommandState;
use tagwerk_runtime::{TrialAsk, TrialFound};

/// Sends two equal rows of all groups at once, then one with times of its own, and then nothing. A
/// command brings one more.
pub struct FakeRows;

impl Driver for FakeRows {
    fn spec(&self) -> Spec {
        Spec {
            name: "rows",
            summary: "Sends rows.",
            settings: schemars::json_schema!({ "type": "object" }),
            addresses: vec![AddressForm { form: "x", meaning: "a value", example: "x" }],
            data_types: vec![DataType::Int64],
            abilities: vec![Ability::Write, Ability::Subscribe],
            example: "{}",
        }
    }

    fn check(&self, device: &DeviceRequest<'_>, _: &mut Findings) -> Option<DevicePlan> {
        let groups = device.groups.iter().map(|group| GroupPlan {
            reads: Vec::new(),
            writes: group.tags.iter().map(|tag| tag.write.then(|| Token::new(()))).collect(),
            watch: Some(Token::new(group.tags.len() as u32)),
        });
        Some(DevicePlan {
            link: "rows://here".into(),
            open: std::sync::Arc::new(FakeRows),
            read_retries: 0,
            groups: groups.collect(),
            browse: None,
        })
    }
}

impl Open for FakeRows {
    fn open<'a>(&'a self, _: &'a LinkContext) -> BoxFuture<'a, Result<Box<dyn Session>, Fault>> {
        Box::pin(async { Ok(Box::<FakeSession>::default() as Box<dyn Session>) })
    }
}

#[derive(Default)]
struct FakeSession {
    watched: Vec<(WatchId, u32)>,
    waiting: Vec<Report>,
}

impl FakeSession {
    fn row(&mut self, source_time: Option<i64>) {
        for (watch, tags) in &self.watched {
            self.waiting.extend((0..*tags).map(|tag| Report {
                watch: *watch,
                tag,
                value: Some(Value::I64(7)),
                quality: Quality::GOOD,
                source_time,
                past: false,
            }));
        }
    }
}

impl Session for FakeSession {
    fn read<'a>(
        &'a mut self,
        _: &'a ReadRequest,
        _: &'a mut BatchBuilder,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        unreachable!("there is nothing to read")
    }

    fn write<'a>(
        &'a mut self,
        _: &'a Token,
        _: &'a Value,
    ) -> BoxFuture<'a, Result<(), WriteFault>> {
        self.row(None);
        Box::pin(async { Ok(()) })
    }

    fn watch<'a>(
        &'a mut self,
        watches: &'a [Watch],
    ) -> BoxFuture<'a, Result<Vec<Unwatched>, Fault>> {
        self.watched = watches.iter().map(|watch| (watch.id, *watch.token.get())).collect();
        [None, None, Some(5)].into_iter().for_each(|time| self.row(time));
        Box::pin(async { Ok(Vec::new()) })
    }

    fn event<'a>(&'a mut self, out: &'a mut Vec<Report>) -> BoxFuture<'a, Result<(), Fault>> {
        let news = std::mem::take(&mut self.waiting);
        if news.is_empty() {
            return Box::pin(std::future::pending());
        }
        out.extend(news);
        Box::pin(async { Ok(()) })
    }

    fn listen<'a>(
        &'a mut self,
        watch: &'a Token,
        out: &'a mut BatchBuilder,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        (0..*watch.get::<u32>()).for_each(|tag| out.put_i64(tag as usize, 9));
        Box::pin(async { Ok(()) })
    }
}

const CONFIG: &str = "version: 1
edge: { name: test }
devices:
  - name: a
    driver: rows
    groups:
      - name: g
        interval: 20ms
        tags:
          - { name: x, address: x, type: int64, access: read_write }
          - { name: y, address: x, type: int64 }
      - name: h
        interval: 20ms
        tags: [{ name: z, address: x, type: int64 }]
";

#[tokio::test]
async fn each_row_is_a_batch_and_nothing_comes_between() {
    let folder = tempfile::tempdir().unwrap();
    let edge = Edge::start(folder.path(), CONFIG);
    edge.until("three rows", |e| e.batches("a", "h").len() >= 3).await;
    let done = edge.write(None, "a/x", json!(1)).await.unwrap();
    assert_eq!(done.state, CommandState::Done);
    edge.until("the row after the command", |e| e.batches("a", "h").len() >= 4).await;
    let refused = edge.runtime.read_now("a", "x").await.unwrap_err();
    assert!(refused.to_string().contains("cannot be asked"), "{refused}");
    for (group, tags) in [("g", 2), ("h", 1)] {
        let batches = edge.batches("a", group);
        assert_eq!(batches.len(), 4, "{batches:?}");
        for (place, batch) in batches.iter().enumerate() {
            let time = (place == 2).then_some(5);
            let samples: Vec<_> = batch.samples().collect();
            assert_eq!(samples.len(), tags);
            assert!(samples.iter().all(|s| s.value.is_some() && s.source_time == time));
        }
    }
    edge.stop().await;
}

#[tokio::test]
async fn a_trial_listens() {
    let folder = tempfile::tempdir().unwrap();
    let edge = Edge::start(folder.path(), CONFIG);
    let device = check(CONFIG).devices.pop().unwrap();
    let trial = edge.runtime.trial(device, TrialAsk::Read).await;
    let Ok(TrialFound::Values(values)) = trial.result else { panic!("{:?}", trial.result) };
    let values: Vec<_> = values.into_iter().map(|found| found.value).collect();
    assert_eq!(values, vec![Some(Value::I64(9)); 3]);
    edge.stop().await;
}
