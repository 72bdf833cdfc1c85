//! Information elements: what one object of an ASDU says (IEC 60870-5-101, 7.2.6 and 7.3).

use crate::quality::Quality;
use crate::type_id::Family;

/// One object's content.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Element {
    Single {
        on: bool,
        quality: Quality,
    },
    /// 0 in between, 1 off, 2 on, 3 indeterminate.
    Double {
        state: u8,
        quality: Quality,
    },
    /// -64 to 63; `transient` while the equipment moves.
    Step {
        position: i8,
        transient: bool,
        quality: Quality,
    },
    Bits {
        bits: u32,
        quality: Quality,
    },
    /// In units of 2^-15.
    Normalized {
        raw: i16,
        quality: Quality,
    },
    NormalizedBare {
        raw: i16,
    },
    Scaled {
        value: i16,
        quality: Quality,
    },
    Float {
        value: f32,
        quality: Quality,
    },
    Counter(Counter),
    /// `state` as of a double point.
    ProtectionEvent {
        state: u8,
        quality: Quality,
        elapsed_ms: u16,
    },
    /// Bit 0 general start, 1 to 3 phases L1 to L3, 4 earth, 5 reverse direction.
    ProtectionStart {
        events: u8,
        quality: Quality,
        duration_ms: u16,
    },
    /// Bit 0 general command, 1 to 3 to the circuits of L1 to L3.
    ProtectionCircuit {
        circuits: u8,
        quality: Quality,
        operating_ms: u16,
    },
    PackedSingles {
        states: u16,
        changes: u16,
        quality: Quality,
    },
    /// 0 switched on, 1 reset by hand, 2 reset from afar; `changed` after a change of parameters.
    EndOfInitialisation {
        cause: u8,
        changed: bool,
    },
    SingleCommand {
        on: bool,
        qualifier: CommandQualifier,
    },
    /// 1 off, 2 on; 0 and 3 are not permitted.
    DoubleCommand {
        state: u8,
        qualifier: CommandQualifier,
    },
    /// 1 lower, 2 higher; 0 and 3 are not permitted.
    StepCommand {
        direction: u8,
        qualifier: CommandQualifier,
    },
    SetNormalized {
        raw: i16,
        qualifier: SetQualifier,
    },
    SetScaled {
        value: i16,
        qualifier: SetQualifier,
    },
    SetFloat {
        value: f32,
        qualifier: SetQualifier,
    },
    SetBits {
        bits: u32,
    },
    /// 20 the whole station, 21 to 36 groups 1 to 16.
    Interrogation {
        qualifier: u8,
    },
    /// `request`: 1 to 4 groups, 5 all; `freeze`: 0 read, 1 freeze, 2 freeze and reset, 3 reset.
    CounterInterrogation {
        request: u8,
        freeze: u8,
    },
    Read,
    ClockSync,
    Test {
        pattern: u16,
    },
    /// 1 the whole process, 2 events that wait with their times.
    Reset {
        qualifier: u8,
    },
    Delay {
        millis: u16,
    },
}

/// A counter's reading (7.2.6.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    pub value: i32,
    /// 0 to 31.
    pub sequence: u8,
    /// It ran over since the reading before.
    pub carry: bool,
    /// It was set since the reading before.
    pub adjusted: bool,
    pub invalid: bool,
}

/// Whether a command selects or operates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Stage {
    #[default]
    Execute,
    Select,
}

/// QU and S/E of a command (7.2.6.26).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandQualifier {
    /// 0 to 31: 0 as the station likes, 1 short pulse, 2 long pulse, 3 persistent.
    pub code: u8,
    pub stage: Stage,
}

/// QL and S/E of a set point (7.2.6.39).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetQualifier {
    /// 0 to 127.
    pub code: u8,
    pub stage: Stage,
}

impl Element {
    pub fn family(&self) -> Family {
        match self {
            Element::Single { .. } => Family::Single,
            Element::Double { .. } => Family::Double,
            Element::Step { .. } => Family::Step,
            Element::Bits { .. } => Family::Bits,
            Element::Normalized { .. } => Family::Normalized,
            Element::NormalizedBare { .. } => Family::NormalizedBare,
            Element::Scaled { .. } => Family::Scaled,
            Element::Float { .. } => Family::Float,
            Element::Counter(_) => Family::Counter,
            Element::ProtectionEvent { .. } => Family::ProtectionEvent,
            Element::ProtectionStart { .. } => Family::ProtectionStart,
            Element::ProtectionCircuit { .. } => Family::ProtectionCircuit,
            Element::PackedSingles { .. } => Family::PackedSingles,
            Element::EndOfInitialisation { .. } => Family::EndOfInitialisation,
            Element::SingleCommand { .. } => Family::SingleCommand,
            Element::DoubleCommand { .. } => Family::DoubleCommand,
            Element::StepCommand { .. } => Family::StepCommand,
            Element::SetNormalized { .. } => Family::SetNormalized,
            Element::SetScaled { .. } => Family::SetScaled,
            Element::SetFloat { .. } => Family::SetFloat,
            Element::SetBits { .. } => Family::SetBits,
            Element::Interrogation { .. } => Family::Interrogation,
            Element::CounterInterrogation { .. } => Family::CounterInterrogation,
            Element::Read => Family::Read,
            Element::ClockSync => Family::ClockSync,
            Element::Test { .. } => Family::Test,
            Element::Reset { .. } => Family::Reset,
            Element::Delay { .. } => Family::Delay,
        }
    }

    /// Its quality bits; none for what has no quality. A counter's `invalid` is `IV`.
    pub fn quality(&self) -> Quality {
        match self {
            Element::Single { quality, .. }
            | Element::Double { quality, .. }
            | Element::Step { quality, .. }
            | Element::Bits { quality, .. }
            | Element::Normalized { quality, .. }
            | Element::Scaled { quality, .. }
            | Element::Float { quality, .. }
            | Element::ProtectionEvent { quality, .. }
            | Element::ProtectionStart { quality, .. }
            | Element::ProtectionCircuit { quality, .. }
            | Element::PackedSingles { quality, .. } => *quality,
            Element::Counter(counter) if counter.invalid => Quality::IV,
            _ => Quality::GOOD,
        }
    }

    /// Whether a command selects or operates; `None` for what is no such command.
    pub fn stage(&self) -> Option<Stage> {
        match self {
            Element::SingleCommand { qualifier, .. }
            | Element::DoubleCommand { qualifier, .. }
            | Element::StepCommand { qualifier, .. } => Some(qualifier.stage),
            Element::SetNormalized { qualifier, .. }
            | Element::SetScaled { qualifier, .. }
            | Element::SetFloat { qualifier, .. } => Some(qualifier.stage),
            _ => None,
        }
    }
}
