//! The driver for IEC 60870-5-104, as controlling station: checks settings and addresses, and makes
//! sessions in which stations report by themselves. Its bytes are `proto-iec104`'s, reconnecting
//! and time stamps the runtime's.

mod address;
mod browse;
mod command;
mod flight;
mod line;
mod point;
mod session;
mod settings;
mod station;
mod stations;
mod wire;
mod zone;

pub use point::detail;
pub use settings::Settings;

use address::{Address, Wrong};
use command::Order;
use line::Parameters;
use point::Point;
use session::{OpenLink, WritePlan};
use station::StationPlan;
use stations::{GroupPlan as GroupPoints, TagPoint};
use std::sync::Arc;
use tagwerk_component::{
    Ability, DevicePlan, DeviceRequest, Driver, Findings, GroupPlan, GroupRequest, Place,
    ReadRequest, Spec, TagRequest, Token,
};
use tagwerk_model::DataType;

/// `iec104`.
pub struct Iec104;

impl Driver for Iec104 {
    fn spec(&self) -> Spec {
        Spec {
            name: "iec104",
            summary: "Substations and other stations that speak IEC 60870-5-104.",
            settings: schemars::schema_for!(Settings),
            addresses: address::FORMS.to_vec(),
            data_types: DataType::ALL
                .into_iter()
                .filter(|t| !matches!(t, DataType::Text | DataType::Bytes | DataType::List))
                .collect(),
            abilities: vec![Ability::Read, Ability::Write, Ability::Subscribe, Ability::Browse],
            example: "host: 192.168.0.20\ncommon_address: 1\n",
        }
    }

    fn check(&self, device: &DeviceRequest<'_>, findings: &mut Findings) -> Option<DevicePlan> {
        let before = findings.errors();
        let settings = Settings::read(device.settings, findings)?;
        let station = Arc::new(station_plan(&settings));
        let mut check = Check { settings: &settings, station: &station, findings };
        let groups: Vec<GroupPlan> = device
            .groups
            .iter()
            .enumerate()
            .map(|(index, group)| check.group(index, group))
            .collect();
        if findings.errors() > before {
            return None;
        }
        Some(DevicePlan {
            link: settings.link(),
            open: Arc::new(open_link(&settings)),
            // Reading twice asks a whole station twice.
            read_retries: 0,
            groups,
            browse: Some(Token::new(station)),
        })
    }
}

fn station_plan(settings: &Settings) -> StationPlan {
    StationPlan {
        common_address: settings.common_address,
        interrogation: 20u8.saturating_add(settings.interrogation_group),
        interrogation_interval: settings.interrogation_interval.map(|interval| interval.0),
        interrogation_timeout: settings.interrogation_timeout.0,
        counters: settings.counter_interrogation.clone(),
        clock: settings.clock_sync.clone(),
        offset_ms: zone::parse(&settings.time_zone).unwrap_or(0),
        command_timeout: settings.command_timeout.0,
        command_end: settings.command_end,
    }
}

fn open_link(settings: &Settings) -> OpenLink {
    let hosts = [Some(&settings.host), settings.backup_host.as_ref()];
    OpenLink {
        hosts: hosts.into_iter().flatten().map(|host| settings::bare(host).to_owned()).collect(),
        port: settings.port,
        t0: settings.t0.0,
        tls: settings.tls.clone(),
        parameters: Parameters {
            sizes: settings.sizes(),
            originator: settings.originator,
            k: settings.k,
            w: settings.w,
            t1: settings.t1.0,
            t2: settings.t2.0,
            t3: settings.t3.0,
        },
    }
}

struct Check<'a> {
    settings: &'a Settings,
    station: &'a Arc<StationPlan>,
    findings: &'a mut Findings,
}

impl Check<'_> {
    fn group(&mut self, group_index: usize, group: &GroupRequest<'_>) -> GroupPlan {
        let mut points = Vec::new();
        let mut writes = Vec::with_capacity(group.tags.len());
        for (index, tag) in group.tags.iter().enumerate() {
            match self.tag(tag) {
                Ok((point, order)) => {
                    points.extend(point.map(|point| TagPoint { index: index as u32, point }));
                    writes.push(order.map(|order| {
                        Token::new(WritePlan { station: self.station.clone(), order })
                    }));
                }
                Err(Wrong { problem, remedy }) => {
                    let place = Place::tag(group_index, index, "address");
                    self.findings.error(place, format!("`{}`: {problem}", tag.address), remedy);
                }
            }
        }
        if points.is_empty() {
            return GroupPlan { writes, ..GroupPlan::default() };
        }
        let tags = points.iter().map(|point| point.index).collect();
        let token = Token::new(GroupPoints { station: self.station.clone(), points });
        let reads = vec![ReadRequest { tags, token: token.clone() }];
        GroupPlan { reads, writes, watch: Some(token) }
    }

    fn tag(&self, tag: &TagRequest<'_>) -> Result<(Option<Point>, Option<Order>), Wrong> {
        let address = Address::parse(tag.address, self.settings.sizes())?;
        let point = match (tag.read, address.read) {
            (false, _) => None,
            (true, Some(read)) => Some(Point::check(read, tag.data_type)?),
            (true, None) => {
                return Err(Wrong::new(
                    "a command cannot be read",
                    "give the tag the access `write`, or write what is read before it, such as \
                     `M_ME_NC_1:1001 > C_SE_NC_1:2001`",
                ));
            }
        };
        let order = match (tag.write, address.write) {
            (false, _) => None,
            (true, Some(command)) => Some(Order::check(command, tag.data_type, self.settings)?),
            (true, None) => {
                let command = suggested_command(tag.data_type);
                let text = tag.address.trim();
                return Err(Wrong::new(
                    "a tag that is written needs a command",
                    match tag.read {
                        true => format!("write `{text} > {command}:OBJECT`"),
                        false => format!("name the command, such as `{command}:OBJECT`"),
                    },
                ));
            }
        };
        Ok((point, order))
    }
}

fn suggested_command(data_type: DataType) -> &'static str {
    match data_type {
        DataType::Bool => "C_SC_NA_1",
        DataType::Float32 | DataType::Float64 => "C_SE_NC_1",
        DataType::Uint32 | DataType::Uint64 => "C_BO_NA_1",
        _ => "C_SE_NB_1",
    }
}
