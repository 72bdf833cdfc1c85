//! Frames and ASDUs in words, for communication logs.

use crate::apci::Frame;
use crate::asdu::{Asdu, Header, Malformed, Object, Sizes};
use crate::cause::Sign;
use crate::element::{Element, Stage};
use std::fmt;

/// Objects of one ASDU that are spelled out; the rest is counted.
const OBJECTS_SHOWN_MAX: usize = 8;

/// A frame with what it means.
pub struct Words<'a> {
    pub frame: Frame<'a>,
    pub sizes: Sizes,
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.frame {
            Frame::Unnumbered(function) => f.write_str(function.name()),
            Frame::Supervisory { receive } => {
                write!(f, "acknowledges everything before {receive}")
            }
            Frame::Information { send, receive, asdu } => {
                write!(f, "number {send}, acknowledges before {receive}: ")?;
                match Asdu::decode(asdu, self.sizes) {
                    Ok(asdu) => asdu.fmt(f),
                    Err(malformed) => not_understood(f, asdu, self.sizes, malformed),
                }
            }
        }
    }
}

fn not_understood(
    f: &mut fmt::Formatter<'_>,
    bytes: &[u8],
    sizes: Sizes,
    malformed: Malformed,
) -> fmt::Result {
    if let Ok((header, _)) = Header::decode(bytes, sizes) {
        write!(f, "station {}, {}: ", header.common_address, header.cause)?;
    }
    write!(f, "not understood: {malformed}")
}

impl fmt::Display for Asdu<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = &self.header;
        write!(f, "{} ({}), {}", self.type_id, self.type_id.family().name(), header.cause)?;
        f.write_str(if header.sign == Sign::Negative { ", negative" } else { "" })?;
        f.write_str(if header.test { ", test" } else { "" })?;
        write!(f, ", station {}", header.common_address)?;
        if header.originator != 0 {
            write!(f, ", originator {}", header.originator)?;
        }
        let mut separator = ": ";
        for object in self.objects().take(OBJECTS_SHOWN_MAX) {
            write!(f, "{separator}{object}")?;
            separator = ", ";
        }
        match usize::from(header.count).saturating_sub(OBJECTS_SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.address != 0 {
            write!(f, "{} = ", self.address)?;
        }
        self.element.fmt(f)?;
        match &self.time {
            Some(time) => write!(f, " at {time}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Element::Single { on, .. } => f.write_str(if *on { "on" } else { "off" })?,
            Element::Double { state, .. } => f.write_str(double(*state))?,
            Element::Step { position, transient, .. } => {
                write!(f, "{position}")?;
                f.write_str(if *transient { " (moving)" } else { "" })?;
            }
            Element::Bits { bits, .. } => write!(f, "{bits:08X}H")?,
            Element::Normalized { raw, .. } | Element::NormalizedBare { raw } => {
                write!(f, "{}", f64::from(*raw) / 32_768.0)?;
            }
            Element::Scaled { value, .. } => value.fmt(f)?,
            Element::Float { value, .. } => value.fmt(f)?,
            Element::Counter(counter) => {
                write!(f, "{} (sequence {})", counter.value, counter.sequence)?;
                f.write_str(if counter.carry { " carry" } else { "" })?;
                f.write_str(if counter.adjusted { " adjusted" } else { "" })?;
            }
            Element::ProtectionEvent { state, elapsed_ms, .. } => {
                write!(f, "{} after {elapsed_ms} ms", double(*state))?;
            }
            Element::ProtectionStart { events, duration_ms, .. } => {
                write!(f, "{events:06b} for {duration_ms} ms")?;
            }
            Element::ProtectionCircuit { circuits, operating_ms, .. } => {
                write!(f, "{circuits:04b} after {operating_ms} ms")?;
            }
            Element::PackedSingles { states, changes, .. } => {
                write!(f, "{states:016b}, changed {changes:016b}")?;
            }
            _ => order(self, f)?,
        }
        match self.quality() {
            crate::Quality::GOOD => Ok(()),
            bits => write!(f, " [{bits}]"),
        }
    }
}

/// Commands and system information.
fn order(element: &Element, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match element.stage() {
        Some(Stage::Select) => f.write_str("select ")?,
        Some(Stage::Execute) => f.write_str("execute ")?,
        None => {}
    }
    match element {
        Element::SingleCommand { on, qualifier } => {
            write!(f, "{} (QU {})", if *on { "on" } else { "off" }, qualifier.code)
        }
        Element::DoubleCommand { state, qualifier } => {
            write!(f, "{} (QU {})", double(*state), qualifier.code)
        }
        Element::StepCommand { direction, qualifier } => {
            let direction = match direction {
                1 => "lower",
                2 => "higher",
                _ => "not permitted",
            };
            write!(f, "{direction} (QU {})", qualifier.code)
        }
        Element::SetNormalized { raw, qualifier } => {
            write!(f, "{} (QL {})", f64::from(*raw) / 32_768.0, qualifier.code)
        }
        Element::SetScaled { value, qualifier } => write!(f, "{value} (QL {})", qualifier.code),
        Element::SetFloat { value, qualifier } => write!(f, "{value} (QL {})", qualifier.code),
        Element::SetBits { bits } => write!(f, "{bits:08X}H"),
        Element::Interrogation { qualifier: 20 } => f.write_str("the whole station"),
        Element::Interrogation { qualifier } => write!(f, "qualifier {qualifier}"),
        Element::CounterInterrogation { request, freeze } => {
            let what = match freeze {
                0 => "read",
                1 => "freeze",
                2 => "freeze and reset",
                _ => "reset",
            };
            match request {
                5 => write!(f, "{what} all counters"),
                group => write!(f, "{what} counter group {group}"),
            }
        }
        Element::EndOfInitialisation { cause, changed } => {
            let cause = match cause {
                0 => "switched on",
                1 => "reset by hand",
                2 => "reset from afar",
                _ => "by another cause",
            };
            f.write_str(cause)?;
            f.write_str(if *changed { ", parameters changed" } else { "" })
        }
        Element::Test { pattern } => write!(f, "pattern {pattern:04X}H"),
        Element::Reset { qualifier } => write!(f, "qualifier {qualifier}"),
        Element::Delay { millis } => write!(f, "{millis} ms"),
        _ => Ok(()),
    }
}

fn double(state: u8) -> &'static str {
    match state {
        0 => "in between",
        1 => "off",
        2 => "on",
        _ => "indeterminate",
    }
}
