//! The driver for Siemens S7 controllers that permit PUT/GET: checks settings and addresses, packs
//! tags into the fewest jobs, and makes sessions that read, write and look into data blocks. Timing
//! of polls, retries and reconnecting are the runtime's.

mod address;
mod browse;
mod link;
mod plan;
mod point;
mod session;
mod settings;
#[cfg(test)]
mod tests;
mod time;
mod value;
mod words;

pub use settings::{Connection, Cpu, Settings};

use address::Wrong;
use plan::{Manner, Write};
use point::Point;
use session::OpenS7;
use std::sync::Arc;
use tagwerk_component::{
    Ability, AddressForm, DevicePlan, DeviceRequest, Driver, Findings, GroupPlan, GroupRequest,
    Place, Spec, TagRequest, Token,
};
use tagwerk_model::DataType;
use tagwerk_proto_s7::Area;

/// `s7`.
pub struct S7;

impl Driver for S7 {
    fn spec(&self) -> Spec {
        Spec {
            name: "s7",
            summary: "Siemens S7 controllers and LOGO! by S7 communication (PUT/GET) on TCP.",
            settings: schemars::schema_for!(Settings),
            addresses: ADDRESSES.to_vec(),
            data_types: DataType::ALL.to_vec(),
            abilities: vec![Ability::Read, Ability::Write, Ability::Browse],
            example: "host: 192.168.0.1\ncpu: s7-1500\n",
        }
    }

    fn check(&self, device: &DeviceRequest<'_>, findings: &mut Findings) -> Option<DevicePlan> {
        let before = findings.errors();
        let settings = Settings::read(device.settings, findings)?;
        let manner = Manner::of(&settings);
        let mut check =
            GroupCheck { settings: &settings, manner: &manner, warned: false, findings };
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
            read_retries: settings.retries.into(),
            groups,
            browse: Some(Token::new(manner)),
            open: Arc::new(OpenS7 { settings }),
        })
    }
}

struct GroupCheck<'a> {
    settings: &'a Settings,
    manner: &'a Arc<Manner>,
    /// Writes to inputs have been warned of.
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
            let write = Write { manner: self.manner.clone(), point };
            writes.push(tag.write.then(|| Token::new(write)));
            if tag.write && point.area == Area::Input && !self.warned {
                self.warned = true;
                self.findings.warning(
                    Place::tag(group_index, index, "address"),
                    "inputs are overwritten from the modules in every cycle of the CPU",
                    "write a flag or a data block, unless no module is at this address",
                );
            }
        }
        let reads = plan::reads(wanted, self.settings.pdu_bytes(), self.manner);
        GroupPlan { reads, writes, watch: None }
    }

    fn tag(&self, tag: &TagRequest<'_>) -> Result<Point, Wrong> {
        let point = Point::parse(tag.address, tag.data_type, self.settings.cpu)?;
        if tag.write {
            point.check_write()?;
        }
        Ok(point)
    }
}

const ADDRESSES: [AddressForm; 12] = [
    AddressForm {
        form: "DBn.DBXb.bit",
        meaning: "One bit, 0 to 7, of byte b of data block n, for type `bool`.",
        example: "DB1.DBX0.3",
    },
    AddressForm {
        form: "DBn.DBBb, DBWb, DBDb, DBLb",
        meaning: "A byte, a word of 2 bytes, a double word of 4 or a long word of 8, from byte b \
                  on; the tag's type says what is in it.",
        example: "DB1.DBW4",
    },
    AddressForm {
        form: "DBn.b",
        meaning: "From byte b of data block n on, as wide as the tag's type.",
        example: "DB1.8",
    },
    AddressForm {
        form: "Ib.bit, Qb.bit, Mb.bit",
        meaning: "One bit of the inputs, outputs or flags; in German E, A and M.",
        example: "M0.1",
    },
    AddressForm {
        form: "IBb, IWb, IDb, ILb, QBb …, MBb …",
        meaning: "A byte, word, double or long word of the inputs, outputs or flags; in German \
                  E, A and M.",
        example: "MW2",
    },
    AddressForm {
        form: "VBb, VWb, VDb, Vb.bit",
        meaning: "Variable memory of LOGO! and S7-200 SMART, which is DB1.",
        example: "VW100",
    },
    AddressForm {
        form: "Tn, Cn",
        meaning: "A timer (`float64` in seconds, `int64` in nanoseconds) or a counter (`uint16`) \
                  of an S7-300, S7-400 or S7-1500; a counter is Z in German.",
        example: "T5",
    },
    AddressForm {
        form: "DBn.STRINGb.length",
        meaning: "A STRING at byte b with its declared length in characters (254 where none is \
                  given), for type `text`.",
        example: "DB1.STRING10.20",
    },
    AddressForm {
        form: "DBn.WSTRINGb.length",
        meaning: "A WSTRING at byte b with its declared length in characters, for type `text`.",
        example: "DB1.WSTRING40.20",
    },
    AddressForm {
        form: "…/bytes",
        meaning: "So many bytes, up to 8192, for types `bytes` and `text` (characters without a \
                  length before them).",
        example: "DB1.DBB10/20",
    },
    AddressForm {
        form: "…#DATE, #DT, #DTL, #LDT, #TIME, #S5TIME, #LTIME, #TOD, #LTOD",
        meaning: "A time of S7. A point in time is `int64`, nanoseconds since 1970, or `text` as \
                  in RFC 3339; a duration `int64` nanoseconds or `float64` seconds; a time of \
                  day any of these. The CPU's clock counts as UTC.",
        example: "DB1.DBB20#DTL",
    },
    AddressForm {
        form: "…[count]#INT",
        meaning: "An array, for type `list`: the number and the S7 type of its elements (SINT, \
                  INT, DINT, LINT, with U before them unsigned, REAL, LREAL).",
        example: "DB1.DBW60[8]#INT",
    },
];
