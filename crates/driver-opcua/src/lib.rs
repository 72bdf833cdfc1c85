//! The driver for OPC UA servers: checks settings and addresses, and makes sessions that watch,
//! read, write and browse. Bytes are `proto-opcua`'s, timing of polls and reconnecting the
//! runtime's.

mod address;
mod browse;
mod connection;
mod convert;
mod endpoint;
pub mod fuzz;
mod history;
mod identity;
mod notification;
mod open;
mod operation_limits;
mod read;
mod session;
mod settings;
mod structure;
mod trust;
mod types;
mod watching;
mod write;

pub use settings::Settings;

use address::Address;
use open::OpenServer;
use std::sync::Arc;
use tagwerk_component::{
    Ability, AddressForm, DevicePlan, DeviceRequest, Driver, Findings, GroupPlan, GroupRequest,
    Place, ReadRequest, Spec, TagRequest, Token,
};
use tagwerk_model::DataType;

/// `opcua`.
pub struct OpcUa;

/// Tags in one request to read, before the server has said what it takes.
const READ_MAX: usize = 1_000;

/// A tag as a session sees it.
#[derive(Clone)]
pub struct Point {
    /// The tag's place in its group.
    index: u32,
    address: Arc<Address>,
    data_type: DataType,
}

/// Tags that are read or watched together; what tokens hold.
pub struct Group {
    points: Vec<Point>,
    settings: Arc<Settings>,
}

/// What a session is told with each write.
struct Write {
    address: Arc<Address>,
    data_type: DataType,
}

impl Driver for OpcUa {
    fn spec(&self) -> Spec {
        Spec {
            name: "opcua",
            summary: "OPC UA servers over TCP, with subscriptions, history and browsing.",
            settings: schemars::schema_for!(Settings),
            addresses: ADDRESSES.to_vec(),
            data_types: DataType::ALL.to_vec(),
            abilities: vec![Ability::Read, Ability::Write, Ability::Subscribe, Ability::Browse],
            example: "endpoint: opc.tcp://192.168.0.10:4840\nsecurity: auto\nidentity: user\n\
                      user: edge\npassword: {secret: plc-password}\n",
        }
    }

    fn check(&self, device: &DeviceRequest<'_>, findings: &mut Findings) -> Option<DevicePlan> {
        let before = findings.errors();
        let settings = Settings::read(device.settings, findings).map(Arc::new);
        let groups: Vec<GroupPlan> = device
            .groups
            .iter()
            .enumerate()
            .map(|(index, group)| check_group(index, group, settings.as_ref(), findings))
            .collect();
        let settings = settings.filter(|_| findings.errors() == before)?;
        Some(DevicePlan {
            link: settings.link(),
            open: Arc::new(OpenServer::new(&settings)),
            read_retries: 0,
            groups,
            browse: Some(Token::new(())),
        })
    }
}

fn check_group(
    group_index: usize,
    group: &GroupRequest<'_>,
    settings: Option<&Arc<Settings>>,
    findings: &mut Findings,
) -> GroupPlan {
    let mut plan = GroupPlan::default();
    let mut points = Vec::new();
    for (index, tag) in group.tags.iter().enumerate() {
        let address = check_tag(tag, group_index, index, findings);
        plan.writes.push(address.as_ref().filter(|_| tag.write).map(|address| {
            Token::new(Write { address: address.clone(), data_type: tag.data_type })
        }));
        points.extend(address.filter(|_| tag.read).map(|address| Point {
            index: index as u32,
            address,
            data_type: tag.data_type,
        }));
    }
    let Some(settings) = settings else { return plan };
    for part in points.chunks(READ_MAX) {
        plan.reads.push(read_request(part.to_vec(), settings));
    }
    if settings.subscribe && !points.is_empty() {
        let group = Group { points, settings: settings.clone() };
        plan.watch = Some(Token::new(Arc::new(group)));
    }
    plan
}

fn read_request(points: Vec<Point>, settings: &Arc<Settings>) -> ReadRequest {
    ReadRequest {
        tags: points.iter().map(|point| point.index).collect(),
        token: Token::new(Arc::new(Group { points, settings: settings.clone() })),
    }
}

fn check_tag(
    tag: &TagRequest<'_>,
    group: usize,
    index: usize,
    findings: &mut Findings,
) -> Option<Arc<Address>> {
    match Address::parse(tag.address) {
        Ok(address) => Some(Arc::new(address)),
        Err(problem) => {
            findings.error(
                Place::tag(group, index, "address"),
                format!("`{}`: {problem}", tag.address),
                address::REMEDY,
            );
            None
        }
    }
}

const ADDRESSES: [AddressForm; 6] = [
    AddressForm {
        form: "ns=NUMBER;s=TEXT",
        meaning: "A node by the number of its namespace and a text. Without `ns=`, a node of the \
                  standard.",
        example: "ns=2;s=Line1.Temp",
    },
    AddressForm {
        form: "ns=NUMBER;i=NUMBER",
        meaning: "A node by the number of its namespace and a number.",
        example: "ns=2;i=10",
    },
    AddressForm {
        form: "nsu=URI;…",
        meaning: "By the name of the namespace, which stays when the server counts its namespaces \
                  anew. `;` in it is written `%3B`.",
        example: "nsu=urn:vendor:plant;s=Line1.Temp",
    },
    AddressForm {
        form: "…;g=GUID",
        meaning: "A node by a Guid.",
        example: "ns=2;g=72962b91-fa75-4ae6-8d28-b404dc7daf63",
    },
    AddressForm { form: "…;b=BASE64", meaning: "A node by bytes.", example: "ns=2;b=AQL/AA==" },
    AddressForm {
        form: "…[INDEX] or …[FROM:TO]",
        meaning: "One element of an array, or some, counted from 0, `,` between the dimensions of \
                  a matrix. Where a text itself ends so, `[]` behind it says that it is no index.",
        example: "ns=2;s=Levels[1:4]",
    },
];
