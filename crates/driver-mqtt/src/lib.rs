//! The driver for messages of an MQTT broker: checks settings and addresses, and makes sessions in
//! which each message becomes a row. The connection is the crate `mqtt`'s, reconnecting the runtime's.

mod address;
mod browse;
mod command;
mod convert;
mod exchange;
mod filter;
#[doc(hidden)]
pub mod fuzz;
mod inbox;
mod payload;
mod session;
mod settings;
mod silence;
mod subscriptions;
mod time;

use address::{Address, Wrong};
use command::Order;
use payload::Point;
use session::OpenLink;
use settings::{Checked, Settings};
use std::sync::Arc;
use tagwerk_component::{
    Ability, DevicePlan, DeviceRequest, Driver, Findings, GroupPlan, GroupRequest, Place, Spec,
    TagRequest, Token,
};
use tagwerk_model::DataType;

/// `mqtt`.
pub struct Mqtt;

/// What a session needs to know of a device.
pub struct Shape {
    pub name: Arc<str>,
    pub filters: Vec<filter::Filter>,
    pub qos: u8,
    pub retained: bool,
    pub silent_after: Option<std::time::Duration>,
    pub form: payload::Form,
}

/// What a session needs to know of a group: its readable tags.
pub struct Group {
    pub shape: Arc<Shape>,
    pub points: Vec<Point>,
}

impl Driver for Mqtt {
    fn spec(&self) -> Spec {
        Spec {
            name: "mqtt",
            summary: "Messages of an MQTT broker, version 3.1.1 or 5, each as a row.",
            settings: schemars::schema_for!(Settings),
            addresses: address::FORMS.to_vec(),
            data_types: DataType::ALL.to_vec(),
            abilities: vec![Ability::Read, Ability::Write, Ability::Subscribe, Ability::Browse],
            example: "url: mqtt://192.168.0.10:1883\ntopics: [\"plant/+/state\"]\n",
        }
    }

    fn check(&self, device: &DeviceRequest<'_>, findings: &mut Findings) -> Option<DevicePlan> {
        let before = findings.errors();
        let checked = Checked::from_settings(device.settings, findings);
        let format = checked.as_ref().map(|checked| checked.settings.format).unwrap_or_default();
        let checks: Vec<Vec<Option<Address>>> = device
            .groups
            .iter()
            .enumerate()
            .map(|(index, group)| check_group(index, group, format, findings))
            .collect();
        let checked = checked.filter(|_| findings.errors() == before)?;
        let shape = Arc::new(checked.shape(device.name));
        let groups = device.groups.iter().zip(checks);
        Some(DevicePlan {
            link: checked.link(),
            groups: groups.map(|(group, tags)| plan(&shape, group, tags)).collect(),
            open: Arc::new(OpenLink::new(checked)),
            read_retries: 0,
            browse: Some(Token::new(shape)),
        })
    }
}

fn check_group(
    group_index: usize,
    group: &GroupRequest<'_>,
    format: payload::Format,
    findings: &mut Findings,
) -> Vec<Option<Address>> {
    let mut check = |(index, tag): (usize, &TagRequest<'_>)| {
        let checked = Address::parse(tag.address).and_then(|address| {
            address.check(tag, format)?;
            Ok(address)
        });
        match checked {
            Ok(address) => Some(address),
            Err(Wrong { problem, remedy }) => {
                let place = Place::tag(group_index, index, "address");
                findings.error(place, format!("`{}`: {problem}", tag.address), remedy);
                None
            }
        }
    };
    group.tags.iter().enumerate().map(&mut check).collect()
}

/// The group of a device that passed check.
fn plan(shape: &Arc<Shape>, group: &GroupRequest<'_>, tags: Vec<Option<Address>>) -> GroupPlan {
    let mut points = Vec::new();
    let mut writes = Vec::with_capacity(tags.len());
    for (index, (tag, address)) in group.tags.iter().zip(tags).enumerate() {
        let (source, command) = address.map_or((None, None), |a| (a.source, a.command));
        points.extend(source.filter(|_| tag.read).map(|source| Point {
            index: index as u32,
            source,
            data_type: tag.data_type,
        }));
        let order = command
            .filter(|_| tag.write)
            .map(|command| Token::new(Order { command, data_type: tag.data_type }));
        writes.push(order);
    }
    let watched = !points.is_empty();
    let token = watched.then(|| Token::new(Group { shape: shape.clone(), points }));
    GroupPlan { reads: Vec::new(), writes, watch: token }
}
