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
            (boiler(1, "boiler-1", "Steam boiler 1"), Boiler::new("SB 8000 / 1", 6.2, 4200.0)),
            (boiler(2, "boiler-2", "Steam boiler 2"), Boiler::new("SB 8000 / 2", 2.7, 3100.0)),
        ];
        let packers = [
            (
                packer(3, "packer-1", "Packaging machine 1"),
                Packer::new("VFFS 120 / 1", 8_412_377, 90.0),
            ),
            (
                packer(4, "packer-2", "Packaging machine 2"),
                Packer::new("VFFS 120 / 2", 3_007_915, 76.0),
            ),
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
        let Some(at) = self.devices.iter().position(|device| device.unit == unit) else {
            let pdu = Some(codec::exception_pdu(function, Exception::NoSuchUnit as u8));
            return Reply { pdu, strike: self.faults.strike(unit, now_ms) };
        };
        let device = &mut self.devices[at];
        device.counts.bytes_in += (codec::HEADER_BYTES + pdu.len()) as u64;
        let request = codec::request(pdu);
        if device.silent() {
            device.counts.unanswered += 1;
            self.note(unit, function, &request, "not carried out");
            return Reply { pdu: None, strike: None };
        }
        let strike = self.faults.strike(unit, now_ms);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const TOTALS: [&str; 14] = [
        "gas_counter",
        "gas_meter",
        "steam_total",
        "feed_water_total",
        "burner_starts",
        "run_hours",
        "heat_total",
        "good_count",
        "reject_count",
        "infeed_count",
        "lifetime_counter",
        "energy",
        "film_used",
        "plant_seconds",
    ];

    #[test]
    fn the_same_seed_gives_the_same_plant() {
        let after_a_minute = |seed| {
            let mut plant = Plant::new(seed, OwnFaults::Some);
            (0..600).for_each(|_| plant.step());
            plant.state()
        };
        assert_eq!(after_a_minute(7), after_a_minute(7));
        assert_ne!(after_a_minute(7), after_a_minute(8));
    }

    #[test]
    fn counters_never_decrease() {
        let mut plant = Plant::new(3, OwnFaults::Some);
        let totals = |plant: &Plant| -> Vec<f64> {
            let devices = plant.devices.iter();
            devices
                .flat_map(|device| device.values())
                .filter(|(name, _)| TOTALS.contains(name))
                .map(|(_, value)| value.real())
                .collect()
        };
        let mut before = totals(&plant);
        for _ in 0..600 {
            (0..20).for_each(|_| plant.step());
            let now = totals(&plant);
            assert!(before.iter().zip(&now).all(|(before, now)| before <= now));
            before = now;
        }
    }

    #[test]
    fn an_undisturbed_plant_runs_for_hours_without_an_alarm() {
        let mut plant = Plant::new(5, OwnFaults::None);
        for _ in 0..4 * 60 {
            (0..600).for_each(|_| plant.step());
            for device in &plant.devices {
                for (name, value) in device.values() {
                    let what = format!("{} {name} {value:?} at {}", device.name, plant.plant_ms);
                    match name {
                        "any_alarm" => assert!(!value.flag() || device.unit > 2, "{what}"),
                        "jam" => assert!(!value.flag(), "{what}"),
                        "drum_pressure" => assert!((7.0..9.0).contains(&value.real()), "{what}"),
                        "water_level" => assert!((40.0..60.0).contains(&value.real()), "{what}"),
                        _ => {}
                    }
                }
            }
        }
    }

    #[test]
    fn a_plant_with_faults_has_every_kind_of_them_and_gets_over_them() {
        let mut plant = Plant::new(1, OwnFaults::Some);
        let mut seen = BTreeSet::new();
        let mut silent_ms = 0;
        for _ in 0..3 * 36_000 {
            plant.step();
            let answers = [
                ("boiler", plant.request(1, &[4, 0, 14, 0, 1], 0)),
                ("analyser", plant.request(1, &[4, 0, 200, 0, 2], 0)),
                ("alarms", plant.request(1, &[3, 0, 40, 0, 1], 0)),
                ("packer", plant.request(3, &[4, 0, 0, 0, 1], 0)),
            ];
            silent_ms += if answers[0].1.pdu.is_none() { STEP_MS } else { 0 };
            for (what, answer) in answers {
                match (what, answer.pdu.as_deref()) {
                    (_, None) => seen.insert("silent"),
                    (_, Some([_, 6])) => seen.insert("busy"),
                    ("analyser", Some([0x84, 4])) => seen.insert("analyser"),
                    ("boiler", Some([4, 2, 0x80, 0])) => seen.insert("probe"),
                    ("alarms", Some([3, 2, _, bits])) if bits & 8 != 0 => seen.insert("flame"),
                    ("packer", Some([4, 2, 0, 11])) => seen.insert("held"),
                    ("packer", Some([4, 2, 0, 6])) => seen.insert("execute"),
                    _ => false,
                };
            }
        }
        let all = ["analyser", "busy", "execute", "flame", "held", "probe", "silent"];
        assert_eq!(seen, BTreeSet::from(all));
        assert!(silent_ms < 3 * 3_600_000 / 10, "silent for {silent_ms} ms of three hours");
        let state = plant.state();
        assert!(state["devices"]["boiler-1"]["drum_pressure"].as_f64() > Some(5.0), "{state}");
    }

    #[test]
    fn stop_stops_the_packer_and_its_counter() {
        let mut plant = Plant::new(1, OwnFaults::None);
        let stop = plant.request(3, &[5, 0, 1, 0xff, 0], 0);
        assert_eq!(stop.pdu.as_deref(), Some(&[5, 0, 1, 0xff, 0][..]));
        (0..300).for_each(|_| plant.step());
        let before = plant.state()["devices"]["packer-1"]["good_count"].clone();
        (0..300).for_each(|_| plant.step());
        let state = plant.state();
        assert_eq!(state["devices"]["packer-1"]["state"], 2);
        assert_eq!(state["devices"]["packer-1"]["good_count"], before);
        assert_eq!(state["devices"]["packer-1"]["stop"], false, "the coil clears itself");
        assert_eq!(state["devices"]["packer-2"]["state"], 6, "the other one runs on");
    }

    proptest! {
        #[test]
        fn no_request_makes_a_device_panic(
            requests in prop::collection::vec(
                (
                    0u8..6,
                    prop::sample::select(vec![1u8, 2, 3, 4, 5, 6, 15, 16]),
                    (0u16..220, 0u16..130),
                    prop::collection::vec(any::<u8>(), 0..20),
                ),
                1..20,
            ),
        ) {
            let mut plant = Plant::new(1, OwnFaults::None);
            for (unit, function, (start, count), data) in requests {
                let mut pdu = vec![function];
                pdu.extend(start.to_be_bytes());
                pdu.extend(count.to_be_bytes());
                let _ = plant.request(unit, &pdu, 0);
                pdu.truncate(3);
                pdu.extend([0, (data.len() / 2) as u8, (data.len() / 2 * 2) as u8]);
                pdu.extend(&data[..data.len() / 2 * 2]);
                let _ = plant.request(unit, &pdu, 0);
                plant.step();
            }
        }
    }
}
