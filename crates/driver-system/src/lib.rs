//! The gateway itself as a device: its processors, memory, disk and network, its clock, and how devices
//! and sinks fare. So alarms can watch the gateway, and rules can wait for a time of day or a lost sink. `address.rs` reads addresses,
//! `session.rs` the kernel's files.

mod address;
mod session;

use address::Address;
use chrono_tz::Tz;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Deserialize;
use session::{Gateway, Point, Read};
use std::sync::Arc;
use tagwerk_component::{
    Ability, AddressForm, DevicePlan, DeviceRequest, Driver, Findings, GroupPlan, GroupRequest,
    Place, ReadRequest, Spec, Token,
};
use tagwerk_model::{DataType, Kind};

/// The driver. It has no state.
pub struct System;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Whose clock `clock.hour` and its like are: a name such as `Europe/Berlin`.
    time_zone: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { time_zone: "UTC".to_owned() }
    }
}

impl Driver for System {
    fn spec(&self) -> Spec {
        Spec {
            name: "system",
            summary: "The gateway itself: processors, memory, disk, network, whether devices and \
                      sinks are there, and the time of day for rules that wait for it.",
            settings: schemars::schema_for!(Settings),
            addresses: address::FORMS
                .iter()
                .map(|(form, meaning, example)| AddressForm { form, meaning, example })
                .collect(),
            data_types: DataType::ALL
                .into_iter()
                .filter(|t| matches!(t.kind(), Kind::Bool | Kind::I64 | Kind::U64 | Kind::F64))
                .collect(),
            abilities: vec![Ability::Read],
            example: "time_zone: Europe/Berlin\n",
        }
    }

    fn check(&self, device: &DeviceRequest<'_>, findings: &mut Findings) -> Option<DevicePlan> {
        let errors_before = findings.errors();
        let zone = zone(device, findings).unwrap_or(Tz::UTC);
        let groups = device.groups.iter().enumerate();
        let groups = groups.map(|(g, group)| plan(g, group, zone, findings)).collect();
        (findings.errors() == errors_before).then(|| DevicePlan {
            link: "system://".to_owned(),
            open: Arc::new(Gateway),
            read_retries: 0,
            groups,
            browse: None,
        })
    }
}

fn zone(device: &DeviceRequest<'_>, findings: &mut Findings) -> Option<Tz> {
    let settings = match Settings::deserialize(device.settings) {
        Ok(settings) => settings,
        Err(error) => {
            findings.error(
                Place::root().key("settings"),
                format!("the settings cannot be read: {error}"),
                "Compare them with the example in the driver's reference page.",
            );
            return None;
        }
    };
    let zone = settings.time_zone.parse();
    if zone.is_err() {
        findings.error(
            Place::settings("time_zone"),
            format!("there is no time zone `{}`", settings.time_zone),
            "Write a name of the time zone database, such as `Europe/Berlin` or `UTC`.",
        );
    }
    zone.ok()
}

fn plan(g: usize, group: &GroupRequest<'_>, zone: Tz, findings: &mut Findings) -> GroupPlan {
    let mut points = Vec::with_capacity(group.tags.len());
    for (t, tag) in group.tags.iter().enumerate() {
        let place = Place::tag(g, t, "address");
        match Address::parse(tag.address) {
            Err(problem) => findings.error(place, problem, address::REMEDY),
            Ok(address) => match address.fits(tag.data_type) {
                Err(problem) => {
                    findings.error(place, problem, "Change the tag's `type`, or its address.");
                }
                Ok(()) => {
                    let before = Mutex::default();
                    points.push(Point { index: t as u32, address, before });
                }
            },
        }
    }
    let mut plan = GroupPlan::default();
    plan.writes.resize_with(group.tags.len(), || None);
    if !points.is_empty() {
        let tags = points.iter().map(|point| point.index).collect();
        plan.reads.push(ReadRequest { tags, token: Token::new(Read { points, zone }) });
    }
    plan
}
