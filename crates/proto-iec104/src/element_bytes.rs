//! Information elements to bytes and back.

use crate::bytes::{take_u8, take_u16, take_u32};
use crate::element::{CommandQualifier, Counter, Element, SetQualifier, Stage};
use crate::quality::Quality;
use crate::type_id::Family;

/// The bits of an octet that hold quality when the lowest two or four hold a value.
const UPPER: u8 = 0xF0;
/// QDS: overflow and the upper half.
const QDS: u8 = 0xF1;
/// QDP: elapsed time and the upper half.
const QDP: u8 = 0xF8;

const SELECT: u8 = 0x80;

impl Element {
    /// Takes one element off the front; `None` when bytes are missing.
    pub(crate) fn decode(family: Family, rest: &mut &[u8]) -> Option<Element> {
        Some(match family {
            Family::Single => {
                let octet = take_u8(rest)?;
                Element::Single { on: octet & 1 != 0, quality: Quality(octet & UPPER) }
            }
            Family::Double => {
                let octet = take_u8(rest)?;
                Element::Double { state: octet & 3, quality: Quality(octet & UPPER) }
            }
            Family::Step => {
                let octet = take_u8(rest)?;
                // Seven bits with sign.
                let position = ((octet << 1) as i8) >> 1;
                Element::Step { position, transient: octet & 0x80 != 0, quality: qds(rest)? }
            }
            Family::Bits => Element::Bits { bits: take_u32(rest)?, quality: qds(rest)? },
            Family::Normalized => {
                Element::Normalized { raw: take_u16(rest)? as i16, quality: qds(rest)? }
            }
            Family::NormalizedBare => Element::NormalizedBare { raw: take_u16(rest)? as i16 },
            Family::Scaled => {
                Element::Scaled { value: take_u16(rest)? as i16, quality: qds(rest)? }
            }
            Family::Float => {
                Element::Float { value: f32::from_bits(take_u32(rest)?), quality: qds(rest)? }
            }
            Family::Counter => Element::Counter(counter(rest)?),
            Family::ProtectionEvent => {
                let octet = take_u8(rest)?;
                Element::ProtectionEvent {
                    state: octet & 3,
                    quality: Quality(octet & QDP),
                    elapsed_ms: take_u16(rest)?,
                }
            }
            Family::ProtectionStart => Element::ProtectionStart {
                events: take_u8(rest)? & 0x3F,
                quality: Quality(take_u8(rest)? & QDP),
                duration_ms: take_u16(rest)?,
            },
            Family::ProtectionCircuit => Element::ProtectionCircuit {
                circuits: take_u8(rest)? & 0x0F,
                quality: Quality(take_u8(rest)? & QDP),
                operating_ms: take_u16(rest)?,
            },
            Family::PackedSingles => Element::PackedSingles {
                states: take_u16(rest)?,
                changes: take_u16(rest)?,
                quality: qds(rest)?,
            },
            Family::EndOfInitialisation => {
                let octet = take_u8(rest)?;
                Element::EndOfInitialisation { cause: octet & 0x7F, changed: octet & 0x80 != 0 }
            }
            command if command.is_command() => Element::decode_command(command, rest)?,
            system => Element::decode_system(system, rest)?,
        })
    }

    fn decode_command(family: Family, rest: &mut &[u8]) -> Option<Element> {
        Some(match family {
            Family::SingleCommand => {
                let octet = take_u8(rest)?;
                Element::SingleCommand { on: octet & 1 != 0, qualifier: command_qualifier(octet) }
            }
            Family::DoubleCommand => {
                let octet = take_u8(rest)?;
                Element::DoubleCommand { state: octet & 3, qualifier: command_qualifier(octet) }
            }
            Family::StepCommand => {
                let octet = take_u8(rest)?;
                Element::StepCommand { direction: octet & 3, qualifier: command_qualifier(octet) }
            }
            Family::SetNormalized => Element::SetNormalized {
                raw: take_u16(rest)? as i16,
                qualifier: set_qualifier(take_u8(rest)?),
            },
            Family::SetScaled => Element::SetScaled {
                value: take_u16(rest)? as i16,
                qualifier: set_qualifier(take_u8(rest)?),
            },
            Family::SetFloat => Element::SetFloat {
                value: f32::from_bits(take_u32(rest)?),
                qualifier: set_qualifier(take_u8(rest)?),
            },
            _ => Element::SetBits { bits: take_u32(rest)? },
        })
    }

    fn decode_system(family: Family, rest: &mut &[u8]) -> Option<Element> {
        Some(match family {
            Family::Interrogation => Element::Interrogation { qualifier: take_u8(rest)? },
            Family::CounterInterrogation => {
                let octet = take_u8(rest)?;
                Element::CounterInterrogation { request: octet & 0x3F, freeze: octet >> 6 }
            }
            Family::ClockSync => Element::ClockSync,
            Family::Test => Element::Test { pattern: take_u16(rest)? },
            Family::Reset => Element::Reset { qualifier: take_u8(rest)? },
            Family::Delay => Element::Delay { millis: take_u16(rest)? },
            _ => Element::Read,
        })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Element::Single { on, quality } => out.push(u8::from(on) | quality.0 & UPPER),
            Element::Double { state, quality } => out.push(state & 3 | quality.0 & UPPER),
            Element::Step { position, transient, quality } => {
                let octet = position as u8 & 0x7F | u8::from(transient) << 7;
                out.extend_from_slice(&[octet, quality.0 & QDS]);
            }
            Element::Bits { bits, quality } => {
                out.extend_from_slice(&bits.to_le_bytes());
                out.push(quality.0 & QDS);
            }
            Element::Normalized { raw: number, quality }
            | Element::Scaled { value: number, quality } => {
                out.extend_from_slice(&number.to_le_bytes());
                out.push(quality.0 & QDS);
            }
            Element::NormalizedBare { raw } => out.extend_from_slice(&raw.to_le_bytes()),
            Element::Float { value, quality } => {
                out.extend_from_slice(&value.to_bits().to_le_bytes());
                out.push(quality.0 & QDS);
            }
            Element::Counter(counter) => encode_counter(&counter, out),
            Element::ProtectionEvent { state, quality, elapsed_ms } => {
                out.push(state & 3 | quality.0 & QDP);
                out.extend_from_slice(&elapsed_ms.to_le_bytes());
            }
            Element::ProtectionStart { events, quality, duration_ms } => {
                out.extend_from_slice(&[events & 0x3F, quality.0 & QDP]);
                out.extend_from_slice(&duration_ms.to_le_bytes());
            }
            Element::ProtectionCircuit { circuits, quality, operating_ms } => {
                out.extend_from_slice(&[circuits & 0x0F, quality.0 & QDP]);
                out.extend_from_slice(&operating_ms.to_le_bytes());
            }
            Element::PackedSingles { states, changes, quality } => {
                out.extend_from_slice(&states.to_le_bytes());
                out.extend_from_slice(&changes.to_le_bytes());
                out.push(quality.0 & QDS);
            }
            Element::EndOfInitialisation { cause, changed } => {
                out.push(cause & 0x7F | u8::from(changed) << 7);
            }
            _ => self.encode_order(out),
        }
    }

    /// Commands and system information.
    fn encode_order(&self, out: &mut Vec<u8>) {
        match *self {
            Element::SingleCommand { on, qualifier } => {
                out.push(u8::from(on) | command_octet(qualifier));
            }
            Element::DoubleCommand { state: code, qualifier }
            | Element::StepCommand { direction: code, qualifier } => {
                out.push(code & 3 | command_octet(qualifier));
            }
            Element::SetNormalized { raw: number, qualifier }
            | Element::SetScaled { value: number, qualifier } => {
                out.extend_from_slice(&number.to_le_bytes());
                out.push(set_octet(qualifier));
            }
            Element::SetFloat { value, qualifier } => {
                out.extend_from_slice(&value.to_bits().to_le_bytes());
                out.push(set_octet(qualifier));
            }
            Element::SetBits { bits } => out.extend_from_slice(&bits.to_le_bytes()),
            Element::Interrogation { qualifier } | Element::Reset { qualifier } => {
                out.push(qualifier);
            }
            Element::CounterInterrogation { request, freeze } => {
                out.push(request & 0x3F | (freeze & 3) << 6);
            }
            Element::Test { pattern: number } | Element::Delay { millis: number } => {
                out.extend_from_slice(&number.to_le_bytes());
            }
            _ => {}
        }
    }
}

fn qds(rest: &mut &[u8]) -> Option<Quality> {
    take_u8(rest).map(|octet| Quality(octet & QDS))
}

fn counter(rest: &mut &[u8]) -> Option<Counter> {
    let value = take_u32(rest)? as i32;
    let octet = take_u8(rest)?;
    Some(Counter {
        value,
        sequence: octet & 0x1F,
        carry: octet & 0x20 != 0,
        adjusted: octet & 0x40 != 0,
        invalid: octet & 0x80 != 0,
    })
}

fn encode_counter(counter: &Counter, out: &mut Vec<u8>) {
    out.extend_from_slice(&counter.value.to_le_bytes());
    let flags = u8::from(counter.carry) << 5
        | u8::from(counter.adjusted) << 6
        | u8::from(counter.invalid) << 7;
    out.push(counter.sequence & 0x1F | flags);
}

fn stage(octet: u8) -> Stage {
    if octet & SELECT != 0 { Stage::Select } else { Stage::Execute }
}

fn stage_bit(stage: Stage) -> u8 {
    if stage == Stage::Select { SELECT } else { 0 }
}

fn command_qualifier(octet: u8) -> CommandQualifier {
    CommandQualifier { code: octet >> 2 & 0x1F, stage: stage(octet) }
}

fn command_octet(qualifier: CommandQualifier) -> u8 {
    (qualifier.code & 0x1F) << 2 | stage_bit(qualifier.stage)
}

fn set_qualifier(octet: u8) -> SetQualifier {
    SetQualifier { code: octet & 0x7F, stage: stage(octet) }
}

fn set_octet(qualifier: SetQualifier) -> u8 {
    qualifier.code & 0x7F | stage_bit(qualifier.stage)
}
