//! One unit of the plant: its model, the registers a master sees of it, what breaks in it by
//! itself, and the numbering of its answers. Faults of the wire are `transport_fault.rs`.

use std::collections::BTreeMap;

use crate::codec::{Area, Exception, Request, bits_pdu, registers_pdu};
use crate::noise::{Noise, Recurring};
use crate::table::{Circuit, HOLDINGS, Image, Kind, Order, Table, Tag, Value};

/// Where the answer number lies in the input registers: a u64 in ABCD order.
pub const ANSWER_NUMBER_AT: u16 = 900;

/// What a model is told for one step of time.
pub struct Moment<'a> {
    pub now_s: f64,
    pub dt_s: f64,
    /// The fault this machine is prone to (lost flame, jam) has its cause present.
    pub trip: bool,
    pub noise: &'a mut Noise,
}

/// A model of a machine.
pub trait Machine {
    fn step(&mut self, moment: &mut Moment<'_>);
}

/// A model together with its table.
trait Modelled {
    fn tags(&self) -> &[Tag];
    fn step(&mut self, moment: &mut Moment<'_>);
    fn get(&self, at: usize) -> Value;
    fn set(&mut self, at: usize, value: &Value);
}

struct Model<M> {
    machine: M,
    table: Table<M>,
}

/// What comes and goes in a device by itself.
struct Troubles {
    silent: Recurring,
    busy: Recurring,
    trip: Recurring,
    probe: Recurring,
    analyser: Recurring,
}

#[derive(Clone, Copy, Debug, Default)]
struct Present {
    silent: bool,
    busy: bool,
    probe: bool,
    analyser: bool,
}

/// How many answers left, by function code, and how much traffic it was.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Counts {
    /// Requests answered with data, by function code.
    pub answered: BTreeMap<u8, u64>,
    /// Requests refused with an exception, by exception code.
    pub refused: BTreeMap<u8, u64>,
    /// Requests that got no whole, right answer.
    pub unanswered: u64,
    pub answer_number: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
}

pub struct Device {
    pub unit: u8,
    pub name: &'static str,
    pub description: &'static str,
    pub order: Order,
    pub groups: &'static [(&'static str, &'static str)],
    pub counts: Counts,
    model: Box<dyn Modelled + Send>,
    image: Image,
    forced: BTreeMap<usize, Value>,
    noise: Noise,
    troubles: Option<Troubles>,
    present: Present,
}

/// Which device it is, beside its model.
pub struct Nameplate {
    pub unit: u8,
    pub name: &'static str,
    pub description: &'static str,
    pub order: Order,
    pub groups: &'static [(&'static str, &'static str)],
}

/// Whether a plant has faults of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnFaults {
    Some,
    None,
}

impl Device {
    pub fn new<M: Machine + Send + 'static>(
        plate: Nameplate,
        machine: M,
        table: Table<M>,
        seed: u64,
        faults: OwnFaults,
    ) -> Device {
        let stream = |number: u64| Noise::new(seed, u64::from(plate.unit) * 16 + number);
        let mut device = Device {
            unit: plate.unit,
            name: plate.name,
            description: plate.description,
            order: plate.order,
            groups: plate.groups,
            counts: Counts::default(),
            model: Box::new(Model { machine, table }),
            image: Image::default(),
            forced: BTreeMap::new(),
            noise: stream(0),
            troubles: (faults == OwnFaults::Some).then(|| Troubles {
                silent: Recurring::new(stream(1), 600.0, (15.0, 25.0)),
                busy: Recurring::new(stream(2), 90.0, (0.3, 1.2)),
                trip: Recurring::new(stream(3), 420.0, (15.0, 60.0)),
                probe: Recurring::new(stream(4), 480.0, (15.0, 40.0)),
                analyser: Recurring::new(stream(5), 540.0, (20.0, 40.0)),
            }),
            present: Present::default(),
        };
        device.step(0.0, 0.1);
        device
    }

    pub fn tags(&self) -> &[Tag] {
        self.model.tags()
    }

    /// One step of time, which ends at `now_s`.
    pub fn step(&mut self, now_s: f64, dt_s: f64) {
        let mut trip = false;
        if let Some(troubles) = &mut self.troubles {
            trip = troubles.trip.present(now_s);
            self.present = Present {
                silent: troubles.silent.present(now_s),
                busy: troubles.busy.present(now_s),
                probe: troubles.probe.present(now_s),
                analyser: troubles.analyser.present(now_s),
            };
        }
        self.model.step(&mut Moment { now_s, dt_s, trip, noise: &mut self.noise });
        self.publish();
    }

    /// Whether it has fallen silent by itself.
    pub fn silent(&self) -> bool {
        self.present.silent
    }

    /// Carries a request out and gives the answer's PDU. The answer carries the next answer number;
    /// whoever sends it says so with `answered`.
    pub fn execute(&mut self, request: &Request, pdu: &[u8]) -> Result<Vec<u8>, Exception> {
        if self.present.busy {
            return Err(Exception::Busy);
        }
        match request {
            Request::ReadBits { area, start, count } => {
                let bits = self.image.bits(*area);
                let range = usize::from(*start)..usize::from(*start) + usize::from(*count);
                let bits = bits.get(range).ok_or(Exception::IllegalAddress)?;
                Ok(bits_pdu(*area, bits))
            }
            Request::ReadRegisters { area, start, count } => {
                self.refuse_broken(*area, *start, *count)?;
                // Only whoever reads it sees the next number, and only once it has left for good.
                self.number(self.counts.answer_number + 1);
                let registers = self.image.registers(*area);
                let range = usize::from(*start)..usize::from(*start) + usize::from(*count);
                let answer = registers.get(range).ok_or(Exception::IllegalAddress);
                let answer = answer.map(|registers| registers_pdu(*area, registers));
                self.number(self.counts.answer_number);
                answer
            }
            Request::WriteCoils { start, values, .. } => {
                let mut draft = self.image.clone();
                let range = usize::from(*start)..usize::from(*start) + values.len();
                let coils = draft.coils.get_mut(range).ok_or(Exception::IllegalAddress)?;
                coils.copy_from_slice(values);
                self.write(Area::Coil, *start, values.len() as u16, &draft)?;
                Ok(crate::codec::written_pdu(pdu))
            }
            Request::WriteRegisters { start, values, .. } => {
                let mut draft = self.image.clone();
                let range = usize::from(*start)..usize::from(*start) + values.len();
                let holdings = draft.holdings.get_mut(range).ok_or(Exception::IllegalAddress)?;
                holdings.copy_from_slice(values);
                self.write(Area::Holding, *start, values.len() as u16, &draft)?;
                Ok(crate::codec::written_pdu(pdu))
            }
        }
    }

    /// An answer to `request` has left whole.
    pub fn answered(&mut self, function: u8, request: &Request) {
        *self.counts.answered.entry(function).or_default() += 1;
        if covers_number(request) {
            self.counts.answer_number += 1;
            self.number(self.counts.answer_number);
        }
    }

    /// All values as a master reads them.
    pub fn values(&self) -> impl Iterator<Item = (&str, Value)> {
        self.tags().iter().map(|tag| (tag.name.as_str(), tag.load(&self.image, self.order)))
    }

    /// Sets a tag from the control port: a setpoint takes the value as from a write; a measured
    /// value is held at it until it is set to `None`.
    pub fn force(&mut self, name: &str, value: Option<Value>) -> Result<(), String> {
        let at = self
            .tags()
            .iter()
            .position(|tag| tag.name == name)
            .ok_or_else(|| format!("{} has no tag {name}", self.name))?;
        let tag = &self.tags()[at];
        if let Some(value) = &value {
            if (tag.kind == Kind::Text) != matches!(value, Value::Text(_)) {
                return Err(format!("{name} of {} is {}", self.name, tag.kind));
            }
            if tag.writable() && !tag.fits(value) {
                return Err(format!("{name} of {} takes {:?}", self.name, tag.range));
            }
        }
        match value {
            None => drop(self.forced.remove(&at)),
            Some(value) if self.tags()[at].writable() => self.model.set(at, &value),
            Some(value) => drop(self.forced.insert(at, value)),
        }
        self.publish();
        Ok(())
    }

    fn refuse_broken(&self, area: Area, start: u16, count: u16) -> Result<(), Exception> {
        let broken = self.present.analyser
            && (self.tags().iter())
                .any(|tag| tag.circuit == Circuit::Analyser && tag.touches(area, start, count));
        if broken { Err(Exception::DeviceFailure) } else { Ok(()) }
    }

    /// All or nothing: every register belongs to a writable tag, and every value is in range.
    fn write(
        &mut self,
        area: Area,
        start: u16,
        count: u16,
        draft: &Image,
    ) -> Result<(), Exception> {
        let mut settings = Vec::new();
        let mut covered = [false; HOLDINGS];
        for (at, tag) in self.tags().iter().enumerate() {
            if !tag.writable() || !tag.touches(area, start, count) {
                continue;
            }
            for offset in tag.address.offset..tag.address.offset + tag.span() {
                if let Some(covered) = covered.get_mut(usize::from(offset)) {
                    *covered = true;
                }
            }
            let value = tag.load(draft, self.order);
            if !tag.fits(&value) {
                return Err(Exception::IllegalValue);
            }
            settings.push((at, value));
        }
        let range = usize::from(start)..usize::from(start) + usize::from(count);
        if !covered.get(range).is_some_and(|covered| covered.iter().all(|covered| *covered)) {
            return Err(Exception::IllegalAddress);
        }
        for (at, value) in settings {
            self.model.set(at, &value);
        }
        self.publish();
        Ok(())
    }

    fn publish(&mut self) {
        for (at, tag) in self.model.tags().iter().enumerate() {
            let value = self.forced.get(&at).cloned().unwrap_or_else(|| self.model.get(at));
            tag.store(&mut self.image, self.order, &value);
            if tag.circuit == Circuit::Probe && self.present.probe {
                self.image.inputs[usize::from(tag.address.offset)] = 0x8000;
            }
        }
        self.number(self.counts.answer_number);
    }

    fn number(&mut self, number: u64) {
        let at = usize::from(ANSWER_NUMBER_AT);
        for (part, register) in self.image.inputs[at..at + 4].iter_mut().enumerate() {
            *register = (number >> (48 - 16 * part)) as u16;
        }
    }
}

impl<M: Machine> Modelled for Model<M> {
    fn tags(&self) -> &[Tag] {
        &self.table.tags
    }

    fn step(&mut self, moment: &mut Moment<'_>) {
        self.machine.step(moment);
    }

    fn get(&self, at: usize) -> Value {
        self.table.get(at, &self.machine)
    }

    fn set(&mut self, at: usize, value: &Value) {
        self.table.set(at, &mut self.machine, value);
    }
}

fn covers_number(request: &Request) -> bool {
    let Request::ReadRegisters { area: Area::Input, start, count } = request else { return false };
    let end = u32::from(*start) + u32::from(*count);
    *start <= ANSWER_NUMBER_AT && end >= u32::from(ANSWER_NUMBER_AT) + 4
}
