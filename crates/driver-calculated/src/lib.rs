//! Devices without a machine: all their tags are computed of others' by formulas. Nothing is connected
//! to, so such a device is online for as long as it is enabled.

use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use tagwerk_component::{
    BoxFuture, DevicePlan, DeviceRequest, Driver, Fault, Findings, GroupPlan, LinkContext, Open,
    Place, ReadRequest, Session, Spec, Token, WriteFault, WriteSent,
};
use tagwerk_model::{BatchBuilder, DataType, Quality, Value};

/// The driver. It has no state.
pub struct Calculated;

/// There is nothing to set.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Settings {}

impl Driver for Calculated {
    fn spec(&self) -> Spec {
        Spec {
            name: "calculated",
            summary: "A device without a machine, for tags that are computed of other devices' \
                      tags by formulas.",
            settings: schemars::schema_for!(Settings),
            addresses: Vec::new(),
            data_types: DataType::ALL.to_vec(),
            abilities: Vec::new(),
            example: "",
        }
    }

    fn check(&self, device: &DeviceRequest<'_>, findings: &mut Findings) -> Option<DevicePlan> {
        let errors_before = findings.errors();
        if let Err(error) = Settings::deserialize(device.settings) {
            findings.error(
                Place::root().key("settings"),
                format!("the settings cannot be read: {error}"),
                "Remove them: there is nothing to set.",
            );
        }
        for (g, group) in device.groups.iter().enumerate() {
            for (t, tag) in group.tags.iter().enumerate() {
                findings.error(
                    Place::tag(g, t, "address"),
                    format!("there is no machine to read `{}` from", tag.address),
                    "Write `formula: …` in the place of the address.",
                );
            }
        }
        let group = || GroupPlan { reads: Vec::new(), writes: Vec::new(), watch: None };
        (findings.errors() == errors_before).then(|| DevicePlan {
            link: "calculated://".to_owned(),
            open: Arc::new(Nothing),
            read_retries: 0,
            groups: device.groups.iter().map(|_| group()).collect(),
            browse: None,
        })
    }
}

/// What there is to connect to, and the connection.
struct Nothing;

impl Open for Nothing {
    fn open<'a>(
        &'a self,
        _context: &'a LinkContext,
    ) -> BoxFuture<'a, Result<Box<dyn Session>, Fault>> {
        Box::pin(async { Ok(Box::new(Nothing) as Box<dyn Session>) })
    }
}

fn refused() -> Fault {
    let reason = "the device has no machine behind it".to_owned();
    Fault::Refused { quality: Quality::BAD_NOT_SUPPORTED, reason }
}

impl Session for Nothing {
    fn read<'a>(
        &'a mut self,
        _request: &'a ReadRequest,
        _out: &'a mut BatchBuilder,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async { Err(refused()) })
    }

    fn write<'a>(
        &'a mut self,
        _tag: &'a Token,
        _value: &'a Value,
    ) -> BoxFuture<'a, Result<(), WriteFault>> {
        Box::pin(async { Err(WriteFault { sent: WriteSent::No, fault: refused() }) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_component::{GroupRequest, TagRequest};

    #[test]
    fn a_tag_with_an_address_is_told_what_to_do() {
        let tag = TagRequest {
            name: "level",
            address: "40001",
            data_type: DataType::Int16,
            read: true,
            write: false,
        };
        let interval = std::time::Duration::from_secs(1);
        let group = GroupRequest { name: "all", interval, tags: vec![tag] };
        let request = DeviceRequest {
            name: "totals",
            settings: &serde_json::Value::Object(serde_json::Map::new()),
            groups: vec![group],
        };
        let mut findings = Findings::new();
        assert!(Calculated.check(&request, &mut findings).is_none());
        let texts: Vec<String> = findings.list().iter().map(|f| f.problem.clone()).collect();
        assert_eq!(texts, ["there is no machine to read `40001` from"]);
    }
}
