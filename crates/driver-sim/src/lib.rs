//! Simulated devices: values computed from the clock, and faults on demand. The smallest complete
//! driver, made to be copied: this file says what it is and checks what a user wrote, `address.rs`
//! reads addresses, `session.rs` works an open link.

mod address;
mod session;

use address::Address;
use schemars::JsonSchema;
use serde::Deserialize;
use session::{Link, Point, Read, Write};
use std::sync::Arc;
use tagwerk_component::{
    Ability, AddressForm, DevicePlan, DeviceRequest, Driver, Duration, Findings, GroupPlan,
    GroupRequest, Place, ReadRequest, Spec, TagRequest, Token,
};
use tagwerk_model::DataType;

/// The driver. It has no state: what a device needs is in its plan, what a link needs in its session.
pub struct Sim;

/// What a user writes under `settings:`. From this one declaration come the parser, the schema, the
/// reference page and the form; the comments are what users read there.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// How long each answer takes.
    latency: Duration,
    /// How long the edge waits for an answer.
    timeout: Duration,
    /// Devices that name the same link share it and wait for each other, as on one serial line.
    /// Without it, each device has its own.
    link: Option<String>,
    /// Refuse every connection.
    unreachable: bool,
    /// Give no answer to every n-th read; 0 for never.
    silent_every: u32,
    /// Lose the connection at every n-th read; 0 for never.
    lost_every: u32,
    /// Break down inside the driver at every n-th read, to see that nothing else does; 0 for never.
    panic_every: u32,
    /// Give no answer to every n-th write, so that nobody knows what became of it; 0 for never.
    silent_write_every: u32,
    /// Have the devices report their values by themselves, at each group's interval, instead of being
    /// asked for them.
    report: bool,
    /// Addresses that the device refuses to read or write. A read of several tags is refused as a
    /// whole when it holds one of them.
    refuse: Vec<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            latency: Duration::from_millis(0),
            timeout: Duration::from_millis(1_000),
            link: None,
            unreachable: false,
            silent_every: 0,
            lost_every: 0,
            panic_every: 0,
            silent_write_every: 0,
            report: false,
            refuse: Vec::new(),
        }
    }
}

impl Driver for Sim {
    fn spec(&self) -> Spec {
        Spec {
            name: "sim",
            summary: "Simulated devices for trying things out: waves, ramps, counters, set points \
                      and faults on demand.",
            settings: schemars::schema_for!(Settings),
            addresses: address::FORMS
                .iter()
                .map(|(form, meaning, example)| AddressForm { form, meaning, example })
                .collect(),
            data_types: DataType::ALL
                .into_iter()
                .filter(|t| !matches!(t, DataType::Bytes | DataType::List))
                .collect(),
            abilities: vec![Ability::Read, Ability::Write, Ability::Subscribe, Ability::Browse],
            example: "latency: 20ms\ntimeout: 500ms\n",
        }
    }

    fn check(&self, device: &DeviceRequest<'_>, findings: &mut Findings) -> Option<DevicePlan> {
        let errors_before = findings.errors();
        let settings = check_settings(device, findings);
        let settings = Arc::new(settings.unwrap_or_default());
        let groups = device
            .groups
            .iter()
            .enumerate()
            .map(|(i, group)| check_group(device.name, i, group, &settings, findings))
            .collect();
        (findings.errors() == errors_before).then(|| DevicePlan {
            link: format!("sim://{}", settings.link.as_deref().unwrap_or(device.name)),
            open: Arc::new(Link::new(&settings)),
            read_retries: 0,
            groups,
            browse: None,
        })
    }
}

fn check_settings(device: &DeviceRequest<'_>, findings: &mut Findings) -> Option<Settings> {
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
    if settings.timeout.0.is_zero() {
        findings.error(
            Place::settings("timeout"),
            "a timeout of zero leaves no time for an answer",
            "Give at least `1ms`.",
        );
    }
    for text in &settings.refuse {
        if let Err(problem) = Address::parse(text) {
            findings.error(Place::settings("refuse"), problem, address::REMEDY);
        }
    }
    if settings.link.as_deref().is_some_and(|l| l.is_empty() || l.contains(char::is_whitespace)) {
        findings.error(
            Place::settings("link"),
            "the name of a link is a word",
            "Remove `link`, or give it a name without spaces.",
        );
    }
    Some(settings)
}

/// All tags of a group in one read, as a device with one block of memory would allow.
fn check_group(
    device: &str,
    group_index: usize,
    group: &GroupRequest<'_>,
    settings: &Arc<Settings>,
    findings: &mut Findings,
) -> GroupPlan {
    let mut plan = GroupPlan::default();
    let mut points = Vec::new();
    for (index, tag) in group.tags.iter().enumerate() {
        let place = Place::tag(group_index, index, "address");
        let address = check_tag(tag, place, findings);
        plan.writes.push(address.as_ref().filter(|_| tag.write).map(|address| {
            Token::new(Write {
                device: device.into(),
                address: address.clone(),
                refused: settings.refuse.iter().any(|a| a == tag.address),
                settings: settings.clone(),
            })
        }));
        points.extend(address.filter(|_| tag.read).map(|address| Point {
            index: index as u32,
            address,
            data_type: tag.data_type,
            refused: settings.refuse.iter().any(|a| a == tag.address),
        }));
    }
    if !points.is_empty() {
        let read = Read { device: device.into(), points, settings: settings.clone() };
        plan.reads.push(read.into_request());
    }
    if settings.report {
        plan.watch = plan.reads.first().map(|read| read.token.clone());
    }
    plan
}

fn check_tag(tag: &TagRequest<'_>, place: Place, findings: &mut Findings) -> Option<Address> {
    let address = match Address::parse(tag.address) {
        Ok(address) => address,
        Err(problem) => {
            findings.error(place, problem, address::REMEDY);
            return None;
        }
    };
    if let Err(problem) = address.fits(tag.data_type) {
        findings.error(place, problem, "Change the tag's `type`, or its address.");
        return None;
    }
    if tag.write && !matches!(address, Address::Setpoint(_)) {
        findings.error(
            place,
            format!("`{}` cannot be written", tag.address),
            "Remove the write access, or use `setpoint:NAME`.",
        );
        return None;
    }
    Some(address)
}

impl Read {
    fn into_request(self) -> ReadRequest {
        ReadRequest {
            tags: self.points.iter().map(|point| point.index).collect(),
            token: Token::new(self),
        }
    }
}
