//! What a user sets for one device on a serial line.

use super::{
    BitWrite, Settings, WriteSingle, check_durations, check_numbers, gap_default, pause_default,
    retries_default, size_default, timeout_default, unit_default, write_size_default,
};
use crate::order::ByteOrder;
use crate::plan::{Line, Manner};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration as Span;
use tagwerk_component::{Duration, Findings, Place};
use tagwerk_env::{Level, SerialLine};
use tagwerk_proto_modbus::serial::Framing;

/// What devices get to carry out a broadcast where nothing else is set (Serial Line V1.02, 2.4.1).
pub const TURNAROUND: Span = Span::from_millis(100);

/// A device on a serial line (RS-485, RS-422 or RS-232) of this machine. Devices with the same
/// `port` share the line, and must agree in everything that concerns it, from `port` to `echo`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SerialSettings {
    /// The serial port's file, such as `/dev/ttyUSB0`; better a name below `/dev/serial/by-id`,
    /// which stays the same when other adapters are plugged in.
    pub port: String,
    /// Bits per second.
    #[serde(default = "baud_default")]
    #[schemars(range(min = 50, max = 4_000_000))]
    pub baud: u32,
    /// Bits of a character: 8, with `framing: ascii` also 7. When left out, 8 for RTU and 7 for
    /// ASCII.
    #[serde(default)]
    #[schemars(range(min = 7, max = 8))]
    pub data_bits: Option<u8>,
    /// Parity of a character.
    #[serde(default)]
    pub parity: Parity,
    /// Stop bits of a character.
    #[serde(default = "stop_bits_default")]
    #[schemars(range(min = 1, max = 2))]
    pub stop_bits: u8,
    /// Flow control; Modbus itself has none.
    #[serde(default)]
    pub flow: Flow,
    /// How messages are marked off on the line.
    #[serde(default)]
    pub framing: SerialFraming,
    /// Has the port's driver switch an RS-485 transceiver with RTS. Leave it out for adapters that
    /// switch by themselves, as most on USB do.
    #[serde(default)]
    pub rs485: Option<Rs485>,
    /// Silence that marks the end of a message and is kept before each request, up to `1s`. When
    /// left out, what RTU prescribes: 3.5 characters, and 1.75 ms above 19200 baud. Raise it for
    /// adapters that pause inside of messages.
    #[serde(default)]
    pub silence: Option<Duration>,
    /// The adapter gives back what is sent. It is noticed at the first read as well; set it so that
    /// a write before any read is not taken for confirmed.
    #[serde(default)]
    pub echo: bool,
    /// Unit (slave) that tags belong to whose address names none. Writes to unit 0 are broadcasts:
    /// nobody confirms them.
    #[serde(default = "unit_default")]
    pub unit: u8,
    /// How long to wait for each answer once the request is out, from `10ms` to `60s`. A silent
    /// device delays its neighbours by this much.
    #[serde(default = "timeout_default")]
    pub timeout: Duration,
    /// How often a read that got no answer is asked again. Writes are never repeated.
    #[serde(default = "retries_default")]
    #[schemars(range(max = 5))]
    pub retries: u8,
    /// Order of the bytes of 32- and 64-bit values whose address names none. Single registers and
    /// texts are high byte first, unless their address says `#BA`.
    #[serde(default)]
    pub byte_order: ByteOrder,
    /// Number of the first register in addresses such as `holding:0`: 0, as the protocol counts, or
    /// 1. Addresses such as `40001` always count from 1.
    #[serde(default)]
    #[schemars(range(max = 1))]
    pub address_base: u8,
    /// Registers (or sixteen times as many coils) that are read though no tag needs them, if that
    /// saves a request. 0 reads nothing but tags, for devices that refuse addresses in between.
    #[serde(default = "gap_default")]
    #[schemars(range(max = 124))]
    pub gap: u8,
    /// Most registers (or sixteen times as many coils) in one read.
    #[serde(default = "size_default")]
    #[schemars(range(min = 1, max = 125))]
    pub size: u8,
    /// Most registers in one write.
    #[serde(default = "write_size_default")]
    #[schemars(range(min = 1, max = 123))]
    pub write_size: u8,
    /// Least time between the end of one request and the next, up to `60s`, for devices that cannot
    /// follow. The silence is kept in any case.
    #[serde(default = "pause_default")]
    pub pause: Duration,
    /// How long devices get to carry out a broadcast before the next request, up to `10s`.
    #[serde(default = "turnaround_default")]
    pub turnaround: Duration,
    /// Which functions write.
    #[serde(default)]
    pub write_single: WriteSingle,
    /// How one bit of a register is written.
    #[serde(default)]
    pub bit_write: BitWrite,
    /// Write registers with function 23, which reads them back in the same exchange; the write
    /// fails if the device kept something else.
    #[serde(default)]
    pub write_read: bool,
    /// After a write, read again, and let the write fail if the device kept something else.
    #[serde(default)]
    pub read_back: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "lowercase")]
pub enum Parity {
    #[default]
    None,
    Even,
    Odd,
}

/// Flow control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "lowercase")]
pub enum Flow {
    #[default]
    None,
    /// RTS and CTS.
    Hardware,
    /// XON and XOFF; not with RTU, whose bytes may be just these.
    Software,
}

/// How messages are marked off on a serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "lowercase")]
pub enum SerialFraming {
    #[default]
    Rtu,
    Ascii,
}

/// How RTS switches an RS-485 transceiver.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rs485 {
    /// RTS is high while sending, else low while sending.
    #[serde(default = "rts_on_send_default")]
    pub rts_on_send: bool,
    /// From switching to sending to the first character, up to `1s`.
    #[serde(default = "pause_default")]
    pub delay_before_send: Duration,
    /// From the last character to switching back, up to `1s`.
    #[serde(default = "pause_default")]
    pub delay_after_send: Duration,
    /// Four wires: the receiver stays on while sending.
    #[serde(default)]
    pub full_duplex: bool,
    /// Switches the port's own terminating resistor on, where it has one.
    #[serde(default)]
    pub termination: bool,
}

fn baud_default() -> u32 {
    9600
}
fn stop_bits_default() -> u8 {
    1
}
fn rts_on_send_default() -> bool {
    true
}
fn turnaround_default() -> Duration {
    Duration(TURNAROUND)
}

impl SerialSettings {
    pub fn check(&self, findings: &mut Findings) {
        self.check_port(findings);
        check_numbers(
            &[
                ("baud", self.baud.into(), 50, 4_000_000),
                ("data_bits", self.data_bits().into(), 7, 8),
                ("stop_bits", self.stop_bits.into(), 1, 2),
            ],
            findings,
        );
        let (none, second) = (Duration::from_millis(0), Duration::from_millis(1000));
        let silence = self.silence.unwrap_or(none);
        check_durations(
            &[
                ("silence", silence, none, second),
                ("turnaround", self.turnaround, none, Duration::from_millis(10_000)),
            ],
            findings,
        );
        if let Some(rs485) = &self.rs485 {
            for (key, delay) in [
                ("delay_before_send", rs485.delay_before_send),
                ("delay_after_send", rs485.delay_after_send),
            ] {
                if delay > second {
                    findings.error(
                        Place::settings("rs485").key(key),
                        format!("`{key}` is {delay}, more than {second}"),
                        "transceivers switch within milliseconds; give 0ms to 1s",
                    );
                }
            }
        }
        if self.framing == SerialFraming::Rtu {
            if self.data_bits() == 7 {
                findings.error(
                    Place::settings("data_bits"),
                    "RTU needs 8 data bits",
                    "set `data_bits: 8`, or `framing: ascii` if the device speaks ASCII",
                );
            }
            if self.flow == Flow::Software {
                findings.error(
                    Place::settings("flow"),
                    "RTU sends bytes that software flow control would take for its own",
                    "set `flow: none`",
                );
            }
        }
        self.common().check(findings);
    }

    fn check_port(&self, findings: &mut Findings) {
        let port = &self.port;
        let odd = |c: char| c.is_whitespace() || c.is_control();
        if !port.starts_with('/') || port.len() < 2 || port.contains(odd) || port.len() > 255 {
            findings.error(
                Place::settings("port"),
                format!("`port` is not a serial port's file: `{}`", port.escape_debug()),
                "give the whole path, such as `/dev/ttyUSB0` or one below `/dev/serial/by-id`",
            );
        }
    }

    fn data_bits(&self) -> u8 {
        self.data_bits.unwrap_or(match self.framing {
            SerialFraming::Rtu => 8,
            SerialFraming::Ascii => 7,
        })
    }

    /// What it has in common with devices on TCP.
    pub fn common(&self) -> Settings {
        Settings {
            unit: self.unit,
            byte_order: self.byte_order,
            address_base: self.address_base,
            gap: self.gap,
            size: self.size,
            write_size: self.write_size,
            timeout: self.timeout,
            retries: self.retries,
            pause: self.pause,
            write_single: self.write_single,
            bit_write: self.bit_write,
            write_read: self.write_read,
            read_back: self.read_back,
        }
    }

    /// The line, as all devices on it must want it.
    pub fn line(&self) -> Arc<Line> {
        let serial = SerialLine {
            path: self.port.clone(),
            baud: self.baud,
            data_bits: self.data_bits(),
            parity: match self.parity {
                Parity::None => tagwerk_env::Parity::None,
                Parity::Even => tagwerk_env::Parity::Even,
                Parity::Odd => tagwerk_env::Parity::Odd,
            },
            stop_bits: self.stop_bits,
            flow: match self.flow {
                Flow::None => tagwerk_env::Flow::None,
                Flow::Hardware => tagwerk_env::Flow::Hardware,
                Flow::Software => tagwerk_env::Flow::Software,
            },
            rs485: self.rs485.as_ref().map(|rs485| tagwerk_env::Rs485 {
                rts_on_send: if rs485.rts_on_send { Level::High } else { Level::Low },
                delay_before: rs485.delay_before_send.0,
                delay_after: rs485.delay_after_send.0,
                full_duplex: rs485.full_duplex,
                termination: rs485.termination,
            }),
        };
        let framing = match self.framing {
            SerialFraming::Rtu => Framing::Rtu,
            SerialFraming::Ascii => Framing::Ascii,
        };
        let silence = self.silence.map_or_else(|| silence(self.baud), |silence| silence.0);
        Arc::new(Line { serial, framing, silence, echo: self.echo })
    }

    pub fn manner(&self, line: &Arc<Line>) -> Arc<Manner> {
        let (turnaround, line) = (self.turnaround.0, Some(line.clone()));
        Arc::new(Manner { turnaround, line, ..Manner::of(&self.common()) })
    }

    /// The link that devices on the same port share.
    pub fn link(&self) -> String {
        format!("modbus-serial://{}", self.port)
    }
}

/// The silence between messages: 3.5 characters of 11 bits, or 1.75 ms where that would be less
/// than programs can measure (Serial Line V1.02, 2.5.1.1).
pub fn silence(baud: u32) -> Span {
    match baud {
        0..=19_200 => Span::from_nanos(38_500_000_000 / u64::from(baud.max(1))),
        _ => Span::from_micros(1750),
    }
}
