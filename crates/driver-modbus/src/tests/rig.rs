//! A device of some tags on a network and a clock of the test's own, for both drivers.

use crate::{ModbusSerial, ModbusTcp};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{
    DevicePlan, DeviceRequest, Driver, Fault, Findings, GroupRequest, LinkContext, Session,
    TagRequest, WriteFault,
};
use tagwerk_env::{Clock, Env, SystemDisk};
use tagwerk_model::{
    BatchBuilder, DataType, TagDefinition, TagId, TagSet, TagSetDefinition, Value,
};
use tagwerk_testkit::FakeNet;

/// A device as the driver planned it, with room for what is read.
pub struct Device {
    pub plan: DevicePlan,
    pub out: BatchBuilder,
}

/// Tags as `address type`; all are read and written where their address lets them.
pub fn device(settings: &serde_json::Value, tags: &[&str]) -> Device {
    let parsed: Vec<(&str, DataType)> = tags
        .iter()
        .map(|tag| {
            let (address, name) = tag.split_once(' ').unwrap_or((tag, "uint16"));
            (address, DataType::from_name(name).unwrap())
        })
        .collect();
    let requests = parsed.iter().map(|(address, data_type)| TagRequest {
        name: "t",
        address,
        data_type: *data_type,
        read: !address.starts_with("0!"),
        write: !address.contains('i'),
    });
    let group =
        GroupRequest { name: "g", interval: Duration::from_secs(1), tags: requests.collect() };
    let request = DeviceRequest { name: "d", settings, groups: vec![group] };
    let mut findings = Findings::new();
    let plan = match settings.get("host") {
        Some(_) => ModbusTcp.check(&request, &mut findings),
        None => ModbusSerial.check(&request, &mut findings),
    };
    let plan = plan.unwrap_or_else(|| panic!("{:?}", findings.list()));
    let definitions = parsed.iter().enumerate().map(|(index, (_, data_type))| TagDefinition {
        id: TagId(index as u32),
        name: format!("t{index}").into(),
        data_type: *data_type,
        unit: "".into(),
    });
    let set = TagSet::new(TagSetDefinition {
        id: 1,
        device: "d".into(),
        group: "g".into(),
        tags: definitions.collect(),
    });
    Device { plan, out: BatchBuilder::new(Arc::new(set), vec![None; tags.len()].into()) }
}

impl Device {
    pub async fn open(&self, context: &LinkContext) -> Box<dyn Session> {
        self.plan.open.open(context).await.unwrap_or_else(|fault| panic!("{fault}"))
    }

    /// Reads all requests of the group, up to the first fault.
    pub async fn read(&mut self, session: &mut dyn Session) -> Result<Vec<String>, Fault> {
        self.out.clear();
        for request in &self.plan.groups[0].reads {
            session.read(request, &mut self.out).await?;
        }
        let batch = self.out.batch(0, 0, 1);
        let text = |sample: tagwerk_model::SampleRef<'_>| match sample.value {
            Some(value) => value.to_text(DataType::Float64),
            None => sample.quality.reason(),
        };
        Ok(batch.samples().map(text).collect())
    }

    pub async fn write(
        &self,
        session: &mut dyn Session,
        tag: usize,
        value: Value,
    ) -> Result<(), WriteFault> {
        let token = self.plan.groups[0].writes[tag].clone().expect("the tag can be written");
        session.write(&token, &value).await
    }
}

pub fn context(net: &FakeNet, clock: Arc<dyn Clock>) -> LinkContext {
    let net = Arc::new(net.clone());
    tagwerk_testkit::link_context(Env { clock, disk: Arc::new(SystemDisk), net })
}

pub fn counter(session: &mut dyn Session, name: &str) -> u64 {
    let counters = session.counters();
    counters.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{counters:?}")).1
}

/// The communication log, in words.
pub fn log(context: &LinkContext) -> Vec<String> {
    context.trace.frames_after(0).iter().map(|frame| frame.meaning.to_string()).collect()
}

pub fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
