//! The drivers for Modbus on TCP and on serial lines: check settings and addresses, pack tags into
//! the fewest requests, and make sessions that read and write. Timing of polls, retries and
//! reconnecting are the runtime's.

mod address;
mod bus;
mod channel;
mod codec;
mod debts;
mod link;
mod open;
mod order;
mod plan;
mod point;
mod session;
mod settings;
#[cfg(test)]
mod tests;
mod words;

use address::Wrong;
use open::{Host, OpenSerial, OpenTcp};
use plan::{Manner, Write};
use point::Point;
use settings::{SerialSettings, Settings, TcpSettings};
use std::sync::Arc;
use tagwerk_component::{
    Ability, AddressForm, DevicePlan, DeviceRequest, Driver, Findings, GroupPlan, GroupRequest,
    Place, Spec, TagRequest,
};
use tagwerk_model::DataType;

/// `modbus-tcp`.
pub struct ModbusTcp;

/// `modbus-serial`.
pub struct ModbusSerial;

impl Driver for ModbusTcp {
    fn spec(&self) -> Spec {
        Spec {
            name: "modbus-tcp",
            summary: "Devices that speak Modbus on TCP, directly or behind a gateway.",
            settings: schemars::schema_for!(TcpSettings),
            addresses: ADDRESSES.to_vec(),
            data_types: DataType::ALL.into_iter().filter(|t| *t != DataType::List).collect(),
            abilities: vec![Ability::Read, Ability::Write],
            example: "host: 192.168.0.10\nunit: 1\nbyte_order: CDAB\n",
        }
    }

    fn check(&self, device: &DeviceRequest<'_>, findings: &mut Findings) -> Option<DevicePlan> {
        let before = findings.errors();
        let settings: TcpSettings = settings::read(device.settings, findings)?;
        settings.check(findings);
        let groups = groups(device, &settings.common(), &settings.manner(), findings);
        if findings.errors() > before {
            return None;
        }
        let host = |(name, port): (&str, u16)| Host { name: name.to_owned(), port };
        Some(DevicePlan {
            link: settings.link(),
            open: Arc::new(OpenTcp {
                main: host((settings.bare_host(), settings.port)),
                backup: settings.backup().map(host),
                framing: settings.framing,
                connect_timeout: settings.connect_timeout.0,
                main_retry: settings.main_retry.0,
            }),
            read_retries: settings.retries.into(),
            groups,
            browse: None,
        })
    }
}

impl Driver for ModbusSerial {
    fn spec(&self) -> Spec {
        Spec {
            name: "modbus-serial",
            summary: "Devices that speak Modbus RTU or ASCII on a serial line, such as RS-485.",
            settings: schemars::schema_for!(SerialSettings),
            addresses: ADDRESSES.to_vec(),
            data_types: DataType::ALL.into_iter().filter(|t| *t != DataType::List).collect(),
            abilities: vec![Ability::Read, Ability::Write],
            example: "port: /dev/ttyUSB0\nbaud: 19200\nparity: even\nunit: 3\n",
        }
    }

    fn check(&self, device: &DeviceRequest<'_>, findings: &mut Findings) -> Option<DevicePlan> {
        let before = findings.errors();
        let settings: SerialSettings = settings::read(device.settings, findings)?;
        settings.check(findings);
        let line = settings.line();
        let groups = groups(device, &settings.common(), &settings.manner(&line), findings);
        if findings.errors() > before {
            return None;
        }
        Some(DevicePlan {
            link: settings.link(),
            open: Arc::new(OpenSerial { line }),
            read_retries: settings.retries.into(),
            groups,
            browse: None,
        })
    }
}

fn groups(
    device: &DeviceRequest<'_>,
    settings: &Settings,
    manner: &Arc<Manner>,
    findings: &mut Findings,
) -> Vec<GroupPlan> {
    let mut check = GroupCheck { settings, manner, warned: false, findings };
    let groups = device.groups.iter().enumerate();
    groups.map(|(index, group)| check.group(index, group)).collect()
}

struct GroupCheck<'a> {
    settings: &'a Settings,
    manner: &'a Arc<Manner>,
    /// Broadcast writes have been warned of.
    warned: bool,
    findings: &'a mut Findings,
}

impl GroupCheck<'_> {
    fn group(&mut self, group_index: usize, group: &GroupRequest<'_>) -> GroupPlan {
        let mut wanted = Vec::with_capacity(group.tags.iter().filter(|tag| tag.read).count());
        let mut writes = Vec::with_capacity(group.tags.len());
        for (index, tag) in group.tags.iter().enumerate() {
            let point = match self.tag(tag) {
                Ok(point) => point,
                Err(Wrong { key, problem, remedy }) => {
                    let place = Place::tag(group_index, index, key);
                    self.findings.error(place, format!("`{}`: {problem}", tag.address), remedy);
                    continue;
                }
            };
            if tag.read {
                wanted.push((index as u32, point));
            }
            writes.push(tag.write.then(|| Write::token(&point, self.manner)));
            if tag.write && point.unit == 0 && !self.warned {
                self.warned = true;
                self.findings.warning(
                    Place::tag(group_index, index, "address"),
                    "writes to unit 0 go to every device and are confirmed by none",
                    "give the device's own unit, unless a broadcast is meant",
                );
            }
        }
        GroupPlan { reads: plan::reads(wanted, self.settings, self.manner), writes, watch: None }
    }

    fn tag(&self, tag: &TagRequest<'_>) -> Result<Point, Wrong> {
        let point = Point::parse(tag.address, tag.data_type, self.settings)?;
        if tag.read {
            point.check_read(self.settings)?;
        }
        if tag.write {
            point.check_write(self.settings)?;
        }
        Ok(point)
    }
}

const ADDRESSES: [AddressForm; 8] = [
    AddressForm {
        form: "area:offset",
        meaning: "A coil, discrete input, input register or holding register (`coil`, `discrete`, \
                  `input`, `holding`, or their first letters), counted from `address_base`.",
        example: "holding:100",
    },
    AddressForm {
        form: "number",
        meaning: "Five or six digits, counted from 1, whose first digit names the area: 0 coils, \
                  1 discrete inputs, 3 input registers, 4 holding registers.",
        example: "40101",
    },
    AddressForm {
        form: "unit!…",
        meaning: "Of another unit than the device's own, behind the same connection.",
        example: "3!holding:100",
    },
    AddressForm {
        form: "….bit",
        meaning: "One bit of a register, 0 (the lowest) to 15, for type `bool`; written as \
                  `bit_write` says.",
        example: "holding:100.3",
    },
    AddressForm {
        form: "…/bytes",
        meaning: "The length in bytes, 1 to 250, of types `text` and `bytes`.",
        example: "holding:100/20",
    },
    AddressForm {
        form: "…#AB or #BA",
        meaning: "Which byte of a register, or of two characters, comes first. Types `int8` and \
                  `uint8` are the low byte; with `#BA` the high one.",
        example: "holding:100/20#BA",
    },
    AddressForm {
        form: "…#ABCD",
        meaning: "The order of the bytes of 32- and 64-bit values: `ABCD`, `BADC`, `CDAB` or \
                  `DCBA` (also `LL`, `LB`, `BL`, `BB`), instead of the device's `byte_order`.",
        example: "holding:100#CDAB",
    },
    AddressForm {
        form: "…#ABCDEFGH",
        meaning: "The order of the bytes of 64-bit values in full, also with only the halves \
                  exchanged (`EFGHABCD`) or only the registers in each (`CDABGHEF`).",
        example: "holding:100#EFGHABCD",
    },
];
