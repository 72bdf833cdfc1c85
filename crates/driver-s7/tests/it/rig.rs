//! A device of the driver as the runtime would hold it, and the foreign controller.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{
    DevicePlan, DeviceRequest, Driver, Fault, Findings, GroupRequest, ReadRequest, Session,
    TagRequest, WriteFault,
};
use tagwerk_driver_s7::S7;
use tagwerk_model::{
    BatchBuilder, DataType, Quality, TagDefinition, TagId, TagSet, TagSetDefinition, Value,
};

/// A plan for tags such as `DB1.DBW4 int16`, all of which can be written but timers and counters.
pub struct Device {
    pub plan: DevicePlan,
    builder: BatchBuilder,
    tags: Vec<(String, DataType)>,
}

impl Device {
    pub fn new(settings: serde_json::Value, tags: &[&str]) -> Device {
        let tags: Vec<(String, DataType)> = tags
            .iter()
            .map(|tag| {
                let (address, data_type) = tag.rsplit_once(' ').expect("an address and a type");
                (address.to_owned(), DataType::from_name(data_type).expect("a type"))
            })
            .collect();
        let requests = tags.iter().map(|(address, data_type)| TagRequest {
            name: address,
            address,
            data_type: *data_type,
            read: true,
            write: !address.starts_with(['T', 'C', 'Z']),
        });
        let group = GroupRequest {
            name: "group",
            interval: Duration::from_secs(1),
            tags: requests.collect(),
        };
        let request = DeviceRequest { name: "plc", settings: &settings, groups: vec![group] };
        let mut findings = Findings::new();
        let plan = S7.check(&request, &mut findings);
        let plan = plan.unwrap_or_else(|| panic!("{:?}", findings.list()));
        let definitions = tags.iter().enumerate().map(|(index, (name, data_type))| TagDefinition {
            id: TagId(index as u32 + 1),
            name: name.as_str().into(),
            data_type: *data_type,
            unit: "".into(),
        });
        let set = TagSet::new(TagSetDefinition {
            id: 1,
            device: "plc".into(),
            group: "group".into(),
            tags: definitions.collect(),
        });
        let scales = vec![None; tags.len()].into();
        Device { plan, builder: BatchBuilder::new(Arc::new(set), scales), tags }
    }

    pub fn requests(&self) -> &[ReadRequest] {
        &self.plan.groups[0].reads
    }

    /// Reads the group as the runtime does, dividing what is refused; a value or a quality for each
    /// tag.
    pub async fn read(&mut self, session: &mut dyn Session) -> Vec<Result<Value, Quality>> {
        self.builder.clear();
        let mut waiting: Vec<ReadRequest> = self.requests().to_vec();
        waiting.reverse();
        while let Some(request) = waiting.pop() {
            match session.read(&request, &mut self.builder).await {
                Ok(()) => {}
                Err(Fault::Refused { quality, .. }) => match session.divide(&request) {
                    Some(parts) => waiting.extend(parts.into_iter().rev()),
                    None => request
                        .tags
                        .iter()
                        .for_each(|tag| self.builder.put_quality(*tag as usize, quality)),
                },
                Err(fault) => panic!("{fault}"),
            }
        }
        self.values()
    }

    /// What the builder holds.
    pub fn values(&self) -> Vec<Result<Value, Quality>> {
        let batch = self.builder.batch(0, 0, 1);
        let value = |sample: tagwerk_model::SampleRef<'_>| {
            sample.value.map(|value| value.to_value()).ok_or(sample.quality)
        };
        batch.samples().map(value).collect()
    }

    /// One request, as it is.
    pub async fn read_once(&mut self, session: &mut dyn Session) -> Result<(), Fault> {
        self.builder.clear();
        let request = self.requests()[0].clone();
        session.read(&request, &mut self.builder).await
    }

    pub async fn write(
        &self,
        session: &mut dyn Session,
        address: &str,
        value: Value,
    ) -> Result<(), WriteFault> {
        let index = self.tags.iter().position(|(known, _)| known == address).expect("a known tag");
        let token = self.plan.groups[0].writes[index].clone().expect("it can be written");
        session.write(&token, &value).await
    }
}

/// The foreign controller; ends with its value.
pub struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub port: u16,
}

impl Peer {
    pub fn start() -> Peer {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let venv = std::env::var_os("TAGWERK_VENV").map(PathBuf::from);
        let python = venv.unwrap_or_else(|| here.join("../../.venv")).join("bin/python");
        assert!(python.exists(), "there is no {}: run `cargo xtask setup`", python.display());
        let mut child = Command::new(python)
            .arg(here.join("tests/peers/s7_peer.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut peer = Peer { child, input, output, port: 0 };
        peer.port = peer.answer()["port"].as_u64().unwrap() as u16;
        peer
    }

    /// What lies in the controller, in hexadecimal.
    pub fn memory(&mut self, area: &str, index: u16, start: usize, count: usize) -> String {
        let question = serde_json::json!({
            "area": area, "index": index, "start": start, "count": count
        });
        writeln!(self.input, "{question}").unwrap();
        self.answer()["hex"].as_str().unwrap().to_owned()
    }

    fn answer(&mut self) -> serde_json::Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|why| panic!("the peer said {line:?}: {why}"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
