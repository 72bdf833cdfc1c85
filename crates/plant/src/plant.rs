//! The plant as a whole: its four devices, its time, the log of writes, and what a request gets for
//! an answer. No sockets: those are `serve.rs`.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::json;

use crate::boiler::Boiler;
use crate::codec::{self, Exception, Request};
use crate::device::{Counts, Device, Nameplate, OwnFaults};
use crate::packer::Packer;
use crate::table::{Order, Value};
use crate::transport_fault::{Faults, Kind, Strike};
use crate::{boiler_tags, packer_tags};

/// The step of simulated time.
pub const STEP_MS: u64 = 100;
/// Writes kept for `GET /log`.
const LOG_MAX: usize = 10_000;

/// One write as it arrived, whatever became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Write {
    /// 1, 2, 3 …
    pub number: u64,
    pub unit: u8,
    pub function: u8,
    pub address: u16,
    /// Registers, or 0 and 1 for coils.
    pub values: Vec<u16>,
    pub plant_ms: u64,
    /// `done`, `refused` or `not carried out`.
    pub outcome: &'static str,
}

/// What goes back for a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    /// The answer's PDU, also when a fault keeps it from being sent; none from a silent device.
    pub pdu: Option<Vec<u8>>,
    pub strike: Option<Strike>,
}

pub struct Plant {
    pub devices: Vec<Device>,
    pub faults: Faults,
    plant_ms: u64,
    log: VecDeque<Write>,
    writes: u64,
}

impl Plant {
    pub fn new(seed: u64, faults: OwnFaults) -> Plant {
        let boiler = |unit, name, description| Nameplate {
            unit,
            name,
            description,
            order: Order::Abcd,
            groups: boiler_tags::GROUPS,
        };
        let packer = |unit, name, description| Nameplate {
            unit,
            name,
            description,
            order: Order::Cdab,
            groups: packer_tags::GROUPS,
        };
        let boilers = [
            (boiler(1, "boiler-1", "Steam boiler 1"), Boiler::new("SB 8000 / 1", 6.2)),
            (boiler(2, "boiler-2", "Steam boiler 2"), Boiler::new("SB 8000 / 2", 2.7)),
        ];
        let packers = [
            (packer(3, "packer-1", "Packaging machine 1"), Packer::new("VFFS 120 / 1", 8_412_377)),
            (packer(4, "packer-2", "Packaging machine 2"), Packer::new("VFFS 120 / 2", 3_007_915)),
        ];
        let mut devices: Vec<Device> = Vec::new();
        for (plate, model) in boilers {
            devices.push(Device::new(plate, model, boiler_tags::table(), seed, faults));
        }
        for (plate, model) in packers {
            devices.push(Device::new(plate, model, packer_tags::table(), seed, faults));
        }
        Plant { devices, faults: Faults::default(), plant_ms: 0, log: VecDeque::new(), writes: 0 }
    }

    /// Simulated time since the start.
    pub fn plant_ms(&self) -> u64 {
        self.plant_ms
    }

    pub fn step(&mut self) {
        self.plant_ms += STEP_MS;
        for device in &mut self.devices {
            device.step(self.plant_ms as f64 / 1000.0, STEP_MS as f64 / 1000.0);
        }
    }

    /// Answers one request. `now_ms` is the clock that faults with seconds run on.
    pub fn request(&mut self, unit: u8, pdu: &[u8], now_ms: u64) -> Reply {
        let function = pdu.first().copied().unwrap_or(0);
        let strike = self.faults.strike(unit, now_ms);
        let Some(at) = self.devices.iter().position(|device| device.unit == unit) else {
            let pdu = Some(codec::exception_pdu(function, Exception::NoSuchUnit as u8));
            return Reply { pdu, strike };
        };
        let device = &mut self.devices[at];
        device.counts.bytes_in += (codec::HEADER_BYTES + pdu.len()) as u64;
        let request = codec::request(pdu);
        if device.silent() {
            device.counts.unanswered += 1;
            self.note(unit, function, &request, "not carried out");
            return Reply { pdu: None, strike: None };
        }
        if let Some(Strike { kind: Kind::Exception, value }) = strike {
            let code = value.and_then(|code| u8::try_from(code).ok()).unwrap_or(4);
            *device.counts.refused.entry(code).or_default() += 1;
            self.note(unit, function, &request, "refused");
            return Reply { pdu: Some(codec::exception_pdu(function, code)), strike };
        }
        let whole = strike.is_none_or(|strike| strike.kind.answers());
        let answer = match &request {
            Ok(request) => device.execute(request, pdu),
            Err(exception) => Err(*exception),
        };
        if !whole {
            device.counts.unanswered += 1;
        }
        let (pdu, outcome) = match answer {
            Ok(answer) => {
                if let (true, Ok(request)) = (whole, &request) {
                    device.answered(function, request);
                }
                (answer, "done")
            }
            Err(exception) => {
                *device.counts.refused.entry(exception as u8).or_default() += u64::from(whole);
                (codec::exception_pdu(function, exception as u8), "refused")
            }
        };
        self.note(unit, function, &request, outcome);
        Reply { pdu: Some(pdu), strike }
    }

    pub fn sent(&mut self, unit: u8, bytes: usize) {
        if let Some(device) = self.devices.iter_mut().find(|device| device.unit == unit) {
            device.counts.bytes_out += bytes as u64;
        }
    }

    pub fn force(&mut self, unit: u8, tag: &str, value: Option<Value>) -> Result<(), String> {
        (self.devices.iter_mut().find(|device| device.unit == unit))
            .ok_or_else(|| format!("there is no unit {unit}"))?
            .force(tag, value)
    }

    /// All values as masters read them, by device and tag.
    pub fn state(&self) -> serde_json::Value {
        let devices: serde_json::Map<_, _> = (self.devices.iter())
            .map(|device| {
                let values: serde_json::Map<_, _> =
                    device.values().map(|(name, value)| (name.to_string(), value.json())).collect();
                (device.name.to_string(), values.into())
            })
            .collect();
        json!({ "plant_ms": self.plant_ms, "devices": devices })
    }

    pub fn counts(&self) -> serde_json::Value {
        let units: serde_json::Map<_, _> = (self.devices.iter())
            .map(|device| (device.unit.to_string(), counts_json(&device.counts)))
            .collect();
        json!({ "plant_ms": self.plant_ms, "writes": self.writes, "units": units })
    }

    /// The writes with a number above `since`.
    pub fn log(&self, since: u64) -> Vec<&Write> {
        self.log.iter().filter(|write| write.number > since).collect()
    }

    fn note(
        &mut self,
        unit: u8,
        function: u8,
        request: &Result<Request, Exception>,
        outcome: &'static str,
    ) {
        let (address, values) = match request {
            Ok(Request::WriteCoils { start, values, .. }) => {
                (*start, values.iter().map(|on| u16::from(*on)).collect())
            }
            Ok(Request::WriteRegisters { start, values, .. }) => (*start, values.clone()),
            _ => return,
        };
        self.writes += 1;
        if self.log.len() == LOG_MAX {
            self.log.pop_front();
        }
        let (number, plant_ms) = (self.writes, self.plant_ms);
        self.log.push_back(Write { number, unit, function, address, values, plant_ms, outcome });
    }
}

fn counts_json(counts: &Counts) -> serde_json::Value {
    serde_json::to_value(counts).unwrap_or_default()
}
